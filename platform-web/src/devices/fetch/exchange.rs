//! One request and its response: a `fetch` that was begun, then its body as it is read.

use super::request::Request;
use super::response::{Framing, head};
use crate::js::{heard, scope, wait, words};
use bytes::Bytes;
use js_sys::{Array, Promise, Reflect, Uint8Array};
use kernel_core::platform::DeviceError;
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials,
    RequestInit, RequestMode, RequestRedirect, Response, ResponseType, Url,
};

/// One exchange. Dropping it aborts what is under way.
#[derive(Debug)]
pub(super) struct Exchange {
    // Borrowed to look and to change, never while a promise is waited for.
    state: RefCell<State>,
    method: String,
    url: String,
    keep_alive: bool,
    /// How many bytes its body has, which the browser keeps.
    sent: usize,
    abort: AbortController,
}

#[derive(Clone, Debug)]
enum State {
    /// The request is on its way.
    Sent(Promise),
    /// The head was read; the body comes. What is being read is kept, so that a wait that is given up loses nothing.
    Body { reader: ReadableStreamDefaultReader, framing: Framing, reading: Promise },
    /// All was read.
    Over,
}

impl Exchange {
    /// Begins to fetch `request` from the origin `base`.
    ///
    /// # Errors
    ///
    /// `Forbidden` if the target would lead elsewhere; what the browser refuses to send.
    pub(super) fn begin(request: Request, named: &str, base: &str) -> Result<Exchange, DeviceError> {
        let url = format!("{base}{}", request.target);
        let refused =
            |e: JsValue| DeviceError::Unfit(format!("the browser does not send this to {named}: {}", words(&e)));
        // A target begins with `/`, so it cannot reach into the host; that it did not is seen here again.
        let parsed = Url::new(&url).map_err(refused)?;
        if Url::new(base).map_err(refused)?.origin() != parsed.origin() {
            return Err(DeviceError::Forbidden(format!("the request would leave {named}")));
        }
        let abort = AbortController::new().map_err(refused)?;
        let headers = Headers::new().map_err(refused)?;
        for (name, value) in &request.headers {
            headers.append(name, value).map_err(refused)?;
        }
        let init = RequestInit::new();
        init.set_method(&request.method);
        init.set_headers(&headers);
        init.set_mode(RequestMode::Cors);
        init.set_credentials(RequestCredentials::Omit);
        init.set_cache(RequestCache::NoStore);
        init.set_redirect(RequestRedirect::Manual);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        init.set_signal(Some(&abort.signal()));
        if !request.body.is_empty() {
            init.set_body(&Uint8Array::from(&request.body[..]));
        }
        let sent = heard(scope().fetch_with_str_and_init(&url, &init));
        let state = RefCell::new(State::Sent(sent));
        let (keep_alive, sent) = (request.keep_alive, request.body.len());
        Ok(Exchange { state, method: request.method, url, keep_alive, sent, abort })
    }

    /// Whether another request may follow.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// How many bytes of its request are kept for it.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// The next bytes of the response as HTTP/1.1; `None` when all was told.
    ///
    /// # Errors
    ///
    /// Why there is no response, or no more of it.
    pub(super) async fn next(&self) -> Result<Option<Bytes>, DeviceError> {
        loop {
            let state = self.state.borrow().clone();
            match state {
                State::Over => return Ok(None),
                State::Sent(sent) => {
                    let response: Response = wait(sent).await.map_err(|e| self.no_answer(&e))?;
                    return self.begin_body(&response).map(Some);
                }
                State::Body { reader, framing, reading } => {
                    let read: JsValue = wait(reading).await.map_err(|e| self.broken(&e))?;
                    let part = Reflect::get(&read, &"value".into()).map_err(|e| self.broken(&e))?;
                    let Ok(part) = part.dyn_into::<Uint8Array>() else {
                        self.state.replace(State::Over);
                        return Ok(Some(framing.end().into()).filter(|end: &Bytes| !end.is_empty()));
                    };
                    let reading = heard(reader.read());
                    self.state.replace(State::Body { reader, framing, reading });
                    // An empty chunk would be the end of the body.
                    if part.length() > 0 {
                        return Ok(Some(framing.part(&part.to_vec()).into()));
                    }
                }
            }
        }
    }

    /// The head of the response as bytes; what follows is its body.
    fn begin_body(&self, response: &Response) -> Result<Bytes, DeviceError> {
        if response.type_() == ResponseType::Opaqueredirect {
            return Err(DeviceError::Forbidden(format!(
                "{} answers with a redirect, which is not followed, because it may lead out of the grant; a tab is not \
                 told where to: ask the place itself",
                self.url
            )));
        }
        let (status, reason) = (response.status(), response.status_text());
        let framing = Framing::of(&self.method, status, self.keep_alive);
        let text = head(status, &reason, &headers_of(response), framing, self.keep_alive);
        match response.body() {
            Some(body) if framing != Framing::Nothing => {
                let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
                let reading = heard(reader.read());
                self.state.replace(State::Body { reader, framing, reading });
                Ok(text.into())
            }
            // A body that is not there has an end all the same.
            _ => {
                self.state.replace(State::Over);
                Ok([&*text, framing.end()].concat().into())
            }
        }
    }

    fn broken(&self, error: &JsValue) -> DeviceError {
        DeviceError::Io { doing: format!("reading the answer of {}", self.url), source: words(error).into() }
    }

    /// A browser does not tell a page why a fetch failed, so that it learns nothing about other sites.
    fn no_answer(&self, error: &JsValue) -> DeviceError {
        let page = scope().location().origin();
        let mixed = if self.url.starts_with("http:") && page.starts_with("https:") {
            ". A page from https may not fetch from http at all"
        } else {
            ""
        };
        let source = format!(
            "the browser does not say why ({}): the server cannot be reached, or it answers without \
             `Access-Control-Allow-Origin: {page}` (CORS){mixed}",
            words(error)
        );
        DeviceError::Io { doing: format!("fetching {}", self.url), source: source.into() }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !matches!(*self.state.borrow(), State::Over) {
            self.abort.abort();
        }
    }
}

/// The headers that the browser shows.
fn headers_of(response: &Response) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Ok(Some(entries)) = js_sys::try_iter(&response.headers()) {
        for pair in entries.flatten() {
            let pair = Array::from(&pair);
            all.extend(pair.get(0).as_string().zip(pair.get(1).as_string()));
        }
    }
    all
}
