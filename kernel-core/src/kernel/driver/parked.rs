//! Inputs that wait for rows, in the order in which they came.
//!
//! Inputs that look at the same row keep their order: one that would look at what an earlier one still waits
//! to look at waits behind it, even if its own rows are at hand. While nothing waits this costs nothing.

use crate::kernel::input::Input;
use crate::kernel::state::Need;
use crate::platform::Key;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// An input that waits for rows.
pub(super) struct Parked {
    pub(super) input: Input,
    /// What it asked for; nothing where it only waits behind others.
    pub(super) need: Need,
    /// All rows that it looks at.
    pub(super) touches: BTreeSet<Key>,
    pub(super) rounds: u8,
}

/// All that wait.
#[derive(Default)]
pub(super) struct Queue {
    inputs: Vec<Parked>,
    // How many of the inputs look at each row.
    touched: FxHashMap<Key, usize>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    pub(super) fn push(&mut self, parked: Parked) {
        for key in &parked.touches {
            *self.touched.entry(key.clone()).or_default() += 1;
        }
        self.inputs.push(parked);
    }

    /// Whether some input that waits looks at one of `keys`.
    pub(super) fn holds(&self, keys: &BTreeSet<Key>) -> bool {
        keys.iter().any(|key| self.touched.contains_key(key))
    }

    /// Takes all of them out, to be tried again in order.
    pub(super) fn take(&mut self) -> Vec<Parked> {
        self.touched.clear();
        std::mem::take(&mut self.inputs)
    }
}

#[cfg(test)]
mod tests;
