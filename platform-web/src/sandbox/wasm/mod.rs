//! Components, each in a worker of its own.
//!
//! JavaScript has the workers and what their code is made from (`pkg/src/guests.ts`); here is what a guest is: when it
//! starts, how long it may run, what it is answered and how it ends. A guest has at most one act at a time, so one
//! future drives it: it takes what the worker tells, in order, and dropping it ends the worker.

use crate::clock::WebClock;
use crate::js::words;
use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use kernel_core::codec::hex;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, HostError, Port, StartRequest};
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

mod bindings;
mod events;
mod guest;
#[cfg(test)]
mod tests;

pub use bindings::Guests;
pub use guest::WasmGuest;

/// Why components cannot run in this worker, if they cannot.
pub(crate) fn missing() -> Option<&'static str> {
    if GUESTS.with(|slot| slot.borrow().is_none()) {
        return Some("nobody was named who makes workers for guests: boot the kernel by the package's own worker");
    }
    let Ok(wasm) = Reflect::get(&js_sys::global(), &JsValue::from_str("WebAssembly")) else {
        return Some("this browser has no WebAssembly");
    };
    let has = |name| Reflect::get(&wasm, &JsValue::from_str(name)).is_ok_and(|it| it.is_function());
    if has("Suspending") && has("promising") {
        None
    } else {
        Some(
            "this browser cannot suspend WebAssembly (JavaScript Promise Integration): use Chrome or Edge 137 or newer",
        )
    }
}

thread_local! {
    static GUESTS: RefCell<Option<Guests>> = const { RefCell::new(None) };
}

/// Says who makes workers for guests. Called once in a worker, before a kernel is booted in it.
#[wasm_bindgen]
pub fn use_guests(guests: Guests) {
    GUESTS.with(|slot| slot.replace(Some(guests)));
}

/// Runs components in workers that [`Guests`] makes.
#[derive(Debug)]
pub(super) struct WasmSandbox {
    guests: Option<Guests>,
    clock: WebClock,
}

impl WasmSandbox {
    /// A sandbox; where nobody was named who makes workers, it refuses every component.
    pub(super) fn new() -> WasmSandbox {
        WasmSandbox { guests: GUESTS.with(|slot| slot.borrow().clone()), clock: WebClock::new() }
    }

    /// Makes the component ready if it is not, and starts an instance.
    pub(super) async fn start(
        &self,
        hash: [u8; 32],
        request: &StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>>,
        port: Port,
    ) -> Result<WasmGuest, Fault> {
        if let Some(missing) = missing() {
            return Err(start(missing));
        }
        let guests = self.guests.as_ref().ok_or_else(|| start("guest workers were set up after this kernel"))?;
        let name = hex(&hash);
        if !guests.known(&name).await.is_truthy() {
            let bytes = component().await.map_err(|e| start(format!("its program could not be loaded: {e}")))?;
            if <[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&bytes)) != hash {
                return Err(start("its program is not the one that was installed: the hash of the bytes differs"));
            }
            // A copy of its own: JavaScript hands it on to another worker.
            let made = guests.make(&name, Uint8Array::from(&bytes[..])).await;
            made.map_err(|error| start(one_line(words(&error).trim_start_matches("Error: "))))?;
        }
        WasmGuest::start(guests, &self.clock, &name, request, port).await
    }
}

/// A fault of kind `Start`.
fn start(reason: impl Into<String>) -> Fault {
    Fault { kind: FaultKind::Start, reason: reason.into() }
}

/// The first line of a text, at most 200 characters of it.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
