//! Streams: what does not end in one reply. They belong to one process and die with it.

use super::{call, files};
use crate::id::{Pid, StreamId};
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::platform::DeviceRequest;
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

impl State {
    pub(super) fn apply_stream_read(
        &mut self,
        act: &Act,
        stream: StreamId,
        read: &StreamRead,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.owned_stream(act.pid, stream)?;
        let request = DeviceRequest::StreamRead { stream, len: files::read_len(read.len)? };
        let deadline = now.at.after(call::deadline(read.deadline_ms)?);
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
        self.owned_stream(act.pid, stream)?;
        self.ask_device(act, DeviceRequest::StreamWrite { stream, body: payload.clone() }, now, fx)
    }

    pub(super) fn apply_stream_stop(
        &mut self,
        act: &Act,
        stream: StreamId,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.owned_stream(act.pid, stream)?;
        if let Some(process) = self.processes.get_mut(&act.pid) {
            process.rare.streams.remove(&stream);
        }
        self.streams.remove(&stream);
        self.ask_device(act, DeviceRequest::StreamClose { stream }, now, fx)
    }

    fn owned_stream(&self, pid: Pid, stream: StreamId) -> Result<(), Refusal> {
        match self.streams.get(&stream) {
            Some(owner) if *owner == pid => Ok(()),
            _ => Err(Refusal::new(Code::NotFound, format!("there is no stream /stream/{stream} of yours"))),
        }
    }
}
