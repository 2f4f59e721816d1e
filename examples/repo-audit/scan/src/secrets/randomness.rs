//! Tells what a generator made from what a person wrote.
//!
//! All in integers, so that every host gives the same answer. Two measures do the work: how evenly the
//! bytes are spread (order-2 entropy, `n^2 / sum(count^2)`), and how much of the letters forms words,
//! judged by which letter pairs are common in English and in identifiers.

use memchr::memmem;

/// For each first letter, the second letters that commonly follow (bit 0 = `a`). The 220 commonest pairs,
/// about nine tenths of those in English words and identifiers and a third of all possible ones.
const COMMON: [u32; 26] = [
    0x13eb94f, 0x0164911, 0x01e4d95, 0x0164919, 0x0afb97d, 0x0164939, 0x0062111, 0x0004111, 0x22ef87f, 0x0000000,
    0x0040110, 0x11c4919, 0x014d111, 0x03c617d, 0x07ef96c, 0x01ec991, 0x0100000, 0x11e711d, 0x11cc995, 0x11e4995,
    0x00eb917, 0x0000111, 0x0000111, 0x0088000, 0x0008000, 0x0000010,
];

/// What people write where a secret goes, lower-case, in any case.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "sample",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "change-it",
    "redacted",
    "replace",
    "insert",
    "foobar",
    "notreal",
    "not-real",
    "not_real",
    "invalid",
    "deadbeef",
    "secret",
    "password",
    "passw0rd",
    "p4ssw0rd",
    "p@ssw",
    "qwerty",
    "apikey",
    "api-key",
    "api_key",
    "123456",
    "abc123",
    "xxxxx",
    "hunter2",
    "letmein",
    "s3cr3t",
    "...",
    "****",
];

/// Shorter words, which chance makes too: they count where they begin like a word.
const SHORT_PLACEHOLDERS: &[&str] = &["your", "dummy", "fake", "todo", "lorem", "token", "mock", "test", "demo"];

/// Where a template puts a value: `${name}`, `{{ name }}`, `<name>`, `$(command)`, `%(name)s`, `Type[name]`.
const SLOTS: &[(u8, u8)] = &[(b'{', b'}'), (b'<', b'>'), (b'(', b')'), (b'[', b']')];

/// Whether `bytes` holds a GUID in braces: a name of something, whatever it is called.
fn has_guid(bytes: &[u8]) -> bool {
    let is_guid = |inner: &[u8]| {
        inner
            .iter()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
    };
    bytes.windows(38).any(|w| w[0] == b'{' && w[37] == b'}' && is_guid(&w[1..37]))
}

/// Whether `bytes` is, or contains, what people write where a secret goes; also long sequences and repetitions.
pub(super) fn is_placeholder(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    has_sequence(&lower)
        || has_slot(&lower)
        || has_guid(&lower)
        || has_format(bytes)
        || PLACEHOLDERS.iter().any(|word| memmem::find(&lower, word.as_bytes()).is_some())
        || SHORT_PLACEHOLDERS
            .iter()
            .any(|word| memmem::find_iter(&lower, word).any(|at| is_written_as_word(bytes, at, word.len())))
}

/// Whether `bytes[at..at + length]` is in one case, with or without a capital, and stands alone; or no letter stands
/// before it and it is a good part of all. In a long text chance writes such a word before another letter too often.
fn is_written_as_word(bytes: &[u8], at: usize, length: usize) -> bool {
    let word = &bytes[at..at + length];
    let one_case = word[1..].iter().all(u8::is_ascii_lowercase) || word.iter().all(u8::is_ascii_uppercase);
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let alone = !before.is_some_and(|b| b.is_ascii_alphanumeric())
        && !bytes.get(at + length).is_some_and(u8::is_ascii_alphanumeric);
    one_case && (alone || !before.is_some_and(|b| b.is_ascii_alphabetic()) && length * 4 >= bytes.len())
}

/// A template's slot: between its marks stands nothing but a name. `bytes` are lower-case.
fn has_slot(bytes: &[u8]) -> bool {
    SLOTS.iter().any(|(open, close)| {
        memchr::memchr_iter(*open, bytes).any(|at| {
            let name = &bytes[at + 1..];
            let length = name
                .iter()
                .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ' | b'{'))
                .count();
            name.get(length) == Some(close)
        })
    })
}

/// `%s` as a format has it: no letter or digit goes on where it ends.
fn has_format(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"%s").any(|at| !bytes.get(at + 2).is_some_and(u8::is_ascii_alphanumeric))
}

/// Seven bytes that count up or down, or six that are the same; eight in a long text, where chance makes six.
fn has_sequence(bytes: &[u8]) -> bool {
    let most = if bytes.len() < 24 { 6 } else { 8 };
    let (mut up, mut down, mut same) = (1, 1, 1);
    bytes.windows(2).any(|pair| {
        let step = i16::from(pair[1]) - i16::from(pair[0]);
        up = if step == 1 { up + 1 } else { 1 };
        down = if step == -1 { down + 1 } else { 1 };
        same = if step == 0 { same + 1 } else { 1 };
        up >= 7 || down >= 7 || same >= most
    })
}

/// Whether the bytes are spread as evenly as those of a random text over 16 or more characters.
pub(super) fn is_varied(bytes: &[u8]) -> bool {
    let mut counts = [0u64; 256];
    for b in bytes {
        counts[usize::from(*b)] += 1;
    }
    let squares: u64 = counts.iter().map(|c| c * c).sum();
    let n = bytes.len() as u64;
    n * n > squares * 4
}

/// Letters in all, and letters that stand in words.
fn words(bytes: &[u8]) -> (usize, usize) {
    let (mut letters, mut in_words, mut at) = (0, 0, 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        // A word is lower-case with or without a capital, or all capitals; the last of several capitals
        // that lower-case follows begins the next word.
        let run = |from: usize, is: fn(&u8) -> bool| from + bytes[from..].iter().take_while(|b| is(b)).count();
        let capitals = run(at, u8::is_ascii_uppercase);
        let end = match capitals - at {
            0 | 1 => run(capitals, u8::is_ascii_lowercase),
            _ if bytes.get(capitals).is_some_and(u8::is_ascii_lowercase) => capitals - 1,
            _ => capitals,
        };
        let word = &bytes[at..end];
        letters += word.len();
        // Chance makes words of up to three letters too often; they count when they stand alone.
        let alone = (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
        if word.len() >= 4 || alone {
            if common_pairs(word) * 4 >= (word.len() - 1) * 3 {
                in_words += word.len();
            }
        }
        at = end;
    }
    (letters, in_words)
}

fn is_common(first: u8, second: u8) -> bool {
    let index = |b: u8| usize::from(b.to_ascii_lowercase() - b'a');
    COMMON[index(first)] >> index(second) & 1 == 1
}

/// How many neighbours, all letters, are a common pair.
fn common_pairs(word: &[u8]) -> usize {
    word.windows(2).filter(|pair| is_common(pair[0], pair[1])).count()
}

/// Whether nearly all letters stand in words.
pub(super) fn is_wordy(bytes: &[u8]) -> bool {
    let (letters, in_words) = words(bytes);
    letters > 0 && in_words * 10 >= letters * 9
}

/// Whether `bytes` looks made by a generator: long enough for its kinds of characters, evenly spread, and no words.
pub(super) fn is_random(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    let n = bytes.len();
    if n < 10 || !is_varied(bytes) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|b| is(b)).count();
    let lower = count(u8::is_ascii_lowercase);
    let upper = count(u8::is_ascii_uppercase);
    let digits = count(u8::is_ascii_digit);
    let others = n - lower - upper - digits;
    let hex = bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') && (lower == 0 || upper == 0);
    if hex {
        return n - others >= 16 && digits >= 2 && lower + upper >= 1 && others <= n / 8;
    }
    let kinds = [lower, upper, digits, others].iter().filter(|k| **k > 0).count();
    let enough = match kinds {
        1 if lower == n => 12,
        0 | 1 => 20,
        2 => 12,
        _ => 10,
    };
    if n < enough || (lower + upper) * 5 < n || others * 5 > n * 2 {
        return false;
    }
    let (letters, in_words) = words(bytes);
    if kinds == 1 || digits == 0 && (lower == 0 || upper == 0) {
        // Nothing but letters of one case: only the pairs can tell, so they must tell clearly. Of few letters, no more
        // than half of the pairs may be common; of letters by chance, a third is.
        return if n >= 20 { in_words == 0 } else { kinds == 1 && common_pairs(bytes) * 2 < n - 1 };
    }
    // The shorter a text and the fewer its kinds, the clearer it must be of words to count.
    let share = match (n < 16 && kinds < 3, digits == 0) {
        (true, true) => 3,
        (true, false) | (false, true) => 2,
        (false, false) => return in_words * 4 < letters * 3,
    };
    in_words * share < letters
}
