//! The events of a kernel, as they come over a connection.

use super::Which;
use crate::cli::exit::Failure;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// The most bytes of one event: what is longer is none of this kernel's.
const MOST: usize = 1 << 20;

/// One event, as it was read.
#[derive(Debug, Default, PartialEq)]
pub(in crate::cli) struct Event {
    pub(in crate::cli) id: String,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) data: Value,
}

/// A reader of events. One whose connection breaks off, because it was too slow or the kernel is gone, opens another and
/// goes on behind what was read.
pub(in crate::cli) struct Events {
    which: Which,
    query: &'static str,
    /// `None` once its connection has broken off.
    body: Option<Incoming>,
    lines: Lines,
    last: Option<String>,
}

impl Events {
    /// One that begins where `query` says.
    ///
    /// # Errors
    /// That no kernel answers.
    pub(in crate::cli) async fn open(which: &Which, query: &'static str) -> Result<Events, Failure> {
        let body = which.connect().await?.events(query, None).await?;
        Ok(Events { which: which.clone(), query, body: Some(body), lines: Lines::default(), last: None })
    }

    /// The next ones; `None` when there are no more. One that has no id tells of a connection that broke off before
    /// anything was read on it: what came meanwhile is not known. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// That no kernel answers any more.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        loop {
            let Some(body) = &mut self.body else {
                self.body = Some(self.which.connect().await?.events(self.query, self.last.as_deref()).await?);
                if self.last.is_none() {
                    return Ok(Some(vec![Event { kind: "reconnected".to_owned(), ..Event::default() }]));
                }
                continue;
            };
            match body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let events = self.lines.take(&data);
                    if let Some(last) = events.last() {
                        self.last = Some(last.id.clone());
                        return Ok(Some(events));
                    }
                }
                Some(Err(_)) => {
                    self.lines = Lines::default();
                    self.body = None;
                }
            }
        }
    }
}

/// What was read of a stream of events and is no whole event yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    unread: Vec<u8>,
}

impl Lines {
    /// The events that are whole with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.unread.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
            let rest = self.unread.split_off(end + 2);
            let text = std::mem::replace(&mut self.unread, rest);
            events.extend(event(&String::from_utf8_lossy(&text)));
        }
        if self.unread.len() > MOST {
            self.unread.clear();
        }
        events
    }
}

fn event(text: &str) -> Option<Event> {
    let mut event = Event::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", id)) => event.id = id.to_owned(),
            Some(("event", kind)) => event.kind = kind.to_owned(),
            Some(("data", data)) => event.data = serde_json::from_str(data).ok()?,
            _ => {}
        }
    }
    (!event.kind.is_empty()).then_some(event)
}
