//! Handlers that are compiled into the host and registered by name: part of the trusted base, never
//! loaded from an application, and not limited in memory or CPU time.

use crate::spawn::panic_text;
use futures::FutureExt;
use kernel_core::ipc::Envelope;
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Handled, Handler, Port, Programs, Usage};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// Makes an instance of the program `name`.
pub(super) fn start(programs: &Programs, name: &Name, port: Port) -> Result<NativeInstance, Fault> {
    let fault = |reason| Fault { kind: FaultKind::Start, reason };
    match catch_unwind(AssertUnwindSafe(|| programs.instance(name, port))) {
        Ok(Some(handler)) => Ok(NativeInstance { handler: Some(handler) }),
        Ok(None) => Err(fault(format!("no native program `{name}` is registered in this host"))),
        Err(panic) => Err(fault(panicked(&*panic))),
    }
}

/// A running native program; nothing is left in it after a panic.
pub struct NativeInstance {
    handler: Option<Box<dyn Handler>>,
}

impl fmt::Debug for NativeInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeInstance").field("alive", &self.handler.is_some()).finish()
    }
}

impl NativeInstance {
    pub(super) fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        Box::pin(async move {
            // Taken out for the length of the activation: a panic or a dropped future leaves none.
            let Some(mut handler) = self.handler.take() else {
                let fault = Fault { kind: FaultKind::Trap, reason: "the handler has ended before".to_owned() };
                return Handled { result: Err(fault), usage: Usage::default() };
            };
            let (result, cpu) = {
                let begun = catch_unwind(AssertUnwindSafe(|| handler.handle(message)));
                match begun {
                    Ok(future) => Timed { future: AssertUnwindSafe(future).catch_unwind(), spent: 0 }.await,
                    Err(panic) => (Err(panic), 0),
                }
            };
            let result = match result {
                Ok(result) => {
                    self.handler = Some(handler);
                    Ok(result)
                }
                Err(panic) => Err(Fault { kind: FaultKind::Trap, reason: panicked(&*panic) }),
            };
            Handled { result, usage: Usage { cpu, memory: 0, fuel: 0 } }
        })
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    format!("the handler panicked: {}", panic_text(panic))
}

/// Measures how long a future is polled. Handlers return quickly, so the wall time of a poll is its CPU
/// time, at a twentieth of the price of asking for that.
struct Timed<F> {
    future: F,
    spent: u64,
}

impl<F: Future + Unpin> Future for Timed<F> {
    type Output = (F::Output, u64);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = Instant::now();
        let polled = Pin::new(&mut self.future).poll(cx);
        self.spent += u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        polled.map(|output| (output, self.spent))
    }
}
