//! Handlers that are compiled into the host and registered by name: part of the trusted base, never
//! loaded from an application, and not limited in memory or CPU time.

use crate::spawn::panic_text;
use bytes::Bytes;
use futures::FutureExt;
use kernel_core::ipc::Envelope;
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Handled, Port, Usage};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// One instance of a native program.
///
/// `handle` is called with one envelope at a time. Its first poll runs on the caller's stack, so it
/// should return quickly or wait. A panic ends the instance as a trap does.
pub trait Handler: Send + 'static {
    /// Handles one envelope; for a request, what is returned is the reply.
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Result<Bytes, String>>;
}

impl<F> Handler for F
where
    F: FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send + 'static,
{
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Result<Bytes, String>> {
        self(message)
    }
}

type Factory = Arc<dyn Fn(Port) -> Box<dyn Handler> + Send + Sync>;

/// The native programs of a host, by name.
#[derive(Clone, Default)]
pub struct NativePrograms {
    programs: BTreeMap<Name, Factory>,
}

impl NativePrograms {
    /// None.
    pub fn new() -> NativePrograms {
        NativePrograms::default()
    }

    /// Adds a program under `name`, in place of one that had it. `make` is called once for each
    /// instance, with the instance's port.
    #[must_use]
    pub fn with<H: Handler>(
        mut self,
        name: Name,
        make: impl Fn(Port) -> H + Send + Sync + 'static,
    ) -> NativePrograms {
        self.programs.insert(name, Arc::new(move |port| Box::new(make(port))));
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.programs.keys()
    }

    pub(super) fn start(&self, name: &Name, port: Port) -> Result<NativeInstance, Fault> {
        let make = self.programs.get(name).ok_or_else(|| Fault {
            kind: FaultKind::Start,
            reason: format!("no native program `{name}` is registered in this host"),
        })?;
        let handler = catch_unwind(AssertUnwindSafe(|| make(port)))
            .map_err(|panic| Fault { kind: FaultKind::Start, reason: panicked(&*panic) })?;
        Ok(NativeInstance { handler: Some(handler) })
    }
}

impl fmt::Debug for NativePrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
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
            Handled { result, usage: Usage { cpu, memory: 0 } }
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
