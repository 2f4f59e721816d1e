//! Guests that are scripts: handlers over the same port that components and native programs use.

use super::SimPlatform;
use crate::codec::hex;
use crate::ipc::Envelope;
use crate::path::Name;
use crate::platform::{
    BoxFuture, Fault, FaultKind, Guest, Handled, Handler, HostError, MaybeSend, Port, Program, Programs, Sandbox,
    StartRequest, Usage,
};
use bytes::Bytes;
use std::fmt;

/// Errors that begin so are not returned by the script but end it, as these things end a component.
const FAULTS: &[(&str, FaultKind)] =
    &[("trap: ", FaultKind::Trap), ("cpu: ", FaultKind::Cpu), ("memory: ", FaultKind::Memory)];

/// Runs handlers: a native program is the handler of its name, a component the handler that is
/// registered under the hexadecimal digits of its hash. Use is not measured.
#[derive(Clone, Debug)]
pub struct SimSandbox {
    platform: SimPlatform,
    programs: Programs,
}

impl SimSandbox {
    /// A sandbox that runs `programs`.
    pub fn new(platform: &SimPlatform, programs: Programs) -> SimSandbox {
        SimSandbox { platform: platform.clone(), programs }
    }
}

/// A script that runs.
pub struct SimGuest {
    handler: Box<dyn Handler>,
    inline: bool,
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
        let name = match request.program {
            Program::Native { name } => name,
            Program::Wasm { hash } => {
                component().await.map_err(|e| no(e.to_string()))?;
                let digits = hex(&hash);
                Name::parse(&digits).map_err(|e| no(e.to_string()))?
            }
        };
        let handler = self.programs.instance(&name, port).ok_or_else(|| {
            no(format!("no handler is registered under `{name}`; add it to the programs of the host"))
        })?;
        // Either way of running a guest has to give the same result, so both are tried.
        Ok(SimGuest { handler, inline: self.platform.fault().is_multiple_of(2) })
    }
}

impl Guest for SimGuest {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        Box::pin(async move {
            let result = self.handler.handle(message).await;
            Handled { result: result.map(Ok).or_else(faulted), usage: Usage::default() }
        })
    }

    fn inline(&self) -> bool {
        self.inline
    }
}

/// A script's error: the guest's own, or the end of the instance.
fn faulted(text: String) -> Result<Result<Bytes, String>, Fault> {
    match FAULTS.iter().find_map(|(prefix, kind)| Some((*kind, text.strip_prefix(prefix)?))) {
        Some((kind, reason)) => Err(Fault { kind, reason: reason.to_owned() }),
        None => Ok(Err(text)),
    }
}
