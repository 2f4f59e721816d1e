//! What an end does to those that are linked to whoever ended, as OTP has it: it ends them, too, unless it ended by itself and
//! nothing was wrong (`normal`), or they asked to be told instead, which they are of every end.
//!
//! Ends by links wait until the end that caused them is over, so that a long chain of links is no deep stack.

use super::effects::Effects;
use super::state::State;
use crate::id::Pid;
use crate::label::Labels;
use crate::path::Resource;
use crate::process::{ExitReason, Process};
use crate::time::Now;

/// The end of a process by another's, which is still to come: by a link, or by an account that the other's end used up.
#[derive(Debug)]
pub(crate) struct Snapped {
    pid: Pid,
    reason: ExitReason,
    /// What it tells of; `None` where no set could hold that.
    labels: Option<Labels>,
}

impl State {
    /// `process` has ended: its links are no more, and what was at their other ends is told, or ends next.
    pub(crate) fn snap(&mut self, process: &Process, reason: &ExitReason, now: Now, fx: &mut Effects) {
        for other in process.rare.links.keys() {
            let theirs = self.processes.get_mut(other).and_then(|other| other.rare.links.remove(&process.pid));
            let Some(link) = theirs.filter(|link| link.trap || *reason != ExitReason::Normal) else { continue };
            let labels = process.labels.join(&link.labels).ok().filter(|_| !process.rare.unsayable);
            if link.trap {
                self.tell_exit(*other, Resource::Proc(process.pid), reason, labels, now, fx);
                continue;
            }
            let text = format!("to {} (/proc/{}), which ended ({})", process.name, process.pid, reason.word());
            self.end_next(*other, ExitReason::Linked(text), labels);
        }
    }

    /// `pid` ends for `reason` once the end under way is over, by what carries `labels`; `None` where no set holds that.
    pub(crate) fn end_next(&mut self, pid: Pid, reason: ExitReason, labels: Option<Labels>) {
        self.snapped.push_back(Snapped { pid, reason, labels });
    }

    /// Ends all whose links have snapped, and whoever is linked to those.
    pub(crate) fn end_snapped(&mut self, now: Now, fx: &mut Effects) {
        while let Some(Snapped { pid, reason, labels }) = self.snapped.pop_front() {
            match labels {
                Some(labels) => self.mark(pid, &labels),
                None => {
                    if let Some(process) = self.processes.get_mut(&pid) {
                        process.rare.unsayable = true;
                    }
                }
            }
            self.exit(pid, reason, now, fx);
        }
    }
}
