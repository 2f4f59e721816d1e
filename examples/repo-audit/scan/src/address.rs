//! Addresses in texts of others, as a report may print them: without what authenticates.

use crate::work;
use std::ops::Range;

/// How far away the `@` is looked for that ends a password with blanks in it, in bytes.
const NEAR: usize = 1024;

/// What a URL stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Prose, or nothing.
    Blanks,
    /// A line of a program or of data: a quote behind a host ends its URL, and one in a query ends that. A newline stands
    /// for what was cut out of the line and belongs to the URL; what is told of a URL before it does not depend on what
    /// follows.
    Line,
}

/// The text with the user information and the query of each URL in it (RFC 3986 3.2.1, 3.4) left out, both marked `…`.
///
/// It rather leaves out too much: what stands before an `@` that a slash, a question mark or a blank in a password has
/// cut off goes too, and so does all of a URL that was cut before its `@`.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut told = 0;
    for secret in credentials(text.as_bytes(), Around::Blanks) {
        out.push_str(&text[told..secret.start]);
        out.push('…');
        told = secret.end;
    }
    out.push_str(&text[told..]);
    out
}

/// Where the user information and the query of each URL lie in `text`, in order; an `@` and a `?` do not belong to them.
/// All of them begin and end beside ASCII or where the text does.
pub fn credentials(text: &[u8], around: Around) -> Vec<Range<usize>> {
    let is_cut = |b: &u8| around == Around::Line && *b == b'\n';
    let is_blank = |b: &u8| b.is_ascii_whitespace() && !is_cut(b);
    let is_quote = |b: &u8| around == Around::Line && matches!(b, b'"' | b'\'' | b'`');
    let mut found = Vec::new();
    // Within a URL, before its fragment.
    let mut in_url = false;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(b"//") {
            at += 2;
            let host = host(&text[at..], is_quote);
            if host > 0 {
                found.push(at..at + host);
            }
            in_url = true;
            at += host;
        } else if in_url && rest[0] == b'?' {
            let ends = |b: &u8| is_blank(b) || *b == b'#' || is_quote(b);
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            found.push(at + 1..at + length);
            at += length;
        } else if in_url && is_cut(&rest[0]) {
            at += rest.iter().take_while(|b| is_cut(b)).count();
            let sign = memchr::memrchr(b'@', until(&text[at..], ends_authority));
            found.extend(sign.map(|sign| at..at + sign));
            at += sign.unwrap_or(0);
        } else {
            in_url &= !(rest[0] == b'#' || is_blank(&rest[0]) || is_quote(&rest[0]));
            at += 1;
        }
    }
    found
}

/// Where the user information ends, at its `@`, in what follows the slashes of a URL.
fn host(text: &[u8], is_quote: impl Fn(&u8) -> bool) -> usize {
    let name = until(text, |b| ends_authority(b) || is_quote(b));
    if is_host(name) && !name.contains(&b'@') && text.get(name.len()).is_some_and(is_quote) {
        return 0;
    }
    let authority = until(text, ends_authority);
    if let Some(sign) = memchr::memrchr(b'@', authority) {
        return sign;
    }
    if is_host(authority) {
        return 0;
    }
    let word = until(text, u8::is_ascii_whitespace);
    let near = &text[..text.len().min(NEAR)];
    memchr::memrchr(b'@', word).or_else(|| memchr::memchr(b'@', near)).unwrap_or(word.len())
}

fn until(text: &[u8], ends: impl Fn(&u8) -> bool) -> &[u8] {
    let length = text.iter().position(ends).unwrap_or(text.len());
    work::add(length);
    &text[..length]
}

fn ends_authority(b: &u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'/' | b'?' | b'#')
}

/// Whether this is a host with or without a port, and not the beginning of `user:password`.
fn is_host(authority: &[u8]) -> bool {
    let name = memchr::memrchr(b']', authority).map_or(0, |bracket| bracket + 1);
    memchr::memchr(b':', &authority[name..])
        .is_none_or(|colon| authority[name + colon + 1..].iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::without_credentials as bare;

    #[test]
    fn user_information_and_queries_are_left_out() {
        for (text, told) in [
            ("https://u:pw@h/x", "https://…@h/x"),
            ("git+https://TOKEN@h:8080/x.git@v1#egg=y", "git+https://…@h:8080/x.git@v1#egg=y"),
            ("https://h/x?token=pw&a=b#v1", "https://h/x?…#v1"),
            ("https://u:pw@h?token=pw", "https://…@h?…"),
            ("//u:pw@h/x", "//…@h/x"),
            ("https://u:p@pw@h/x", "https://…@h/x"),
            ("https://u:pw/pw@h/x", "https://…@h/x"),
            ("https://u:pw?pw@h/x", "https://…@h/x"),
            ("https://u:pw#pw@h/x", "https://…@h/x"),
            ("https://u:pw", "https://…"),
            ("a https://u:pw@h/x b https://v:pw@i/y?pw c", "a https://…@h/x b https://…@i/y?… c"),
            ("https://h/https://u:pw@i/x#https://u:pw@i", "https://h/https://…@i/x#https://…@i"),
            ("https://u:p w@h/x", "https://…@h/x"),
        ] {
            assert_eq!(bare(text), told, "{text}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "^1.2",
            "npm:@scope/x@1",
            "git@github.com:x/y.git",
            "https://h:8080/@scope/x@1",
            "git+ssh://[::1]:22/x@v1",
            "http://[::1]/",
            "../a//b",
            "path //x",
            "/a/?b",
            "",
            "//",
        ] {
            assert_eq!(bare(text), text);
        }
    }
}
