//! A response of `fetch`, written down as HTTP/1.1 (RFC 9112).

use std::fmt::Write;

/// Headers that say how the message travelled: it travels on otherwise.
const OF_THE_WAY: [&str; 7] =
    ["connection", "content-encoding", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"];

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Nothing,
    /// In chunks, so that another response can follow.
    Chunked,
    /// To the end of the stream.
    ToTheEnd,
}

impl Framing {
    /// How the body of an answer with `status` to `method` is written.
    pub(super) fn of(method: &str, status: u16, keep_alive: bool) -> Framing {
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            Framing::Nothing
        } else if keep_alive {
            Framing::Chunked
        } else {
            Framing::ToTheEnd
        }
    }

    /// A part of the body.
    pub(super) fn part(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Framing::Chunked => {
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend_from_slice(bytes);
                chunk.extend_from_slice(b"\r\n");
                chunk
            }
            Framing::ToTheEnd | Framing::Nothing => bytes.to_vec(),
        }
    }

    /// What ends the body.
    pub(super) fn end(self) -> &'static [u8] {
        if self == Framing::Chunked { b"0\r\n\r\n" } else { b"" }
    }
}

/// The status line and the headers. A browser's header names are in lower case and its values without line ends.
pub(super) fn head(
    status: u16,
    reason: &str,
    headers: &[(String, String)],
    framing: Framing,
    keep_alive: bool,
) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {reason}\r\n");
    let of_message = headers.iter().filter(|(name, _)| !OF_THE_WAY.contains(&&**name));
    for (name, value) in of_message {
        // Writing to a string does not fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if framing == Framing::Chunked {
        text.push_str("transfer-encoding: chunked\r\n");
    }
    if !keep_alive {
        text.push_str("connection: close\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn a_response_is_written_as_it_will_travel() {
        let headers = [("content-type", "text/plain"), ("content-length", "99"), ("content-encoding", "gzip")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        let framing = Framing::of("GET", 200, true);
        let mut all = head(200, "OK", &headers, framing, true);
        all.extend(framing.part(b"0123456789"));
        all.extend(framing.end());
        let text = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(String::from_utf8(all).unwrap(), text);
        let framing = Framing::of("GET", 404, false);
        let mut all = head(404, "", &[], framing, false);
        all.extend(framing.part(b"gone"));
        all.extend(framing.end());
        assert_eq!(String::from_utf8(all).unwrap(), "HTTP/1.1 404 \r\nconnection: close\r\n\r\ngone");
        for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
            assert_eq!(Framing::of(method, status, true), Framing::Nothing);
        }
    }
}
