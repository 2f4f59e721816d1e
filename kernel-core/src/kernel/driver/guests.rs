//! Instances: made when a process starts, and given one envelope at a time.

use super::super::gate;
use super::super::input::Input;
use super::{Activation, Inner, Instance, Todo, survived};
use crate::id::Pid;
use crate::ipc::Envelope;
use crate::platform::{BoxFuture, Fault, FaultKind, Gauge, Handled, Platform, Program, Sandbox, StartRequest, Usage};
use futures::future::Abortable;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// How long it takes until a host that had no room is asked again.
const ROOM: Duration = Duration::from_millis(20);

impl<P: Platform> Inner<P> {
    /// Makes the instance that an envelope needs, if it needs one, and hands it over.
    pub(super) async fn activate(&self, activation: Activation) {
        let Activation { pid, envelope, fresh } = activation;
        if let Some(request) = fresh
            && let Err(fault) = self.made_again(*request).await
        {
            let handled = Handled { result: Err(fault), usage: Usage::default() };
            self.submit(Input::Handled { pid, message: envelope.id, handled });
            return;
        }
        let guest = self.lock().borrow(pid);
        if let Some((guest, held)) = guest {
            self.hand_over(pid, guest, held, envelope).await;
        }
    }

    /// Hands one envelope to a guest and its answer back to step. One that is `held` begins with it when it is let go.
    pub(super) async fn hand_over(&self, pid: Pid, mut guest: Instance<P>, held: bool, envelope: Envelope) {
        let (message, gauge, mut begun) = (envelope.id, guest.gauge(), false);
        let survived = {
            let mut handling = pin!(survived(guest.handle(envelope)));
            let at_once = if held { Poll::Pending } else { futures::poll!(handling.as_mut()) };
            match at_once {
                Poll::Ready(handled) => handled,
                // Most handlers are done by now, and need no way to be stopped.
                Poll::Pending => {
                    let stoppable = self.lock().stoppable(pid, gauge.clone());
                    let Some((registration, brake)) = stoppable else {
                        // Its process ended meanwhile, before anybody could see what it used.
                        if let Some(gauge) = gauge {
                            self.submit(Input::Unreported { pid, usage: gauge.read() });
                        }
                        return;
                    };
                    begun = true;
                    match Abortable::new(brake.on(handling), registration).await {
                        Ok(handled) => handled,
                        // Its process is gone, and what it had used was told with that.
                        Err(_) => return,
                    }
                }
            }
        };
        let handled = survived.unwrap_or_else(|reason| Handled {
            result: Err(Fault { kind: FaultKind::Trap, reason }),
            usage: gauge.as_ref().map(Gauge::read).unwrap_or_default(),
        });
        let mut todo = Todo::default();
        let gone = {
            let mut core = self.lock();
            if begun && !core.has_place(pid) {
                // As above.
                Some(guest)
            } else {
                let gone = match handled.result {
                    Ok(_) => core.give_back(pid, guest),
                    Err(_) => {
                        core.forgo(pid);
                        Some(guest)
                    }
                };
                core.take(&self.platform, Input::Handled { pid, message, handled }, 0, None, &mut todo);
                gone
            }
        };
        drop(gone);
        self.finish(todo);
    }

    /// Makes an instance in the place of the one that handled the message before. Where the host has no room for it,
    /// because others took all of it, the message waits for some: that is not the end of whoever it came to. A call
    /// that waits longer than its deadline is over for its caller.
    async fn made_again(&self, request: StartRequest) -> Result<(), Fault> {
        let done = self.lock().borrow(request.pid);
        drop(done);
        loop {
            let made = self.made(request.clone()).await;
            let no_room = made.as_ref().is_err_and(|fault| fault.kind == FaultKind::Room);
            if !no_room || !self.lock().expects(request.pid) {
                return made;
            }
            self.platform.sleep_until(self.platform.now().after(ROOM)).await;
        }
    }

    /// Makes an instance; a host that panics in it could not.
    pub(super) async fn made(&self, request: StartRequest) -> Result<(), Fault> {
        let pid = request.pid;
        let made = survived(self.instantiate(request)).await;
        let made = made.unwrap_or_else(|reason| Err(Fault { kind: FaultKind::Start, reason }));
        if made.is_err()
            && let Some(action) = self.lock().vacate(pid)
        {
            self.submit(Input::Gone { action, pid });
        }
        made
    }

    /// Makes an instance and puts it into its place, unless its process ended meanwhile.
    async fn instantiate(&self, request: StartRequest) -> Result<(), Fault> {
        let Some(inner) = self.me.upgrade() else { return Err(stopped()) };
        let port = gate::port(&inner, request.pid);
        let pid = request.pid;
        if !self.lock().makes(pid) {
            return Err(ended());
        }
        let mut instance = Instance::begin(pid, &self.me);
        let component = match request.program {
            Program::Wasm { hash } => Some(hash),
            Program::Native { .. } => None,
        };
        let load = move || -> BoxFuture<'static, _> { Box::pin(async move { inner.component(component).await }) };
        instance.made(self.sandbox.start(request, load, port).await?);
        let gone = self.lock().give_back(pid, instance);
        gone.map_or(Ok(()), |_| Err(ended()))
    }
}

fn ended() -> Fault {
    Fault { kind: FaultKind::Start, reason: "it ended while it was being started".to_owned() }
}

fn stopped() -> Fault {
    Fault { kind: FaultKind::Start, reason: "the kernel has stopped".to_owned() }
}
