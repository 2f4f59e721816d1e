//! In place of guest workers, which this build does not have: the same names, and a refusal.

use bytes::Bytes;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Handled, HostError, Limits, Port};
use std::convert::Infallible;

/// Why components cannot run here.
pub(crate) const MISSING: Option<&str> = Some("guest workers are not built into this version of the package");

/// There are none.
#[derive(Debug)]
pub struct WasmGuest(Infallible);

pub(super) async fn start(
    _hash: [u8; 32],
    _limits: Limits,
    _seed: [u8; 32],
    _component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>>,
    _port: Port,
) -> Result<WasmGuest, Fault> {
    Err(Fault { kind: FaultKind::Start, reason: MISSING.unwrap_or_default().to_owned() })
}

impl WasmGuest {
    pub(super) fn handle(&mut self, _message: Envelope) -> BoxFuture<'_, Handled> {
        match self.0 {}
    }
}
