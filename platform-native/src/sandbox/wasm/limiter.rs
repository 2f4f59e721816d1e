//! One sum over all memories and tables of an instance and what it has beside them, and its limit.

use kernel_core::meter::SIGNAL;
use kernel_core::platform::Gauge;
use wasmtime::ResourceLimiter;

/// What a table element takes, bytes: wasmtime stores a pointer for each.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// The most core instances, tables and memories of one component. Generous: a component that links
/// many libraries dynamically has an instance for each.
const MAX_INSTANCES: usize = 256;
const MAX_TABLES: usize = 256;
const MAX_MEMORIES: usize = 64;

/// The memory that an instance has, and may have.
#[derive(Debug)]
pub(super) struct Memory {
    used: u64,
    limit: u64,
    refused: Option<u64>,
    fuel_is_used_up: bool,
    gauge: Gauge,
}

/// The instance asked for more than its limit, or has no fuel left; ends it.
#[derive(Debug, thiserror::Error)]
#[error("over a limit")]
struct OverLimit;

impl Memory {
    /// None so far, of so much; what is used shows on `gauge`.
    pub(super) fn new(limit: u64, gauge: Gauge) -> Memory {
        Memory { used: 0, limit, refused: None, fuel_is_used_up: false, gauge }
    }

    /// Bytes of all memories and tables together. They never shrink, so this is also the peak.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// If it was ended for memory: one sentence with the numbers.
    pub(super) fn refusal(&self) -> Option<String> {
        self.refused.map(|more| {
            format!("it asked for {more} more bytes of memory, having {} of a limit of {}", self.used, self.limit)
        })
    }

    /// Whether the meter in the instance has told that it ended it.
    pub(super) fn fuel_is_used_up(&self) -> bool {
        self.fuel_is_used_up
    }

    /// Counts what an instance has beside its memories and tables.
    pub(super) fn take(&mut self, state: u64) -> wasmtime::Result<()> {
        self.grow(state).map(drop)
    }

    // What was permitted stays counted, also where it then could not be done: a failure that is told to the
    // limiter may be of a growth that it was never asked about (beyond what the memory's type allows), and
    // whoever took back another one for it would forget memory that is in use.
    fn grow(&mut self, more: u64) -> wasmtime::Result<bool> {
        match self.used.checked_add(more).filter(|sum| *sum <= self.limit) {
            Some(sum) => {
                self.used = sum;
                self.gauge.set_memory(sum);
                Ok(true)
            }
            None => {
                self.refused = Some(more);
                Err(wasmtime::Error::new(OverLimit))
            }
        }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A growth beyond the memory's own declared maximum fails inside the guest, whatever we say.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The meter's table begins empty and grows at the end alone.
        if maximum == Some(SIGNAL as usize) && desired > current {
            self.fuel_is_used_up = true;
            return Err(wasmtime::Error::new(OverLimit));
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow((desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT as u64))
    }

    // Told to the guest by the answer of its instruction; the default would end it in debug builds of wasmtime.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growth_that_was_never_asked_about_gives_nothing_back() {
        let mut memory = Memory::new(1 << 20, Gauge::default());
        memory.take(1_000).unwrap();
        assert!(memory.memory_growing(0, 500_000, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("beyond its type")).unwrap();
        assert!(!memory.memory_growing(500_000, 600_000, Some(550_000)).unwrap());
        assert_eq!(memory.used(), 501_000);
        memory.memory_growing(500_000, 1_100_000, None).unwrap_err();
        assert!(memory.refusal().unwrap().contains("of a limit of 1048576"));
    }
}
