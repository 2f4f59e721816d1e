//! Handlers that are compiled into the host and registered by name: part of the trusted base, never
//! loaded from an application, and not limited in memory or CPU time. A panic in one is a panic of the
//! kernel's worker, which nothing survives: WebAssembly does not unwind here.

use kernel_core::ipc::Envelope;
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Handled, Handler, Port, Programs, Usage};
use std::fmt;

/// Makes an instance of the program `name`.
pub(super) fn start(programs: &Programs, name: &Name, port: Port) -> Result<NativeInstance, Fault> {
    let reason = || format!("no native program `{name}` is registered in this host");
    let handler = programs.instance(name, port).ok_or_else(|| Fault { kind: FaultKind::Start, reason: reason() })?;
    Ok(NativeInstance { handler: Some(handler) })
}

/// A running native program.
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
            // Taken out for the length of the activation: a dropped future leaves none.
            let Some(mut handler) = self.handler.take() else {
                let fault = Fault { kind: FaultKind::Trap, reason: "the handler has ended before".to_owned() };
                return Handled { result: Err(fault), usage: Usage::default() };
            };
            let result = handler.handle(message).await;
            self.handler = Some(handler);
            // The clock of a worker is too coarse to measure what returns in microseconds.
            Handled { result: Ok(result), usage: Usage::default() }
        })
    }
}
