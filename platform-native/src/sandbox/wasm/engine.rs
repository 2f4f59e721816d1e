//! The engine: what wasmtime is asked to be, and how instances get their memory.

use super::bindings::{Agent, Context};
use super::cache::CodeCache;
use super::programs::Programs;
use super::ticker::Ticker;
use std::path::Path;
use std::sync::Arc;
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

/// How large a pool is tried, the largest first. Each instance reserves some 4 GiB of addresses, not
/// memory: 10,000 need 40 TiB of the 128 TiB that a 64-bit x86 process has, less fits other machines.
const POOLS: [u32; 3] = [10_000, 1_000, 100];

/// Addresses of one memory. With all that a 32-bit memory can have, no access needs a check.
const RESERVATION: u64 = 4 << 30;

/// A guest's stack, and the fiber's that it runs on with the host functions that it calls.
const WASM_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 1 << 20;

/// An engine with all that belongs to it.
pub(super) struct Machine {
    engine: Engine,
    linker: Linker<Context>,
    allocation: Allocation,
    ticker: Arc<Ticker>,
    programs: Programs,
    cache: Option<CodeCache>,
}

impl Machine {
    /// Makes the engine; with `pooling`, reserves the largest pool that this machine allows.
    pub(super) fn open(cache: Option<&Path>, pooling: bool) -> Result<Machine, String> {
        let failed = |e: wasmtime::Error| format!("wasmtime cannot run here: {e:#}");
        let (engine, allocation) = if pooling { reserve() } else { on_demand("it was asked for".to_owned()) }.map_err(failed)?;
        let mut linker = Linker::new(&engine);
        Agent::add_to_linker::<_, HasSelf<Context>>(&mut linker, |context| context).map_err(failed)?;
        let ticker = Ticker::start(&engine).map_err(|e| format!("the thread that interrupts guests cannot start: {e}"))?;
        // Without a cache everything works, it only compiles anew.
        let cache = cache.and_then(|dir| match CodeCache::open(dir, &engine) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(%error, "compiled code is not kept");
                None
            }
        });
        Ok(Machine { engine, linker, allocation, ticker: Arc::new(ticker), programs: Programs::default(), cache })
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

/// Tries pools from the largest to the smallest, then without.
fn reserve() -> wasmtime::Result<(Engine, Allocation)> {
    let mut why = String::new();
    for instances in POOLS {
        let mut config = config();
        config.memory_reservation(RESERVATION).allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
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
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .total_stacks(instances)
        .max_memory_size(RESERVATION as usize)
        .max_core_instances_per_component(256)
        .max_tables_per_component(256)
        .max_memories_per_component(64)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
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
