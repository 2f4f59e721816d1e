//! What ended a guest, in one sentence for a person, without addresses and never with guest memory.

use super::limiter::Memory;
use super::meter::OverLimit;
use kernel_core::meter::INSTANTIATION;
use kernel_core::platform::{Fault, FaultKind};
use std::time::Duration;
use wasmtime::Trap;

/// The fault behind an error of wasmtime.
pub(super) fn of_error(error: &wasmtime::Error, memory: &Memory, fuel: u64) -> Fault {
    if memory.fuel_is_used_up() {
        return of_fuel(fuel);
    }
    if let Some(reason) = memory.refusal() {
        return Fault { kind: FaultKind::Memory, reason };
    }
    let reason = match error.downcast_ref::<Trap>() {
        Some(trap) => of_trap(*trap),
        None if error.downcast_ref::<std::str::Utf8Error>().is_some() => {
            "it handed over a string that is not UTF-8".to_owned()
        }
        // Other errors are about values that break the calling convention; their texts may quote the
        // values, which are the guest's, so they are not repeated.
        None => "it handed over a value that breaks the component calling convention".to_owned(),
    };
    Fault { kind: FaultKind::Trap, reason }
}

/// The fault of an instance that could not be made.
pub(super) fn of_start(error: &wasmtime::Error, memory: &Memory) -> Fault {
    if memory.fuel_is_used_up() {
        let reason = format!("it used up its fuel, and instantiating may take {INSTANTIATION} units");
        return Fault { kind: FaultKind::Fuel, reason };
    }
    if let Some(reason) = memory.refusal() {
        return Fault { kind: FaultKind::Memory, reason };
    }
    if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
        return no_room();
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => start(format!("when it was started, {}", of_trap(*trap))),
        None => start(format!("it could not be instantiated: {}", one_line(&error.root_cause().to_string()))),
    }
}

/// The fault of CPU time.
pub(super) fn of_cpu(over: OverLimit) -> Fault {
    Fault {
        kind: FaultKind::Cpu,
        reason: format!("it used {} of CPU time, and its limit is {}", seconds(over.used), seconds(over.limit)),
    }
}

/// The fault of fuel.
pub(super) fn of_fuel(limit: u64) -> Fault {
    Fault { kind: FaultKind::Fuel, reason: format!("it used up its fuel, and its limit is {limit} units") }
}

/// The fault of one that is too many.
pub(super) fn no_room() -> Fault {
    let reason = "the most instances that this host keeps at once are running; stop some first".to_owned();
    Fault { kind: FaultKind::Room, reason }
}

/// A fault of kind `Start`.
pub(super) fn start(reason: impl Into<String>) -> Fault {
    Fault { kind: FaultKind::Start, reason: reason.into() }
}

fn of_trap(trap: Trap) -> String {
    match trap {
        Trap::UnreachableCodeReached => {
            "it panicked or aborted (it reached an `unreachable` instruction); its log may say why".to_owned()
        }
        Trap::StackOverflow => "it overflowed its call stack".to_owned(),
        // Compilers lay a second stack into memory, so this is how many stack overflows look too.
        Trap::MemoryOutOfBounds => {
            "it reached outside of its memory (a wild pointer, or a stack that overflowed)".to_owned()
        }
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => {
            format!("it called a function that is not there ({})", bare(trap))
        }
        Trap::IntegerDivisionByZero => "it divided by zero".to_owned(),
        Trap::IntegerOverflow | Trap::BadConversionToInteger => {
            format!("a number did not fit ({})", bare(trap))
        }
        Trap::CannotEnterComponent => "it was called again while a call was unfinished".to_owned(),
        other => format!("it trapped ({})", bare(other)),
    }
}

fn bare(trap: Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").unwrap_or(&text).to_owned()
}

fn seconds(d: Duration) -> String {
    format!("{:.3} s", d.as_secs_f64())
}

/// The first line of a text, at most 200 characters of it.
pub(super) fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
