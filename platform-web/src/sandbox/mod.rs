//! What runs programs: components, each in a worker of its own, and handlers that are compiled into the host.

use bytes::Bytes;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{
    BoxFuture, Fault, Gauge, Guest, Handled, HostError, Port, Program, Programs, Sandbox, StartRequest,
};

mod native;
mod ready;
mod wasm;

pub use ready::{GuestWorld, is_fuel_meter, meter_guest_module};
pub(crate) use wasm::missing as wasm_missing;
pub use wasm::{Guests, WasmGuest, use_guests};

/// Runs components and registered handlers.
#[derive(Debug)]
pub struct WebSandbox {
    wasm: wasm::WasmSandbox,
    natives: Programs,
}

/// One instance of either kind.
#[derive(Debug)]
pub enum WebGuest {
    /// A component.
    Wasm(wasm::WasmGuest),
    /// A handler of the host.
    Native(native::NativeInstance),
}

impl WebSandbox {
    /// A sandbox of both kinds.
    pub fn new(natives: Programs) -> WebSandbox {
        WebSandbox { wasm: wasm::WasmSandbox::new(), natives }
    }
}

impl Sandbox for WebSandbox {
    type Guest = WebGuest;

    async fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>>,
        port: Port,
    ) -> Result<WebGuest, Fault> {
        match &request.program {
            Program::Wasm { hash } => self.wasm.start(*hash, &request, component, port).await.map(WebGuest::Wasm),
            Program::Native { name } => native::start(&self.natives, name, port).map(WebGuest::Native),
        }
    }
}

impl Guest for WebGuest {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        match self {
            WebGuest::Wasm(guest) => guest.handle(message),
            WebGuest::Native(guest) => guest.handle(message),
        }
    }

    fn inline(&self) -> bool {
        matches!(self, WebGuest::Native(_))
    }

    fn gauge(&self) -> Option<Gauge> {
        match self {
            WebGuest::Wasm(guest) => Some(guest.gauge()),
            WebGuest::Native(_) => None,
        }
    }

    fn death(&self) -> Option<BoxFuture<'static, ()>> {
        match self {
            WebGuest::Wasm(guest) => Some(guest.death()),
            WebGuest::Native(_) => None,
        }
    }
}
