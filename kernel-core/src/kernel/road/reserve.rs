//! Station 5: budgets. Every act draws from `acts`, refused ones too; messages from `messages` as well.
//! Whoever has used up its account is stopped, alone.

use crate::budget::Meter;
use crate::governance::Level;
use crate::id::{CallId, Pid};
use crate::kernel::effects::Effects;
use crate::kernel::state::State;
use crate::path::Verb;
use crate::process::ExitReason;
use crate::refusal::{Code, Refusal};
use crate::time::Now;

/// Whether a verb draws from `messages`.
pub(super) fn is_message(verb: Verb) -> bool {
    matches!(verb, Verb::Send | Verb::Publish | Verb::Call)
}

impl State {
    /// Draws one act. `false`: the account is used up, the caller has its answer, and the process that
    /// owns the account ends.
    pub(super) fn reserve_act(&mut self, pid: Pid, message: bool, call: Option<CallId>, now: Now, fx: &mut Effects) -> bool {
        let Some(process) = self.processes.get(&pid) else { return false };
        let account = process.account;
        let drawn = self.ledger.draw(account, Meter::Acts, 1).and_then(|()| {
            if message { self.ledger.draw(account, Meter::Messages, 1) } else { Ok(()) }
        });
        let Err(exhausted) = drawn else { return true };
        let reason = exhausted.to_string();
        self.reply(pid, call, Err(Refusal::new(Code::Exhausted, reason.clone())), now, fx);
        self.tally.exhausted += 1;
        let owner = self.account_owner(exhausted.account).unwrap_or(pid);
        self.exit(owner, ExitReason::Limit(reason), now, fx);
        false
    }

    /// What is left on the accounts of `pid` that have a limit.
    pub(super) fn levels(&self, pid: Pid) -> Vec<Level> {
        let Some(process) = self.processes.get(&pid) else { return Vec::new() };
        self.ledger.levels(process.account)
    }
}
