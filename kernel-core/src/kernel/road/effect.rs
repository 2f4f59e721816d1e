//! Station 3: the effect vector, derived by the kernel from what it knows.

use super::Target;
use crate::governance::{self, Derived};
use crate::id::Pid;
use crate::kernel::effects::Effects;
use crate::kernel::request::Parsed;
use crate::kernel::rows;
use crate::kernel::state::{Need, State};
use crate::kernel::verb::table::Row;
use crate::label::Labels;
use crate::path::Name;
use bytes::Bytes;

/// The effect of an act: its base, how new it is, what its labels add, and what was declared of the target.
pub(super) fn derive(row: &Row, uses: u64, labels: &Labels, target: &Target) -> Derived {
    governance::derive(row.base, governance::novelty(uses), row.weighs, labels, &target.clearance, target.declared)
}

impl State {
    /// How often this agent was let do this to this kind of resource, whatever came of it.
    pub(super) fn uses(&self, pid: Pid, parsed: &Parsed, need: &mut Need) -> u64 {
        let Some(process) = self.processes.get(&pid) else { return 0 };
        // Another name makes nothing newer, or older.
        let agent = &process.agent;
        if let Some(uses) = self.novelty.get(agent, parsed) {
            return uses;
        }
        let key = rows::novelty(agent, parsed.verb, parsed.resource.kind());
        let stored = self.rows.get(&key).map(decode);
        need.want(self, key);
        stored.unwrap_or(0)
    }

    /// Counts one more use. The row is written when the count reaches a power of two, because only then
    /// does the novelty change.
    pub(super) fn note_use(&mut self, agent: &Name, parsed: &Parsed, uses: u64, fx: &mut Effects) {
        let uses = uses.saturating_add(1);
        self.novelty.set(agent, parsed, uses);
        if uses.is_power_of_two() {
            let key = rows::novelty(agent, parsed.verb, parsed.resource.kind());
            self.keep(key, Some(Bytes::copy_from_slice(&uses.to_be_bytes())), fx);
        }
    }
}

fn decode(row: Option<&Bytes>) -> u64 {
    row.and_then(|bytes| <[u8; 8]>::try_from(&bytes[..]).ok()).map_or(0, u64::from_be_bytes)
}

/// How many names are known; beyond it the one that was seen first is forgotten. What it did is then as new as its
/// rows say, which are written at powers of two: never less new than it is.
const NAMES: usize = 16_384;

/// Uses by agent name, verb and kind of resource, as far as this boot has seen them.
#[derive(Debug, Default)]
pub(crate) struct Novelty {
    order: std::collections::VecDeque<Name>,
    by_name: std::collections::BTreeMap<Name, rustc_hash::FxHashMap<(crate::path::Verb, crate::path::Kind), u64>>,
}

impl Novelty {
    fn get(&self, name: &Name, parsed: &Parsed) -> Option<u64> {
        self.by_name.get(name)?.get(&(parsed.verb, parsed.resource.kind())).copied()
    }

    fn set(&mut self, name: &Name, parsed: &Parsed, uses: u64) {
        let key = (parsed.verb, parsed.resource.kind());
        if let Some(of_name) = self.by_name.get_mut(name) {
            of_name.insert(key, uses);
        } else {
            self.by_name.entry(name.clone()).or_default().insert(key, uses);
            self.order.push_back(name.clone());
            if self.order.len() > NAMES
                && let Some(first) = self.order.pop_front()
            {
                self.by_name.remove(&first);
            }
        }
    }
}
