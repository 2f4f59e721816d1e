//! Assignments of a random value to a telling name: `api_key = "…"`, `"password": "…"`, `TOKEN=…`.

use super::{Match, encoding, is_lock_file, parameter, published, randomness, url};
use crate::text;

/// The longest value that is looked at.
pub(super) const VALUE: usize = 512;
/// The longest name.
pub(super) const NAME: usize = 80;

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
        ];
        const NAMED: &[&str] =
            &[".env", ".npmrc", ".pypirc", ".envrc", ".netrc", "Dockerfile", "credentials", "config", "Makefile"];
        let name = text::file_name(path);
        if is_lock_file(path) {
            Style::Ignored
        } else if NAMED.contains(&name)
            || name.starts_with(".env.")
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
    if name(text, at).is_some_and(tells) && is_secret(value) {
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

/// The value that begins at `begin`: what stands in quotes, or the word.
fn value(text: &[u8], begin: usize, style: Style) -> Option<(usize, usize)> {
    let is_quote = |b: &u8| matches!(b, b'"' | b'\'' | b'`');
    // `b"…"`, `r"…"`, `f'…'`, `@"…"`, `\"…\"` and `&"…"`.
    let prefix = text[begin..]
        .iter()
        .take(2)
        .take_while(|b| matches!(b, b'b' | b'r' | b'f' | b'u' | b'L' | b'@' | b'\\' | b'&'))
        .count();
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
    // A call or an expression, not a value.
    let word = &window[..length];
    (!word.iter().any(|b| matches!(b, b'(' | b')' | b'[' | b']'))).then_some((begin, begin + length))
}

/// The name that is assigned to, before the operator at `at`.
fn name(text: &[u8], at: usize) -> Option<&[u8]> {
    let line = &text[text[..at]
        .iter()
        .rev()
        .take(2 * NAME)
        .position(|b| *b == b'\n')
        .map_or(at.saturating_sub(2 * NAME), |n| at - n)..at];
    let found = last_name(line)?;
    // `token: &str = "…"`: what stands directly before is a type.
    if text[at] == b'='
        && !tells(found)
        && let Some(colon) = (1..line.len().saturating_sub(1))
            .rev()
            .take_while(|i| match line[*i] {
                b',' | b'(' | b'{' | b'"' => false,
                b'\'' => line[*i..].starts_with(b"'static"),
                // `[u8; 32]`
                b';' => line[*i..].contains(&b']'),
                _ => true,
            })
            .find(|i| line[*i] == b':' && line[*i - 1] != b':' && line[*i + 1] != b':')
    {
        return last_name(&line[..colon]);
    }
    Some(found)
}

/// The name at the end of `line`, without quotes and brackets around it.
fn last_name(line: &[u8]) -> Option<&[u8]> {
    let closes =
        |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b']' | b')' | b':' | b'?' | b'\\');
    let end = line.iter().rposition(|b| !closes(b))? + 1;
    // `AWS::IAM::AccessKey` names a type.
    let length = line[..end]
        .iter()
        .rev()
        .take(NAME)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$' | b' '))
        .count();
    if line[..end - length].ends_with(b"::") {
        return None;
    }
    let name = &line[end - length..end];
    // Words before the name (`let`, `export`, prose) do not belong to it.
    let name = &name[memchr::memrchr(b' ', name).map_or(0, |space| space + 1)..];
    (!name.is_empty()).then_some(name)
}

/// Whether a name says that its value is secret.
pub(super) fn tells(name: &[u8]) -> bool {
    const SECRET: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "authkey",
        "credential",
        "encryptionkey",
        "signingkey",
        "masterkey",
        "sharedkey",
        "accountkey",
        "bearer",
        "licensekey",
        "deploykey",
        "servicekey",
        "sessionkey",
    ];
    const SECRET_WORD: &[&str] = &["pwd", "pass", "psk", "pat", "auth"];
    const NOT: &[&str] = &[
        "hash",
        "digest",
        "checksum",
        "sha1",
        "sha256",
        "sha512",
        "md5",
        "public",
        "fingerprint",
        "tokeniz",
        "csrf",
        "xsrf",
        "pagetoken",
        "nexttoken",
        "continuationtoken",
        "synctoken",
        "cancel",
        "placeholder",
        "regex",
        "pattern",
        "example",
        "sample",
        "dummy",
        "fake",
        "clienttoken",
        "requesttoken",
        "updatetoken",
        "changetoken",
        "locktoken",
        "starttoken",
        "outputtoken",
        "inputtoken",
        "purchasetoken",
        "idempot",
        "expir",
        "integrity",
        "signature",
        "encrypted",
        "cipher",
        "selector",
    ];
    const NOT_LAST: &[&str] = &[
        "name",
        "path",
        "file",
        "url",
        "uri",
        "type",
        "kind",
        "field",
        "header",
        "label",
        "length",
        "len",
        "size",
        "count",
        "limit",
        "version",
        "ttl",
        "env",
        "var",
        "param",
        "ref",
        "arn",
        "hint",
        "policy",
        "format",
        "desc",
        "description",
        "message",
        "title",
        "error",
        "endpoint",
        "column",
        "table",
        "func",
        "oid",
        "provider",
        "prefix",
        "suffix",
        "id",
        "class",
        "style",
        "icon",
        "color",
        "schema",
    ];
    let mut squashed = Vec::with_capacity(name.len());
    let mut last_word = 0;
    for (i, b) in name.iter().enumerate() {
        if b.is_ascii_alphanumeric() {
            if b.is_ascii_uppercase() && i > 0 && name[i - 1].is_ascii_lowercase() {
                last_word = squashed.len();
            }
            squashed.push(b.to_ascii_lowercase());
        } else {
            last_word = squashed.len();
        }
    }
    let has = |words: &[&str]| words.iter().any(|word| memchr::memmem::find(&squashed, word.as_bytes()).is_some());
    let last = &squashed[last_word..];
    let is_last = |words: &[&str]| words.iter().any(|word| last == word.as_bytes());
    (has(SECRET) || is_last(SECRET_WORD)) && !has(NOT) && (!is_last(NOT_LAST) || squashed.ends_with(b"secretid"))
}

/// Whether a value is random, and neither a reference to a secret nor a place for one.
pub(super) fn is_secret(value: &[u8]) -> bool {
    const REFERS: &[&str] = &["ENC[", "arn:", "projects/", "vault:", "op://", "env:", "file:", "ssh-", "data:", "urn:"];
    let variable = match value[0] {
        b'$' => value[1..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'),
        b'%' => value.ends_with(b"%"),
        b'{' | b'[' | b'(' => value.last().is_some_and(|b| matches!(b, b'}' | b']' | b')')),
        _ => false,
    };
    let value = &*encoding::percent(value);
    !variable
        && !value.is_empty()
        && value.iter().all(u8::is_ascii_graphic)
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
