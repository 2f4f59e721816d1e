//! The role that runs programs, and the port through which alone a program reaches anything.

use super::{BoxFuture, Gauge, HostError, MaybeSend, MaybeSync};
use crate::id::Pid;
use crate::ipc::Envelope;
use crate::process::{Limits, Program};
use crate::refusal::Refusal;
use crate::time::Instant;
use bytes::Bytes;
use futures::channel::oneshot;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What one activation used, measured by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Usage {
    /// CPU time, nanoseconds; 0 where the host cannot tell.
    pub cpu: u64,
    /// Highest sum of the instance's memories so far, bytes.
    pub memory: u64,
    /// Units of the fuel meter, the same on every host; 0 for handlers of the host, which are not metered, and for
    /// an activation that was ended by anything but its fuel: the kernel counts that with its limit.
    pub fuel: u64,
}

/// What ended an instance from inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// It trapped or panicked.
    Trap,
    /// It used more CPU time in one `handle` than its limit.
    Cpu,
    /// It asked for more memory than its limit.
    Memory,
    /// It used up its fuel.
    Fuel,
    /// It could not be instantiated.
    Start,
    /// It was not instantiated, because the host has no room for one more now.
    Room,
}

/// The end of an instance, with one sentence that says what happened. Never contains guest memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What ended it.
    pub kind: FaultKind,
    /// For a person.
    pub reason: String,
}

/// How one activation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// What `handle` returned: a reply, or the guest's own error text; or a fault, after which the
    /// instance must not be used again.
    pub result: Result<Result<Bytes, String>, Fault>,
    /// Since the previous activation.
    pub usage: Usage,
}

/// What `Sandbox::start` is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The process that it will be.
    pub pid: Pid,
    /// What to run.
    pub program: Program,
    /// Its ceilings.
    pub limits: Limits,
    /// Seeds the guest's `random`; no two instances have the same.
    pub seed: [u8; 32],
    /// Whether it takes the place of an earlier one of the same process. A host that holds only so many keeps a few
    /// places for these: whoever runs goes on, though others start all that they can.
    pub again: bool,
}

/// Runs programs.
pub trait Sandbox: MaybeSend + MaybeSync + 'static {
    /// A running instance.
    type Guest: Guest;

    /// Makes an instance. No guest code runs before this, and none but instantiation runs within.
    ///
    /// A component is run as [`crate::meter::meter`] rewrites it: its host makes code from nothing else.
    /// `component` answers the bytes of a wasm program when they are needed (they may not be if the
    /// compiled form is cached). `port` is the instance's only way to reach anything.
    fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + MaybeSend,
        port: Port,
    ) -> impl Future<Output = Result<Self::Guest, Fault>> + MaybeSend;
}

/// One instance. Dropping it kills it: no code of it runs after `drop` returns, or nothing that it does reaches anything
/// and [`Guest::death`] says when it is over.
pub trait Guest: MaybeSend + 'static {
    /// Gives it one envelope. Never called while an earlier call is unfinished. Dropping the future
    /// kills the instance as dropping the guest does. On a host whose profile says [`super::Suspension::Anywhere`] it is
    /// not polled while its process is suspended: no code of it runs then, and no limit of it runs on.
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled>;

    /// Whether the first poll of `handle` may run on the caller's stack: true for handlers that are part
    /// of the trusted base and return quickly, false for anything that can loop.
    fn inline(&self) -> bool {
        false
    }

    /// What it has used so far of the message that it is busy with, where the host can see into it meanwhile: it shows
    /// no CPU time when `handle` has been called, and then what is used at most a few milliseconds late. What is shown
    /// counts for a message that is cut short, of which no [`Handled`] tells.
    fn gauge(&self) -> Option<Gauge> {
        None
    }

    /// Completes when the host has seen that nothing of it runs any more, once it was dropped. Asked just before that,
    /// and not while `handle` is unfinished. `None` where that is when `drop` returns.
    fn death(&self) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

/// Severity of a guest's log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// The kernel's side of a port. Implemented by the kernel's driver, and by test doubles.
pub trait Syscalls: MaybeSend + MaybeSync + 'static {
    /// One act of process `pid`. `resource` is a canonical path; `body` is a line of JSON, then
    /// optionally a newline and the raw payload.
    fn act(&self, pid: Pid, verb: &str, resource: &str, body: Bytes) -> ActReply;

    /// A line for the log of process `pid`: cut at 1,024 characters; over 200 at once and 50 a second it is
    /// dropped and counted. It is for the operator's screen, which is outside: labels neither hold it back nor go
    /// with it, and no process and no event of the chain gets it.
    fn log(&self, pid: Pid, level: LogLevel, text: &str);

    /// The time of the last thing handed to process `pid`.
    fn now(&self, pid: Pid) -> Instant;
}

/// A program's only way in or out. Clones are the same port.
#[derive(Clone)]
pub struct Port {
    syscalls: Arc<dyn Syscalls>,
    pid: Pid,
}

impl Port {
    /// The port of `pid`.
    pub fn new(syscalls: Arc<impl Syscalls>, pid: Pid) -> Port {
        Port { syscalls, pid }
    }

    /// Whose port it is.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Does one act; the reply is a future that is ready at once where nothing has to be waited for.
    pub fn act(&self, verb: &str, resource: &str, body: impl Into<Bytes>) -> ActReply {
        self.syscalls.act(self.pid, verb, resource, body.into())
    }

    /// Logs one line for the operator, whatever the process carries.
    pub fn log(&self, level: LogLevel, text: &str) {
        self.syscalls.log(self.pid, level, text);
    }

    /// The time of the last thing handed to this process.
    pub fn now(&self) -> Instant {
        self.syscalls.now(self.pid)
    }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// The reply of an act: already there, or to be waited for. Dropping it gives up the wait, not the act.
#[derive(Debug)]
pub enum ActReply {
    /// There already; taken by the first poll.
    Ready(Option<Result<Bytes, Refusal>>),
    /// Comes later. A dropped sender means that the kernel stopped.
    Wait(oneshot::Receiver<Result<Bytes, Refusal>>),
}

impl ActReply {
    /// A reply that is already known.
    pub fn ready(result: Result<Bytes, Refusal>) -> ActReply {
        ActReply::Ready(Some(result))
    }
}

impl Future for ActReply {
    type Output = Result<Bytes, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            ActReply::Ready(result) => Poll::Ready(result.take().unwrap_or_else(|| Err(stopped()))),
            ActReply::Wait(receiver) => {
                Pin::new(receiver).poll(cx).map(|received| received.unwrap_or_else(|_| Err(stopped())))
            }
        }
    }
}

fn stopped() -> Refusal {
    Refusal::new(crate::refusal::Code::Cancelled, "the kernel has stopped")
}
