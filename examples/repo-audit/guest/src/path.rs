//! Canonical paths and what a person reads.

/// A canonical path (`a%20b/c`) as a person writes it (`a b/c`), and whether it could be decoded: a name that is
/// not UTF-8, or that holds control characters, stays as it is.
pub fn display(canonical: &str) -> (String, bool) {
    if !canonical.contains('%') {
        return (canonical.to_owned(), true);
    }
    let bytes = canonical.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (b, ..) => {
                decoded.push(b);
                at += 1;
            }
        }
    }
    match String::from_utf8(decoded) {
        Ok(text) if !text.chars().any(char::is_control) => (text, true),
        _ => (canonical.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_where_a_person_can_read_them() {
        assert_eq!(display("src/main.rs"), ("src/main.rs".to_owned(), true));
        assert_eq!(display("a%20b/%C3%BC.md"), ("a b/ü.md".to_owned(), true));
        assert_eq!(display("a%FF"), ("a%FF".to_owned(), false));
        assert_eq!(display("a%0Ab"), ("a%0Ab".to_owned(), false));
        assert_eq!(display("100%25"), ("100%".to_owned(), true));
        assert_eq!(display("a%2"), ("a%2".to_owned(), true));
    }
}
