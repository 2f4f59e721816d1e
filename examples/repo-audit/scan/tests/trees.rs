//! Random trees with planted items: all of them are found, where they are, and nothing else, whole or in chunks.
//!
//! Keys are put together at run time, so that this file holds none.

use scan::hygiene::Hygiene;
use scan::inventory::Inventory;
use scan::secrets::Secrets;
use std::collections::BTreeSet;

/// A small generator of our own (xorshift64*), so that a seed names a tree for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..length).map(|_| alphabet[self.below(alphabet.len())] as char).collect()
    }
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TOKEN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

/// Lines that hold nothing, in the manner of several languages.
const FILLER: &[&str] = &[
    "use std::collections::BTreeMap;",
    "    let value = self.next_token()?;",
    "fn parse(input: &str) -> Result<Token, Error> {",
    "}",
    "",
    "// A comment about passwords and tokens.",
    "    password: String,",
    "    return { token: null, secret: undefined };",
    "import os, sys",
    "token = os.environ[\"TOKEN\"]",
    "key: value",
    "- name: build the thing",
    "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "  \"integrity\": \"sha512-MJ1Q7ZpTvXkWl0rE2uC3hY9sB8nF6dG5aK4jL1oP0qR7tU2wV5xZ8yA3bC6eD9fG0hI2jK4lM6nO8pQ0rS2tU4v==\",",
    "api_key = \"your-api-key-here\"",
    "password = \"changeme\"",
    "export API_KEY=${API_KEY}",
    "https://user:password@example.com/path",
    "AKIAIOSFODNN7EXAMPLE",
    "Title",
    "=======",
    "let id = \"550e8400-e29b-41d4-a716-446655440000\";",
    "#include <stdio.h>",
    "\tif err != nil {",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "Grüße aus Köln, 世界",
    "const HEADER: &str = \"-----BEGIN PRIVATE KEY-----\";",
    "background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
    "assert_eq!(a, b);",
];

/// A secret and its kind.
fn secret(random: &mut Random) -> (&'static str, String) {
    match random.below(22) {
        0 => ("aws-access-key-id", format!("AKIA{}", random.text(BASE32, 16))),
        1 => (
            "github-token",
            format!("{}_{}", random.pick(&["ghp", "gho", "ghu", "ghs", "ghr"]), random.text(ALNUM, 36)),
        ),
        2 => ("github-token", format!("github_pat_{}_{}", random.text(ALNUM, 22), random.text(ALNUM, 59))),
        3 => (
            "slack-token",
            format!("xoxb-{}-{}-{}", random.text(DIGITS, 12), random.text(DIGITS, 12), random.text(ALNUM, 24)),
        ),
        4 => ("stripe-key", format!("{}_live_{}", random.pick(&["sk", "rk"]), random.text(ALNUM, 24))),
        5 => ("google-api-key", format!("AIza{}", random.text(TOKEN, 35))),
        6 => ("npm-token", format!("npm_{}", random.text(ALNUM, 36))),
        7 => ("pypi-token", format!("pypi-AgEIcHlwaS5vcmc{}", random.text(TOKEN, 150))),
        8 => ("gitlab-token", format!("glpat-{}", random.text(ALNUM, 20))),
        9 => ("sendgrid-key", format!("SG.{}.{}", random.text(ALNUM, 22), random.text(ALNUM, 43))),
        // {"alg":"HS256","typ":"JWT"} . {"sub":"
        10 => (
            "json-web-token",
            format!(
                "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI{}.{}",
                random.text(ALNUM, 30),
                random.text(TOKEN, 43)
            ),
        ),
        11 => ("url-password", format!("postgres://app:{}@db.internal:5432/main", random.text(ALNUM, 16))),
        12 => ("url-password", format!("https://deploy:{}@git.internal/x.git", random.text(ALNUM, 40))),
        13 => ("url-token", format!("https://{}@git.internal/x.git", random.text(HEX, 40))),
        14 => ("assignment", format!("api_key = \"{}\"", random.text(ALNUM, 32))),
        15 => ("assignment", format!("\"clientSecret\": \"{}\"", random.text(HEX, 32))),
        16 => ("assignment", format!("const AUTH_TOKEN: &str = \"{}\";", random.text(ALNUM, 24))),
        17 => ("assignment", format!("aws_secret_access_key = '{}'", random.text(BASE64, 40))),
        18 => ("assignment", format!("DB_PASSWORD := `{}`", random.text(ALNUM, 20))),
        19 => ("authorization-header", format!("curl -H \"Authorization: Bearer {}\"", random.text(ALNUM, 40))),
        20 => ("stripe-key", format!("sk_test_{}", random.text(ALNUM, 24))),
        _ => ("google-oauth-secret", format!("GOCSPX-{}", random.text(ALNUM, 28))),
    }
}

type Found = BTreeSet<(String, u64, String)>;

struct File {
    path: String,
    bytes: Vec<u8>,
}

/// A tree and what was planted in it.
fn tree(seed: u64) -> (Vec<File>, Found, Found) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let (mut files, mut secrets, mut defects) = (Vec::new(), Found::new(), Found::new());
    for n in 0..12 {
        let extension = random.pick(&["rs", "py", "js", "yaml", "md", "txt", "go", "toml", "dat", "sh"]);
        let path = format!("dir{}/file{n}.{extension}", n % 4);
        let mut bytes: Vec<u8> = Vec::new();
        let mut line = 1;
        let mut bad_utf8 = false;
        let lines = match random.below(10) {
            0 => 0,
            1 => 30_000,
            _ => random.below(600),
        };
        for _ in 0..lines {
            let mut text = random.pick(FILLER).to_owned();
            let mut height = 1;
            match random.below(if lines > 1000 { 4000 } else { 120 }) {
                0 => {
                    let (kind, secret) = secret(&mut random);
                    secrets.insert((path.clone(), line, kind.to_owned()));
                    let before = random.pick(&["", "    ", "\t", "// ", "x = ", "- "]);
                    text = format!("{before}{secret}{}", random.pick(&["", ";", " # note", ")"]));
                }
                1 => {
                    secrets.insert((path.clone(), line, "private-key".to_owned()));
                    let kind = random.pick(&["RSA ", "EC ", "", "OPENSSH "]);
                    let body: Vec<String> = (0..random.below(20) + 1).map(|_| random.text(BASE64, 64)).collect();
                    height = body.len() as u64 + 2;
                    text = format!(
                        "-----BEGIN {kind}PRIVATE KEY-----\n{}\n-----END {kind}PRIVATE KEY-----",
                        body.join("\n")
                    );
                }
                2 => {
                    // Far along one long line.
                    let (kind, secret) = secret(&mut random);
                    secrets.insert((path.clone(), line, kind.to_owned()));
                    text = format!(
                        "{} {secret} {}",
                        "[1,2],".repeat(random.below(40_000)),
                        "[3,4],".repeat(random.below(20_000))
                    );
                }
                3 if !path.ends_with("toml") => {
                    defects.insert((path.clone(), line, "merge-conflict".to_owned()));
                    height = 5;
                    text = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> topic".to_owned();
                }
                _ => {}
            }
            bytes.extend_from_slice(text.as_bytes());
            if random.below(3000) == 0 && !bad_utf8 && line > 10 {
                bad_utf8 = true;
                defects.insert((path.clone(), line + height - 1, "invalid-utf8".to_owned()));
                bytes.extend_from_slice(b" caf\xe9");
            }
            bytes.push(b'\n');
            line += height;
        }
        files.push(File { path, bytes });
    }
    (files, secrets, defects)
}

fn found(files: &[File], mut chunk: impl FnMut(usize) -> usize) -> (Found, Found, String) {
    let (mut secrets, mut hygiene, mut inventory) = (Secrets::new(), Hygiene::new(u64::MAX), Inventory::new());
    for file in files {
        secrets.begin(&file.path);
        hygiene.begin(&file.path, file.bytes.len() as u64);
        inventory.begin(&file.path);
        let mut rest = &file.bytes[..];
        loop {
            let (now, later) = rest.split_at(chunk(rest.len()).min(rest.len()));
            secrets.push(now, later.is_empty());
            hygiene.push(now, later.is_empty());
            inventory.push(now, later.is_empty());
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }
    let secrets = secrets.take().into_iter().map(|s| (s.path, s.line, s.kind)).collect();
    let defects = hygiene.take().into_iter().map(|d| (d.path, d.line.unwrap_or(0), d.kind)).collect();
    (secrets, defects, serde_json::to_string(&inventory.finish()).unwrap_or_default())
}

fn assert_same(seed: u64, what: &str, found: &Found, planted: &Found) {
    let missed: Vec<_> = planted.difference(found).collect();
    let invented: Vec<_> = found.difference(planted).collect();
    assert!(missed.is_empty() && invented.is_empty(), "seed {seed}, {what}: missed {missed:?}, invented {invented:?}");
}

#[test]
fn all_that_was_planted_is_found_and_nothing_else() {
    for seed in 1..=60 {
        let (files, secrets, defects) = tree(seed);
        let (found_secrets, found_defects, _) = found(&files, |all| all.max(1));
        assert_same(seed, "secrets", &found_secrets, &secrets);
        assert_same(seed, "defects", &found_defects, &defects);
    }
}

#[test]
fn chunks_of_any_size_give_the_same() {
    for seed in 1..=12 {
        let (files, secrets, defects) = tree(seed);
        let whole = found(&files, |all| all.max(1)).2;
        for size in [1, 7, 100, 4096, 65_536, 70_000] {
            if size < 100 && files.iter().any(|f| f.bytes.len() > 2_000_000) {
                continue;
            }
            let mut random = Random(seed + size as u64);
            let (found_secrets, found_defects, survey) = found(&files, |_| 1 + random.below(2 * size));
            assert_same(seed, &format!("secrets in chunks of about {size}"), &found_secrets, &secrets);
            assert_same(seed, &format!("defects in chunks of about {size}"), &found_defects, &defects);
            assert_eq!(survey, whole);
        }
    }
}

#[test]
fn generated_secrets_of_every_kind_are_found() {
    let mut random = Random(77);
    let mut missed = Vec::new();
    let mut secrets = Secrets::new();
    for _ in 0..220_000 {
        let (kind, text) = secret(&mut random);
        secrets.begin("a.rs");
        secrets.push(text.as_bytes(), true);
        if secrets.take().first().map(|s| s.kind.as_str()) != Some(kind) {
            missed.push((kind, text));
        }
    }
    // Chance makes words: among values of twenty letters and no digit one in a thousand looks like a name.
    assert!(missed.len() <= 12, "{}: {missed:#?}", missed.len());
}
