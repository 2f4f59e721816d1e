//! `/net` in a tab: a stream that speaks HTTP/1.1, carried by the browser's `fetch`.
//!
//! What is written into a stream is an HTTP/1.1 request (RFC 9112); as soon as it is whole it is fetched from the
//! host and port that were connected to, and from nowhere else: `https` on port 443, `http` on every other, and a
//! redirect is not followed but told. What is read from the stream is the response, as HTTP/1.1 again. Afterwards
//! the next request may be written, unless one said `connection: close`.
//!
//! What the browser keeps to itself: cookies are neither sent nor shown, the headers that it sets itself cannot be
//! set, the body comes without its transfer and content coding, and of the headers of another site only those are
//! shown that it exposes (CORS). Closing a stream aborts a fetch under way.
//!
//! A tab is not told which address a name has. A host that is an address is held against its grant here, and
//! `localhost` is one; for names the browser's own rules for private networks are what there is.

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, FutureExt, Shared, select};
use kernel_core::id::StreamId;
use kernel_core::path::{AddressClass, Endpoint};
use kernel_core::platform::{DeviceError, DeviceReply, Meta};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

mod exchange;
mod request;
mod response;
mod written;

use exchange::Exchange;
use written::Written;

/// The most streams that are open at once.
const MAX_OPEN: usize = 1_024;

/// The most bytes of one read: the limit of a reply.
const MAX_READ: usize = 1 << 20;

/// The most bytes that may be written while an answer is awaited.
const MAX_AHEAD: usize = 1 << 20;

/// The most bytes of requests that all streams hold together: those that are being written, and those whose answer has
/// not been read. They have no share each, and neither has a process: a device is not told whose stream one is.
const MAX_HELD: usize = 64 << 20;

/// The open streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    // Borrowed to look up, add or remove one; never while a promise is waited for.
    open: RefCell<BTreeMap<StreamId, Rc<Stream>>>,
    /// How many bytes of requests all of them hold.
    held: Rc<Cell<usize>>,
}

/// One stream.
#[derive(Debug)]
struct Stream {
    origin: Origin,
    /// What was written and was not sent.
    written: RefCell<Written>,
    held: Held,
    /// What comes back.
    answers: RefCell<Answers>,
    close: RefCell<Option<oneshot::Sender<()>>>,
    closed: Shared<oneshot::Receiver<()>>,
}

/// What one stream holds of what all may hold; given back when it is dropped.
#[derive(Debug)]
struct Held {
    all: Rc<Cell<usize>>,
    mine: Cell<usize>,
}

impl Held {
    fn set(&self, bytes: usize) {
        self.all.set(self.all.get() - self.mine.replace(bytes) + bytes);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Where a stream leads, and nowhere else.
#[derive(Clone, Debug)]
struct Origin {
    /// As grants write it: `api.example.com:443`.
    named: String,
    /// As a URL begins: `https://api.example.com`.
    base: String,
}

/// What is there to be read.
#[derive(Debug, Default)]
struct Answers {
    /// Bytes that were serialised and not read.
    ready: Bytes,
    /// The exchange under way.
    exchange: Option<Rc<Exchange>>,
    /// Whether nothing comes any more.
    ended: bool,
}

impl Streams {
    /// Opens a stream. Nothing is sent before a request was written.
    pub(super) fn connect(
        &self,
        id: StreamId,
        host: &str,
        port: u16,
        private: bool,
    ) -> Result<DeviceReply, DeviceError> {
        let named = format!("{host}:{port}");
        let address = may_connect(&named, host, private)?;
        let base = if port == 443 { format!("https://{host}") } else { format!("http://{named}") };
        let mut open = self.open.borrow_mut();
        if open.len() >= MAX_OPEN {
            return Err(DeviceError::Full(format!("{MAX_OPEN} streams are open, and that is the most")));
        }
        if open.contains_key(&id) {
            return Err(DeviceError::Unfit(format!("/stream/{id} is open already")));
        }
        let (close, closed) = oneshot::channel();
        let stream = Stream {
            origin: Origin { named, base },
            written: RefCell::default(),
            held: Held { all: self.held.clone(), mine: Cell::new(0) },
            answers: RefCell::default(),
            close: RefCell::new(Some(close)),
            closed: closed.shared(),
        };
        open.insert(id, Rc::new(stream));
        Ok(DeviceReply::Done { address })
    }

    pub(super) async fn read(&self, id: StreamId, len: u32) -> Result<DeviceReply, DeviceError> {
        let stream = self.find(id)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(MAX_READ);
        let read = std::pin::pin!(stream.next(len));
        let body = match select(read, stream.closed.clone()).await {
            Either::Left((read, _)) => read?,
            // A close ends the read empty, as the end of the connection does.
            Either::Right(_) => Bytes::new(),
        };
        Ok(DeviceReply::Data { body, meta: Meta::default() })
    }

    pub(super) fn write(&self, id: StreamId, body: &[u8]) -> Result<DeviceReply, DeviceError> {
        let stream = self.find(id)?;
        stream.may_write(body.len())?;
        stream.written.borrow_mut().push(body);
        stream.begin()?;
        Ok(DeviceReply::Done { address: None })
    }

    /// Closes; whoever waits on it is woken, and a fetch under way is aborted.
    pub(super) fn close(&self, id: StreamId) {
        if let Some(stream) = self.open.borrow_mut().remove(&id) {
            stream.close.borrow_mut().take();
            stream.answers.borrow_mut().exchange = None;
        }
    }

    /// How many bytes of requests all streams hold.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    fn find(&self, id: StreamId) -> Result<Rc<Stream>, DeviceError> {
        let gone = || DeviceError::NotFound(format!("/stream/{id}"));
        self.open.borrow().get(&id).cloned().ok_or_else(gone)
    }
}

impl Stream {
    /// Whether `more` bytes may be written: what is not sent is bounded, whether a server answers or not.
    fn may_write(&self, more: usize) -> Result<(), DeviceError> {
        let answers = self.answers.borrow();
        let named = &self.origin.named;
        if answers.ended {
            let doing = format!("writing to {named}");
            return Err(DeviceError::Io { doing, source: "the connection has ended".into() });
        }
        if answers.exchange.is_some() && self.written.borrow().held() + more > MAX_AHEAD {
            let what =
                format!("{named} has not answered yet: at most {MAX_AHEAD} bytes are taken before its answer was read");
            return Err(DeviceError::Full(what));
        }
        if self.held.all.get() + more > MAX_HELD {
            let what = format!("requests that are not answered hold {MAX_HELD} bytes together, and that is the most");
            return Err(DeviceError::Full(what));
        }
        Ok(())
    }

    /// Begins to fetch what was written, if that is a whole request and none is under way.
    fn begin(&self) -> Result<(), DeviceError> {
        let begun = self.begin_next();
        let sent = self.answers.borrow().exchange.as_ref().map_or(0, |exchange| exchange.sent());
        self.held.set(self.written.borrow().held() + sent);
        begun
    }

    fn begin_next(&self) -> Result<(), DeviceError> {
        let mut answers = self.answers.borrow_mut();
        if answers.exchange.is_some() || answers.ended {
            return Ok(());
        }
        let Some(request) = self.written.borrow_mut().next(&self.origin.named)? else { return Ok(()) };
        let exchange = Exchange::begin(request, &self.origin.named, &self.origin.base)?;
        answers.exchange = Some(Rc::new(exchange));
        Ok(())
    }

    /// Nothing of what was written is sent any more.
    fn forget(&self) {
        self.written.take();
        self.held.set(0);
    }

    /// The next bytes, at most `len`; empty at the end. Waits for a request where none was written.
    async fn next(&self, len: usize) -> Result<Bytes, DeviceError> {
        loop {
            {
                let mut answers = self.answers.borrow_mut();
                if !answers.ready.is_empty() {
                    let len = len.min(answers.ready.len());
                    return Ok(answers.ready.split_to(len));
                }
                if answers.ended || len == 0 {
                    return Ok(Bytes::new());
                }
            }
            self.begin()?;
            let Some(exchange) = self.answers.borrow().exchange.clone() else {
                return std::future::pending().await;
            };
            let part = exchange.next().await;
            let mut answers = self.answers.borrow_mut();
            match part {
                Ok(Some(bytes)) => answers.ready = bytes,
                Ok(None) => {
                    answers.exchange = None;
                    answers.ended = !exchange.keeps_alive();
                    if answers.ended {
                        self.forget();
                    }
                }
                Err(e) => {
                    answers.exchange = None;
                    answers.ended = true;
                    self.forget();
                    return Err(e);
                }
            }
        }
    }
}

/// Whether `host` may be connected to as far as that can be known here; its address, where it is one.
fn may_connect(named: &str, host: &str, private: bool) -> Result<Option<String>, DeviceError> {
    let needs_a_grant = |what: &str| {
        let what = format!("{named} {what}, which needs a grant that names the address itself");
        Err(DeviceError::Forbidden(what))
    };
    if host == "localhost" || host.ends_with(".localhost") {
        return needs_a_grant("is this machine");
    }
    let address = Endpoint::parse(named).ok().and_then(|endpoint| endpoint.address());
    let Some(address) = address else { return Ok(None) };
    match AddressClass::of(address) {
        AddressClass::Multicast => {
            Err(DeviceError::Forbidden(format!("{named} is a multicast address, which cannot be connected to")))
        }
        class if class != AddressClass::Public && !private => needs_a_grant(&format!("is {}", class.phrase())),
        _ => Ok(Some(address.to_string())),
    }
}
