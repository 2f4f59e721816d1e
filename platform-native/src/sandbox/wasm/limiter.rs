//! One sum over all memories and tables of an instance, and its limit.

use wasmtime::ResourceLimiter;

/// What a table element takes, bytes: wasmtime stores a pointer for each.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// The most core instances, tables and memories of one component. Generous: a component that links
/// many libraries dynamically has an instance for each.
const MAX_INSTANCES: usize = 256;
const MAX_TABLES: usize = 256;
const MAX_MEMORIES: usize = 64;

/// The memory that an instance has, and may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    used: u64,
    limit: u64,
    // What the last permitted growth added, in case that it then cannot be done.
    last: u64,
    refused: Option<u64>,
}

/// The instance asked for more than its limit; ends it.
#[derive(Debug, thiserror::Error)]
#[error("over the memory limit")]
struct OverLimit;

impl Memory {
    pub(super) fn new(limit: u64) -> Memory {
        Memory { used: 0, limit, last: 0, refused: None }
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

    fn grow(&mut self, more: u64) -> wasmtime::Result<bool> {
        match self.used.checked_add(more).filter(|sum| *sum <= self.limit) {
            Some(sum) => {
                self.used = sum;
                self.last = more;
                Ok(true)
            }
            None => {
                self.refused = Some(more);
                Err(wasmtime::Error::new(OverLimit))
            }
        }
    }

    /// Takes back what was counted for a growth that then could not be done.
    fn undo(&mut self) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
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
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow((desired.saturating_sub(current) as u64).saturating_mul(TABLE_ELEMENT as u64))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo()
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo()
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
