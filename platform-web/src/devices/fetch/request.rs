//! The head of an HTTP/1.1 request (RFC 9112), read within limits.

use httparse::Status;
use kernel_core::platform::DeviceError;

/// The most bytes of a request line and its headers.
pub(super) const MAX_HEAD: usize = 64 << 10;

/// The most headers.
const MAX_HEADERS: usize = 100;

/// The most bytes of a body.
pub(super) const MAX_BODY: usize = 16 << 20;

/// Headers that say how the message travels: the browser says that itself.
const OF_THE_WAY: [&str; 9] = [
    "accept-encoding",
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// Headers that a page may not set (Fetch, "forbidden request-header"): a request that needs one is refused, because
/// the browser would leave it out in silence.
const FORBIDDEN: [&str; 14] = [
    "accept-charset",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "cookie",
    "cookie2",
    "dnt",
    "expect",
    "origin",
    "referer",
    "set-cookie",
    "trailer",
    "upgrade",
    "via",
];

/// Methods that a page may not use (Fetch, "forbidden method").
const FORBIDDEN_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// One request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path with its query, as written.
    pub(super) target: String,
    /// Names in lower case, without those of the way.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Whether another request may follow on the same stream.
    pub(super) keep_alive: bool,
}

/// How the body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// It comes in chunks, of which the last is empty.
    Chunked,
}

impl Request {
    /// Reads the head at the start of `bytes`, written to `named` ("api.example.com:443"): the request without its body, how
    /// that comes, and how many bytes the head had; `None` if it is not whole.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what is no HTTP/1.1, or HTTP that a browser cannot carry; `Forbidden` for another host than
    /// the one that was connected to; `Full` beyond a limit.
    pub(super) fn head(bytes: &[u8], named: &str) -> Result<Option<(Request, Framing, usize)>, DeviceError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(Status::Complete(length)) if length <= MAX_HEAD => length,
            Ok(Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => {
                let what = format!("a request has at most {MAX_HEADERS} headers, of {MAX_HEAD} bytes together");
                return Err(DeviceError::Full(what));
            }
            Err(e) => return Err(not_http(named, &e.to_string())),
        };
        let (method, target) = (head.method.unwrap_or_default(), head.path.unwrap_or_default());
        if FORBIDDEN_METHODS.contains(&method.to_ascii_uppercase().as_str()) {
            return Err(DeviceError::Unsupported(format!("a browser sends no {method} for a page")));
        }
        if !target.starts_with('/') || target.contains('#') {
            let what = format!("the target `{}` is no path: write `/path?query`", shortened(target));
            return Err(not_http(named, &what));
        }
        let mut request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            keep_alive: head.version == Some(1),
        };
        let framing = request.read_headers(head.headers, named)?;
        if !matches!(framing, Framing::Length(0)) && matches!(method, "GET" | "HEAD") {
            return Err(DeviceError::Unsupported(format!("a browser sends no body with {method}")));
        }
        match framing {
            Framing::Length(body) if body > MAX_BODY => Err(too_large()),
            framing => Ok(Some((request, framing, length))),
        }
    }

    fn read_headers(&mut self, headers: &[httparse::Header<'_>], named: &str) -> Result<Framing, DeviceError> {
        let (mut framing, mut length) = (None, None);
        for header in headers {
            let name = header.name.to_ascii_lowercase();
            let value = std::str::from_utf8(header.value)
                .map_err(|_| not_http(named, &format!("the header `{name}` is not UTF-8")))?;
            let words = || value.split(',').map(|word| word.trim().to_ascii_lowercase());
            match &*name {
                "host" if !is_host(value, named) => {
                    let what = format!("the stream leads to {named}, and the request is for `{}`", shortened(value));
                    return Err(DeviceError::Forbidden(what));
                }
                "connection" => {
                    if words().any(|word| word == "upgrade") {
                        return Err(DeviceError::Unsupported("a tab cannot upgrade an HTTP connection".to_owned()));
                    }
                    self.keep_alive &= !words().any(|word| word == "close");
                }
                "content-length" => {
                    let this: usize = value.trim().parse().map_err(|_| not_http(named, "its content-length"))?;
                    if length.is_some_and(|other| other != this) {
                        return Err(not_http(named, "it has two content-lengths"));
                    }
                    length = Some(this);
                }
                "transfer-encoding" if value.trim().eq_ignore_ascii_case("chunked") => framing = Some(Framing::Chunked),
                "transfer-encoding" => return Err(not_http(named, "its transfer-encoding is not `chunked`")),
                _ if FORBIDDEN.contains(&&*name) || name.starts_with("sec-") || name.starts_with("proxy-") => {
                    return Err(DeviceError::Unsupported(format!("a browser lets no page set the header `{name}`")));
                }
                _ if OF_THE_WAY.contains(&&*name) => {}
                _ => self.headers.push((name, value.to_owned())),
            }
        }
        match (framing, length) {
            // A request with both is how requests are smuggled (RFC 9112 6.1).
            (Some(_), Some(_)) => Err(not_http(named, "it has a content-length and a transfer-encoding")),
            (Some(framing), None) => Ok(framing),
            (None, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Whether a `Host` header names where the stream leads; the port that is implied may be left out.
fn is_host(value: &str, named: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let implied = |port: &str| named.strip_suffix(port).is_some_and(|host| host == value);
    value == named || implied(":443") || implied(":80")
}

pub(super) fn not_http(named: &str, why: &str) -> DeviceError {
    DeviceError::Unsupported(format!(
        "what was written to {named} is no HTTP/1.1 request ({why}), and a tab has no raw sockets: it reaches the \
         network by HTTP alone"
    ))
}

pub(super) fn too_large() -> DeviceError {
    DeviceError::Full(format!("the body of a request has at most {MAX_BODY} bytes"))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::super::written::Written;
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const NAMED: &str = "example.com:443";

    fn parse(text: &str) -> Result<Option<Request>, DeviceError> {
        let mut written = Written::default();
        written.push(text.as_bytes());
        let request = written.next(NAMED)?;
        assert!(request.is_none() || written.held() == 0);
        Ok(request)
    }

    fn whole(text: &str) -> Request {
        parse(text).unwrap().unwrap_or_else(|| panic!("{text} is not whole"))
    }

    #[wasm_bindgen_test]
    fn a_request_is_read_when_it_is_whole_and_not_before() {
        let text = "POST /a?b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]).unwrap(), None, "{end}");
        }
        let request = whole(text);
        assert_eq!((&*request.method, &*request.target, &*request.body), ("POST", "/a?b", &b"hello"[..]));
        assert_eq!(request.headers, [("x-one".to_owned(), "1".to_owned())]);
        assert!(request.keep_alive);
        assert!(!whole("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").keep_alive);
        assert!(!whole("GET / HTTP/1.0\r\n\r\n").keep_alive);
    }

    #[wasm_bindgen_test]
    fn chunks_are_put_together() {
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(text).body, b"abcde");
    }

    #[wasm_bindgen_test]
    fn another_host_is_not_asked() {
        for host in ["example.com", "example.com:443", "EXAMPLE.com"] {
            whole(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        }
        for host in ["evil.com", "example.com:444", "example.com.evil.com", "", "user@example.com"] {
            let refused = parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap_err();
            assert!(matches!(refused, DeviceError::Forbidden(_)), "{host}: {refused}");
        }
    }

    #[wasm_bindgen_test]
    fn what_a_tab_cannot_carry_is_refused_by_name() {
        for (text, named) in [
            ("\x16\x03\x01\x02\x00\x01\x00\x01", "no raw sockets"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "no raw sockets"),
            ("GET http://evil.com/ HTTP/1.1\r\n\r\n", "is no path"),
            ("GET @evil.com/ HTTP/1.1\r\n\r\n", "is no path"),
            ("CONNECT /x HTTP/1.1\r\n\r\n", "no CONNECT"),
            ("trace / HTTP/1.1\r\n\r\n", "no trace"),
            ("GET / HTTP/1.1\r\nCookie: a=b\r\n\r\n", "`cookie`"),
            ("GET / HTTP/1.1\r\nSec-Fetch-Mode: x\r\n\r\n", "`sec-fetch-mode`"),
            ("GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n", "upgrade"),
            ("GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "no body with GET"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "and a transfer-encoding"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "two content-lengths"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "not `chunked`"),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(matches!(refused, DeviceError::Unsupported(_)), "{text}: {refused}");
            assert!(refused.to_string().contains(named), "{refused}");
        }
    }

    #[wasm_bindgen_test]
    fn what_is_too_large_is_full() {
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
        let body = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", MAX_BODY + 1);
        let chunk = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n".to_owned();
        for text in [endless, many, body, chunk] {
            assert!(matches!(parse(&text), Err(DeviceError::Full(_))), "{}", shortened(&text));
        }
    }
}
