//! Futures run on the worker's event loop.

use kernel_core::platform::Spawn;
use std::future::Future;

/// Starts tasks on this worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebSpawn;

impl Spawn for WebSpawn {
    fn spawn(&self, _name: &'static str, future: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(future);
    }
}
