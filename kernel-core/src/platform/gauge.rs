//! What a guest has used so far of the message that it is busy with.

use super::Usage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by the host while a guest handles a message, and read by the kernel, which waits for nobody. Clones are the
/// same gauge.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    // Each is a number of its own: nothing is concluded from both together.
    cpu: AtomicU64,
    memory: AtomicU64,
}

impl Gauge {
    /// CPU time since the previous activation, nanoseconds.
    pub fn set_cpu(&self, nanos: u64) {
        self.0.cpu.store(nanos, Ordering::Relaxed);
    }

    /// Highest sum of the instance's memories so far, bytes.
    pub fn set_memory(&self, bytes: u64) {
        self.0.memory.store(bytes, Ordering::Relaxed);
    }

    /// What is shown now. No fuel: that of an activation is known when it is over.
    pub fn read(&self) -> Usage {
        let Reading { cpu, memory } = &*self.0;
        Usage { cpu: cpu.load(Ordering::Relaxed), memory: memory.load(Ordering::Relaxed), fuel: 0 }
    }
}
