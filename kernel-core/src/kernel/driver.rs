//! The driver: takes inputs to `step` one at a time and does what comes out of it.
//!
//! One lock guards state and everything that step's effects touch; it is never held across an await.
//! Hosts' work (devices, instances, guests) runs in spawned futures that end in another input, except what a
//! device answers at once. Handlers of the trusted base are polled once on the spot, because most return at once.

mod brake;
mod components;
mod flushed;
mod guests;
mod instance;
mod lines;
mod locked;
mod observers;
mod parked;
mod sweep;
mod taken;

use instance::Instance;
pub(super) use locked::Core;
use locked::{Activation, Todo, Waiter};
pub(super) use observers::Observer;

use super::committer::{After, Signal, Taken};
use super::effects::{Perform, Performance};
use super::input::Input;
use super::start::Parts;
use super::state::Need;
use crate::chain::Checkpoint;
use crate::id::{ActionId, CallId};
use crate::platform::{
    ActReply, BoxFuture, DeviceError, DeviceReply, Devices, Key, Platform, Program, StartRequest, Storage,
};
use crate::refusal::{Code, Refusal};
use crate::time::Instant;
use bytes::Bytes;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// How many activations one submitter runs for others before it hands them to a task of their own.
const DRAIN: usize = 256;
/// What is told of a host that panicked.
const HOST_FAILED: &str = "the host failed while it did this";
/// What is told where a step panicked.
const STEP_FAILED: &str = "the kernel failed in the middle of a step";

type Outcome = Result<Bytes, Refusal>;

/// A kernel on its host.
pub(crate) struct Inner<P: Platform> {
    pub(super) me: Weak<Inner<P>>,
    pub(super) platform: P,
    pub(super) storage: P::Storage,
    pub(super) sandbox: P::Sandbox,
    pub(super) devices: P::Devices,
    pub(super) keys: P::Keys,
    pub(super) commit_signal: Signal,
    pub(super) clock_signal: Signal,
    core: Mutex<Core<P>>,
    // The last field: dropped when everything above is.
    _gone: oneshot::Sender<()>,
}

/// Completes when a kernel is dropped.
pub(super) type Gone = Shared<oneshot::Receiver<()>>;

impl<P: Platform> Inner<P> {
    pub(super) fn new(me: Weak<Inner<P>>, parts: Parts<P>, core: Core<P>, gone: oneshot::Sender<()>) -> Inner<P> {
        let Parts { platform, storage, sandbox, devices, keys } = parts;
        Inner {
            me,
            platform,
            storage,
            sandbox,
            devices,
            keys,
            commit_signal: Signal::default(),
            clock_signal: Signal::default(),
            core: Mutex::new(core),
            _gone: gone,
        }
    }

    /// The lock. A panic while it was held left the state as the last whole step made it: one inside step itself
    /// goes no further, and nothing but the end follows it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Core<P>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an input to step; nobody waits for a reply. Once the kernel is closed nothing is taken any more.
    pub(super) fn submit(&self, input: Input) {
        let mut todo = Todo::default();
        {
            let mut core = self.lock();
            if core.closed {
                return;
            }
            core.take(&self.platform, input, 0, None, &mut todo);
        }
        self.finish(todo);
    }

    /// Takes an input that carries a reply slot.
    pub(super) fn ask(&self, input: impl FnOnce(CallId) -> Input) -> ActReply {
        let mut todo = Todo::default();
        let call = {
            let mut core = self.lock();
            if core.closed {
                return ActReply::ready(Err(closed()));
            }
            let call = core.call();
            core.take(&self.platform, input(call), 0, Some(call), &mut todo);
            if todo.own.is_none() {
                core.waiters.insert(call, Waiter::Submitting);
            }
            call
        };
        if let Some(own) = todo.own.take() {
            self.finish(todo);
            return ActReply::ready(own);
        }
        self.finish(todo);
        self.lock().reply_of(call)
    }

    /// Does what a step left to do.
    fn finish(&self, todo: Todo<P>) {
        if todo.close {
            self.close();
        }
        if todo.broken {
            self.refuse_all(STEP_FAILED);
        }
        drop(todo.dropped);
        todo.gone.into_iter().for_each(|input| self.submit(input));
        if todo.commit {
            self.commit_signal.wake();
        }
        if todo.rearm {
            self.clock_signal.wake();
        }
        for need in todo.loads {
            self.spawn("load", move |inner| async move { inner.load(need).await });
        }
        for perform in todo.performs {
            self.perform(perform);
        }
        for activation in todo.activations {
            self.spawn("guest", move |inner| async move { inner.activate(activation).await });
        }
        if todo.go_on {
            // In a task, so that what others submit comes in between.
            self.spawn("fan-out", |inner| async move { inner.submit(Input::Continue) });
        }
        if todo.tick {
            self.spawn("tick", |inner| async move { inner.submit(Input::Tick) });
        }
        if todo.drain {
            self.drain();
        }
    }

    fn spawn<F, W>(&self, name: &'static str, work: W)
    where
        F: Future<Output = ()> + crate::platform::MaybeSend + 'static,
        W: FnOnce(Arc<Inner<P>>) -> F,
    {
        if let Some(inner) = self.me.upgrade() {
            self.spawn_guarded(name, work(inner));
        }
    }

    /// A task of the kernel's own. One that panics is fail-stop: what it should have answered would wait for ever.
    pub(super) fn spawn_guarded(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + crate::platform::MaybeSend + 'static,
    ) {
        let me = self.me.clone();
        self.platform.spawn(name, async move {
            if survived(work).await.is_err()
                && let Some(inner) = me.upgrade()
            {
                inner.fail_stop(&broken(name));
            }
        });
    }

    /// Nothing is acknowledged any more, and whoever waits is told so.
    pub(super) fn fail_stop(&self, reason: &str) {
        let stop = AssertUnwindSafe(|| self.submit(Input::NotDurable { reason: reason.to_owned() }));
        // A state that cannot even stop is not stepped again.
        if catch_unwind(stop).is_err() {
            self.close();
        }
        self.refuse_all(reason);
    }

    /// Whoever still waits for an answer gets this one.
    fn refuse_all(&self, reason: &str) {
        let mut todo = Todo::default();
        {
            let mut core = self.lock();
            #[allow(clippy::disallowed_methods)] // They are sorted next.
            let mut calls: Vec<CallId> = core.waiters.keys().copied().collect();
            calls.sort_unstable();
            for call in calls {
                let refusal = Refusal::new(Code::NotDurable, format!("nothing is acknowledged any more: {reason}"));
                core.resolve(call, Err(refusal), None, &mut todo);
            }
        }
        self.finish(todo);
    }

    /// Runs handlers of the trusted base until none is ready. Only one submitter at a time is here.
    fn drain(&self) {
        for _ in 0..DRAIN {
            let next = {
                let mut core = self.lock();
                let next = core.next_ready();
                core.draining = next.is_some();
                next
            };
            let Some((pid, guest, held, envelope)) = next else { return };
            let Some(inner) = self.me.upgrade() else { return };
            // None of them needs a fresh instance; a future that could make one would be several times as large.
            self.at_once("handler", Box::pin(async move { inner.hand_over(pid, guest, held, envelope).await }));
        }
        self.spawn("drain", |inner| async move { inner.drain() });
    }

    /// Polls work of the trusted base on the spot; only what has to wait becomes a task.
    fn at_once(&self, name: &'static str, mut work: BoxFuture<'static, ()>) {
        let poll = AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        match catch_unwind(poll) {
            Ok(Poll::Ready(())) => {}
            // The executor polls it again with a waker of its own.
            Ok(Poll::Pending) => self.spawn_guarded(name, work),
            Err(_) => self.fail_stop(&broken(name)),
        }
    }

    /// Makes an instance of the trusted base on the spot. What comes of it may start the next one, which is made when this
    /// one is, and not within it: however many wait for each other, the stack grows no deeper.
    fn start_in_turn(&self, action: ActionId, request: StartRequest) {
        {
            let mut core = self.lock();
            core.starts.push_back((action, request));
            if std::mem::replace(&mut core.starting, true) {
                return;
            }
        }
        let next = || {
            let mut core = self.lock();
            let next = core.starts.pop_front();
            core.starting = next.is_some();
            next
        };
        while let Some((action, request)) = next() {
            let Some(inner) = self.me.upgrade() else { return };
            self.at_once("start", Box::pin(async move { inner.start(action, request).await }));
        }
    }

    async fn start(&self, action: ActionId, request: StartRequest) {
        let result = self.made(request).await;
        self.submit(Input::Started { action, result });
    }

    /// Performs one act outside. A host that panics in it has answered, too: nobody waits for ever.
    pub(super) fn perform(&self, perform: Perform) {
        let Perform { action, what, .. } = perform;
        match what {
            Performance::Start(request) => {
                // An instance of the trusted base is made in no time; a component may have to be compiled.
                match request.program {
                    Program::Native { .. } => self.start_in_turn(action, request),
                    Program::Wasm { .. } => {
                        self.spawn("start", move |inner| async move { inner.start(action, request).await });
                    }
                }
            }
            Performance::HandOn => self.submit(Input::Recorded { action }),
            Performance::Nodes { path, cursor, limit } => self.spawn("list", move |inner| async move {
                let result = inner.nodes(&path, cursor.as_deref(), limit).await;
                inner
                    .submit(Input::Listed { action, result: result.map_err(|refusal| (refusal.code, refusal.reason)) });
            }),
            Performance::Device(request) => {
                // A task for each read would cost more than the read: its caller waits, and two threads are woken.
                let now = AssertUnwindSafe(|| self.devices.at_once(&request));
                match catch_unwind(now).map_err(|_| HOST_FAILED.to_owned()) {
                    Ok(None) => self.spawn("device", move |inner| async move {
                        inner.performed(action, survived(inner.devices.perform(request)).await);
                    }),
                    Ok(Some(answer)) => self.performed(action, Ok(answer)),
                    Err(reason) => self.performed(action, Err(reason)),
                }
            }
        }
    }

    /// A device has answered, or the host has failed in it.
    fn performed(&self, action: ActionId, answered: Result<Result<DeviceReply, DeviceError>, String>) {
        let result = match answered {
            Ok(answer) => answer.map_err(device_refusal),
            Err(reason) => Err((Code::Failed, reason)),
        };
        if action != ActionId(0) {
            self.submit(Input::Done { action, result });
        }
    }

    /// Loads the rows of a `Need`, then steps what waits for them, in order.
    async fn load(&self, need: Need) {
        let mut loaded: Vec<(Key, Option<Bytes>)> = Vec::new();
        let mut failed = None;
        for key in &need.keys {
            let unwritten = self.lock().pending.find(key);
            let value = match unwritten {
                Some(value) => Ok(value),
                None => survived(self.storage.get(key)).await.and_then(|row| row.map_err(|e| e.to_string())),
            };
            match value {
                Ok(value) => loaded.push((key.clone(), value)),
                Err(reason) => failed = Some(reason),
            }
        }
        let mut todo = Todo::default();
        {
            let mut core = self.lock();
            for (key, value) in loaded {
                // What was written meanwhile is newer than what was read.
                let newer = core.pending.find(&key);
                core.state.load(key, newer.unwrap_or(value));
            }
            for parked in core.parked.take() {
                match &failed {
                    Some(reason) if parked.need == need => {
                        let reason = format!("a row could not be read: {reason}");
                        core.give_up(parked.input, reason, &self.platform, &mut todo);
                    }
                    _ if core.state.has(&parked.need) => {
                        core.take(&self.platform, parked.input, parked.rounds, None, &mut todo);
                    }
                    // Its own load is still under way.
                    _ => core.parked.push(parked),
                }
            }
        }
        self.finish(todo);
    }

    /// The committer has made a batch durable, or has failed to.
    pub(super) fn release(&self, after: Vec<After>, failure: Option<&str>) {
        let mut todo = Todo::default();
        let mut core = self.lock();
        for item in after {
            match (item, failure) {
                (After::Reply(call, result), None) => core.resolve(call, result, None, &mut todo),
                (After::Reply(call, _), Some(reason)) => {
                    let refusal = Refusal::new(Code::NotDurable, format!("the log could not be written: {reason}"));
                    core.resolve(call, Err(refusal), None, &mut todo);
                }
                (After::Perform(perform), None) => core.perform(perform, &self.platform, &mut todo),
                // Never performed; step has closed the act already.
                (After::Perform(_), Some(_)) => {}
                // Answered by the committer itself.
                (After::Checkpoint(_) | After::Written(_), _) => {}
            }
        }
        drop(core);
        self.finish(todo);
    }

    /// The last input before a batch is written, and the batch.
    pub(super) fn take_pending(&self) -> Taken {
        let mut todo = Todo::default();
        let taken = {
            let mut core = self.lock();
            core.take(&self.platform, Input::Flush, 0, None, &mut todo);
            // It is being taken: there is nothing left to wake the committer for.
            todo.commit = false;
            core.pending.start()
        };
        self.finish(todo);
        taken
    }

    /// Deadlines that are due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let mut core = self.lock();
        core.armed = core.state.next_deadline();
        core.armed
    }

    pub(super) async fn checkpoint(&self) -> Result<(Checkpoint, String), Refusal> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut core = self.lock();
            if core.closed {
                return Err(closed());
            }
            core.pending.after(After::Checkpoint(sender));
        }
        self.commit_signal.wake();
        let failed = || Refusal::new(Code::NotDurable, "the kernel has stopped");
        receiver.await.map_err(|_| failed())?.map_err(|reason| Refusal::new(Code::NotDurable, reason))
    }

    /// Nothing is accepted any more, if all that was is written.
    pub(super) fn seal(&self) -> bool {
        let mut core = self.lock();
        core.closed |= !core.pending.wants_commit();
        core.closed
    }

    /// Nothing is accepted any more; the driver's own tasks end.
    pub(super) fn close(&self) {
        let guests = {
            let mut core = self.lock();
            core.closed = true;
            core.observers.clear();
            core.waiters.clear();
            std::mem::take(&mut core.guests)
        };
        // In whatever order: they end side by side.
        for slot in guests.into_values() {
            if let Some(busy) = slot.busy {
                busy.abort.abort();
            }
        }
        self.commit_signal.wake();
        self.clock_signal.wake();
    }
}

/// What whoever comes after the end is told.
fn closed() -> Refusal {
    Refusal::new(Code::Cancelled, "the kernel has stopped")
}

fn broken(task: &str) -> String {
    format!("a task of the kernel failed ({task})")
}

/// What `future` gives; the sentence for a person if the host panicked in it. Nothing that it held is looked
/// at again.
pub(super) async fn survived<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|_| HOST_FAILED.to_owned())
}

/// A device's error as the code and the sentence of a refusal.
fn device_refusal(error: DeviceError) -> (Code, String) {
    let code = match &error {
        DeviceError::NotFound(_) => Code::NotFound,
        DeviceError::Unfit(_) => Code::Invalid,
        DeviceError::Forbidden(_) => Code::Denied,
        DeviceError::Conflict(_) => Code::Conflict,
        DeviceError::Full(_) => Code::Full,
        DeviceError::Unsupported(_) => Code::Unsupported,
        DeviceError::Refused(_) | DeviceError::Io { .. } => Code::Failed,
    };
    (code, error.to_string())
}
