//! Assignments of a random value to a telling name: `api_key = "…"`, `"password": "…"`, `TOKEN=…`.

use super::name::{self, tells};
use super::{Match, encoding, is_lock_file, parameter, published, randomness, url};
use crate::text;

/// The longest value that is looked at.
pub(super) const VALUE: usize = 512;

/// How the file at hand writes values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    /// In quotes only.
    #[default]
    Quoted,
    /// Also without quotes, up to the end of the word: configuration, environments, shell.
    Bare,
    /// A lock file: nothing in it is looked at.
    Ignored,
}

impl Style {
    /// By the file's name.
    pub(super) fn of(path: &str) -> Style {
        const BARE: &[&str] = &[
            "env",
            "ini",
            "cfg",
            "conf",
            "config",
            "properties",
            "yaml",
            "yml",
            "sh",
            "bash",
            "zsh",
            "toml",
            "npmrc",
            "tfvars",
            "service",
            "envrc",
            "dockerfile",
            "netrc",
            "pypirc",
            "cnf",
            "txt",
            "log",
            "bat",
            "cmd",
            "ksh",
        ];
        const NAMED: &[&str] = &[
            "env",
            ".flaskenv",
            ".npmrc",
            ".pypirc",
            ".envrc",
            ".netrc",
            "Dockerfile",
            "credentials",
            "config",
            "Makefile",
            ".profile",
            ".bashrc",
            ".bash_profile",
            ".bash_login",
            ".bash_aliases",
            ".zshrc",
            ".zshenv",
            ".zprofile",
            ".zlogin",
            ".kshrc",
            ".cshrc",
            ".tcshrc",
            ".login",
            ".xprofile",
            ".xsessionrc",
        ];
        // What editors and people add to a file's name when they keep it as it was.
        const KEPT: &[&str] = &[".bak", ".backup", ".old", ".orig", ".save", ".saved", ".dist", ".disabled", "~"];
        let path = KEPT.iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
        let name = text::file_name(path);
        // `.env`, `.env.local`, `.env-prod`; not `.environment`.
        let environment = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        if is_lock_file(path) {
            Style::Ignored
        } else if NAMED.contains(&name)
            || name.strip_prefix(".env").is_some_and(environment)
            || name.starts_with("Dockerfile.")
            || text::extension(path).is_some_and(|e| BARE.iter().any(|b| b.eq_ignore_ascii_case(e)))
        {
            Style::Bare
        } else {
            Style::Quoted
        }
    }
}

/// Looks at the `=` or `:` at `at`.
#[inline]
pub(super) fn find(text: &[u8], at: usize, style: Style, matches: &mut Vec<Match>) {
    let before = if at > 0 { text[at - 1] } else { b' ' };
    let Some(&next) = text.get(at + 1) else { return };
    let no_assignment = if text[at] == b':' {
        before == b':' || matches!(next, b':' | b'=' | b'/' | b'\n' | b'\r')
    } else {
        matches!(before, b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'|' | b'&' | b'^')
            || matches!(next, b'=' | b'~' | b'\n' | b'\r')
    };
    if no_assignment {
        return;
    }
    let arrow = text[at] == b'=' && next == b'>';
    let mut begin = at + 1 + usize::from(arrow);
    begin += text[begin..].iter().take(32).take_while(|b| matches!(b, b' ' | b'\t')).count();
    if let Some(found) = authorization(text, at, begin) {
        matches.push(found);
        return;
    }
    if text[at] == b'='
        && style != Style::Ignored
        && let Some(found) = parameter::find(text, at)
    {
        matches.push(found);
        return;
    }
    let Some((start, end)) = value(text, begin, style) else { return };
    let value = &text[start..end];
    if value.len() < 10 || style == Style::Ignored || !value.iter().any(u8::is_ascii_alphanumeric) {
        return;
    }
    // Laravel's `APP_KEY=base64:…`.
    let is_key = |name: &[u8]| value.starts_with(b"base64:") && name.to_ascii_lowercase().ends_with(b"key");
    if name::before(text, at).is_some_and(|name| tells(name) || is_key(name)) && is_secret(value) {
        matches.push(Match { start, end, kind: "assignment", rank: 2 });
    }
}

/// `Authorization: Bearer …` and its like, within one string or with the value in its own.
fn authorization(text: &[u8], at: usize, begin: usize) -> Option<Match> {
    const NAME: &[u8] = b"authorization";
    let before = text[..at].trim_ascii_end();
    let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before);
    if !before.last().is_some_and(|b| b.eq_ignore_ascii_case(&b'n'))
        || !before[before.len().saturating_sub(NAME.len())..].eq_ignore_ascii_case(NAME)
    {
        return None;
    }
    let begin = begin + text[begin..].iter().take(2).take_while(|b| matches!(b, b'"' | b'\'' | b'`' | b'\\')).count();
    let window = &text[begin..text.len().min(begin + VALUE)];
    let space = window.iter().take(8).position(|b| *b == b' ')?;
    let scheme = window[..space].to_ascii_lowercase();
    if !matches!(&scheme[..], b"bearer" | b"basic" | b"token" | b"apikey") {
        return None;
    }
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'\\');
    let token = &window[space + 1..];
    let length = token.iter().position(ends).unwrap_or(token.len());
    let start = begin + space + 1;
    let token = &token[..length];
    let secret = if scheme == b"basic" { is_basic(token) } else { length >= 12 && is_secret(token) };
    secret.then_some(Match { start, end: start + length, kind: "authorization-header", rank: 2 })
}

/// Whether the credentials of the Basic scheme (RFC 7617) hold a real password.
fn is_basic(credentials: &[u8]) -> bool {
    let plain = encoding::base64(credentials);
    !published::begins(credentials)
        && memchr::memchr(b':', &plain).is_some_and(|colon| url::is_password(&plain[colon + 1..]))
}

/// The value that begins at `begin`: what stands in quotes, or the word, which ends where an element of XML does.
pub(super) fn value(text: &[u8], begin: usize, style: Style) -> Option<(usize, usize)> {
    let is_quote = |b: &u8| matches!(b, b'"' | b'\'' | b'`');
    // `b"…"`, `r"…"`, `f'…'`, `@"…"`, `\"…\"` and `&"…"`.
    let prefix = text[begin..]
        .iter()
        .take(2)
        .take_while(|b| matches!(b, b'b' | b'r' | b'f' | b'u' | b'L' | b'@' | b'\\' | b'&'))
        .count();
    // Rust's `r#"…"#`.
    let marks = text[begin + prefix..].iter().take(4).take_while(|b| **b == b'#').count();
    if marks > 0 && text[..begin + prefix].ends_with(b"r") && text.get(begin + prefix + marks) == Some(&b'"') {
        let start = begin + prefix + marks + 1;
        let window = &text[start..text.len().min(start + VALUE)];
        let length = memchr::memmem::find(window, &b"\"####"[..1 + marks])?;
        return (!window[..length].contains(&b'\n')).then_some((start, start + length));
    }
    if let Some(quote) = text.get(begin + prefix).filter(|b| is_quote(b)) {
        let start = begin + prefix + 1;
        let window = &text[start..text.len().min(start + VALUE)];
        let length = window.iter().position(|b| b == quote || *b == b'\n')?;
        let value = window[..length].strip_suffix(b"\\").unwrap_or(&window[..length]);
        return (window[length] == *quote).then_some((start, start + value.len()));
    }
    if style != Style::Bare {
        return None;
    }
    let window = &text[begin..text.len().min(begin + VALUE)];
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'&' | b'|');
    let length = window.iter().position(ends).or((begin + window.len() == text.len()).then_some(window.len()))?;
    let length = memchr::memmem::find(&window[..length], b"</").unwrap_or(length);
    // A call or an expression, not a value.
    let word = &window[..length];
    (!word.iter().any(|b| matches!(b, b'(' | b')' | b'[' | b']'))).then_some((begin, begin + length))
}

/// Whether a value is random, and neither a reference to a secret nor a place for one.
pub(super) fn is_secret(value: &[u8]) -> bool {
    const REFERS: &[&str] = &["ENC[", "arn:", "projects/", "vault:", "op://", "env:", "file:", "ssh-", "data:", "urn:"];
    let variable = match value[0] {
        b'$' => randomness::is_variable(&value[1..]),
        b'%' => value.ends_with(b"%"),
        b'{' | b'[' | b'(' | b'<' => randomness::is_enclosed(value),
        _ => false,
    };
    let Some(value) = encoding::plain(value) else { return false };
    let value = &*value;
    !variable
        && !value.is_empty()
        && !REFERS.iter().any(|start| value.starts_with(start.as_bytes()))
        && !is_digest(value)
        && memchr::memmem::find(value, b"://").is_none()
        && randomness::is_random(value)
        && !randomness::is_placeholder(value)
        && !published::begins(value)
        && !hides_words(value)
        && !is_token_header(value)
}

/// Whether the value is the header of a JSON Web Token, with whatever follows: whole and signed tokens are found by
/// their format, and what is not is no credential.
fn is_token_header(value: &[u8]) -> bool {
    value.starts_with(b"eyJ") && memchr::memmem::find(&encoding::base64(value), b"\"alg\"").is_some()
}

/// Whether the value says that it is a digest: `sha256:…`, `md5-…`, or hexadecimal digits after the name.
fn is_digest(value: &[u8]) -> bool {
    const NAMES: &[&str] = &["sha256", "sha384", "sha512", "sha1", "md5"];
    NAMES
        .iter()
        .filter_map(|name| value.strip_prefix(name.as_bytes()))
        .any(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric) || rest.iter().all(u8::is_ascii_hexdigit))
}

/// Whether the value is base64 of something that a person wrote, such as `user:password`.
fn hides_words(value: &[u8]) -> bool {
    let plain = encoding::base64(value);
    plain.len() >= 6
        && plain.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
        && (randomness::is_placeholder(&plain) || randomness::is_wordy(&plain))
}
