//! Guests that are scripts: handlers over the same port that components and native programs use.

use super::{SimPlatform, turn};
use crate::codec::hex;
use crate::id::Pid;
use crate::ipc::Envelope;
use crate::path::Name;
use crate::platform::{
    ActReply, BoxFuture, Fault, FaultKind, Gauge, Guest, Handled, Handler, HostError, LogLevel, MaybeSend, Port,
    Program, Programs, Sandbox, StartRequest, Syscalls, Usage,
};
use crate::refusal::Refusal;
use crate::time::Instant;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, select};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The fuel that a component takes for one act here, where no instructions are counted.
const FUEL_OF_ACT: u64 = 1_000;
/// The CPU time that it takes for one, nanoseconds, where none is measured.
const CPU_OF_ACT: u64 = 1_000;
/// The memory that it has, bytes: a page.
const MEMORY: u64 = 65_536;

/// Errors that begin so are not returned by the script but end it, as these things end a component.
const FAULTS: &[(&str, FaultKind)] =
    &[("trap: ", FaultKind::Trap), ("cpu: ", FaultKind::Cpu), ("memory: ", FaultKind::Memory)];

/// Runs handlers: a native program is the handler of its name, a component the handler that is
/// registered under the hexadecimal digits of its hash. Of what they use, only the acts of components are counted,
/// as fuel and as CPU time, and a component has one page of memory.
#[derive(Clone, Debug)]
pub struct SimSandbox {
    platform: SimPlatform,
    programs: Programs,
    /// Held by each component that runs.
    place: Arc<()>,
}

/// The most components at once.
const COMPONENTS: usize = 64;
/// How many more there may be that take the place of another.
const SPARED: usize = COMPONENTS / 8 + 1;

impl SimSandbox {
    /// A sandbox that runs `programs`.
    pub fn new(platform: &SimPlatform, programs: Programs) -> SimSandbox {
        SimSandbox { platform: platform.clone(), programs, place: Arc::default() }
    }

    /// A place, if there is one; for a component that is made `again` also one that is kept for those.
    fn place(&self, again: bool) -> Option<Arc<()>> {
        let most = if again { COMPONENTS + SPARED } else { COMPONENTS };
        // Its own is one of them.
        let taken = Arc::strong_count(&self.place) - 1;
        (taken < most).then(|| self.place.clone())
    }
}

/// A script that runs.
pub struct SimGuest {
    handler: Box<dyn Handler>,
    inline: bool,
    tank: Option<Arc<Tank>>,
    _place: Option<Arc<()>>,
}

impl fmt::Debug for SimGuest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimGuest").field("inline", &self.inline).finish_non_exhaustive()
    }
}

impl Sandbox for SimSandbox {
    type Guest = SimGuest;

    async fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + MaybeSend,
        port: Port,
    ) -> Result<SimGuest, Fault> {
        let no = |reason: String| Fault { kind: FaultKind::Start, reason };
        let (mut port, mut tank, mut place) = (port, None, None);
        let name = match request.program {
            Program::Native { name } => name,
            Program::Wasm { hash } => {
                component().await.map_err(|e| no(e.to_string()))?;
                // It takes a turn, in which others may take the last place.
                turn().await;
                place = self.place(request.again);
                if place.is_none() {
                    let reason = "the most instances that this host keeps at once are running".to_owned();
                    return Err(Fault { kind: FaultKind::Room, reason });
                }
                let gauge = Gauge::default();
                gauge.set_memory(MEMORY);
                let limit = request.limits.fuel;
                let full = Arc::new(Tank { limit, use_: Mutex::default(), gauge, port: port.clone() });
                port = Port::new(full.clone(), port.pid());
                tank = Some(full);
                let digits = hex(&hash);
                Name::parse(&digits).map_err(|e| no(e.to_string()))?
            }
        };
        let handler = self.programs.instance(&name, port).ok_or_else(|| {
            no(format!("no handler is registered under `{name}`; add it to the programs of the host"))
        })?;
        // Either way of running a guest has to give the same result, so both are tried.
        Ok(SimGuest { handler, inline: self.platform.fault().is_multiple_of(2), tank, _place: place })
    }
}

impl Guest for SimGuest {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        if let Some(tank) = &self.tank {
            tank.gauge.set_cpu(0);
        }
        Box::pin(async move {
            let Some(tank) = &self.tank else {
                let result = self.handler.handle(message).await;
                return Handled { result: result.map(Ok).or_else(faulted), usage: Usage::default() };
            };
            let empty = tank.fill();
            let result = match select(self.handler.handle(message), empty).await {
                Either::Left((result, _)) => result.map(Ok).or_else(faulted),
                Either::Right(_) => {
                    let limit = tank.limit.unwrap_or(u64::MAX);
                    let reason = format!("it used up its fuel, and its limit is {limit} units");
                    Err(Fault { kind: FaultKind::Fuel, reason })
                }
            };
            Handled { result, usage: Usage { fuel: tank.used(), ..tank.gauge.read() } }
        })
    }

    fn inline(&self) -> bool {
        self.inline
    }

    fn gauge(&self) -> Option<Gauge> {
        self.tank.as_ref().map(|tank| tank.gauge.clone())
    }
}

/// A port through which a guest goes as far as its fuel does.
struct Tank {
    port: Port,
    limit: Option<u64>,
    use_: Mutex<Use>,
    gauge: Gauge,
}

/// Of one activation.
#[derive(Default)]
struct Use {
    fuel: u64,
    empty: Option<oneshot::Sender<()>>,
    /// What the act that was too much waits for.
    never: Option<oneshot::Sender<Result<Bytes, Refusal>>>,
}

impl Tank {
    /// An activation begins; what is answered completes when its fuel is used up.
    fn fill(&self) -> oneshot::Receiver<()> {
        let (empty, emptied) = oneshot::channel();
        *self.in_use() = Use { fuel: 0, empty: Some(empty), never: None };
        emptied
    }

    fn used(&self) -> u64 {
        self.in_use().fuel
    }

    fn in_use(&self) -> MutexGuard<'_, Use> {
        self.use_.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Syscalls for Tank {
    fn act(&self, _: Pid, verb: &str, resource: &str, body: Bytes) -> ActReply {
        {
            let mut now = self.in_use();
            let limit = self.limit.unwrap_or(u64::MAX);
            if limit - now.fuel < FUEL_OF_ACT {
                now.fuel = limit;
                let (never, reply) = oneshot::channel();
                now.never = Some(never);
                now.empty.take().map(|empty| empty.send(()));
                return ActReply::Wait(reply);
            }
            now.fuel += FUEL_OF_ACT;
            self.gauge.set_cpu(self.gauge.read().cpu + CPU_OF_ACT);
        }
        self.port.act(verb, resource, body)
    }

    fn log(&self, _: Pid, level: LogLevel, text: &str) {
        self.port.log(level, text);
    }

    fn now(&self, _: Pid) -> Instant {
        self.port.now()
    }
}

/// A script's error: the guest's own, or the end of the instance.
fn faulted(text: String) -> Result<Result<Bytes, String>, Fault> {
    match FAULTS.iter().find_map(|(prefix, kind)| Some((*kind, text.strip_prefix(prefix)?))) {
        Some((kind, reason)) => Err(Fault { kind, reason: reason.to_owned() }),
        None => Ok(Err(text)),
    }
}
