//! Credentials of every kind that the README names, as a leak would write them.
//!
//! They are put together at run time, so that this file holds none. They are written after the issuers' own
//! descriptions, not after the scan that is tested.

use super::random::Random;

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const TOKEN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BECH32: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

/// A line that gives something away.
pub(super) struct Credential {
    pub(super) kind: &'static str,
    /// The line, without its end.
    pub(super) text: String,
    /// What must not be shown.
    pub(super) secret: String,
}

/// How many kinds [`any`] knows.
pub(super) const KINDS: usize = 76;

/// A credential of the kind numbered `n`, which is below [`KINDS`].
pub(super) fn any(random: &mut Random, n: usize) -> Credential {
    if n < FORMATS.len() { well_known(random, FORMATS[n]) } else { written_out(random, n - FORMATS.len()) }
}

/// Kind, then what it is made of: each part is plain text, or an alphabet and a length.
type Format = (&'static str, &'static [(&'static str, usize)]);

const FORMATS: [Format; 49] = [
    ("aws-access-key-id", &[("AKIA", 0), (BASE32, 16)]),
    ("aws-access-key-id", &[("ASIA", 0), (BASE32, 16)]),
    ("github-token", &[("ghp_", 0), (ALNUM, 36)]),
    ("github-token", &[("gho_", 0), (ALNUM, 36)]),
    ("github-token", &[("ghu_", 0), (ALNUM, 36)]),
    ("github-token", &[("ghs_", 0), (ALNUM, 36)]),
    ("github-token", &[("ghr_", 0), (ALNUM, 76)]),
    ("github-token", &[("github_pat_", 0), (ALNUM, 22), ("_", 0), (ALNUM, 59)]),
    ("gitlab-token", &[("glpat-", 0), (TOKEN, 20)]),
    ("gitlab-token", &[("gldt-", 0), (TOKEN, 20)]),
    ("gitlab-token", &[("glrt-", 0), (TOKEN, 20)]),
    ("slack-token", &[("xoxb-", 0), (DIGITS, 12), ("-", 0), (DIGITS, 13), ("-", 0), (ALNUM, 24)]),
    ("slack-token", &[("xoxp-", 0), (DIGITS, 12), ("-", 0), (DIGITS, 12), ("-", 0), (DIGITS, 13), ("-", 0), (HEX, 32)]),
    ("slack-token", &[("xapp-1-A", 0), (UPPER, 10), ("-", 0), (DIGITS, 13), ("-", 0), (HEX, 64)]),
    (
        "slack-webhook",
        &[("https://hooks.slack.com/services/T", 0), (UPPER, 8), ("/B", 0), (UPPER, 8), ("/", 0), (ALNUM, 24)],
    ),
    ("discord-webhook", &[("https://discord.com/api/webhooks/", 0), (DIGITS, 18), ("/", 0), (TOKEN, 68)]),
    ("stripe-key", &[("sk_live_", 0), (ALNUM, 24)]),
    ("stripe-key", &[("rk_live_", 0), (ALNUM, 99)]),
    ("stripe-key", &[("sk_test_", 0), (ALNUM, 24)]),
    ("stripe-key", &[("whsec_", 0), (ALNUM, 32)]),
    ("google-api-key", &[("AIza", 0), (TOKEN, 35)]),
    ("google-oauth-secret", &[("GOCSPX-", 0), (TOKEN, 28)]),
    ("google-oauth-token", &[("ya29.", 0), (TOKEN, 120)]),
    ("npm-token", &[("npm_", 0), (ALNUM, 36)]),
    ("pypi-token", &[("pypi-AgEIcHlwaS5vcmc", 0), (TOKEN, 150)]),
    ("crates-io-token", &[("cio", 0), (ALNUM, 32)]),
    ("docker-token", &[("dckr_pat_", 0), (TOKEN, 27)]),
    ("rubygems-token", &[("rubygems_", 0), (HEX, 48)]),
    ("anthropic-key", &[("sk-ant-api03-", 0), (TOKEN, 93), ("AA", 0)]),
    ("openai-key", &[("sk-proj-", 0), (TOKEN, 74), ("T3BlbkFJ", 0), (TOKEN, 74)]),
    ("openai-key", &[("sk-", 0), (ALNUM, 20), ("T3BlbkFJ", 0), (ALNUM, 20)]),
    ("hugging-face-token", &[("hf_", 0), (ALNUM, 34)]),
    ("digitalocean-token", &[("dop_v1_", 0), (HEX, 64)]),
    ("databricks-token", &[("dapi", 0), (HEX, 32)]),
    ("shopify-token", &[("shpat_", 0), (HEX, 32)]),
    ("twilio-key", &[("SK", 0), (HEX, 32)]),
    ("new-relic-key", &[("NRAK-", 0), (UPPER, 27)]),
    ("grafana-token", &[("glsa_", 0), (ALNUM, 32), ("_", 0), (HEX, 8)]),
    ("atlassian-token", &[("ATATT3xFfGF0", 0), (TOKEN, 170)]),
    ("postman-key", &[("PMAK-", 0), (HEX, 24), ("-", 0), (HEX, 34)]),
    ("groq-key", &[("gsk_", 0), (ALNUM, 52)]),
    ("xai-key", &[("xai-", 0), (ALNUM, 80)]),
    ("replicate-token", &[("r8_", 0), (ALNUM, 37)]),
    ("linear-key", &[("lin_api_", 0), (ALNUM, 40)]),
    ("age-secret-key", &[("AGE-SECRET-KEY-1", 0), (BECH32, 58)]),
    ("vault-token", &[("hvs.", 0), (TOKEN, 90)]),
    ("sendgrid-key", &[("SG.", 0), (TOKEN, 22), (".", 0), (TOKEN, 43)]),
    ("telegram-bot-token", &[(DIGITS, 10), (":AA", 0), (TOKEN, 33)]),
    // {"alg":"HS256","typ":"JWT"} . {"sub":"
    ("json-web-token", &[("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI", 0), (ALNUM, 30), (".", 0), (TOKEN, 43)]),
];

fn well_known(random: &mut Random, (kind, parts): Format) -> Credential {
    let mut secret = String::new();
    for (text, length) in parts {
        if *length == 0 {
            secret.push_str(text);
        } else {
            secret.push_str(&random.text(text, *length));
        }
    }
    // A leading zero is no number of a bot, and a trailing `-` or `_` no end of a token that somebody can select.
    if secret.starts_with('0') {
        secret.replace_range(..1, "7");
    }
    if secret.ends_with(['-', '_']) {
        secret.pop();
        secret.push('x');
    }
    let (before, after) = [
        ("", ""),
        ("key: ", ""),
        ("let k = \"", "\";"),
        ("curl -H 'X-Key: ", "'"),
        ("<v>", "</v>"),
        ("// ", " is old"),
        ("f(`", "`)"),
    ][random.below(7)];
    Credential { kind, text: format!("{before}{secret}{after}"), secret }
}

/// Those that are known by where they stand.
fn written_out(random: &mut Random, n: usize) -> Credential {
    let (kind, before, secret, after) = match n {
        0 => ("url-password", "postgres://app:", random.text(ALNUM, 16), "@db.internal:5432/main"),
        1 => ("url-password", "git clone https://deploy:", random.text(ALNUM, 40), "@git.internal/x.git"),
        2 => ("url-password", "REDIS = 'redis://:", random.text(HEX, 24), "@cache:6379/0'"),
        3 => (
            "url-password",
            "\"amqps://svc:",
            format!("{}%40{}", random.text(ALNUM, 12), random.text(ALNUM, 6)),
            "@mq.internal\"",
        ),
        4 => ("url-token", "url = https://", random.text(HEX, 40), "@git.internal/x.git"),
        5 => ("url-token", "https://", random.text(ALNUM, 36), ":x-oauth-basic@git.internal/x.git"),
        6 => ("url-token", "fetch(\"https://api.internal/v1/items?access_token=", random.text(ALNUM, 40), "&page=2\")"),
        7 => ("url-token", "GET https://api.internal/v1?page=2&api_key=", random.text(HEX, 32), " HTTP/1.1"),
        8 => ("assignment", "api_key = \"", random.text(ALNUM, 32), "\""),
        9 => ("assignment", "\"clientSecret\": \"", random.text(HEX, 32), "\","),
        10 => ("assignment", "pub const AUTH_TOKEN: &str = \"", random.text(ALNUM, 24), "\";"),
        11 => ("assignment", "aws_secret_access_key = '", random.text(BASE64, 40), "'"),
        12 => ("assignment", "dbPassword := `", random.text(ALNUM, 20), "`"),
        13 => ("assignment", "  'password' => '", random.text(ALNUM, 18), "',"),
        14 => ("assignment", "this.signingKey = \"", random.text(BASE64, 44), "\";"),
        15 => ("assignment", "config.set(\"x\", 1); secret_key: '", random.text(TOKEN, 50), "'"),
        16 => (
            "authorization-header",
            "curl -H \"Authorization: Bearer ",
            random.text(ALNUM, 40),
            "\" https://api.internal",
        ),
        17 => ("authorization-header", "\"Authorization\": \"token ", random.text(HEX, 40), "\""),
        18 => {
            let key = format!("{}==", random.text(BASE64, 86));
            (
                "azure-storage-key",
                "\"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=",
                key,
                ";EndpointSuffix=core.windows.net\"",
            )
        }
        19 => ("assignment", "static const char token[] = \"", random.text(ALNUM, 32), "\";"),
        20 => ("assignment", "const apiKey string = \"", random.text(ALNUM, 32), "\""),
        21 => ("assignment", "#define WIFI_PASSWORD \"", random.text(ALNUM, 24), "\""),
        22 => ("assignment", "<password>", random.text(ALNUM, 20), "</password>"),
        23 => ("assignment", "<add key=\"ApiSecret\" value=\"", random.text(ALNUM, 32), "\"/>"),
        24 => ("assignment", "'APP_KEY' => 'base64:", format!("{}=", random.text(BASE64, 43)), "',"),
        25 => (
            "url-token",
            "https://acme.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig=",
            format!("{}%3D", random.text(ALNUM, 43)),
            "",
        ),
        _ => ("assignment", "pwd=\"", random.text(ALNUM, 22), "\""),
    };
    // Letters alone, when chance makes words of them, are not told from a name (the example's README says so).
    let secret = if secret.bytes().any(|b| b.is_ascii_digit()) { secret } else { format!("7{}", &secret[1..]) };
    Credential { kind, text: format!("{before}{secret}{after}"), secret }
}

/// A password as a URL has it.
pub(super) fn password(random: &mut Random) -> String {
    format!("7{}", random.text(ALNUM, 15))
}

/// A private key, as lines; the first is where it is found.
pub(super) fn private_key(random: &mut Random) -> (Vec<String>, &'static str) {
    let name = random.pick(&[
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "DSA PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ]);
    let mut lines = vec![format!("-----BEGIN {name}-----")];
    if name == "RSA PRIVATE KEY" && random.below(2) == 0 {
        lines.push("Proc-Type: 4,ENCRYPTED".to_owned());
        lines.push(format!("DEK-Info: AES-128-CBC,{}", random.text("0123456789ABCDEF", 32)));
        lines.push(String::new());
    }
    for _ in 0..1 + random.below(24) {
        lines.push(random.text(BASE64, 64));
    }
    lines.push(format!("{}==", random.text(BASE64, 38)));
    lines.push(format!("-----END {name}-----"));
    (lines, if name.starts_with("ENCRYPTED") { "encrypted-private-key" } else { "private-key" })
}
