//! The kernel's side of a port: text in, a request to step, a reply out.

use super::driver::Inner;
use super::input::Input;
use super::request::Request;
use crate::id::Pid;
use crate::platform::{ActReply, LogLevel, Platform, Port, Syscalls};
use crate::refusal::{Code, Refusal};
use crate::time::Instant;
use bytes::Bytes;
use std::sync::{Arc, Weak};

/// Holds the kernel weakly, so that a guest does not keep it alive.
struct Gate<P: Platform>(Weak<Inner<P>>);

/// The port of `pid`.
pub(super) fn port<P: Platform>(inner: &Arc<Inner<P>>, pid: Pid) -> Port {
    Port::new(Arc::new(Gate(Arc::downgrade(inner))), pid)
}

impl<P: Platform> Syscalls for Gate<P> {
    fn act(&self, pid: Pid, verb: &str, resource: &str, body: Bytes) -> ActReply {
        let Some(inner) = self.0.upgrade() else {
            return ActReply::ready(Err(Refusal::new(Code::Cancelled, "the kernel has stopped")));
        };
        let request = Request::parse(pid, verb, resource, body);
        inner.ask(|call| Input::Act { pid, call, request })
    }

    fn log(&self, pid: Pid, level: LogLevel, text: &str) {
        let Some(inner) = self.0.upgrade() else { return };
        let now = inner.platform.now();
        inner.lock().log(pid, level, text, now);
    }

    fn now(&self, pid: Pid) -> Instant {
        let seen = |inner: Arc<Inner<P>>| inner.lock().state.processes.get(&pid).map(|p| p.seen);
        self.0.upgrade().and_then(seen).unwrap_or_default()
    }
}
