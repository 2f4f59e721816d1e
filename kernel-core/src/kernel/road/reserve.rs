//! Station 5: budgets. Every act draws from `acts`, refused ones too; messages from `messages` as well, calls of tools
//! from `tool_calls`.
//! Whoever has used up its account is stopped, alone.

use crate::budget::{AccountId, Exhausted, Level, Meter};
use crate::id::{CallId, Pid};
use crate::kernel::effects::Effects;
use crate::kernel::request::{Parsed, Request};
use crate::kernel::state::State;
use crate::path::{Kind, Verb};
use crate::process::ExitReason;
use crate::refusal::{Code, Refusal};
use crate::time::Now;

/// What an act draws from besides `acts`.
pub(super) fn draws(parsed: &Parsed) -> Option<Meter> {
    match parsed.verb {
        Verb::Call if parsed.resource.kind() == Kind::Tool => Some(Meter::ToolCalls),
        Verb::Send | Verb::Publish | Verb::Call => Some(Meter::Messages),
        _ => None,
    }
}

impl State {
    /// Draws one act. `false`: the account is used up, which is a refusal like any other, and the process that
    /// owns the account ends.
    pub(super) fn reserve_act(
        &mut self,
        pid: Pid,
        also: Option<Meter>,
        call: Option<CallId>,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let Some(process) = self.processes.get(&pid) else { return false };
        let account = process.account;
        let drawn = self.draw(account, Meter::Acts).and_then(|()| match also {
            Some(meter) => self.draw(account, meter),
            None => Ok(()),
        });
        let Err(exhausted) = drawn else { return true };
        let reason = exhausted.to_string();
        self.tally.exhausted += 1;
        self.refuse_unread(pid, call, request, Refusal::new(Code::Exhausted, reason.clone()), now, fx);
        // An account has the number of the process that it was opened for. Whoever used it up ends it.
        let labels = self.processes.get(&pid).map(|p| p.labels.clone()).unwrap_or_default();
        self.mark(Pid(exhausted.account.0), &labels);
        self.exit(Pid(exhausted.account.0), ExitReason::Limit(reason), now, fx);
        false
    }

    /// Reserves and settles one unit: an act is over for its account as soon as it was admitted.
    fn draw(&mut self, account: AccountId, meter: Meter) -> Result<(), Exhausted> {
        self.ledger.reserve(account, meter, 1)?;
        // What was reserved is within the limit, so settling it passes none.
        let _ = self.ledger.settle(account, meter, 1, 1);
        Ok(())
    }

    /// What is left on the accounts of `pid` that have a limit.
    pub(super) fn levels(&self, pid: Pid) -> Vec<Level> {
        let Some(process) = self.processes.get(&pid) else { return Vec::new() };
        self.ledger.levels(process.account)
    }
}
