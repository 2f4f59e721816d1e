//! The lines that guests log: cut, and of one process no more than somebody could read.
//!
//! A line costs credit, which grows with the kernel's time. It is the driver that counts: lines are no acts, and
//! nothing that step decides depends on them.

use super::Core;
use crate::id::Pid;
use crate::kernel::Told;
use crate::kernel::effects::Notice;
use crate::path::Name;
use crate::platform::{LogLevel, Platform};
use crate::time::Instant;
use std::time::Duration;

/// The longest line, in characters.
const LINE: usize = 1_024;
/// So many lines of one process pass at once ...
const BURST: u32 = 200;
/// ... and then so many a second.
const PER_SECOND: u32 = 50;
/// What one line costs.
const COST: Duration = Duration::from_millis(1_000 / PER_SECOND as u64);

/// The credit of one process.
#[derive(Debug)]
pub(super) struct Credit {
    /// Whose: its name and its application.
    who: (String, Option<Name>),
    left: Duration,
    at: Instant,
    dropped: u64,
}

impl<P: Platform> Core<P> {
    /// A line of `pid`, which passes or is counted. The line of a process that is gone is nobody's.
    pub(in crate::kernel) fn log(&mut self, pid: Pid, level: LogLevel, text: &str, now: Instant) {
        let Some(process) = self.state.processes.get(&pid) else { return };
        let full = COST * BURST;
        let who = || (process.name.to_string(), process.app.clone());
        let fresh = || Credit { who: who(), left: full, at: now, dropped: 0 };
        let credit = self.credits.entry(pid).or_insert_with(fresh);
        credit.left = full.min(credit.left + now.since(credit.at));
        credit.at = now;
        let Some(left) = credit.left.checked_sub(COST) else {
            credit.dropped += 1;
            return;
        };
        credit.left = left;
        let (who, dropped) = (credit.who.clone(), std::mem::take(&mut credit.dropped));
        self.tell_dropped(pid, &who, dropped);
        let text = text.chars().take(LINE).collect();
        let (name, app) = who;
        self.tell(Told::Notice(Notice::Log { pid, name, app, level, text }));
    }

    /// A process is gone: what it logged too much is told.
    pub(super) fn end_log(&mut self, pid: Pid) {
        if let Some(Credit { who, dropped, .. }) = self.credits.remove(&pid) {
            self.tell_dropped(pid, &who, dropped);
        }
    }

    fn tell_dropped(&mut self, pid: Pid, (name, app): &(String, Option<Name>), dropped: u64) {
        if dropped > 0 {
            let text = format!("{dropped} lines are not shown: a process may log {PER_SECOND} a second");
            let (name, app, level) = (name.clone(), app.clone(), LogLevel::Warn);
            self.tell(Told::Notice(Notice::Log { pid, name, app, level, text }));
        }
    }
}
