//! In place of `wasm` in a build without the feature `wasm-sandbox`: the same names, and a refusal.

use bytes::Bytes;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Gauge, Handled, HostError, Port, StartRequest};
use std::convert::Infallible;
use std::path::PathBuf;

/// Why components cannot run here.
pub const MISSING: Option<&str> =
    Some("this build has no WebAssembly sandbox; build it with the cargo feature `wasm-sandbox`");

/// How instances get their memory: there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allocation {}

/// How components would be run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct WasmOptions {
    /// Not used here.
    pub cache: Option<PathBuf>,
    /// Not used here.
    pub instances: u32,
}

/// Refuses every component.
#[derive(Clone, Debug)]
pub struct WasmSandbox;

/// There are none.
#[derive(Debug)]
pub struct WasmGuest(Infallible);

impl WasmSandbox {
    /// A sandbox that refuses.
    pub fn new(_options: WasmOptions, _runtime: tokio::runtime::Handle) -> WasmSandbox {
        WasmSandbox
    }

    /// There is nothing to prepare.
    pub fn prepare(&self) {}

    /// How instances get their memory, or why there are none.
    ///
    /// # Errors
    ///
    /// Always: the feature's name.
    pub fn allocation(&self) -> Result<Allocation, Fault> {
        Err(missing())
    }

    pub(crate) async fn start(
        &self,
        _hash: [u8; 32],
        _request: &StartRequest,
        _component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + Send,
        _port: Port,
    ) -> Result<WasmGuest, Fault> {
        Err(missing())
    }
}

impl WasmGuest {
    pub(crate) fn handle(&mut self, _message: Envelope) -> BoxFuture<'_, Handled> {
        match self.0 {}
    }

    pub(crate) fn gauge(&self) -> Gauge {
        match self.0 {}
    }
}

fn missing() -> Fault {
    Fault { kind: FaultKind::Start, reason: MISSING.unwrap_or_default().to_owned() }
}
