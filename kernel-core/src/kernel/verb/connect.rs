//! `connect /net/HOST:PORT`: opens a TCP connection, answered with the path of its stream.

use super::call;
use crate::id::{Pid, StreamId};
use crate::ipc::body;
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
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

/// The most open streams of one process.
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
        let held = self.processes.get(&act.pid).map_or(0, |p| p.rare.streams.len());
        if held >= STREAMS {
            return Err(Refusal::new(Code::Full, format!("a process may hold {STREAMS} streams")));
        }
        self.counters.stream += 1;
        let stream = StreamId(self.counters.stream);
        let private = act.grant.as_ref().is_some_and(|right| right.pattern.matches_private(endpoint));
        let request =
            DeviceRequest::Connect { stream, host: endpoint.host().to_owned(), port: endpoint.port(), private };
        fx.acts.push(Perform { action: act.action, durable: act.durable, what: Performance::Device(request) });
        let deadline = now.at.after(call::deadline(connect.deadline_ms));
        self.open(act, Open::new(act, OpenKind::Connecting { stream, labels: act.labels.clone() }), Some(deadline));
        Ok(Answer::Later)
    }

    /// The connection stands: the stream belongs to whoever asked for it.
    pub(crate) fn connected(&mut self, pid: Pid, stream: StreamId, labels: Labels) -> Bytes {
        #[derive(Serialize)]
        struct Connected {
            stream: String,
        }
        self.streams.insert(stream, pid);
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.streams.insert(stream, labels);
        }
        body::json(&Connected { stream: format!("/stream/{stream}") })
    }
}
