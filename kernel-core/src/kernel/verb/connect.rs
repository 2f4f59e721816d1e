//! `connect /net/HOST:PORT`: opens a TCP connection, answered with the path of its stream.

use super::call;
use crate::id::{Pid, StreamId};
use crate::ipc::body;
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::{Connection, State};
use crate::label::Labels;
use crate::path::Endpoint;
use crate::platform::DeviceRequest;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// How long to wait for a connection.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connect {
    /// Milliseconds; default 30,000.
    pub deadline_ms: Option<u64>,
}

/// The most streams of one process that are open or being opened.
const STREAMS: usize = 64;

impl State {
    pub(super) fn apply_connect(
        &mut self,
        act: &Act,
        endpoint: &Endpoint,
        connect: &Connect,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        if !self.profile.net {
            return Err(Refusal::new(Code::Unsupported, "this host has no network for applications"));
        }
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if process.rare.streams.len() + process.rare.connecting >= STREAMS {
            let reason = format!("a process may hold {STREAMS} streams, with those that are still being opened");
            return Err(Refusal::new(Code::Full, reason));
        }
        process.rare.connecting += 1;
        self.counters.stream += 1;
        let stream = StreamId(self.counters.stream);
        let private = act.grant.as_ref().is_some_and(|right| right.pattern.matches_private(endpoint));
        let request =
            DeviceRequest::Connect { stream, host: endpoint.host().to_owned(), port: endpoint.port(), private };
        fx.acts.push(Perform { action: act.action, durable: act.durable, what: Performance::Device(request) });
        let deadline = now.at.after(call::deadline(connect.deadline_ms));
        let kind = OpenKind::Connecting { stream, private, labels: act.labels.clone() };
        self.open(act, Open::new(act, kind), Some(deadline));
        Ok(Answer::Later)
    }

    /// The device of a connection of `pid` has answered.
    pub(crate) fn has_connected(&mut self, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.connecting = process.rare.connecting.saturating_sub(1);
        }
    }

    /// The connection stands: the stream belongs to whoever asked for it.
    pub(crate) fn connected(&mut self, stream: StreamId, connection: Connection, labels: Labels) -> Bytes {
        #[derive(Serialize)]
        struct Connected {
            stream: String,
        }
        if let Some(process) = self.processes.get_mut(&connection.pid) {
            process.rare.streams.insert(stream, labels);
        }
        self.streams.insert(stream, connection);
        body::json(&Connected { stream: format!("/stream/{stream}") })
    }
}
