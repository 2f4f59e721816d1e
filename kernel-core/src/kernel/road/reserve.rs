//! Station 5: budgets. Every act draws from `acts`, refused ones too, and so does a timer each time that it fires;
//! messages from `messages` as well, calls of tools from `tool_calls`. Whoever has used up its account is stopped, alone.

use super::Asked;
use crate::budget::{AccountId, Exhausted, Level, Meter};
use crate::id::{ActionId, CallId, Pid};
use crate::kernel::effects::Effects;
use crate::kernel::request::{Parsed, Request};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{Kind, Name, Resource, Verb};
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
        self.refuse_unread(pid, call, request, Refusal::new(Code::Exhausted, reason), now, fx);
        self.end_of_account(pid, &exhausted, now, fx);
        false
    }

    /// Draws an act for a timer that is due, which carries `labels`. `false`: the account is used up, which is told and
    /// ends whoever owns it just as an act over it does, and the timer with it.
    pub(crate) fn reserve_firing(
        &mut self,
        pid: Pid,
        name: &Name,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let Some(account) = self.processes.get(&pid).map(|p| p.account) else { return false };
        let Err(exhausted) = self.draw(account, Meter::Acts) else { return true };
        self.tally.exhausted += 1;
        self.counters.action += 1;
        let action = ActionId(self.counters.action);
        let refusal = Refusal::new(Code::Exhausted, exhausted.to_string()).of(action);
        let asked = Asked::new(action, pid, Verb::Start, &Resource::Timer(name.clone()));
        self.record_refused(asked, None, None, &refusal, true, now, fx);
        self.mark(Pid(exhausted.account.0), labels);
        self.end_of_account(pid, &exhausted, now, fx);
        false
    }

    /// Ends whoever owns the account that `pid` has used up. An account has the number of the process that it was
    /// opened for.
    fn end_of_account(&mut self, pid: Pid, exhausted: &Exhausted, now: Now, fx: &mut Effects) {
        let labels = self.processes.get(&pid).map(|p| p.labels.clone()).unwrap_or_default();
        self.mark(Pid(exhausted.account.0), &labels);
        self.exit(Pid(exhausted.account.0), ExitReason::Limit(exhausted.to_string()), now, fx);
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
