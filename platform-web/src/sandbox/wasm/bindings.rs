//! The classes of `pkg/src/guests.ts`, as far as they are used here.

use super::events::GuestEvents;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// Makes components ready and starts workers for them.
    #[derive(Clone, Debug)]
    pub type Guests;

    /// Whether a component is ready to be started, or can be without its bytes.
    #[wasm_bindgen(method)]
    pub(super) async fn known(this: &Guests, hash: &str) -> JsValue;

    /// Makes a component ready; rejects with one sentence.
    #[wasm_bindgen(method, catch)]
    pub(super) async fn make(this: &Guests, hash: &str, component: Uint8Array) -> Result<JsValue, JsValue>;

    /// Starts a worker; nothing if there are too many.
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments)] // What an instance is made of.
    pub(super) fn start(
        this: &Guests,
        hash: &str,
        memory: u64,
        fuel: u64,
        seed: Uint8Array,
        lock: &str,
        again: bool,
        events: GuestEvents,
    ) -> Option<GuestWorker>;

    /// One guest's worker.
    #[derive(Clone, Debug)]
    pub(super) type GuestWorker;

    /// Hands over an envelope.
    #[wasm_bindgen(method)]
    #[allow(clippy::too_many_arguments)] // The fields of the contract's record, in its order.
    pub(super) fn handle(
        this: &GuestWorker,
        id: u64,
        sender: &str,
        target: &str,
        kind: &str,
        correlation: Option<u64>,
        deadline: Option<u64>,
        labels: Array,
        content_type: &str,
        body: Uint8Array,
        now: u64,
    );

    /// Answers its act.
    #[wasm_bindgen(method)]
    pub(super) fn reply(this: &GuestWorker, body: Uint8Array, now: u64);

    /// Refuses its act.
    #[wasm_bindgen(method)]
    pub(super) fn refuse(
        this: &GuestWorker,
        code: &str,
        reason: &str,
        action: u64,
        ticket: Option<u64>,
        detail: Uint8Array,
        now: u64,
    );

    /// Ends it: nothing that it still does reaches anything.
    #[wasm_bindgen(method)]
    pub(super) fn end(this: &GuestWorker);

    /// Fulfilled when it was ended and is seen to be dead.
    #[wasm_bindgen(method)]
    pub(super) async fn dead(this: &GuestWorker);
}
