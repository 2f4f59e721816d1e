//! What happens, for whoever wants to watch: a bounded ring of numbered events, read as server-sent events.
//!
//! The kernel never waits for a reader. What a reader was too slow for has left the ring, and what the ring was too
//! slow for was counted by the kernel: either way numbers are missing, and the reader is told which. An id is the
//! number of the event with which the kernel's start begins in its log, then the number of the event here, so that an
//! id of an earlier start is known to be one.

use super::approvals;
use super::refused::Refused;
use crate::cli::text::time;
use crate::shared::SharedPlatform;
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Stream, StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{Kernel, Told};
use kernel_core::refusal::Code;
use kernel_core::time::WallTime;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, watch as channel};

/// The most events that are kept, and the most bytes of them.
const EVENTS: usize = 4_096;
const BYTES: usize = 4 << 20;

/// How many are handed to a reader at once.
const BATCH: usize = 64;

/// How long nothing is said to a reader that is waiting: a peer that is gone is found out by saying something.
const SILENCE: Duration = Duration::from_secs(15);

/// The latest events.
pub(crate) struct Ring {
    boot: u64,
    // Held to add and to copy, never while anybody is waited for.
    kept: Mutex<Kept>,
    /// Why nothing is acknowledged any more, once nothing is.
    not_durable: OnceLock<String>,
    /// The number of the next event; nothing more comes once it is `None`.
    next: channel::Sender<Option<u64>>,
}

struct Kept {
    events: VecDeque<(u64, Bytes)>,
    bytes: usize,
    next: u64,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// With the next event.
    Now,
    /// With the first.
    Start,
    /// Behind this one.
    Event { boot: u64, number: u64 },
}

impl After {
    /// What `Last-Event-ID` says.
    pub(super) fn parse(id: &str) -> Result<After, Refused> {
        let parts = id.split_once('-').and_then(|(boot, number)| Some((boot.parse().ok()?, number.parse().ok()?)));
        let Some((boot, number)) = parts else {
            return Err(Refused::new(Code::Invalid, "Last-Event-ID is the id of no event of this kernel"));
        };
        Ok(After::Event { boot, number })
    }

    /// The same, where `ring` has told of that event, or another start of the kernel may have.
    pub(super) fn told_by(self, ring: &Ring) -> Result<After, Refused> {
        let next = ring.kept().next;
        match self {
            After::Event { boot, number } if boot == ring.boot && number >= next => {
                let reason = format!("Last-Event-ID is {boot}-{number}, and the latest event is {boot}-{}", next - 1);
                Err(Refused::new(Code::Invalid, reason))
            }
            told => Ok(told),
        }
    }
}

impl Ring {
    /// An empty one, of a kernel whose start is event `boot` of its log.
    pub(crate) fn new(boot: u64) -> Ring {
        let kept = Kept { events: VecDeque::new(), bytes: 0, next: 1 };
        Ring { boot, kept: Mutex::new(kept), not_durable: OnceLock::new(), next: channel::Sender::new(Some(1)) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, kind: &str, data: Value) {
        let mut kept = self.kept();
        let frame = frame(self.boot, kept.next, kind, data);
        kept.bytes += frame.len();
        let number = kept.next;
        kept.events.push_back((number, frame));
        kept.next += 1;
        while kept.events.len() > EVENTS || kept.bytes > BYTES {
            let Some((_, gone)) = kept.events.pop_front() else { break };
            kept.bytes -= gone.len();
        }
    }

    /// Adds what the kernel tells; readers are not woken by it.
    pub(crate) fn tell(&self, told: Told) {
        match told {
            // Their numbers are never seen, so whoever reads is told that they are missing.
            Told::Notice(Notice::Missed { count }) => self.kept().next += count,
            Told::Notice(notice) => {
                if let Some((kind, data)) = said(notice) {
                    self.push(kind, data);
                }
            }
            Told::Ask(ask) => self.push("ask", approvals::document(&ask)),
        }
    }

    /// Wakes the readers.
    fn wake(&self) {
        let next = self.kept().next;
        self.next.send_replace(Some(next));
    }

    /// The log cannot be kept: whoever reads is told so at the end.
    pub(crate) fn not_durable(&self, reason: &str) {
        self.not_durable.get_or_init(|| reason.to_owned());
    }

    /// Nothing more comes.
    fn close(&self) {
        self.push("stopped", json!({ "not_durable": self.not_durable.get() }));
        self.next.send_replace(None);
    }

    /// What a reader that wants event `from` next gets, and what it wants then.
    fn read(&self, from: u64) -> (Vec<Bytes>, u64) {
        let kept = self.kept();
        let (mut frames, mut at) = (Vec::new(), from);
        let start = kept.events.partition_point(|(number, _)| *number < from);
        for (number, event) in kept.events.range(start..).take(BATCH) {
            if *number > at {
                frames.push(self.lagged(at, number - 1));
            }
            frames.push(event.clone());
            at = number + 1;
        }
        if frames.is_empty() && kept.next > at {
            frames.push(self.lagged(at, kept.next - 1));
            at = kept.next;
        }
        (frames, at)
    }

    fn lagged(&self, from: u64, to: u64) -> Bytes {
        frame(self.boot, to, "lagged", json!({ "from": from, "to": to }))
    }
}

fn frame(boot: u64, number: u64, kind: &str, mut data: Value) -> Bytes {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    data["time"] = json!(time(WallTime(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX))));
    // JSON escapes every line end in its strings.
    Bytes::from(format!("id: {boot}-{number}\nevent: {kind}\ndata: {data}\n\n"))
}

/// A notice as an event.
fn said(notice: Notice) -> Option<(&'static str, Value)> {
    Some(match notice {
        Notice::Phase { name, micros } => ("phase", json!({ "name": name, "micros": micros })),
        Notice::Running { pid, name, app } => ("running", json!({ "pid": pid, "name": name, "app": app })),
        Notice::Exited { pid, name, app, reason, lost } => {
            let (word, detail) = (reason.word(), reason.detail());
            ("exited", json!({ "pid": pid, "name": name, "app": app, "reason": word, "detail": detail, "lost": lost }))
        }
        Notice::Suspended { pid, name, app, reason } => {
            ("suspended", json!({ "pid": pid, "name": name, "app": app, "reason": reason }))
        }
        Notice::Resumed { pid, name, app } => ("resumed", json!({ "pid": pid, "name": name, "app": app })),
        Notice::Restarting { app, name, wait } => {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            ("restarting", json!({ "app": app, "name": name, "wait_ms": wait }))
        }
        Notice::LimitNear { pid, name, app, meter, used, limit } => (
            "limit_near",
            json!({ "pid": pid, "name": name, "app": app, "meter": meter, "used": used, "limit": limit }),
        ),
        Notice::Answered { action, pid, name, app, allow, by } => {
            ("answered", json!({ "action": action, "pid": pid, "name": name, "app": app, "allow": allow, "by": by }))
        }
        Notice::Verdict { action, pid, name, app, what, verb, resource, reason } => (
            "verdict",
            json!({
                "action": action, "pid": pid, "name": name, "app": app, "what": what, "verb": verb,
                "resource": resource, "reason": reason,
            }),
        ),
        Notice::Log { pid, name, app, level, text } => {
            let level = format!("{level:?}").to_ascii_lowercase();
            ("log", json!({ "pid": pid, "name": name, "app": app, "level": level, "text": text }))
        }
        Notice::Ended { app, ok, reason, stopped_by } => {
            ("ended", json!({ "name": app, "ok": ok, "reason": reason, "stopped_by": stopped_by }))
        }
        _ => return None,
    })
}

/// Puts what the kernel tells into `ring` until the kernel has stopped. Where `output_commit` is what the environment
/// wants, nothing is told before the log has it.
pub(crate) async fn watch(
    mut told: mpsc::Receiver<Told>,
    ring: Arc<Ring>,
    kernel: Kernel<SharedPlatform>,
    output_commit: bool,
) {
    while let Some(first) = told.next().await {
        let rest = std::iter::from_fn(|| told.try_recv().ok()).take(EVENTS);
        let batch: Vec<Told> = std::iter::once(first).chain(rest).collect();
        let unwritten = match output_commit {
            true => kernel.flushed().await.is_err_and(|refusal| refusal.code == Code::NotDurable),
            false => false,
        };
        if unwritten {
            // The log will never tell of it.
            let count = batch.len() as u64;
            ring.tell(Told::Notice(Notice::Missed { count }));
        } else {
            batch.into_iter().for_each(|told| ring.tell(told));
        }
        ring.wake();
    }
    if let Some(reason) = kernel.health().not_durable {
        ring.not_durable(&reason);
    }
    ring.close();
}

/// The events behind `after` as the body of an answer, which ends when the kernel has stopped, or else, unless it is to
/// `follow`, with the latest.
pub(super) fn body(
    ring: Arc<Ring>,
    after: After,
    follow: bool,
    place: OwnedSemaphorePermit,
) -> StreamBody<impl Stream<Item = Result<Frame<Bytes>, Infallible>>> {
    // Taken before the ring is looked at, so that nothing comes in between.
    let mut next = ring.next.subscribe();
    next.mark_changed();
    let newest = ring.kept().next;
    let mut first = Vec::new();
    let at = match after {
        After::Now => newest,
        After::Start => 1,
        After::Event { boot, number } if boot == ring.boot => number.saturating_add(1),
        After::Event { boot, .. } => {
            first.push(frame(ring.boot, 0, "restarted", json!({ "from": boot, "to": ring.boot })));
            1
        }
    };
    // So that whoever connects knows at once that it has.
    first.push(Bytes::from_static(b": events\n\n"));
    let reader = Reader { ring, next, at, follow, frames: first.into(), over: false, _place: place };
    StreamBody::new(stream::unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok(Frame::data(frame)), reader))
    }))
}

struct Reader {
    ring: Arc<Ring>,
    next: channel::Receiver<Option<u64>>,
    at: u64,
    follow: bool,
    frames: VecDeque<Bytes>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if self.over {
                return None;
            }
            // Whether more can come is looked at first: what came before that is read then.
            let closed = self.next.borrow_and_update().is_none();
            let (frames, at) = self.ring.read(self.at);
            self.at = at;
            if !frames.is_empty() {
                self.frames = frames.into();
                continue;
            }
            if closed || !self.follow {
                self.over = true;
                continue;
            }
            match tokio::time::timeout(SILENCE, self.next.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => self.over = true,
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::id::Pid;

    fn log(text: &str) -> Told {
        let (pid, name, level) = (Pid(1), "a".to_owned(), kernel_core::platform::LogLevel::Info);
        Told::Notice(Notice::Log { pid, name, app: None, level, text: text.to_owned() })
    }

    /// What a reader gets until it would wait: each frame as its id, kind and what matters of its data.
    async fn got(ring: &Arc<Ring>, after: After) -> Vec<String> {
        let frames: Vec<_> =
            body(ring.clone(), after, false, place()).map(|frame| frame.unwrap().into_data().unwrap()).collect().await;
        let of = |frame: &Bytes| {
            let text = std::str::from_utf8(frame).unwrap();
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let data: Value = serde_json::from_str(field("data:")?).unwrap();
            let what = data["text"].as_str().map_or_else(|| format!("{}..{}", data["from"], data["to"]), str::to_owned);
            Some(format!("{} {} {what}", field("id:")?, field("event:")?))
        };
        frames.iter().filter_map(of).collect()
    }

    fn place() -> OwnedSemaphorePermit {
        Arc::new(tokio::sync::Semaphore::new(1)).try_acquire_owned().unwrap()
    }

    #[tokio::test]
    async fn a_reader_goes_on_where_it_was_and_is_told_what_it_missed() {
        let ring = Arc::new(Ring::new(7));
        ["a", "b"].iter().for_each(|text| ring.tell(log(text)));
        assert_eq!(got(&ring, After::Start).await, ["7-1 log a", "7-2 log b"]);
        assert_eq!(got(&ring, After::parse("7-1").ok().unwrap()).await, ["7-2 log b"]);
        assert!(got(&ring, After::Now).await.is_empty());
        assert!(got(&ring, After::parse("7-2").ok().unwrap()).await.is_empty());
        for (id, there) in [("7-2", true), ("7-3", false), ("7-99", false), ("3-99", true)] {
            assert_eq!(After::parse(id).and_then(|after| after.told_by(&ring)).is_ok(), there, "{id}");
        }
        assert_eq!(
            got(&ring, After::parse("3-50").ok().unwrap()).await,
            ["7-0 restarted 3..7", "7-1 log a", "7-2 log b"]
        );
        // What the kernel had no room to tell.
        ring.tell(Told::Notice(Notice::Missed { count: 3 }));
        assert_eq!(got(&ring, After::parse("7-2").ok().unwrap()).await, ["7-5 lagged 3..5"]);
        ring.tell(log("c"));
        assert_eq!(got(&ring, After::parse("7-2").ok().unwrap()).await, ["7-5 lagged 3..5", "7-6 log c"]);
        for wrong in ["", "7", "-", "7-x", "x-7"] {
            assert!(After::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let ring = Arc::new(Ring::new(0));
        (0..EVENTS + 10).for_each(|n| ring.tell(log(&n.to_string())));
        let all = got(&ring, After::Start).await;
        assert_eq!((all.len(), &*all[0], &*all[1]), (EVENTS + 1, "0-10 lagged 1..10", "0-11 log 10"));
        let long = "x".repeat(1 << 20);
        (0..8).for_each(|_| ring.tell(log(&long)));
        assert!(ring.kept().bytes <= BYTES && ring.kept().events.len() < 8);
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_and_ends_with_the_kernel() {
        let ring = Arc::new(Ring::new(0));
        let reader = tokio::spawn({
            let ring = ring.clone();
            async move { body(ring, After::Start, true, place()).count().await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        ring.tell(log("a"));
        ring.wake();
        tokio::time::sleep(Duration::from_millis(20)).await;
        ring.close();
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), reader).await.unwrap().unwrap(), 3);
    }
}
