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
        || has_guid(&lower)
        || is_template(bytes)
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

/// Whether what follows a `$` is the name of a variable, and not more of a password.
pub(super) fn is_variable(name: &[u8]) -> bool {
    name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') && !is_random(name)
}

/// Whether `bytes` stands in brackets that belong together: an expression or a place for a value, unless what is in them
/// is random.
pub(super) fn is_enclosed(bytes: &[u8]) -> bool {
    let [first, inner @ .., last] = bytes else { return false };
    SLOTS.contains(&(*first, *last)) && !is_random(inner)
}

/// Whether `bytes` is a template: slots whose names a person wrote are most of it, or what stands around them is words.
/// Chance writes `(abc)` into a password too, but random characters around it.
fn is_template(bytes: &[u8]) -> bool {
    let mut around = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = slot(&bytes[at..]);
        if length == 0 {
            around.push(bytes[at]);
        }
        at += length.max(1);
    }
    let covered = bytes.len() - around.len();
    covered > 0
        && (covered * 2 > bytes.len()
            || bytes.len() < 24 && covered == 2 && !is_random(&around)
            || !around.iter().any(u8::is_ascii_digit) && is_wordy(&around))
}

/// The length of the slot that `bytes` begins with, or 0: a name between marks, or `%s` with nothing behind it that goes
/// on with it.
fn slot(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"%s") {
        return if bytes.get(2).is_some_and(u8::is_ascii_alphanumeric) { 0 } else { 2 };
    }
    let marks = bytes.iter().take(2).take_while(|b| matches!(b, b'$' | b'%' | b'#')).count();
    let Some((_, close)) = SLOTS.iter().find(|(open, _)| bytes.get(marks) == Some(open)) else { return 0 };
    let name = &bytes[marks + 1..];
    let length =
        name.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ' | b'{')).count();
    let inner = &name[..length];
    let (letters, in_words) = words(inner, true);
    let named = letters > 0 && (length <= 4 || in_words * 2 > letters);
    if !named || name.get(length) != Some(close) {
        return 0;
    }
    // `}}` and the `s` of `%(name)s` belong to it.
    let more = match name.get(length + 1) {
        Some(b'}') if *close == b'}' => 1,
        Some(b's' | b'd') if marks > 0 && bytes[0] == b'%' => 1,
        _ => 0,
    };
    marks + 1 + length + 1 + more
}

/// Seven bytes that count up or down, or six that are the same; eight in a long text, where chance makes six.
fn has_sequence(bytes: &[u8]) -> bool {
    let most = if bytes.len() < 24 { 6 } else { 8 };
    let (mut up, mut down, mut same) = (1, 1, 1);
    // `abcd1234defg5678`: nearly all of it counts up by four or more.
    let rising = |run: &[u8]| if run.len() >= 4 { run.len() } else { 0 };
    let counted: usize = bytes.chunk_by(|a, b| a.checked_add(1) == Some(*b)).map(rising).sum();
    if counted * 4 >= bytes.len() * 3 {
        return true;
    }
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

/// Whether the `others` of `bytes`, which are no letters and no digits, are signs such as generators of passwords strew in:
/// nearly each another one, and at least `least` that do not join words.
fn are_many_sorts(bytes: &[u8], others: usize, least: usize) -> bool {
    let mut seen = 0u128;
    for b in bytes.iter().filter(|b| !b.is_ascii_alphanumeric() && b.is_ascii()) {
        seen |= 1 << b;
    }
    let joins = b"-_./: ".iter().fold(0, |joins, b| joins | 1u128 << b);
    let (sorts, odd) = (seen.count_ones() as usize, (seen & !joins).count_ones() as usize);
    odd >= least && sorts * 2 >= others.min(12) && !is_expression(bytes)
}

/// Whether `bytes` holds what regular expressions are made of; in a long text, where chance writes one of these, two.
fn is_expression(bytes: &[u8]) -> bool {
    // Each with the bracket that has to be there too.
    const PARTS: &[(&[u8], u8)] =
        &[(b"(?", b')'), (b"[^", b']'), (b".*", b'.'), (b".+", b'.'), (b"]+", b'['), (b"]*", b'['), (b")*", b'(')];
    let held = PARTS.iter().filter(|(part, with)| bytes.contains(with) && memmem::find(bytes, part).is_some()).count();
    held > usize::from(bytes.len() >= 24) || bytes.contains(&b'\\')
}

/// Letters in all, and letters that stand in words; with or without words of up to three letters.
fn words(bytes: &[u8], short: bool) -> (usize, usize) {
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
        let alone = short
            && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes.get(end).is_none_or(|b| !b.is_ascii_alphanumeric());
        if (word.len() >= 4 || alone) && common_pairs(word) * 4 >= (word.len() - 1) * 3 {
            in_words += word.len();
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
    let (letters, in_words) = words(bytes, true);
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
    // Signs of many sorts are those of a password; a few that come again and again are those of a path or an expression.
    let signs = are_many_sorts(bytes, others, if kinds >= 3 { 2 } else { 4 });
    let scarce = if signs { 9 } else { 5 };
    if n < enough || (lower + upper) * scarce < n || !signs && others * 5 > n * 2 {
        return false;
    }
    let (letters, in_words) = words(bytes, !signs);
    if !signs && (kinds == 1 || digits == 0 && (lower == 0 || upper == 0)) {
        // Nothing but letters of one case: only the pairs can tell, so they must tell clearly. Of few letters, no more
        // than half of the pairs may be common; of letters by chance, a third is.
        return if n >= 20 { in_words == 0 } else { kinds == 1 && common_pairs(bytes) * 2 < n - 1 };
    }
    // The shorter a text and the fewer its kinds, the clearer it must be of words to count.
    let share = match (!signs && n < 16 && kinds < 3, digits == 0 && !signs) {
        (true, true) => 3,
        (true, false) | (false, true) => 2,
        (false, false) => return in_words * 4 < letters * 3,
    };
    in_words * share < letters
}
