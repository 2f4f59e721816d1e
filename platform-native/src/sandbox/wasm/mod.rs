//! Components in wasmtime.
//!
//! One engine serves all instances and is made when the first component starts. Each instance has a
//! store of its own: nothing is shared between guests but compiled code. A guest runs on a fiber; an
//! epoch that a ticker advances makes it yield every few milliseconds, and at each yield its CPU time is
//! held against its limit, so a loop without end stops near the limit while others go on running.
//!
//! What a component may be is checked where it matters: its bytes against the hash that names it, its
//! imports against the kernel's interface, its exports by the types of the world. Compiled code is read
//! only from the host's own cache.

use bytes::Bytes;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, HostError, Port, StartRequest};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub use engine::Allocation;
pub use guest::WasmGuest;

mod bindings;
mod cache;
mod engine;
mod fault;
mod guest;
mod limiter;
mod meter;
mod programs;
mod ticker;

/// Why components cannot run here: they can.
pub const MISSING: Option<&str> = None;

/// How components are run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmOptions {
    /// The directory in which compiled code is kept, made with mode 0700; `None` keeps none. Default: none.
    pub cache: Option<PathBuf>,
    /// The most instances at once. Room for all of them is reserved when the first starts: 1,000 take 2 ms
    /// and 4.5 TiB of addresses (not memory), 10,000 take 25 ms. A machine that has not so much to reserve
    /// gets a tenth or a hundredth. 0 reserves nothing: then each instance maps its memory when it starts. An eighth
    /// more is reserved for instances that take the place of another.
    /// Default: 1,000.
    pub instances: u32,
}

impl Default for WasmOptions {
    fn default() -> WasmOptions {
        WasmOptions { cache: None, instances: 1_000 }
    }
}

/// Runs components. Clones share the engine and what it has compiled.
#[derive(Clone, Debug)]
pub struct WasmSandbox {
    shared: Arc<Shared>,
}

struct Shared {
    options: WasmOptions,
    runtime: tokio::runtime::Handle,
    // Made by the first start: a kernel that runs no component pays nothing for it.
    machine: OnceLock<Result<engine::Machine, String>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmSandbox").field("options", &self.options).field("allocation", &self.allocation()).finish()
    }
}

impl Shared {
    fn machine(&self) -> Result<&engine::Machine, Fault> {
        let made = self.machine.get_or_init(|| engine::Machine::open(&self.options));
        made.as_ref().map_err(|why| Fault { kind: FaultKind::Start, reason: why.clone() })
    }

    fn allocation(&self) -> Option<&Allocation> {
        self.machine.get()?.as_ref().ok().map(engine::Machine::allocation)
    }
}

impl WasmSandbox {
    /// A sandbox whose engine is made on a blocking thread of `runtime`.
    pub fn new(options: WasmOptions, runtime: tokio::runtime::Handle) -> WasmSandbox {
        WasmSandbox { shared: Arc::new(Shared { options, runtime, machine: OnceLock::new() }) }
    }

    /// Begins to make the engine on another thread, so that the first start need not wait for it.
    pub fn prepare(&self) {
        let shared = self.shared.clone();
        self.shared.runtime.spawn_blocking(move || {
            let _ = shared.machine();
        });
    }

    /// How instances get their memory on this machine; makes the engine if no component has run yet.
    ///
    /// # Errors
    ///
    /// [`FaultKind::Start`] if wasmtime cannot run here at all, with the reason.
    pub fn allocation(&self) -> Result<Allocation, Fault> {
        self.shared.machine().map(|machine| machine.allocation().clone())
    }

    pub(crate) async fn start(
        &self,
        hash: [u8; 32],
        request: &StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + Send,
        port: Port,
    ) -> Result<WasmGuest, Fault> {
        let machine = self.shared.machine()?;
        let program = machine.programs().get(&hash, component, machine).await?;
        WasmGuest::start(machine, &program, request, port).await
    }
}
