//! The engine: what wasmtime is asked to be, and how instances get their memory.

use super::WasmOptions;
use super::bindings::{Agent, Context};
use super::cache::CodeCache;
use super::programs::Programs;
use super::ticker::Ticker;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How instances get their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allocation {
    /// From a pool that was reserved at once, with copy-on-write images: the fast way.
    Pooling {
        /// The most instances at once.
        instances: u32,
    },
    /// Mapped when an instance starts and unmapped when it ends.
    OnDemand {
        /// Why there is no pool.
        why: String,
    },
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allocation::Pooling { instances } => write!(f, "a pool of {instances} instances"),
            Allocation::OnDemand { why } => write!(f, "on demand ({why})"),
        }
    }
}

/// Addresses of one memory. With all that a 32-bit memory can have, no access needs a check.
const RESERVATION: u64 = 4 << 30;

/// A guest's stack, and the fiber's that it runs on with the host functions that it calls.
const WASM_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 2 << 20;

/// An engine with all that belongs to it.
pub(super) struct Machine {
    engine: Engine,
    linker: Linker<Context>,
    allocation: Allocation,
    ticker: Arc<Ticker>,
    programs: Programs,
    cache: Option<CodeCache>,
    // How many places are taken: one for each instance, from before it is made.
    taken: Arc<AtomicU32>,
}

/// Held by each instance; given back when it is dropped.
pub(super) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many places a pool has beside its `instances`, for those that take the place of another.
fn spared(instances: u32) -> u32 {
    instances / 8 + 1
}

impl Machine {
    /// Makes the engine and reserves the largest pool, up to what is asked for, that this machine allows.
    pub(super) fn open(options: &WasmOptions) -> Result<Machine, String> {
        let failed = |e: wasmtime::Error| format!("wasmtime cannot run here: {e:#}");
        let (engine, allocation) = reserve(options.instances).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        Agent::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context).map_err(failed)?;
        let ticker =
            Ticker::start(&engine).map_err(|e| format!("the thread that interrupts guests cannot start: {e}"))?;
        // Without a cache everything works, it only compiles anew.
        let cache = options.cache.as_deref().and_then(|dir| match CodeCache::open(dir, &engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(%error, "compiled code is not kept");
                None
            }
        });
        Ok(Machine {
            engine,
            linker,
            allocation,
            ticker: Arc::new(ticker),
            programs: Programs::default(),
            cache,
            taken: Arc::default(),
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<Context> {
        &self.linker
    }

    pub(super) fn allocation(&self) -> &Allocation {
        &self.allocation
    }

    /// A place in the pool, if there is one; for an instance that is made `again` also one that is kept for those.
    pub(super) fn place(&self, again: bool) -> Option<Place> {
        let most = match self.allocation {
            Allocation::Pooling { instances } if again => instances.saturating_add(spared(instances)),
            Allocation::Pooling { instances } => instances,
            Allocation::OnDemand { .. } => u32::MAX,
        };
        // Counted and taken at once, so that no two get the last.
        let free = |taken| (taken < most).then(|| taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Place(self.taken.clone()))
    }

    pub(super) fn ticker(&self) -> &Arc<Ticker> {
        &self.ticker
    }

    pub(super) fn programs(&self) -> &Programs {
        &self.programs
    }

    pub(super) fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_ref()
    }
}

/// Tries a pool for so many, a tenth and a hundredth of them, then none.
fn reserve(most: u32) -> wasmtime::Result<(Engine, Allocation)> {
    let mut why = "no pool was asked for".to_owned();
    for instances in [most, most / 10, most / 100].into_iter().filter(|n| *n > 0) {
        let mut config = config();
        config
            .memory_reservation(RESERVATION)
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
        match Engine::new(&config) {
            Ok(engine) => return Ok((engine, Allocation::Pooling { instances })),
            Err(error) => why = format!("a pool of {instances} instances cannot be reserved: {}", error.root_cause()),
        }
    }
    on_demand(why)
}

fn on_demand(why: String) -> wasmtime::Result<(Engine, Allocation)> {
    let mut config = config();
    // Where addresses are scarce, a memory takes what it needs and moves when it grows.
    config
        .memory_reservation(0)
        .memory_reservation_for_growth(1 << 20)
        .memory_guard_size(64 << 10)
        .memory_may_move(true)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    Ok((Engine::new(&config)?, Allocation::OnDemand { why }))
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let instances = instances.saturating_add(spared(instances));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(5))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(3))
        // An instance keeps the stack of its last activation until it ends.
        .total_stacks(instances)
        .max_memory_size(RESERVATION as usize)
        .max_core_instances_per_component(256)
        .max_tables_per_component(256)
        .max_memories_per_component(64)
        .table_elements(100_000)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(8 << 20)
        // What is written anew for the next instance instead of being given back and faulted in again.
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(64);
    pool
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        // A trap is told in a sentence; addresses of a guest's code help nobody here.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        // The limiter is not asked about shared memories, so there are none.
        .shared_memory(false)
        // The same bits on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}
