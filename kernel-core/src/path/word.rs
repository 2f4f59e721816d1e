//! One word of a pattern: what it may be, what it matches, and which other words it includes.

use super::endpoint::{check_dns, check_host};
use super::name::{MAX_NAME, is_name_prefix};
use super::resource::parse_id;
use super::topic::is_part_prefix;
use super::{MAX_SEGMENT, Name, PathError, Topic, segment};

const LAST: &str = "`*` stands for a segment or for the end of one, `**` only for the last";
const ID: &str = "an id is a number or `*`";
const HOST: &str = "a host is a host, `*`, or `*.` and a name";

/// What comes before the `*` of a word, or `None` where the word has none.
fn beginning(word: &str) -> Result<Option<&str>, PathError> {
    match word.split_once('*') {
        None => Ok(None),
        Some((beginning, "")) => Ok(Some(beginning)),
        Some(_) => Err(PathError::Wildcard(word.to_owned(), LAST)),
    }
}

pub(super) fn check_id(word: &str) -> Result<(), PathError> {
    match beginning(word)? {
        Some("") => Ok(()),
        Some(_) => Err(PathError::Wildcard(word.to_owned(), ID)),
        None => parse_id(word).map(drop),
    }
}

pub(super) fn check_name(word: &str) -> Result<(), PathError> {
    match beginning(word)? {
        Some(prefix) if is_name_prefix(prefix, MAX_NAME - 1) => Ok(()),
        _ => Name::parse(word).map(drop),
    }
}

pub(super) fn check_part(word: &str) -> Result<(), PathError> {
    match beginning(word)? {
        Some(prefix) if is_part_prefix(prefix) => Ok(()),
        _ => Topic::parse(word).map(drop),
    }
}

pub(super) fn check_segment(word: &str) -> Result<(), PathError> {
    match beginning(word)? {
        Some(prefix) => segment::check_prefix(prefix, MAX_SEGMENT - 1),
        None => segment::check(word),
    }
}

pub(super) fn check_host_pattern(host: &str) -> Result<(), PathError> {
    match host.strip_prefix("*.") {
        _ if host == "*" => Ok(()),
        Some(name) if !name.contains('*') => check_dns(name, host),
        None if !host.contains('*') => check_host(host),
        _ => Err(PathError::Wildcard(host.to_owned(), HOST)),
    }
}

pub(super) fn id_matches(pattern: &str, id: u64) -> bool {
    pattern == "*" || pattern.parse() == Ok(id)
}

pub(super) fn word_matches(pattern: &str, word: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => pattern == word,
    }
}

/// Whether every word of `other` is one of `pattern`. A `*` at the end of `other` may stand for nothing or
/// for anything, so what comes before it must reach as far as what `pattern` begins with; and no beginning
/// holds a `*`, so the bytes can be compared as they are.
pub(super) fn word_includes(pattern: &str, other: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => other.starts_with(beginning),
        None => pattern == other,
    }
}

/// Whether a word is one of both.
pub(super) fn words_meet(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
        (Some(_), None) => word_matches(one, other),
        (None, _) => word_matches(other, one),
    }
}

/// Whether a host, or every host of a host pattern, is one of `pattern`. `*.name` has one part before the
/// name, so only it and a literal of that shape lie within `*.name`.
pub(super) fn host_includes(pattern: &str, other: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(name) => other.strip_suffix(name).is_some_and(|part| !part.is_empty() && !part.contains('.')),
        None => pattern == other,
    }
}

/// Walks the words of a pattern and of a text side by side, byte by byte; both are joined by `joint`, and
/// no text is no words.
pub(super) fn walk(pattern: &str, open: bool, joint: u8, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    if p.is_empty() || t.is_empty() {
        return p.is_empty() && (open || t.is_empty());
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (p.get(i), t.get(j)) {
            (Some(b'*'), _) => {
                i += 1;
                while t.get(j).is_some_and(|&b| b != joint) {
                    j += 1;
                }
            }
            (Some(a), Some(b)) if a == b => {
                i += 1;
                j += 1;
            }
            (None, None) => return true,
            (None, Some(&b)) => return open && b == joint,
            _ => return false,
        }
    }
}
