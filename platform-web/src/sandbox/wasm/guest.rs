//! One instance of a component: its life over what its worker tells.

use super::bindings::{GuestWorker, Guests};
use super::events::{Event, GuestEvents, Used};
use super::start;
use crate::clock::{WebClock, turn};
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use js_sys::{Array, Uint8Array};
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::platform::{BoxFuture, Clock, Fault, FaultKind, Gauge, Handled, Limits, Port, StartRequest, Usage};
use kernel_core::refusal::{Code, Refusal};
use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen::JsValue;

/// How long loading glue and compiled code may take before a guest's own code runs.
const LOADING: Duration = Duration::from_secs(30);

/// What a guest is given beyond its limit: a message from its worker to this one takes a moment.
const GRACE: Duration = Duration::from_millis(50);

/// How often the gauge of one that computes is brought up to date; what it says does so, too.
const LOOK: Duration = Duration::from_millis(200);

/// A component that has been started. Dropping it, or a future of `handle`, ends it: its worker is terminated, and
/// nothing that it still does reaches anything.
pub struct WasmGuest {
    // Moved into each activation and back: an activation that is dropped takes the instance with it.
    live: Option<Live>,
    worker: GuestWorker,
    limit: Duration,
    // The time and the fuel of starting, which the first activation answers for.
    owed: (Duration, u64),
    // Of the activation that is under way.
    gauge: Gauge,
    // What is told after the end.
    peak: u64,
}

pub(super) struct Live {
    pub(super) worker: GuestWorker,
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) port: Port,
    pub(super) clock: WebClock,
    pub(super) gauge: Gauge,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.worker.end();
    }
}

impl std::fmt::Debug for WasmGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmGuest").field("alive", &self.live.is_some()).finish_non_exhaustive()
    }
}

/// What came out of one run of guest code.
pub(super) struct Ran {
    pub(super) result: Result<Result<Vec<u8>, String>, Fault>,
    pub(super) used: Used,
}

impl WasmGuest {
    pub(super) async fn start(
        guests: &Guests,
        clock: &WebClock,
        hash: &str,
        request: &StartRequest,
        port: Port,
    ) -> Result<WasmGuest, Fault> {
        let StartRequest { limits, seed, again, .. } = *request;
        if limits.handle.is_zero() {
            return Err(of_cpu(Duration::ZERO, limits.handle));
        }
        let (told, events) = GuestEvents::channel();
        let lock = lock(&port);
        let worker = guests
            .start(hash, limits.memory, fuel(&limits), Uint8Array::from(&seed[..]), &lock, again, told)
            .ok_or_else(no_room)?;
        let gauge = Gauge::default();
        let mut live = Live { worker, events, port, clock: clock.clone(), gauge: gauge.clone() };
        match live.next(LOADING).await {
            Some(Event::Running) => {}
            Some(Event::Fault(kind, reason, _)) => return Err(Fault { kind, reason }),
            Some(_) => return Err(start("its worker speaks another protocol than this kernel")),
            None => return Err(start(format!("it was not loaded in {}", seconds(LOADING)))),
        }
        let ran = live.run(limits.handle).await;
        ran.result?.ok();
        let owed = (ran.used.ran, ran.used.fuel);
        let worker = live.worker.clone();
        Ok(WasmGuest { live: Some(live), worker, limit: limits.handle, owed, gauge, peak: ran.used.memory })
    }

    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    pub(crate) fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        self.gauge.set_cpu(0);
        Box::pin(async move {
            let Some(mut live) = self.live.take() else {
                let fault = Fault { kind: FaultKind::Trap, reason: "it has ended before".to_owned() };
                return Handled { result: Err(fault), usage: Usage { cpu: 0, memory: self.peak, fuel: 0 } };
            };
            live.hand_over(&message);
            let ran = live.run(self.limit).await;
            self.peak = self.peak.max(ran.used.memory);
            let (time, fuel) = std::mem::take(&mut self.owed);
            let cpu = u64::try_from((time + ran.used.ran).as_nanos()).unwrap_or(u64::MAX);
            let usage = Usage { cpu, memory: self.peak, fuel: fuel + ran.used.fuel };
            let result = ran.result.map(|handled| {
                self.live = Some(live);
                handled.map(Into::into)
            });
            Handled { result, usage }
        })
    }

    /// Completes when its worker, which was ended, has let go of its Web Lock.
    pub(crate) fn death(&self) -> BoxFuture<'static, ()> {
        let worker = self.worker.clone();
        Box::pin(async move { worker.dead().await })
    }
}

impl Live {
    fn hand_over(&self, message: &Envelope) {
        let (sender, target) = (message.sender.to_string(), message.target.to_string());
        let labels: Array = message.labels.iter().map(JsValue::from_str).collect();
        self.worker.handle(
            message.id.0,
            &sender,
            &target,
            kind(message.kind),
            message.correlation,
            message.deadline.map(|at| at.0),
            labels,
            &message.content_type,
            Uint8Array::from(&message.body[..]),
            self.port.now().0,
        );
    }

    /// Lets the guest's code run until it returns or ends, and does its acts. Time in which it waits for one is not its own;
    /// nothing that it says gives it more.
    pub(super) async fn run(&mut self, limit: Duration) -> Ran {
        let mut used = Used::default();
        loop {
            let left = limit.saturating_sub(used.ran);
            let event = if left.is_zero() { None } else { self.seen(left, used.ran).await };
            let result = match event {
                None => Err(of_cpu(used.ran.max(limit), limit)),
                Some(Event::Act { verb, resource, body, used: so_far }) => {
                    used = so_far;
                    self.show(used);
                    self.act(&verb, &resource, body).await;
                    continue;
                }
                Some(Event::Log(level, text, so_far)) => {
                    used = so_far;
                    self.show(used);
                    self.port.log(level, &text);
                    continue;
                }
                Some(Event::Running) => continue,
                Some(Event::Started(so_far)) => {
                    used = so_far;
                    in_time(used, limit).map(|()| Ok(Vec::new()))
                }
                Some(Event::Handled(handled, so_far)) => {
                    used = so_far;
                    in_time(used, limit).map(|()| handled)
                }
                Some(Event::Fault(kind, reason, so_far)) => {
                    used = so_far;
                    Err(Fault { kind, reason })
                }
            };
            return Ran { result, used };
        }
    }

    /// The gauge shows what it says that it has used.
    fn show(&self, used: Used) {
        self.gauge.set_cpu(u64::try_from(used.ran.as_nanos()).unwrap_or(u64::MAX));
        self.gauge.set_memory(used.memory);
    }

    /// The next thing that it tells, or nothing if that takes longer than `limit`. While it says nothing it computes, and the gauge
    /// shows that: it had run for `ran` before.
    async fn seen(&mut self, limit: Duration, ran: Duration) -> Option<Event> {
        let begun = self.clock.now();
        loop {
            let now = self.clock.now();
            let passed = now.since(begun);
            let left = limit.saturating_sub(passed);
            if left <= LOOK {
                return self.next(left).await;
            }
            let look = pin!(self.clock.sleep_until(now.after(LOOK)));
            if let Either::Left((event, _)) = select(self.events.next(), look).await {
                return event;
            }
            let so_far = ran.saturating_add(self.clock.now().since(begun));
            self.gauge.set_cpu(u64::try_from(so_far.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// The same, without the gauge.
    async fn next(&mut self, limit: Duration) -> Option<Event> {
        if let Some(event) = self.events.next().now_or_never() {
            return event;
        }
        let late = pin!(self.clock.sleep_until(self.clock.now().after(limit.saturating_add(GRACE))));
        if let Either::Left((event, _)) = select(self.events.next(), late).await {
            return event;
        }
        // What it said in time lies unread where this worker was busy itself. After a turn of the event loop it does not.
        turn().await;
        self.events.next().now_or_never().flatten()
    }

    async fn act(&self, verb: &str, resource: &str, body: Vec<u8>) {
        let reply = self.port.act(verb, resource, body).await;
        let now = self.port.now().0;
        match reply {
            Ok(body) => self.worker.reply(Uint8Array::from(&body[..]), now),
            Err(refused) => self.refuse(&refused, now),
        }
    }

    fn refuse(&self, refused: &Refusal, now: u64) {
        let detail = Uint8Array::from(refused.detail.as_bytes());
        self.worker.refuse(code(refused.code), &refused.reason, refused.action.0, refused.ticket, detail, now);
    }
}

/// What fuel each activation is given; what is not limited is only counted.
fn fuel(limits: &Limits) -> u64 {
    limits.fuel.map_or(i64::MAX as u64, |fuel| fuel.min(i64::MAX as u64))
}

/// A name for the Web Lock of one instance, unlike that of any other in this origin.
fn lock(port: &Port) -> String {
    thread_local! {
        static STARTED: Cell<u64> = const { Cell::new(0) };
    }
    let n = STARTED.with(|started| started.replace(started.get() + 1));
    let origin = crate::js::scope().performance().map_or(0.0, |performance| performance.time_origin());
    format!("weft-guest-{}-{origin}-{n}", port.pid().0)
}

fn no_room() -> Fault {
    let reason = "the most instances that this host keeps at once are running; stop some first".to_owned();
    Fault { kind: FaultKind::Room, reason }
}

/// Whether what came to its end did so in time: this worker may have been too busy to end it before.
fn in_time(used: Used, limit: Duration) -> Result<(), Fault> {
    if used.ran > limit.saturating_add(GRACE) { Err(of_cpu(used.ran, limit)) } else { Ok(()) }
}

/// The fault of CPU time.
fn of_cpu(used: Duration, limit: Duration) -> Fault {
    Fault {
        kind: FaultKind::Cpu,
        reason: format!("it used {} of CPU time, and its limit is {}", seconds(used), seconds(limit)),
    }
}

fn seconds(d: Duration) -> String {
    format!("{:.3} s", d.as_secs_f64())
}

/// The kind as the contract spells it.
fn kind(kind: EnvelopeKind) -> &'static str {
    match kind {
        EnvelopeKind::Start => "start",
        EnvelopeKind::Message => "message",
        EnvelopeKind::Request => "request",
        EnvelopeKind::Topic => "topic",
        EnvelopeKind::Lagged => "lagged",
        EnvelopeKind::Timer => "timer",
        EnvelopeKind::Exit => "exit",
        EnvelopeKind::Approval => "approval",
        EnvelopeKind::Watch => "watch",
    }
}

/// The code as the contract spells it. One that it does not know yet: it was not done, or not to its end.
fn code(code: Code) -> &'static str {
    match code {
        Code::Denied => "denied",
        Code::Pending => "pending",
        Code::NotFound => "not-found",
        Code::Full => "full",
        Code::TimedOut => "timed-out",
        Code::Deadlock => "deadlock",
        Code::Exhausted => "exhausted",
        Code::TooLarge => "too-large",
        Code::Invalid => "invalid",
        Code::Conflict => "conflict",
        Code::Unsupported => "unsupported",
        Code::Cancelled => "cancelled",
        Code::NotDurable => "not-durable",
        _ => "failed",
    }
}
