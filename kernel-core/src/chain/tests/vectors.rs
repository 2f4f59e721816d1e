//! The format, pinned. `FORMAT.md` prints the same vectors; a change of either is a change of format.

use super::*;
use sha2::{Digest, Sha256};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two events of which every byte is written out in `FORMAT.md`.
fn two() -> (Log, Store) {
    let (mut log, mut store) = (Log::new(origin()), Store::default());
    let first = Header { wall: WallTime(1_000_000_000), action: ActionId(1), kind: 2 };
    let second = Header { wall: WallTime(1_000_000_500), action: ActionId(300), kind: 255 };
    log.append(first, &codec::encode(&"a").unwrap()).unwrap();
    log.append(second, &[0xa1, 0x00, 0x18, 0x2a]).unwrap();
    store.commit(seal(&mut log));
    (log, store)
}

#[test]
fn the_bytes_in_the_format_page() {
    let (log, store) = two();
    let mut printed = Vec::new();
    for (key, value) in &store.0 {
        printed.push(format!("{} ={}", hex(key), hex(value)));
    }
    printed.push(log.signed().unwrap().to_owned());
    printed.push(key_of(&signing_key()).to_string());
    let page = include_str!("../../../FORMAT.md");
    let unwrapped: String = page.lines().map(str::trim).collect();
    for text in printed {
        let text: String = text.lines().map(str::trim).collect();
        assert!(unwrapped.contains(&text), "FORMAT.md lacks this vector:\n{text}");
    }
}

/// Every row of a log of 70,000 events in batches of many sizes.
#[test]
fn the_digest_of_a_long_log() {
    let (mut log, mut store) = (Log::new(origin()), Store::default());
    let mut batch = 1;
    while log.size() < 70_000 {
        let count = batch.min(70_000 - log.size());
        append(&mut log, count);
        store.commit(seal(&mut log));
        batch = batch * 3 % 4096 + 1;
    }
    let mut all = Sha256::new();
    for (key, value) in &store.0 {
        for part in [key, value] {
            all.update((part.len() as u64).to_be_bytes());
            all.update(part);
        }
    }
    let digest = Hash(all.finalize().into()).to_string();
    let page = include_str!("../../../FORMAT.md");
    assert!(page.contains(&digest), "FORMAT.md lacks the digest {digest}");
    assert!(page.contains(&log.root().to_base64()), "FORMAT.md lacks the root {}", log.root().to_base64());
}
