//! Passwords and tokens in the user information of URLs (RFC 3986 3.2.1).

use super::{Match, encoding, randomness};

/// The longest authority that is looked at.
const AUTHORITY: usize = 512;

/// Looks at the URL whose `://` is at `at`.
pub(super) fn find(text: &[u8], at: usize, matches: &mut Vec<Match>) {
    let scheme =
        text[..at].iter().rev().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
    if !(2..=24).contains(&scheme) {
        return;
    }
    let begin = at + 3;
    let limit = text.len().min(begin + AUTHORITY);
    let ends =
        |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\');
    let Some(length) = text[begin..limit].iter().position(ends).or((limit == text.len()).then_some(limit - begin))
    else {
        return;
    };
    let authority = &text[begin..begin + length];
    let Some(host_at) = memchr::memrchr(b'@', authority) else { return };
    // Without a host it is no URL.
    if !authority.get(host_at + 1).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'[') {
        return;
    }
    let user_info = &authority[..host_at];
    match memchr::memchr(b':', user_info) {
        Some(colon) => {
            let (user, password) = (&user_info[..colon], &user_info[colon + 1..]);
            if is_password(password) {
                matches.push(Match { start: begin + colon + 1, end: begin + host_at, kind: "url-password", rank: 1 });
            } else if matches!(password, b"" | b"x-oauth-basic") && is_token(user) {
                matches.push(Match { start: begin, end: begin + colon, kind: "url-token", rank: 1 });
            }
        }
        None if is_token(user_info) => {
            matches.push(Match { start: begin, end: begin + host_at, kind: "url-token", rank: 1 });
        }
        None => {}
    }
}

/// A user name that is no name but a token.
fn is_token(user: &[u8]) -> bool {
    user.len() >= 20 && randomness::is_random(user) && !randomness::is_placeholder(user)
}

/// Whether a password, percent-encoded as in a URL, is neither a variable nor a word that documentation uses for one.
pub(super) fn is_password(password: &[u8]) -> bool {
    let variable = match password.first() {
        Some(b'$') => randomness::is_variable(&password[1..]),
        Some(b'<' | b'{' | b'[' | b'(') => randomness::is_enclosed(password),
        Some(b'%') => password.ends_with(b"%"),
        _ => false,
    };
    let Some(plain) = encoding::plain(password) else { return false };
    let plain = &*plain;
    if variable || plain.len() < 8 || randomness::is_placeholder(plain) {
        return false;
    }
    let has = |is: fn(&u8) -> bool| plain.iter().any(is);
    let digits = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let cases = plain.len() >= 16 && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let stem = plain.iter().rposition(|b| !b.is_ascii_digit() && *b != b'!').map_or(0, |at| at + 1);
    // `admin123` is a word with a number; `kD93jf0s` is not.
    randomness::is_random(plain)
        || (digits || cases) && randomness::is_varied(plain) && !randomness::is_wordy(&plain[..stem])
}
