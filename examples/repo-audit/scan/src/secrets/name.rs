//! The names that values are assigned to, and which of them tell of a secret.

/// The longest name.
pub(super) const NAME: usize = 80;

/// The name that is assigned to, before the operator at `at`.
pub(super) fn before(text: &[u8], at: usize) -> Option<&[u8]> {
    let line = &text[text[..at]
        .iter()
        .rev()
        .take(2 * NAME)
        .position(|b| *b == b'\n')
        .map_or(at.saturating_sub(2 * NAME), |n| at - n)..at];
    let found = last_name(line)?;
    if found.eq_ignore_ascii_case(b"value")
        && let Some(key) = attribute(line)
    {
        return Some(key);
    }
    // `apiKey string = "…"`, `apiKey []byte = …`: Go's types come last.
    if text[at] == b'=' && matches!(found, b"string" | b"byte") {
        let rest = line.trim_ascii_end().strip_suffix(found).unwrap_or_default();
        let rest = rest.strip_suffix(b"[]").unwrap_or(rest);
        return if rest.ends_with(b" ") || rest.ends_with(b"\t") { last_name(rest) } else { Some(found) };
    }
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

/// The name in `key="NAME" value` and `name="NAME" value`, as configuration in XML has it; not in a form of HTML.
fn attribute(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_end();
    let line = line[..line.len() - b"value".len()].trim_ascii_end();
    let quote = *line.last().filter(|b| matches!(b, b'"' | b'\''))?;
    let line = &line[..line.len() - 1];
    let open = memchr::memrchr(quote, line)?;
    let before = line[..open].trim_ascii_end().strip_suffix(b"=")?.trim_ascii_end().to_ascii_lowercase();
    let word = before.strip_suffix(b"key").or(before.strip_suffix(b"name"))?;
    (word.ends_with(b" ") && memchr::memmem::find(word, b"<input").is_none()).then_some(&line[open + 1..])
}

/// The name at the end of `line`, without quotes and brackets around it.
fn last_name(line: &[u8]) -> Option<&[u8]> {
    let line = without_length(line);
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

/// `char token[]` and `char token[32]` without what says how long it is.
fn without_length(line: &[u8]) -> &[u8] {
    let trimmed = line.trim_ascii_end();
    trimmed
        .strip_suffix(b"]")
        .map(|inner| &inner[..inner.len() - inner.iter().rev().take_while(|b| b.is_ascii_digit()).count()])
        .and_then(|inner| inner.strip_suffix(b"["))
        .filter(|name| name.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_'))
        .unwrap_or(line)
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
    const SECRET_WORD: &[&str] = &["pwd", "pw", "pass", "psk", "pat", "auth"];
    // Words that end so, `dbpass` among them, but these.
    const PASS: &[&str] = &["bypass", "compass", "encompass", "trespass", "surpass", "overpass", "underpass"];
    // Words that say that the value is no secret, and what such words begin with.
    const NOT: &[&str] = &[
        "hash",
        "digest",
        "checksum",
        "sha1",
        "sha256",
        "sha512",
        "md5",
        "public",
        "csrf",
        "xsrf",
        "pagetoken",
        "nexttoken",
        "nextpagetoken",
        "continuationtoken",
        "synctoken",
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
        "integrity",
        "signature",
        "selector",
        "secretsmanager",
        "secretmanager",
        "producttoken",
        "subjectfrom",
    ];
    const NOT_STEM: &[&str] =
        &["fingerprint", "tokeniz", "cancel", "placeholder", "idempot", "expir", "encrypted", "cipher"];
    // Words of these that say what a secret is for where one follows at once, whatever comes behind it: `CSRF_SECRET_PROD`.
    const PURPOSE: &[&str] = &["csrf", "xsrf", "signature", "cipher", "integrity", "tokenizer", "fingerprint"];
    const SECRET_OF: &[&str] = &[
        "secret",
        "tokensecret",
        "password",
        "passphrase",
        "apikey",
        "apitoken",
        "authkey",
        "privatekey",
        "signingkey",
        "encryptionkey",
        "masterkey",
    ];
    // These have a secret at most: `HASH_PASSWORD` is the hash of one.
    const DIGEST: &[&str] = &["hash", "digest", "sha1", "sha256", "sha512", "md5"];
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
    // Where words begin.
    let mut words = Vec::with_capacity(8);
    for (i, b) in name.iter().enumerate() {
        if !b.is_ascii_alphanumeric() {
            continue;
        }
        let begins = i == 0 || !name[i - 1].is_ascii_alphanumeric();
        // `nextToken`, `EC2Token`, and `AWSToken`, where the last of the capitals does.
        let ends_capitals = || name.get(i + 1).is_some_and(u8::is_ascii_lowercase);
        if begins || b.is_ascii_uppercase() && (!name[i - 1].is_ascii_uppercase() || ends_capitals()) {
            words.push(squashed.len());
        }
        squashed.push(b.to_ascii_lowercase());
    }
    let holds =
        |text: &[u8], all: &[&str]| all.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some());
    let last = &squashed[words.last().copied().unwrap_or(0)..];
    let is = |text: &[u8], all: &[&str]| all.iter().any(|word| text == word.as_bytes());
    // A word says that it is no secret where it stands for itself, with an ending or not; within another word only where
    // that one tells of a secret: `HASHICORP_TOKEN` is one, `tokenhash` is not.
    let denies = |word: &str, stem: bool| {
        memchr::memmem::find_iter(&squashed, word).any(|at| {
            let (begins, end) = (words.binary_search(&at).is_ok(), at + word.len());
            let ends = |end: usize| end == squashed.len() || words.binary_search(&end).is_ok();
            let inflected =
                [&b"s"[..], b"es", b"ed"].iter().any(|e| squashed[end..].starts_with(e) && ends(end + e.len()));
            // Where the word in the name ends that `at` lies in.
            let next = words.partition_point(|begin| *begin <= at);
            let to = words.get(next).copied().unwrap_or(squashed.len());
            if begins && (stem || ends(end) || inflected) {
                let follows =
                    |from: usize, all: &[&str]| all.iter().any(|of| squashed[from..].starts_with(of.as_bytes()));
                let of_secret = match &squashed[at..to] {
                    // Not so `csrf_token`, which everybody is sent.
                    b"signature" => follows(to, SECRET_OF) || follows(to, &["token"]),
                    purpose if is(purpose, PURPOSE) => follows(to, SECRET_OF),
                    digest if is(digest, DIGEST) => follows(to, &["secret"]),
                    // `REQUEST_TOKEN_SECRET`
                    _ => word.ends_with("token") && follows(end, &["secret"]),
                };
                return !of_secret;
            }
            // What two words happen to make where they meet says nothing: `STATUSPAGE_TOKEN`.
            let from = words[..next].last().copied().unwrap_or(0);
            end <= to && holds(&squashed[from..to], SECRET)
        })
    };
    let secret = holds(&squashed, SECRET) || is(last, SECRET_WORD) || last.ends_with(b"pass") && !is(last, PASS);
    secret
        && (!is(last, NOT_LAST) || squashed.ends_with(b"secretid"))
        && !NOT.iter().any(|word| denies(word, false))
        && !NOT_STEM.iter().any(|stem| denies(stem, true))
}
