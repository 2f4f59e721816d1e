//! Addresses in texts of others, as a report may print them: without what authenticates.

/// How far away the `@` is looked for that ends a password with blanks in it, in bytes.
const NEAR: usize = 1024;

/// The text with the user information and the query of each URL in it (RFC 3986 3.2.1, 3.4) left out, both marked `…`.
///
/// It rather leaves out too much: what stands before an `@` that a slash, a question mark or a blank in a password has
/// cut off goes too, and so does all of a URL that was cut before its `@`.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Within a URL, before its fragment.
    let mut in_url = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("//") {
            out.push_str("//");
            let host = host(after);
            if host > 0 {
                out.push('…');
            }
            in_url = true;
            rest = &after[host..];
        } else if in_url && c == '?' {
            out.push_str("?…");
            rest = &rest[rest.find(|c: char| c.is_whitespace() || c == '#').unwrap_or(rest.len())..];
        } else {
            in_url &= c != '#' && !c.is_whitespace();
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// Where the user information ends, at its `@`, in what follows the slashes of a URL.
fn host(text: &str) -> usize {
    let until = |ends: fn(char) -> bool| &text[..text.find(ends).unwrap_or(text.len())];
    let authority = until(|c| c.is_whitespace() || matches!(c, '/' | '?' | '#'));
    if let Some(sign) = authority.rfind('@') {
        return sign;
    }
    if is_host(authority) {
        return 0;
    }
    let word = until(char::is_whitespace);
    let near = &text[..text.floor_char_boundary(NEAR)];
    word.rfind('@').or_else(|| near.find('@')).unwrap_or(word.len())
}

/// Whether this is a host with or without a port, and not the beginning of `user:password`.
fn is_host(authority: &str) -> bool {
    let ends_name = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    authority[ends_name..].split_once(':').is_none_or(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
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
