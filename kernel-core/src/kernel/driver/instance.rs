//! A guest in the driver's hands, and who is told when it is gone.

use super::Inner;
use crate::id::Pid;
use crate::ipc::Envelope;
use crate::kernel::input::Input;
use crate::platform::{BoxFuture, Fault, FaultKind, Gauge, Guest, Handled, Platform, Sandbox, Usage};
use std::future::ready;
use std::sync::Weak;

/// The instance of a process, from when it begins to be made: wherever it is when it is dropped, that is told if the
/// process was killed. Never dropped behind the driver's lock.
pub(in crate::kernel) struct Instance<P: Platform> {
    /// None before it is made.
    guest: Option<<P::Sandbox as Sandbox>::Guest>,
    pid: Pid,
    kernel: Weak<Inner<P>>,
}

impl<P: Platform> Instance<P> {
    /// One that is not made yet.
    pub(super) fn begin(pid: Pid, kernel: &Weak<Inner<P>>) -> Instance<P> {
        Instance { guest: None, pid, kernel: kernel.clone() }
    }

    /// It is made.
    pub(super) fn made(&mut self, guest: <P::Sandbox as Sandbox>::Guest) {
        self.guest = Some(guest);
    }

    /// Gives it one envelope.
    pub(super) fn handle(&mut self, envelope: Envelope) -> BoxFuture<'_, Handled> {
        match &mut self.guest {
            Some(guest) => guest.handle(envelope),
            None => {
                let fault = Fault { kind: FaultKind::Start, reason: "it was not made".to_owned() };
                Box::pin(ready(Handled { result: Err(fault), usage: Usage::default() }))
            }
        }
    }

    /// What it has used so far of a message that it is busy with.
    pub(super) fn gauge(&self) -> Option<Gauge> {
        self.guest.as_ref().and_then(Guest::gauge)
    }

    /// Whether it may run on the caller's stack.
    pub(super) fn inline(&self) -> bool {
        self.guest.as_ref().is_some_and(Guest::inline)
    }
}

impl<P: Platform> Drop for Instance<P> {
    fn drop(&mut self) {
        let death = self.guest.take().and_then(|guest| guest.death());
        if let Some(kernel) = self.kernel.upgrade() {
            kernel.dropped(self.pid, death);
        }
    }
}

impl<P: Platform> Inner<P> {
    /// The instance of `pid` was dropped, and is gone when `death` is over.
    fn dropped(&self, pid: Pid, death: Option<BoxFuture<'static, ()>>) {
        let Some(action) = self.lock().dying.remove(&pid) else { return };
        match death {
            None => self.submit(Input::Gone { action, pid }),
            Some(death) => self.spawn("death", move |inner| async move {
                death.await;
                inner.submit(Input::Gone { action, pid });
            }),
        }
    }
}
