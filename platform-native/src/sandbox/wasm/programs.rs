//! Components that are ready to be instantiated, by hash: from memory, from the cache, or compiled.

use super::bindings::{Agent, AgentIndices, Context};
use super::cache::{CodeCache, Compiled};
use super::engine::Machine;
use super::fault::{one_line, start};
use bytes::Bytes;
use kernel_core::meter;
use kernel_core::platform::{BoxFuture, Fault, HostError};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, Semaphore, oneshot};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, TypedFunc};
use wasmtime::{Engine, Store};

/// How many components are kept ready. Running instances keep their own code, however many there are.
const READY: usize = 256;

/// How many components are compiled at once; each may take hundreds of megabytes.
const COMPILING: usize = 2;

/// The stack of a thread that compiles, 16 MiB: what recurses over a component must not meet its end.
const COMPILER_STACK: usize = 16 << 20;

/// What a guest may import. `types` has types only and comes along with `kernel`.
const IMPORTS: [&str; 2] = ["weft:guest/kernel@0.1", "weft:guest/types@0.1"];

type Slot = Arc<OnceCell<Arc<Ready>>>;

/// A component that can be instantiated.
pub(super) struct Ready {
    instance: InstancePre<Context>,
    agent: AgentIndices,
    /// The functions of the meters that were built into it.
    fuel: Vec<ComponentExportIndex>,
    /// Bytes that an instance of it has beside memories and tables.
    pub(super) state: u64,
}

/// An instance of a component.
pub(super) struct Made {
    pub(super) agent: Agent,
    /// Each sets what fuel there is and answers what was left.
    fuel: Vec<TypedFunc<(i64,), (i64,)>>,
}

impl Made {
    /// Gives each meter so much; answers what was used of `given` of them all together.
    pub(super) async fn fill(&self, store: &mut Store<Context>, fuel: i64, given: i64) -> wasmtime::Result<u64> {
        let mut used: u64 = 0;
        for meter in &self.fuel {
            let (left,) = meter.call_async(&mut *store, (fuel,)).await?;
            used = used.saturating_add(given.saturating_sub(left).unsigned_abs());
        }
        Ok(used)
    }
}

impl Ready {
    /// Makes an instance in a store.
    pub(super) async fn instantiate(&self, store: &mut Store<Context>) -> wasmtime::Result<Made> {
        let instance = self.instance.instantiate_async(&mut *store).await?;
        let agent = self.agent.load(&mut *store, &instance)?;
        let fuel =
            self.fuel.iter().map(|meter| instance.get_typed_func(&mut *store, meter)).collect::<Result<_, _>>()?;
        Ok(Made { agent, fuel })
    }
}

/// The components of one engine.
pub(super) struct Programs {
    // Held to find a slot; whoever fills one waits on the slot, not on this.
    slots: Mutex<Slots>,
    compiling: Semaphore,
}

#[derive(Default)]
struct Slots {
    by_hash: HashMap<[u8; 32], (Slot, u64)>,
    uses: u64,
}

impl Default for Programs {
    fn default() -> Programs {
        Programs { slots: Mutex::default(), compiling: Semaphore::new(COMPILING) }
    }
}

impl Programs {
    /// The component `hash`, made ready once however many ask at the same time.
    pub(super) async fn get(
        &self,
        hash: &[u8; 32],
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + Send,
        machine: &Machine,
    ) -> Result<Arc<Ready>, Fault> {
        let slot = self.slot(hash);
        let made = slot.get_or_try_init(|| async {
            let cached = machine.cache().map(|cache| cache.load(machine.engine(), hash));
            let compiled = match cached.flatten() {
                Some(compiled) => compiled,
                None => {
                    let bytes =
                        component().await.map_err(|e| start(format!("its program could not be loaded: {e}")))?;
                    self.compile(*hash, bytes, machine).await?
                }
            };
            ready(machine, &compiled).map(Arc::new)
        });
        made.await.cloned()
    }

    fn slot(&self, hash: &[u8; 32]) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.uses += 1;
        let now = slots.uses;
        if let Some((slot, used)) = slots.by_hash.get_mut(hash) {
            *used = now;
            return slot.clone();
        }
        if slots.by_hash.len() >= READY {
            let oldest = slots.by_hash.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| slots.by_hash.remove(&oldest));
        }
        let slot = Slot::default();
        slots.by_hash.insert(*hash, (slot.clone(), now));
        slot
    }

    async fn compile(&self, hash: [u8; 32], bytes: Bytes, machine: &Machine) -> Result<Compiled, Fault> {
        let _turn = self.compiling.acquire().await.map_err(|_| start("this host is stopping"))?;
        let (engine, cache) = (machine.engine().clone(), machine.cache().cloned());
        let (done, compiled) = oneshot::channel();
        let work = move || {
            let _ = done.send(compile(&hash, &bytes, &engine, cache.as_ref()));
        };
        // Not one of the runtime's threads, whose stacks are for tasks.
        let thread = std::thread::Builder::new().name("weft-compile".to_owned()).stack_size(COMPILER_STACK);
        thread.spawn(work).map_err(|e| start(format!("no thread can be started to compile it: {e}")))?;
        compiled.await.unwrap_or_else(|_| Err(start("compiling it was cut short: that is a fault of this host")))
    }
}

fn compile(hash: &[u8; 32], bytes: &[u8], engine: &Engine, cache: Option<&CodeCache>) -> Result<Compiled, Fault> {
    if <[u8; 32]>::from(Sha256::digest(bytes)) != *hash {
        return Err(start("its program is not the one that was installed: the hash of the bytes differs"));
    }
    let unfit = |why: &str| start(format!("it is not a component that can be compiled: {}", one_line(why)));
    // Whoever installed it need not have checked it: the meter looks at what is in it first.
    let meter::Metered { component, state, .. } = meter::meter(bytes).map_err(|e| unfit(&e.to_string()))?;
    let component = Component::from_binary(engine, &component).map_err(|e| unfit(&e.to_string()))?;
    let compiled = Compiled { component, state };
    if let Some(cache) = cache {
        cache.store(hash, &compiled);
    }
    Ok(compiled)
}

/// Checks what the component imports and exports, and links it.
fn ready(machine: &Machine, Compiled { component, state }: &Compiled) -> Result<Ready, Fault> {
    let component_type = component.component_type();
    for (name, _) in component_type.imports(machine.engine()) {
        if !IMPORTS.iter().any(|allowed| is_version_of(name, allowed)) {
            return Err(start(format!(
                "it imports `{}`, and a guest may import nothing but {}.x",
                one_line(name),
                IMPORTS[0]
            )));
        }
    }
    let linked = machine
        .linker()
        .instantiate_pre(component)
        .map_err(|e| start(format!("its imports do not fit: {}", one_line(&e.root_cause().to_string()))))?;
    let agent = AgentIndices::new(&linked).map_err(|e| {
        let cause = one_line(&e.root_cause().to_string());
        start(format!("it does not export weft:guest/guest@0.1.x as the world `agent` has it: {cause}"))
    })?;
    let fuel = (0..).map_while(|n| component.get_export_index(None, meter::export(n))).collect::<Vec<_>>();
    if fuel.is_empty() {
        return Err(start("its code has no fuel meter"));
    }
    Ok(Ready { instance: linked, agent, fuel, state: *state })
}

/// Whether `name` is `allowed` with some patch version: `a:b/c@0.1.3` is of `a:b/c@0.1`.
fn is_version_of(name: &str, allowed: &str) -> bool {
    name.strip_prefix(allowed)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        assert!(is_version_of("weft:guest/kernel@0.1.0", IMPORTS[0]));
        assert!(is_version_of("weft:guest/kernel@0.1.12", IMPORTS[0]));
        for other in [
            "weft:guest/kernel",
            "weft:guest/kernel@0.1",
            "weft:guest/kernel@0.10.0",
            "weft:guest/kernel@0.1.",
            "weft:guest/kernel@0.1.0-x",
        ] {
            assert!(!is_version_of(other, IMPORTS[0]), "{other}");
        }
    }
}
