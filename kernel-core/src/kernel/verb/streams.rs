//! Streams: what does not end in one reply. They belong to one process and die with it.

use super::{call, files};
use crate::id::{ActionId, Pid, StreamId};
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::{Abandoned, State};
use crate::platform::{DeviceReply, DeviceRequest};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::Deserialize;

/// How much to read from a stream and how long to wait for the first byte.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamRead {
    /// At most 1 MiB, by default 64 KiB.
    pub len: Option<u32>,
    /// Milliseconds; default 30,000.
    pub deadline_ms: Option<u64>,
}

/// What a device answers.
type Arrived = Result<DeviceReply, (Code, String)>;

/// What is under way on a stream without an act that waits for it. A read whose act was given up goes on, and
/// what it brings is handed to the next one: so nothing that arrives is lost, and no two reads race for it.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// How many such reads there are.
    reading: u32,
    /// The act that waits for the first of them, and how many bytes it takes at most.
    reader: Option<(ActionId, u32)>,
    /// What came while no act waited.
    kept: Bytes,
}

impl State {
    pub(super) fn apply_stream_read(
        &mut self,
        act: &Act,
        stream: StreamId,
        read: &StreamRead,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.own_stream(act.pid, stream)?;
        self.join_stream(act, stream)?;
        let len = files::read_len(read.len);
        let deadline = now.at.after(call::deadline(read.deadline_ms));
        let tail = self.tails.entry(stream).or_default();
        if !tail.kept.is_empty() {
            let body = tail.kept.split_to(tail.kept.len().min(len as usize));
            return Ok(Answer::Reply(body));
        }
        if tail.reading > 0 && tail.reader.is_none() {
            tail.reader = Some((act.action, len));
            self.open(act, Open::new(act, OpenKind::Device), Some(deadline));
            return Ok(Answer::Later);
        }
        let request = DeviceRequest::StreamRead { stream, len };
        fx.acts.push(Perform { action: act.action, durable: act.durable, what: Performance::Device(request) });
        self.open(act, Open::new(act, OpenKind::Device), Some(deadline));
        Ok(Answer::Later)
    }

    pub(super) fn apply_stream_write(
        &mut self,
        act: &Act,
        stream: StreamId,
        payload: &Bytes,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.own_stream(act.pid, stream)?;
        self.join_stream(act, stream)?;
        self.ask_device(act, DeviceRequest::StreamWrite { stream, body: payload.clone() }, now, fx)
    }

    pub(super) fn apply_stream_stop(
        &mut self,
        act: &Act,
        stream: StreamId,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.own_stream(act.pid, stream)?;
        let labels = self.processes.get(&act.pid).and_then(|p| p.rare.streams.get(&stream)).cloned();
        let does = "closes no stream that was used without it: that it is gone";
        self.leaves_no_trace(act, &labels.unwrap_or_default(), does)?;
        self.forget_stream(act.pid, stream);
        self.ask_device(act, DeviceRequest::StreamClose { stream }, now, fx)
    }

    /// A read was given up while the device waits for bytes.
    pub(crate) fn give_up_read(&mut self, action: ActionId, stream: StreamId) {
        if !self.streams.contains_key(&stream) {
            return;
        }
        let tail = self.tails.entry(stream).or_default();
        if tail.reader.is_some_and(|(reader, _)| reader == action) {
            tail.reader = None;
        } else {
            tail.reading += 1;
            self.abandoned.insert(action, Abandoned::Read(stream));
        }
    }

    /// A read that was given up has ended: the act that waits in its place, with what it gets.
    pub(crate) fn late_read(&mut self, stream: StreamId, result: &Arrived) -> Option<(ActionId, Arrived)> {
        let tail = self.tails.get_mut(&stream)?;
        tail.reading = tail.reading.saturating_sub(1);
        let reader = tail.reader.take();
        let Ok(DeviceReply::Data { body, meta }) = result else {
            return reader.map(|(reader, _)| (reader, result.clone()));
        };
        let mut body = body.clone();
        let taken = reader.map(|(reader, len)| (reader, body.split_to(body.len().min(len as usize))));
        if !body.is_empty() {
            tail.kept = [&tail.kept[..], &body[..]].concat().into();
        }
        taken.map(|(reader, body)| (reader, Ok(DeviceReply::Data { body, meta: *meta })))
    }

    /// Closes a stream of `pid` that cannot be used any more.
    pub(crate) fn drop_stream(&mut self, pid: Pid, stream: StreamId, fx: &mut Effects) {
        if self.streams.contains_key(&stream) {
            self.forget_stream(pid, stream);
            self.close_stream(stream, fx);
        }
    }

    fn forget_stream(&mut self, pid: Pid, stream: StreamId) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.streams.remove(&stream);
        }
        self.streams.remove(&stream);
        self.tails.remove(&stream);
    }

    /// What was written whoever is at the other end may say again, and what was read the next one does not find: a
    /// stream is labelled so. What the process carries now has joined what the stream did.
    fn join_stream(&mut self, act: &Act, stream: StreamId) -> Result<(), Refusal> {
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(()) };
        let carried = process.labels.join(&act.labels).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
        process.rare.streams.insert(stream, carried);
        Ok(())
    }

    /// Whoever uses a stream of its own carries what it was opened and written under.
    fn own_stream(&mut self, pid: Pid, stream: StreamId) -> Result<(), Refusal> {
        let labels = self.processes.get(&pid).and_then(|p| p.rare.streams.get(&stream)).cloned();
        let absent = || Refusal::new(Code::NotFound, format!("there is no stream /stream/{stream} of yours"));
        self.taint(pid, &labels.ok_or_else(absent)?)
    }
}
