//! Finds long runs of token characters: letters, digits, `_` and `-`.
//!
//! Every token of a known format is, or begins with, such a run, and they are rare in other text, so this
//! is the one search that looks at every byte. Its loops have fixed bounds and no branches within: the
//! compiler makes vector code of them on every target.

/// No token of a known format is in a shorter run of token characters.
pub(super) const SHORTEST: usize = 16;

/// How many places are tried at once.
const WINDOW: usize = 256;

/// Letters, digits, `_` and `-`.
#[inline(always)]
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'_') | (byte == b'-')
}

/// Calls `see(start, stop)` for each whole run of at least [`SHORTEST`] token characters that starts in `text[from..to]`.
pub(super) fn each(text: &[u8], from: usize, to: usize, mut see: impl FnMut(usize, usize)) {
    // A run that reaches back over `from` was seen where it started.
    let mut free = from;
    if from > 0 && is_token(text[from - 1]) {
        free = run_end(text, from);
    }
    let mut base = from;
    while base < to {
        let begins = match text[base..].first_chunk() {
            Some(bytes) => run_begins(bytes),
            None => {
                let mut padded = [0; WINDOW + SHORTEST];
                let rest = &text[base..];
                padded[..rest.len()].copy_from_slice(rest);
                run_begins(&padded)
            }
        };
        if let Some(begins) = begins {
            // Eight flags at a time: most are unset.
            for (word, eight) in begins.as_chunks().0.iter().enumerate() {
                let mut flags = u64::from_le_bytes(*eight);
                while flags != 0 {
                    let start = base + 8 * word + flags.trailing_zeros() as usize / 8;
                    flags &= flags - 1;
                    if start >= free && start < to {
                        free = run_end(text, start);
                        see(start, free);
                    }
                }
            }
        }
        base += WINDOW;
    }
}

fn run_end(text: &[u8], start: usize) -> usize {
    start + text[start..].iter().take_while(|b| is_token(**b)).count()
}

/// At which of the first [`WINDOW`] places [`SHORTEST`] token characters follow each other; `None` if at none.
#[inline]
fn run_begins(bytes: &[u8; WINDOW + SHORTEST]) -> Option<[u8; WINDOW]> {
    let mut all = [0u8; WINDOW + SHORTEST];
    for (flag, b) in all.iter_mut().zip(bytes) {
        *flag = u8::from(is_token(*b));
    }
    // After the steps 1, 2, 4 and 8 each flag stands for the 16 places that begin with its own.
    let mut step = 1;
    while step < SHORTEST {
        for at in 0..WINDOW + SHORTEST - step {
            all[at] &= all[at + step];
        }
        step *= 2;
    }
    let mut begins = [0u8; WINDOW];
    begins.copy_from_slice(&all[..WINDOW]);
    (begins.iter().fold(0, |any, flag| any | flag) != 0).then_some(begins)
}
