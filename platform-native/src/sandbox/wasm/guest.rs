//! One instance of a component.

use super::bindings::{Context, wire};
use super::engine::{Machine, Place};
use super::fault;
use super::limiter::Memory;
use super::meter::{Meter, Metered};
use super::programs::{Made, Ready};
use super::ticker::Ticker;
use kernel_core::ipc::Envelope;
use kernel_core::meter::INSTANTIATION;
use kernel_core::platform::{BoxFuture, Fault, FaultKind, Gauge, Handled, Limits, Port, StartRequest, Usage};
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
    fuel: Fuel,
    // CPU time and fuel of instantiation, which the first activation answers for.
    owed: (u64, u64),
    // Of the activation that is under way.
    gauge: Gauge,
    // What is told after the end.
    peak: u64,
}

struct Live {
    store: Store<Context>,
    made: Made,
    // Dropped after what it stands for.
    _place: Place,
}

/// What fuel each activation is given.
#[derive(Clone, Copy)]
struct Fuel(i64);

impl Fuel {
    /// What is not limited is only counted.
    fn of(limits: &Limits) -> Fuel {
        Fuel(limits.fuel.map_or(i64::MAX, |fuel| i64::try_from(fuel).unwrap_or(i64::MAX)))
    }

    fn units(self) -> u64 {
        self.0.unsigned_abs()
    }
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
        request: &StartRequest,
        port: Port,
    ) -> Result<WasmGuest, Fault> {
        let StartRequest { limits, seed, again, .. } = *request;
        let place = machine.place(again).ok_or_else(fault::no_room)?;
        let gauge = Gauge::default();
        let memory = Memory::new(limits.memory, gauge.clone());
        let mut store = Store::new(machine.engine(), Context::new(port, seed, memory));
        store.limiter(|context| &mut context.memory);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        if let Err(error) = store.data_mut().memory.take(program.state) {
            return Err(fault::of_start(&error, &store.data().memory));
        }
        let (mut meter, fuel) = (Meter::new(limits.handle), Fuel::of(&limits));
        let made = {
            let future = pin!(async {
                let made = program.instantiate(&mut store).await?;
                let used = made.fill(&mut store, fuel.0, INSTANTIATION as i64).await?;
                Ok((made, used))
            });
            Metered::new(future, &mut meter, machine.ticker()).await
        };
        let (made, used) = match made {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => return Err(fault::of_start(&error, &store.data().memory)),
            Err(over) => return Err(fault::of_cpu(over)),
        };
        Ok(WasmGuest {
            peak: store.data().memory.used(),
            live: Some(Live { store, made, _place: place }),
            ticker: machine.ticker().clone(),
            limit: limits.handle,
            fuel,
            owed: (meter.nanos(), used),
            gauge,
        })
    }

    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    pub(crate) fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        self.gauge.set_cpu(0);
        Box::pin(async move {
            let Some(mut live) = self.live.take() else {
                let fault = Fault { kind: FaultKind::Trap, reason: "it has ended before".to_owned() };
                return Handled { result: Err(fault), usage: Usage { cpu: 0, memory: self.peak, fuel: 0 } };
            };
            let (sender, target) = (message.sender.to_string(), message.target.to_string());
            let labels: Vec<&str> = message.labels.iter().collect();
            let message = wire(&message, &sender, &target, &labels);
            let mut meter = Meter::new(self.limit);
            live.store.set_epoch_deadline(1);
            let called = {
                let Live { store, made, .. } = &mut live;
                let future = pin!(async {
                    let answer = made.agent.weft_guest_guest().call_handle(&mut *store, message).await?;
                    // What is left is read and filled up for the next one at once.
                    let used = made.fill(store, self.fuel.0, self.fuel.0).await?;
                    Ok((answer, used))
                });
                Metered::new(future, &mut meter, &self.ticker).shown_on(&self.gauge, self.owed.0).await
            };
            let memory = &live.store.data().memory;
            self.peak = memory.used();
            let (mut cpu, mut fuel) = std::mem::take(&mut self.owed);
            cpu += meter.nanos();
            let result = match called {
                Ok(Ok((_, used))) if used > self.fuel.units() => {
                    fuel += used;
                    Err(fault::of_fuel(self.fuel.units()))
                }
                Ok(Ok((answer, used))) => {
                    fuel += used;
                    self.live = Some(live);
                    Ok(answer.map(Into::into))
                }
                Ok(Err(error)) => {
                    fuel += if memory.fuel_is_used_up() { self.fuel.units() } else { 0 };
                    Err(fault::of_error(&error, memory, self.fuel.units()))
                }
                Err(over) => Err(fault::of_cpu(over)),
            };
            Handled { result, usage: Usage { cpu, memory: self.peak, fuel } }
        })
    }
}
