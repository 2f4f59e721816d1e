//! Which batches are under way, and who has yet to acknowledge them.

use guest::message::{Acknowledged, SCANNERS};
use guest::{ipc, log};
use std::collections::BTreeMap;

/// Batches that may be under way. With [`guest::batch::SIZE`] they fill half of a scanner's mailbox.
const WINDOW: u64 = 4;

/// The credit that the scanners have given.
#[derive(Debug)]
pub(crate) struct Credit {
    patience_ms: u64,
    /// Scanners that answer.
    live: Vec<String>,
    silent: Vec<String>,
    /// By batch, which scanners have acknowledged it. A batch leaves when all have.
    under_way: BTreeMap<u64, Vec<String>>,
}

impl Credit {
    /// With the scanners that have started.
    pub(crate) fn new(live: Vec<String>, patience_ms: u64) -> Credit {
        let silent = SCANNERS.iter().map(|name| (*name).to_owned()).filter(|name| !live.contains(name)).collect();
        Credit { patience_ms, live, silent, under_way: BTreeMap::new() }
    }

    /// Scanners that still answer.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Scanners that never started or stopped answering.
    pub(crate) fn silent(self) -> Vec<String> {
        self.silent
    }

    /// Batch `number` was published.
    pub(crate) fn published(&mut self, number: u64) {
        self.under_way.insert(number, Vec::new());
    }

    /// A scanner has acknowledged batch `number`.
    pub(crate) fn acknowledged(&mut self, number: u64, body: &[u8]) {
        if let (Some(by), Ok(acknowledged)) =
            (self.under_way.get_mut(&number), serde_json::from_slice::<Acknowledged>(body))
            && self.live.contains(&acknowledged.scanner)
            && !by.contains(&acknowledged.scanner)
        {
            by.push(acknowledged.scanner);
        }
    }

    /// Waits until another batch may be published.
    pub(crate) fn wait_for_room(&mut self) {
        while self.under_way.len() as u64 >= WINDOW {
            self.wait_for_oldest();
        }
    }

    /// Waits until all batches are acknowledged.
    pub(crate) fn wait_for_all(&mut self) {
        while !self.under_way.is_empty() {
            self.wait_for_oldest();
        }
    }

    fn wait_for_oldest(&mut self) {
        let Some((&number, _)) = self.under_way.first_key_value() else { return };
        while self.under_way.get(&number).is_some_and(|by| by.len() < self.live.len()) {
            match ipc::receive(Some(number), self.patience_ms) {
                Ok(Some(message)) => self.acknowledged(number, &message.body),
                Ok(None) => self.give_up(number, "took too long"),
                Err(refusal) => {
                    log::refused("waiting for an acknowledgement", &refusal);
                    self.give_up(number, "could not be waited for");
                }
            }
        }
        self.under_way.remove(&number);
    }

    /// Leaves behind who has not acknowledged batch `number`.
    fn give_up(&mut self, number: u64, why: &str) {
        let by = self.under_way.get(&number).cloned().unwrap_or_default();
        let (live, silent) = std::mem::take(&mut self.live).into_iter().partition(|name| by.contains(name));
        self.live = live;
        for name in silent {
            log::warn(&format!("{name} {why} with batch {number}; the walk goes on without it"));
            self.silent.push(name);
        }
        // What the silent ones said of later batches counts no more.
        for by in self.under_way.values_mut() {
            by.retain(|name| self.live.contains(name));
        }
    }
}
