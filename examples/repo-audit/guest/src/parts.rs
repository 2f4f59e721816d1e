//! Long lists in messages of bounded size.

use serde::Serialize;

/// Where a message is closed, in bytes. Far below the limit of an act, so that a mailbox takes many.
const PART: usize = 192 * 1024;
/// The largest single item; larger ones are left out and counted.
const ITEM: usize = 512 * 1024;

/// Packs `items` into JSON messages `{"about":…,"part":[…]}` and hands each to `send`. Answers how many items were left
/// out because they alone are too large.
pub fn each<T: Serialize, E>(about: &str, items: &[T], mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<u64, E> {
    let open = format!("{{\"about\":\"{about}\",\"part\":[");
    let mut message = open.clone().into_bytes();
    let mut left_out = 0;
    for item in items {
        let Ok(item) = serde_json::to_vec(item) else {
            left_out += 1;
            continue;
        };
        if item.len() > ITEM {
            left_out += 1;
            continue;
        }
        if message.len() > open.len() {
            if message.len() + item.len() > PART {
                message.extend_from_slice(b"]}");
                send(&message)?;
                message.truncate(open.len());
            } else {
                message.push(b',');
            }
        }
        message.extend_from_slice(&item);
    }
    if message.len() > open.len() {
        message.extend_from_slice(b"]}");
        send(&message)?;
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_comes_once_in_order() {
        let items: Vec<String> = (0..5000).map(|n| format!("{n} {}", "x".repeat(n % 400))).collect();
        let mut got: Vec<String> = Vec::new();
        let mut sizes = Vec::new();
        let left_out = each::<_, ()>("x", &items, |message| {
            sizes.push(message.len());
            let value: serde_json::Value = serde_json::from_slice(message).map_err(|_| ())?;
            assert_eq!(value["about"], "x");
            got.extend(value["part"].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)));
            Ok(())
        });
        assert_eq!(left_out, Ok(0));
        assert_eq!(got, items);
        assert!(sizes.iter().all(|size| *size < PART + 2) && sizes.len() > 3);
        assert_eq!(each::<String, ()>("x", &[], |_| Err(())), Ok(0));
        assert_eq!(each::<_, ()>("x", &["y".repeat(ITEM)], |_| Err(())), Ok(1));
    }
}
