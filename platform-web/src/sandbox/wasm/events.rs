//! What a guest's worker tells, in the order in which it does.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kernel_core::platform::{FaultKind, LogLevel};
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;

/// What it has used: running since the last envelope, the peak of its memory in bytes, and the fuel of what is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Used {
    pub(super) ran: Duration,
    pub(super) memory: u64,
    pub(super) fuel: u64,
}

/// One thing that happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Its code is loaded; from here on its time counts.
    Running,
    /// It can be given envelopes.
    Started(Used),
    /// It asks the kernel and waits.
    Act { verb: String, resource: String, body: Vec<u8>, used: Used },
    /// A line for its log.
    Log(LogLevel, String),
    /// `handle` returned.
    Handled(Result<Vec<u8>, String>, Used),
    /// It ended from inside.
    Fault(FaultKind, String, Used),
}

/// Where JavaScript tells what a guest's worker says. Nothing is bounded here because everything is where it is said: a guest
/// waits after each act, and lines of its log are counted in its worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GuestEvents {
    events: UnboundedSender<Event>,
}

impl GuestEvents {
    /// Where to tell, and where it is heard.
    pub(super) fn channel() -> (GuestEvents, UnboundedReceiver<Event>) {
        let (events, heard) = unbounded();
        (GuestEvents { events }, heard)
    }

    fn tell(&self, event: Event) {
        // A guest that is dropped hears nothing more.
        let _ = self.events.unbounded_send(event);
    }
}

#[wasm_bindgen]
#[allow(missing_docs)] // Each is the event of its name.
impl GuestEvents {
    pub fn running(&self) {
        self.tell(Event::Running);
    }

    pub fn started(&self, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Started(used(ran, memory, fuel)));
    }

    pub fn act(&self, verb: String, resource: String, body: Vec<u8>, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Act { verb, resource, body, used: used(ran, memory, fuel) });
    }

    pub fn log(&self, level: u8, text: String) {
        let level = match level {
            0 => LogLevel::Trace,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        self.tell(Event::Log(level, text));
    }

    pub fn handled(&self, body: Vec<u8>, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Handled(Ok(body), used(ran, memory, fuel)));
    }

    pub fn failed(&self, error: String, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Handled(Err(error), used(ran, memory, fuel)));
    }

    pub fn fault(&self, kind: &str, reason: String, ran: f64, memory: u64, fuel: u64) {
        let kind = match kind {
            "fuel" => FaultKind::Fuel,
            "memory" => FaultKind::Memory,
            "start" => FaultKind::Start,
            _ => FaultKind::Trap,
        };
        self.tell(Event::Fault(kind, reason, used(ran, memory, fuel)));
    }
}

fn used(ran: f64, memory: u64, fuel: u64) -> Used {
    // What is no number of milliseconds counts as none: the worker is the package's own.
    Used { ran: Duration::try_from_secs_f64(ran / 1_000.0).unwrap_or_default(), memory, fuel }
}
