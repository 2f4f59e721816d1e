//! One instance of a component.

use super::bindings::{Agent, Context, wire};
use super::engine::Machine;
use super::fault;
use super::meter::{Meter, Metered};
use super::programs::Ready;
use super::ticker::Ticker;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Handled, Limits, Port, Usage};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Store;

/// A component that has been started. Dropping it, or a future of `handle`, ends it: its code runs only
/// inside of polls of that future.
pub struct WasmGuest {
    // Moved into each activation and back: an activation that is dropped takes the instance with it.
    live: Option<Live>,
    ticker: Arc<Ticker>,
    limit: Duration,
    // CPU time of instantiation, which the first activation answers for.
    owed: u64,
    // What is told after the end.
    peak: u64,
}

struct Live {
    store: Store<Context>,
    agent: Agent,
}

impl std::fmt::Debug for WasmGuest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmGuest").field("alive", &self.live.is_some()).finish_non_exhaustive()
    }
}

impl WasmGuest {
    pub(super) async fn start(
        machine: &Machine,
        program: &Ready,
        limits: Limits,
        seed: [u8; 32],
        port: Port,
    ) -> Result<WasmGuest, Fault> {
        let mut store = Store::new(machine.engine(), Context::new(port, seed, limits.memory));
        store.limiter(|context| &mut context.memory);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        if let Err(error) = store.data_mut().memory.take(program.state) {
            return Err(fault::of_start(&error, &store.data().memory));
        }
        let mut meter = Meter::new(limits.handle);
        let made = {
            let future = pin!(program.agent.instantiate_async(&mut store));
            Metered::new(future, &mut meter, machine.ticker()).await
        };
        let agent = match made {
            Ok(Ok(agent)) => agent,
            Ok(Err(error)) => return Err(fault::of_start(&error, &store.data().memory)),
            Err(over) => return Err(fault::of_cpu(over)),
        };
        Ok(WasmGuest {
            peak: store.data().memory.used(),
            live: Some(Live { store, agent }),
            ticker: machine.ticker().clone(),
            limit: limits.handle,
            owed: meter.nanos(),
        })
    }

    pub(crate) fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        Box::pin(async move {
            let Some(mut live) = self.live.take() else {
                let fault = Fault { kind: FaultKind::Trap, reason: "it has ended before".to_owned() };
                return Handled { result: Err(fault), usage: Usage { cpu: 0, memory: self.peak } };
            };
            let (sender, target) = (message.sender.to_string(), message.target.to_string());
            let labels: Vec<&str> = message.labels.iter().collect();
            let message = wire(&message, &sender, &target, &labels);
            let mut meter = Meter::new(self.limit);
            live.store.set_epoch_deadline(1);
            let called = {
                let future = pin!(live.agent.weft_guest_guest().call_handle(&mut live.store, message));
                Metered::new(future, &mut meter, &self.ticker).await
            };
            self.peak = live.store.data().memory.used();
            let usage = Usage { cpu: meter.nanos() + std::mem::take(&mut self.owed), memory: self.peak };
            let result = match called {
                Ok(Ok(answer)) => {
                    self.live = Some(live);
                    Ok(answer.map(Into::into))
                }
                Ok(Err(error)) => Err(fault::of_error(&error, &live.store.data().memory)),
                Err(over) => Err(fault::of_cpu(over)),
            };
            Handled { result, usage }
        })
    }
}
