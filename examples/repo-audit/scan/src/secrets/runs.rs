//! Finds long runs of token characters: letters, digits, `_` and `-`.
//!
//! Every token of a known format is, or begins with, such a run, and they are rare in other text, so this
//! is the one search that looks at every byte. It cuts the text into words of eight bytes: a run of sixteen
//! fills at least one of them, wherever it lies. Which words are full is found by loops with fixed bounds
//! and no branches, of which the compiler makes vector code on every target.

/// No token of a known format is in a shorter run of token characters.
pub(super) const SHORTEST: usize = 16;

/// Bytes of a word. Two of them less one are no longer than a run, so that every run fills one.
const WORD: usize = 8;
/// Bytes that are looked at at once.
const WINDOW: usize = 64;

/// Letters, digits, `_` and `-`; without branches.
#[inline(always)]
pub(super) fn is_token(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    letter | digit | (byte == b'_') | (byte == b'-')
}

/// Calls `see(start, stop)` for each whole run of at least [`SHORTEST`] token characters that starts in `text[from..to]`.
pub(super) fn each(text: &[u8], from: usize, to: usize, mut see: impl FnMut(usize, usize)) {
    // Where the next run may start. A run that reaches back over `from` was seen where it started.
    let mut free = from;
    if from > 0 && is_token(text[from - 1]) {
        free = run_end(text, from);
    }
    let mut full_word = |at: usize| {
        if at < free {
            return;
        }
        let start = free + text[free..at].iter().rposition(|b| !is_token(*b)).map_or(0, |other| other + 1);
        free = run_end(text, at + WORD);
        if free - start >= SHORTEST && start < to {
            see(start, free);
        }
    };
    // A run that starts before `to` fills a word that starts less than a word later.
    let end = text.len().min(to + WORD);
    let mut base = from;
    while let Some(window) = text[base..].first_chunk()
        && base < end
    {
        let mut full = full_words(window);
        while full != 0 {
            full_word(base + WORD * full.trailing_zeros() as usize);
            full &= full - 1;
        }
        base += WINDOW;
    }
    while base < end && base + WORD <= text.len() {
        if text[base..base + WORD].iter().all(|b| is_token(*b)) {
            full_word(base);
        }
        base += WORD;
    }
}

fn run_end(text: &[u8], from: usize) -> usize {
    from + text[from..].iter().take_while(|b| is_token(**b)).count()
}

/// Which words are full, one bit for each.
#[inline(always)]
fn full_words(window: &[u8; WINDOW]) -> u32 {
    let flags: [u8; WINDOW] = std::array::from_fn(|at| u8::from(is_token(window[at])));
    let words = flags.as_chunks().0;
    words
        .iter()
        .enumerate()
        .fold(0, |full, (n, word)| full | u32::from(u64::from_le_bytes(*word) == 0x0101_0101_0101_0101) << n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &[u8], from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let end = run_end(text, at);
            if end - at >= SHORTEST && (from..to).contains(&at) {
                runs.push((at, end));
            }
            at = end + 1;
        }
        runs
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_search(lengths in proptest::collection::vec((0usize..40, 1usize..4), 0..40), cuts in any::<[proptest::sample::Index; 2]>()) {
            let text: Vec<u8> = lengths.iter().flat_map(|(run, gap)| [vec![b'a'; *run], vec![b' '; *gap]].concat()).collect();
            let (a, b) = (cuts[0].index(text.len() + 1), cuts[1].index(text.len() + 1));
            let (from, to) = (a.min(b), a.max(b));
            let mut runs = Vec::new();
            each(&text, from, to, |start, stop| runs.push((start, stop)));
            prop_assert_eq!(runs, plain(&text, from, to));
        }
    }

    #[test]
    fn token_characters() {
        for byte in 0..=255u8 {
            assert_eq!(is_token(byte), byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-', "{byte}");
        }
    }
}
