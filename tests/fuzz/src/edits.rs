//! Edits of a stored log, as whoever holds the disk can make them: each is found, or changes nothing.
//!
//! The bytes are edits of eight bytes: what to do, which row, two places in it, and a byte.

use crate::sample::{self, Rows};
use crate::store;
use bytes::Bytes;
use kernel_core::chain::{Opening, Trust};

/// The most edits of one run.
const MOST: usize = 8;

/// A log that is accepted after edits is the one that was acknowledged, beside what no head ever named.
pub fn body(data: &[u8]) -> bool {
    let before: Rows = log(&sample::sample().rows);
    let mut after = before.clone();
    for edit in data.chunks_exact(8).take(MOST) {
        let Ok(edit) = edit.try_into() else { break };
        apply(&mut after, edit);
    }
    let key = sample::key();
    let trust = Trust::Signed { keys: vec![key.clone()], whole: true };
    let checkpoint = sample::checkpoints().last().expect("a checkpoint").clone();
    let opening = Opening::new(key.name.clone(), trust).against(checkpoint).expect("a checkpoint of this log");
    match store::open(&after, opening, 3) {
        Ok(opened) => {
            for (key, value) in opened.torn.into_iter().flat_map(|torn| torn.repair) {
                match value {
                    Some(value) => after.insert(key, value),
                    None => after.remove(&key),
                };
            }
            assert_eq!(after, before, "a change was not found");
            true
        }
        Err(error) => {
            assert_ne!(after, before, "nothing was changed, and yet: {error}");
            assert!(!error.advice().is_empty());
            false
        }
    }
}

fn log(rows: &Rows) -> Rows {
    rows.iter().filter(|(key, _)| matches!(key.first(), Some(1..=3))).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn apply(rows: &mut Rows, [what, row, a, b, c, d, byte, also]: [u8; 8]) {
    let Some(key) = rows.keys().nth(usize::from(row) % rows.len().max(1)).cloned() else { return };
    let mut value = rows.get(&key).map(|value| value.to_vec()).unwrap_or_default();
    let place = |hi: u8, lo: u8, len: usize| (usize::from(hi) << 8 | usize::from(lo)) % len.max(1);
    let (from, to) = (place(a, b, value.len()), place(c, d, value.len()));
    match what % 8 {
        0 if !value.is_empty() => value[from] = byte,
        1 if !value.is_empty() => value[from] ^= 1 << (byte % 8),
        2 => value.truncate(from),
        3 => value.extend_from_slice(&[byte, also]),
        4 => {
            rows.remove(&key);
            return;
        }
        5 => {
            // Another row's value under this key, and the other way round.
            let Some(other) = rows.keys().nth(usize::from(also) % rows.len()).cloned() else { return };
            let theirs = rows.insert(other, Bytes::from(value));
            rows.insert(key, theirs.unwrap_or_default());
            return;
        }
        6 => {
            let mut moved = key.to_vec();
            let at = usize::from(byte) % moved.len();
            moved[at] = moved[at].wrapping_add(also.max(1));
            if matches!(moved[0], 1..=3) {
                rows.insert(Bytes::from(moved), Bytes::from(value));
            }
            return;
        }
        _ if from < to => drop(value.drain(from..to)),
        _ => return,
    }
    rows.insert(key, Bytes::from(value));
}
