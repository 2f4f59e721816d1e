//! Who may come in. On a Unix socket that is whoever runs the kernel; on TCP, whoever has the token and has not been
//! sent there by a page from elsewhere.

use super::listen::Peer;
use super::refused::Refused;
use super::token::Token;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, StatusCode, Uri};
use kernel_core::refusal::Code;

/// What is asked of whoever comes in at one address.
#[derive(Debug)]
pub(super) enum Door {
    /// Nothing more than to be who runs the kernel.
    Owner,
    /// The token, and one of the names under which this address is known.
    Token { token: Token, names: Vec<String> },
}

impl Door {
    pub(super) fn owner() -> Door {
        Door::Owner
    }

    pub(super) fn token(token: Token, names: Vec<String>) -> Door {
        Door::Token { token, names }
    }

    /// Refuses whoever has connected and may not.
    pub(super) fn connected(&self, peer: &Peer) -> Result<(), Refused> {
        let Peer::Unix(stream) = peer else { return Ok(()) };
        let me = rustix::process::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == me => Ok(()),
            Ok(_) => {
                Err(Refused::new(Code::Denied, format!("this kernel is run by user {me}, who alone may talk to it")))
            }
            Err(_) => Err(Refused::new(Code::Denied, "nobody knows who has connected")),
        }
    }

    /// Refuses a request that may not come in, whatever it asks.
    pub(super) fn comes_in(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        let names = match self {
            Door::Owner => &[][..],
            Door::Token { names, .. } => names.as_slice(),
        };
        // No page is shown by a kernel, so none has a reason to be here; one of this very address may.
        if let Some(origin) = only(headers, ORIGIN)? {
            let known = origin.strip_prefix("http://").is_some_and(|host| is_one(names, host));
            if !known {
                return Err(Refused::new(Code::Denied, "a page from elsewhere may not talk to this kernel"));
            }
        }
        let Door::Token { token, .. } = self else { return Ok(()) };
        // A page from elsewhere that had its own name lead here would be of this origin by that name alone.
        let host = only(headers, HOST)?.unwrap_or_default();
        let named = uri.authority().is_none_or(|authority| is_one(names, authority.as_str()));
        if !is_one(names, host) || !named {
            let refused = Refused::new(Code::Denied, "this kernel is not known under that name");
            return Err(refused.status(StatusCode::MISDIRECTED_REQUEST));
        }
        let given = only(headers, AUTHORIZATION)?.and_then(|value| value.split_once(' '));
        match given {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") && token.is(given.trim().as_bytes()) => {
                Ok(())
            }
            _ => Err(Refused::new(Code::Denied, "the token of this kernel is missing or wrong")
                .status(StatusCode::UNAUTHORIZED)
                .help("send `Authorization: Bearer TOKEN`, as it stands in api.token of the data directory")),
        }
    }
}

/// The one value of a header; what is there twice, or is not text, is not believed.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Refused> {
    let mut values = headers.get_all(&name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if value.to_str().is_ok() => Ok(value.to_str().ok()),
        _ => Err(Refused::new(Code::Invalid, format!("the header `{name}` has to be one text"))),
    }
}

fn is_one(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::api::token::{TOKEN, text};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_the_token_under_a_known_name_comes_in() {
        let tmp = tempfile::tempdir().unwrap();
        let token = Token::of(tmp.path()).unwrap();
        let right = format!("Bearer {}", text(&tmp.path().join(TOKEN)).unwrap());
        let door = Door::token(token, vec!["127.0.0.1:80".to_owned(), "localhost:80".to_owned()]);
        let ask = |uri: &'static str, pairs: &[(&'static str, &str)]| {
            door.comes_in(&Uri::from_static(uri), &headers(pairs)).map_err(|refused| refused.status.as_u16())
        };
        let good = [("host", "LocalHost:80"), ("authorization", &right)];
        assert_eq!(ask("/v1/health", &good), Ok(()));
        assert_eq!(ask("http://127.0.0.1:80/", &good), Ok(()));
        assert_eq!(ask("/", &[good[0], good[1], ("origin", "http://localhost:80")]), Ok(()));
        assert_eq!(ask("http://evil.example/", &good), Err(421));
        assert_eq!(ask("/", &[("host", "evil.example"), good[1]]), Err(421));
        assert_eq!(ask("/", &[good[1]]), Err(421));
        assert_eq!(ask("/", &[good[0], good[0], good[1]]), Err(400));
        assert_eq!(ask("/", &[good[0], good[1], ("origin", "http://evil.example")]), Err(403));
        assert_eq!(ask("/", &[good[0], good[1], ("origin", "null")]), Err(403));
        for wrong in ["", "Bearer", "Bearer ", "Bearer x", "Basic x", &right[..right.len() - 1], &right[7..]] {
            assert_eq!(ask("/", &[good[0], ("authorization", wrong)]), Err(401), "{wrong}");
        }
        assert_eq!(ask("/", &[good[0]]), Err(401));
    }

    #[test]
    fn no_page_comes_in_at_a_socket() {
        let ask =
            |pairs: &[(&'static str, &str)]| Door::owner().comes_in(&Uri::from_static("/"), &headers(pairs)).is_ok();
        assert!(ask(&[]) && ask(&[("host", "whatever")]));
        assert!(!ask(&[("origin", "http://localhost")]));
    }
}
