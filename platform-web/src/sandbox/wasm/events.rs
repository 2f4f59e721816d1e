//! What a guest's worker tells, in the order in which it does.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use js_sys::{JsString, Uint8Array};
use kernel_core::ipc::body::{MAX_HEADER, MAX_PAYLOAD};
use kernel_core::platform::{FaultKind, LogLevel};
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;

/// The most of a verb or a path that is taken in, in UTF-16: one more than any may have.
const MOST_PATH: u32 = 4_097;

/// The most of a sentence or a line of a log, in UTF-16: all that the kernel keeps of one.
const MOST_TEXT: u32 = 2_048;

/// The most bytes of the body of an act: one more than any may have.
const MOST_BODY: u32 = (MAX_HEADER + 1 + MAX_PAYLOAD + 1) as u32;

/// The most bytes of a reply: one more than any may have.
const MOST_REPLY: u32 = MAX_PAYLOAD as u32 + 1;

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
    Log(LogLevel, String, Used),
    /// `handle` returned.
    Handled(Result<Vec<u8>, String>, Used),
    /// It ended from inside.
    Fault(FaultKind, String, Used),
}

/// Where JavaScript tells what a guest's worker says. How much it says at once is bounded here, before anything of it is
/// copied into this memory, which all guests share: what is cut off is still too large, and refused as that. How often
/// is bounded where it is said: a guest waits after each act, and lines of its log are counted in its worker.
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

    pub fn act(&self, verb: JsString, resource: JsString, body: Uint8Array, ran: f64, memory: u64, fuel: u64) {
        let (verb, resource) = (text(&verb, MOST_PATH), text(&resource, MOST_PATH));
        self.tell(Event::Act { verb, resource, body: bytes(&body, MOST_BODY), used: used(ran, memory, fuel) });
    }

    pub fn log(&self, level: u8, line: JsString, ran: f64, memory: u64, fuel: u64) {
        let level = match level {
            0 => LogLevel::Trace,
            1 => LogLevel::Debug,
            2 => LogLevel::Info,
            3 => LogLevel::Warn,
            _ => LogLevel::Error,
        };
        self.tell(Event::Log(level, text(&line, MOST_TEXT), used(ran, memory, fuel)));
    }

    pub fn handled(&self, body: Uint8Array, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Handled(Ok(bytes(&body, MOST_REPLY)), used(ran, memory, fuel)));
    }

    pub fn failed(&self, error: JsString, ran: f64, memory: u64, fuel: u64) {
        self.tell(Event::Handled(Err(text(&error, MOST_TEXT)), used(ran, memory, fuel)));
    }

    pub fn fault(&self, kind: &str, reason: JsString, ran: f64, memory: u64, fuel: u64) {
        let kind = match kind {
            "fuel" => FaultKind::Fuel,
            "memory" => FaultKind::Memory,
            "start" => FaultKind::Start,
            _ => FaultKind::Trap,
        };
        self.tell(Event::Fault(kind, text(&reason, MOST_TEXT), used(ran, memory, fuel)));
    }
}

fn text(all: &JsString, most: u32) -> String {
    all.slice(0, most).into()
}

fn bytes(all: &Uint8Array, most: u32) -> Vec<u8> {
    all.subarray(0, most).to_vec()
}

fn used(ran: f64, memory: u64, fuel: u64) -> Used {
    // What is no number of milliseconds counts as none: the worker is the package's own.
    Used { ran: Duration::try_from_secs_f64(ran / 1_000.0).unwrap_or_default(), memory, fuel }
}
