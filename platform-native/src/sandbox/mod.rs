//! What runs programs: components in wasmtime, and handlers that are compiled into the host.

use kernel_core::ipc::Envelope;
use kernel_core::platform::{
    BoxFuture, Fault, Gauge, Guest, Handled, HostError, Port, Program, Programs, Sandbox, StartRequest,
};

mod native;

#[cfg(feature = "wasm-sandbox")]
pub mod wasm;
#[cfg(not(feature = "wasm-sandbox"))]
#[path = "absent.rs"]
pub mod wasm;

pub(crate) use wasm::MISSING as WASM_MISSING;
pub use wasm::{Allocation, WasmOptions, WasmSandbox};

#[cfg(test)]
mod tests;

/// Runs components and registered handlers.
#[derive(Debug)]
pub struct NativeSandbox {
    wasm: WasmSandbox,
    natives: Programs,
}

/// One instance of either kind.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // One per process, and the larger one is the usual one.
pub enum NativeGuest {
    /// A component.
    Wasm(wasm::WasmGuest),
    /// A handler of the host.
    Native(native::NativeInstance),
}

impl NativeSandbox {
    /// A sandbox of both kinds.
    pub fn new(wasm: WasmSandbox, natives: Programs) -> NativeSandbox {
        NativeSandbox { wasm, natives }
    }

    /// The part that runs components: what `doctor` asks.
    pub fn wasm(&self) -> &WasmSandbox {
        &self.wasm
    }
}

impl Sandbox for NativeSandbox {
    type Guest = NativeGuest;

    async fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<bytes::Bytes, HostError>> + Send,
        port: Port,
    ) -> Result<NativeGuest, Fault> {
        match &request.program {
            Program::Wasm { hash } => {
                let hash = *hash;
                self.wasm.start(hash, &request, component, port).await.map(NativeGuest::Wasm)
            }
            Program::Native { name } => native::start(&self.natives, name, port).map(NativeGuest::Native),
        }
    }
}

impl Guest for NativeGuest {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        match self {
            NativeGuest::Wasm(guest) => guest.handle(message),
            NativeGuest::Native(guest) => guest.handle(message),
        }
    }

    fn inline(&self) -> bool {
        matches!(self, NativeGuest::Native(_))
    }

    fn gauge(&self) -> Option<Gauge> {
        match self {
            NativeGuest::Wasm(guest) => Some(guest.gauge()),
            // It is of the trusted base, and has no limit of CPU time or memory.
            NativeGuest::Native(_) => None,
        }
    }
}
