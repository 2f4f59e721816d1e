//! The well-known key formats, as their issuers document them.

use super::Match;
use super::encoding::base64;
use super::published;
use super::randomness;
use super::runs::{SHORTEST, is_token};
use crate::work;
use std::sync::LazyLock;

/// Which bytes may follow the prefix.
#[derive(Clone, Copy, Debug)]
enum Body {
    UpperDigit,
    Alnum,
    /// Letters, digits, `_`, `-`.
    Token,
    LowerHex,
    Bech32,
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Body::UpperDigit => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Body::Alnum => byte.is_ascii_alphanumeric(),
            Body::Token => is_token(byte),
            Body::LowerHex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Body::Bech32 => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Format {
    kind: &'static str,
    prefix: &'static str,
    body: Body,
    least: usize,
    most: usize,
}

const fn format(kind: &'static str, prefix: &'static str, body: Body, least: usize, most: usize) -> Format {
    Format { kind, prefix, body, least, most }
}

/// Longer prefixes come before shorter ones that they begin with. Lengths are those of the body.
const FORMATS: &[Format] = &[
    format("aws-access-key-id", "AKIA", Body::UpperDigit, 16, 16),
    format("aws-access-key-id", "ASIA", Body::UpperDigit, 16, 16),
    format("aws-access-key-id", "ABIA", Body::UpperDigit, 16, 16),
    format("aws-access-key-id", "ACCA", Body::UpperDigit, 16, 16),
    format("github-token", "github_pat_", Body::Token, 40, 120),
    format("github-token", "ghp_", Body::Alnum, 36, 255),
    format("github-token", "gho_", Body::Alnum, 36, 255),
    format("github-token", "ghu_", Body::Alnum, 36, 255),
    format("github-token", "ghs_", Body::Alnum, 36, 255),
    format("github-token", "ghr_", Body::Alnum, 36, 255),
    format("gitlab-token", "glpat-", Body::Token, 20, 64),
    format("gitlab-token", "gldt-", Body::Token, 20, 64),
    format("gitlab-token", "glrt-", Body::Token, 20, 64),
    format("slack-token", "xoxb-", Body::Token, 20, 255),
    format("slack-token", "xoxp-", Body::Token, 20, 255),
    format("slack-token", "xoxa-", Body::Token, 20, 255),
    format("slack-token", "xoxe-", Body::Token, 20, 255),
    format("slack-token", "xoxo-", Body::Token, 20, 255),
    format("slack-token", "xoxr-", Body::Token, 20, 255),
    format("slack-token", "xoxs-", Body::Token, 20, 255),
    format("slack-token", "xapp-", Body::Token, 40, 255),
    format("stripe-key", "sk_live_", Body::Alnum, 16, 255),
    format("stripe-key", "rk_live_", Body::Alnum, 16, 255),
    format("stripe-key", "sk_test_", Body::Alnum, 16, 255),
    format("stripe-key", "rk_test_", Body::Alnum, 16, 255),
    format("stripe-key", "whsec_", Body::Alnum, 32, 64),
    format("google-api-key", "AIza", Body::Token, 35, 35),
    format("google-oauth-secret", "GOCSPX-", Body::Token, 28, 28),
    format("npm-token", "npm_", Body::Alnum, 36, 36),
    format("pypi-token", "pypi-AgE", Body::Token, 40, 512),
    format("crates-io-token", "cio", Body::Alnum, 32, 32),
    format("docker-token", "dckr_pat_", Body::Token, 27, 27),
    format("rubygems-token", "rubygems_", Body::LowerHex, 48, 48),
    format("anthropic-key", "sk-ant-", Body::Token, 80, 255),
    format("openai-key", "sk-proj-", Body::Token, 40, 255),
    format("openai-key", "sk-svcacct-", Body::Token, 40, 255),
    format("openai-key", "sk-", Body::Alnum, 48, 48),
    format("hugging-face-token", "hf_", Body::Alnum, 34, 40),
    format("digitalocean-token", "dop_v1_", Body::LowerHex, 64, 64),
    format("digitalocean-token", "doo_v1_", Body::LowerHex, 64, 64),
    format("databricks-token", "dapi", Body::LowerHex, 32, 32),
    format("shopify-token", "shpat_", Body::LowerHex, 32, 32),
    format("shopify-token", "shpss_", Body::LowerHex, 32, 32),
    format("twilio-key", "SK", Body::LowerHex, 32, 32),
    format("new-relic-key", "NRAK-", Body::UpperDigit, 27, 27),
    format("grafana-token", "glsa_", Body::Token, 41, 41),
    format("atlassian-token", "ATATT3", Body::Token, 100, 255),
    format("postman-key", "PMAK-", Body::Token, 59, 59),
    format("groq-key", "gsk_", Body::Alnum, 52, 52),
    format("xai-key", "xai-", Body::Alnum, 80, 80),
    format("replicate-token", "r8_", Body::Alnum, 37, 37),
    format("linear-key", "lin_api_", Body::Alnum, 40, 40),
    format("age-secret-key", "AGE-SECRET-KEY-1", Body::Bech32, 58, 58),
];

/// The formats by their first byte.
#[derive(Debug)]
pub(super) struct Index([Vec<&'static Format>; 128]);

impl Default for Index {
    fn default() -> Index {
        let mut index: [Vec<&'static Format>; 128] = std::array::from_fn(|_| Vec::new());
        for format in FORMATS {
            index[usize::from(format.prefix.as_bytes()[0] & 0x7f)].push(format);
        }
        Index(index)
    }
}

impl Default for &Index {
    /// The one that all scans share.
    fn default() -> Self {
        static INDEX: LazyLock<Index> = LazyLock::new(Index::default);
        &INDEX
    }
}

impl Index {
    /// Tries the formats on `text[start..stop]`, a whole run of token characters.
    pub(super) fn run(&self, text: &[u8], start: usize, stop: usize, matches: &mut Vec<Match>) {
        let begins = |at: &usize| *at == start || !text[*at - 1].is_ascii_alphanumeric();
        let mut at = start;
        while at + SHORTEST <= stop {
            if begins(&at)
                && let Some(found) = self.token(&text[at..stop], at)
            {
                at = found.end;
                matches.push(found);
            } else {
                at += 1;
            }
        }
        let headers = memchr::memmem::find_iter(&text[start..stop], TOKEN_HEADER).map(|at| start + at).filter(begins);
        matches.extend(headers.take(HEADERS).find_map(|at| json_web_token(text, at, stop)));
        self.with_context(text, start, stop, matches);
    }

    /// The token that `run`, which lies at `at`, begins with.
    fn token(&self, run: &[u8], at: usize) -> Option<Match> {
        for format in &self.0[usize::from(run[0] & 0x7f)] {
            let Some(rest) = run.strip_prefix(format.prefix.as_bytes()) else { continue };
            let length = rest.iter().take(format.most + 1).take_while(|b| format.body.has(**b)).count();
            work::add(length);
            let bounded = rest.get(length).is_none_or(|b| !b.is_ascii_alphanumeric());
            if (format.least..=format.most).contains(&length) && bounded && plausible(run, format, &rest[..length]) {
                let end = at + format.prefix.len() + length;
                return Some(Match { start: at, end, kind: format.kind, rank: 0 });
            }
        }
        None
    }

    /// Tokens that are known by what stands before the run.
    fn with_context(&self, text: &[u8], start: usize, stop: usize, matches: &mut Vec<Match>) {
        let before = &text[..start];
        let run = &text[start..stop];
        let found = match before.last() {
            Some(b'.') if before.ends_with(b"hvs.") && run.len() >= 24 => Some((start - 4, stop, "vault-token")),
            Some(b'.') if before.ends_with(b"ya29.") && run.len() >= 30 => {
                Some((start - 5, stop, "google-oauth-token"))
            }
            Some(b'.') if before.ends_with(b"SG.") && run.len() == 22 => {
                let tail = text[stop..].strip_prefix(b".").unwrap_or_default();
                let length = tail.iter().take(44).take_while(|b| is_token(**b)).count();
                (length == 43).then_some((start - 3, stop + 44, "sendgrid-key"))
            }
            Some(b':') if run.len() == 35 && run.starts_with(b"AA") => {
                let digits = before[..start - 1].iter().rev().take(11).take_while(|b| b.is_ascii_digit()).count();
                (8..=10).contains(&digits).then_some((start - 1 - digits, stop, "telegram-bot-token"))
            }
            Some(b'/') if run.len() >= 20 && is_slack_channel(before) => Some((start, stop, "slack-webhook")),
            Some(b'/') if tail_has(before, b"/api/webhooks/") && run.len() >= 60 => {
                Some((start, stop, "discord-webhook"))
            }
            _ => None,
        };
        if let Some((start, end, kind)) = found
            && randomness::is_varied(&text[start..end])
            && !randomness::is_placeholder(run)
        {
            matches.push(Match { start, end, kind, rank: 0 });
        }
    }
}

/// Whether `before` ends with the address of a Slack webhook up to its token: `hooks.slack.com/services/T…/B…/`.
fn is_slack_channel(before: &[u8]) -> bool {
    let segment = |before: &mut &[u8], first: u8| {
        let Some(rest) = before.strip_suffix(b"/") else { return false };
        let length = rest.iter().rev().take(16).take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).count();
        *before = &rest[..rest.len() - length];
        (8..16).contains(&length) && rest[rest.len() - length] == first
    };
    let mut before = before;
    segment(&mut before, b'B') && segment(&mut before, b'T') && before.ends_with(b"hooks.slack.com/services/")
}

/// Whether `needle` is within the last 64 bytes of `before`, without a space after it.
fn tail_has(before: &[u8], needle: &[u8]) -> bool {
    let tail = &before[before.len().saturating_sub(64)..];
    memchr::memmem::find(tail, needle).is_some_and(|at| !tail[at..].iter().any(u8::is_ascii_whitespace))
}

fn plausible(run: &[u8], format: &Format, body: &[u8]) -> bool {
    // The parts of a Slack token before the last are numbers of a workspace and a bot, often counted up.
    let body = if format.kind == "slack-token" { body.rsplit(|b| *b == b'-').next().unwrap_or(body) } else { body };
    if published::begins(run) || !randomness::is_varied(body) || randomness::is_placeholder(body) {
        return false;
    }
    match format.body {
        // Words joined together have the shape of such a token but are none.
        Body::Token | Body::Alnum => !randomness::is_wordy(body),
        _ => true,
    }
}

/// What the header of a JSON Web Token begins with, and the payload of one that is a JSON object: `{"`.
const TOKEN_HEADER: &[u8] = b"eyJ";
/// How many places of a run are decoded as the beginning of one.
const HEADERS: usize = 8;

/// A JSON Web Token (RFC 7519) in compact form whose header, `text[at..stop]`, names an algorithm.
fn json_web_token(text: &[u8], at: usize, stop: usize) -> Option<Match> {
    let payload = text[stop..].strip_prefix(b".").filter(|payload| payload.starts_with(TOKEN_HEADER))?;
    let payload_length = payload.iter().take_while(|b| is_token(**b)).count();
    let signature = payload[payload_length..].strip_prefix(b".")?;
    let signature_length = signature.iter().take_while(|b| is_token(**b)).count();
    work::add(payload_length + signature_length);
    let real = payload_length >= 10
        && signature_length >= 20
        && memchr::memmem::find(&base64(&text[at..stop]), b"\"alg\"").is_some()
        && randomness::is_varied(&signature[..signature_length])
        && !published::begins(signature);
    let end = stop + 1 + payload_length + 1 + signature_length;
    real.then_some(Match { start: at, end, kind: "json-web-token", rank: 0 })
}
