//! What is written into a stream, taken in as it comes: nothing of a body is looked at twice, and no more is kept than
//! one request may have.

use super::request::{Framing, MAX_BODY, Request, not_http, too_large};
use httparse::Status;
use kernel_core::platform::DeviceError;

/// The most bytes of the line that begins a chunk.
const MAX_LINE: usize = 1 << 10;

/// What was written and is no whole request yet, or comes after one.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What was not taken in.
    rest: Vec<u8>,
    /// The request whose head was read.
    begun: Option<(Request, Body)>,
    /// Whether something was refused: what follows it has no beginning.
    refused: bool,
}

/// How far a body has come.
#[derive(Debug)]
enum Body {
    /// So many bytes are missing.
    Length(usize),
    Chunks(Chunk),
}

/// What comes next of a body in chunks.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// The line with its size.
    Size,
    /// So many bytes of it.
    Data(usize),
    /// The end of its line; of the last one, whose end is that of the body.
    End { last: bool },
}

impl Written {
    /// Adds `bytes`; nothing after what was refused.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if !self.refused {
            self.rest.extend_from_slice(bytes);
        }
    }

    /// How many bytes are kept.
    pub(super) fn held(&self) -> usize {
        self.rest.len() + self.begun.as_ref().map_or(0, |(request, _)| request.body.len())
    }

    /// The next request, written to `named`, if it is whole.
    ///
    /// # Errors
    ///
    /// As for its head; `Unsupported` for chunks that are none, `Full` for too large a body. Nothing comes after that.
    pub(super) fn next(&mut self, named: &str) -> Result<Option<Request>, DeviceError> {
        if self.refused {
            return Err(not_http(named, "it follows what was refused"));
        }
        let next = self.take_in(named);
        if next.is_err() {
            *self = Written { refused: true, ..Written::default() };
        }
        next
    }

    fn take_in(&mut self, named: &str) -> Result<Option<Request>, DeviceError> {
        let (mut request, mut body) = match self.begun.take() {
            Some(begun) => begun,
            None => {
                let Some((request, framing, length)) = Request::head(&self.rest, named)? else { return Ok(None) };
                self.rest.drain(..length);
                let body = match framing {
                    Framing::Length(length) => Body::Length(length),
                    Framing::Chunked => Body::Chunks(Chunk::Size),
                };
                (request, body)
            }
        };
        let whole = match &mut body {
            Body::Length(missing) => {
                let there = self.rest.len().min(*missing);
                request.body.extend(self.rest.drain(..there));
                *missing -= there;
                *missing == 0
            }
            Body::Chunks(next) => {
                let (used, whole) = unchunk(&self.rest, next, &mut request.body, named)?;
                self.rest.drain(..used);
                whole
            }
        };
        if whole {
            return Ok(Some(request));
        }
        self.begun = Some((request, body));
        Ok(None)
    }
}

/// Takes in what there is of chunks from the start of `bytes`: how many bytes that were, and whether it was the end.
fn unchunk(bytes: &[u8], next: &mut Chunk, body: &mut Vec<u8>, named: &str) -> Result<(usize, bool), DeviceError> {
    let mut used = 0;
    loop {
        let here = &bytes[used..];
        match *next {
            Chunk::Size => {
                let (line, size) = match httparse::parse_chunk_size(here) {
                    Ok(Status::Complete(found)) => found,
                    Ok(Status::Partial) if here.len() <= MAX_LINE => return Ok((used, false)),
                    _ => return Err(not_http(named, "a chunk's size")),
                };
                let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BODY - body.len());
                let size = size.ok_or_else(too_large)?;
                used += line;
                *next = if size == 0 { Chunk::End { last: true } } else { Chunk::Data(size) };
            }
            Chunk::Data(missing) => {
                let there = here.len().min(missing);
                body.extend_from_slice(&here[..there]);
                used += there;
                if there < missing {
                    *next = Chunk::Data(missing - there);
                    return Ok((used, false));
                }
                *next = Chunk::End { last: false };
            }
            Chunk::End { last } => match here.get(..2) {
                None => return Ok((used, false)),
                Some(b"\r\n") if last => return Ok((used + 2, true)),
                Some(b"\r\n") => {
                    used += 2;
                    *next = Chunk::Size;
                }
                Some(_) if last => return Err(not_http(named, "trailers, which a browser does not send")),
                Some(_) => return Err(not_http(named, "a chunk without its end")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    const NAMED: &str = "example.com:443";

    /// The requests in `text`, written in pieces of `size`.
    fn in_pieces(text: &[u8], size: usize) -> Vec<Request> {
        let (mut written, mut requests) = (Written::default(), Vec::new());
        for piece in text.chunks(size) {
            written.push(piece);
            requests.extend(std::iter::from_fn(|| written.next(NAMED).unwrap()));
        }
        assert_eq!(written.held(), 0);
        requests
    }

    #[wasm_bindgen_test]
    fn requests_are_the_same_in_whatever_pieces_they_come() {
        let text = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n\
            PUT /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /c HTTP/1.1\r\n\r\n";
        let whole = in_pieces(text, text.len());
        let bodies: Vec<&[u8]> = whole.iter().map(|request| &request.body[..]).collect();
        assert_eq!(bodies, [&b"abcde"[..], b"hello", b""]);
        for size in 1..20 {
            assert_eq!(in_pieces(text, size), whole, "{size}");
        }
    }

    #[wasm_bindgen_test]
    fn a_body_in_many_pieces_takes_as_long_as_in_one() {
        let mut text = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for _ in 0..(4 << 20) / 64 {
            text.extend_from_slice(b"40\r\n");
            text.extend_from_slice(&[b'x'; 64]);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\n");
        let begun = js_sys::Date::now();
        assert_eq!(in_pieces(&text, 70)[0].body.len(), 4 << 20);
        let took = js_sys::Date::now() - begun;
        assert!(took < 2_000.0, "{took} ms");
    }

    #[wasm_bindgen_test]
    fn nothing_is_kept_of_what_was_refused() {
        let mut written = Written::default();
        written.push(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
        for _ in 0..2 {
            assert!(matches!(written.next(NAMED), Err(DeviceError::Unsupported(_))));
            assert_eq!(written.held(), 0);
            written.push(b"GET / HTTP/1.1\r\n\r\n");
            assert_eq!(written.held(), 0);
        }
        let mut written = Written::default();
        written.push(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;");
        written.push(&[b'x'; 2 * MAX_LINE]);
        assert!(matches!(written.next(NAMED), Err(DeviceError::Unsupported(_))));
    }
}
