//! Station 5: budgets. Every act draws from `acts`, refused ones too, and so does a timer each time that it fires;
//! messages from `messages` as well, calls of tools from `tool_calls`. Whoever has used up its account is stopped, alone,
//! or goes on without, or a person is asked for more: as its manifest says.

use super::{Act, Asked};
use crate::budget::{Exhausted, Level, Meter, OnExhausted};
use crate::id::{ActionId, CallId, Pid};
use crate::kernel::effects::Effects;
use crate::kernel::event::{Content, LimitRaised};
use crate::kernel::request::{Parsed, Request};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{Kind, Name, Resource, Verb};
use crate::process::{ExitReason, Used};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

/// What an act draws from besides `acts`.
pub(super) fn draws(parsed: &Parsed) -> Option<Meter> {
    match parsed.verb {
        Verb::Call if parsed.resource.kind() == Kind::Tool => Some(Meter::ToolCalls),
        // The message that goes out draws for itself.
        Verb::Send if parsed.resource.kind() == Kind::Letter => None,
        Verb::Send | Verb::Publish | Verb::Call => Some(Meter::Messages),
        _ => None,
    }
}

/// Counts an act that passed the gate.
pub(super) fn count(used: &mut Used, parsed: &Parsed) {
    used.acts += 1;
    match draws(parsed) {
        Some(Meter::ToolCalls) => used.tool_calls += 1,
        Some(_) => used.sent += 1,
        None => {}
    }
}

/// Whether `parsed` passes although an account is used up whose owner does not end by that: what draws nothing from
/// it, because whoever goes on so has to learn what it is told, and to end.
pub(super) fn is_free(pid: Pid, parsed: &Parsed) -> bool {
    match parsed.verb {
        Verb::Read => parsed.resource.kind() == Kind::Inbox,
        Verb::Stop => parsed.resource == Resource::Proc(pid),
        _ => false,
    }
}

impl State {
    /// Which account one act more of `pid` would be over; `None` where there is enough. Nothing is drawn.
    pub(super) fn over(&self, pid: Pid, also: Option<Meter>) -> Option<Exhausted> {
        let account = self.processes.get(&pid)?.account;
        let can = |meter| self.ledger.can(account, meter, 1);
        can(Meter::Acts).and_then(|()| also.map_or(Ok(()), can)).err()
    }

    /// Draws one act, for which there is enough: it is over for its account as soon as it was admitted.
    pub(super) fn draw(&mut self, pid: Pid, also: Option<Meter>) {
        let Some(account) = self.processes.get(&pid).map(|process| process.account) else { return };
        for meter in also.into_iter().chain([Meter::Acts]) {
            // That there is enough was looked at before.
            let _ = self.ledger.spend(account, meter, 1);
        }
    }

    /// Draws an act that nothing was read of. `false`: its account is used up, and it was refused.
    pub(super) fn reserve_act(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        match self.over(pid, None) {
            None => {
                self.draw(pid, None);
                true
            }
            Some(over) => {
                self.refuse_over(pid, call, request, &over, now, fx);
                false
            }
        }
    }

    /// What becomes of the owner of the account that is over.
    pub(super) fn on_exhausted(&self, over: &Exhausted) -> OnExhausted {
        // An account has the number of the process that it was opened for.
        self.processes.get(&Pid(over.account.0)).map(|owner| owner.rare.on_exhausted).unwrap_or_default()
    }

    /// Refuses an act that is over an account, a refusal like any other. The owner of the account ends, or who acts
    /// goes on without it, and is suspended where it does not leave it at that.
    pub(super) fn refuse_over(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        over: &Exhausted,
        now: Now,
        fx: &mut Effects,
    ) {
        if over.meter != Meter::Acts {
            self.draw(pid, None);
        }
        self.tally.exhausted += 1;
        self.counters.action += 1;
        let refusal = Refusal::new(Code::Exhausted, over.to_string()).of(ActionId(self.counters.action));
        let stops = self.on_exhausted(over) == OnExhausted::Stop;
        let asked = Asked::unread(refusal.action, pid, request);
        self.record_refused(asked, None, None, &refusal, !stops, now, fx);
        self.reply(pid, call, Err(refusal), now, fx);
        if stops {
            let labels = self.processes.get(&pid).map(|p| p.labels.clone()).unwrap_or_default();
            self.end_of_account(&labels, over, now, fx);
        }
    }

    /// Draws an act for a timer that is due, which carries `labels`. `false`: the account is used up, which is told and
    /// does what an act over it does, and the timer ends.
    pub(crate) fn reserve_firing(
        &mut self,
        pid: Pid,
        name: &Name,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        if !self.processes.contains_key(&pid) {
            return false;
        }
        let Some(over) = self.over(pid, None) else {
            self.draw(pid, None);
            return true;
        };
        self.tally.exhausted += 1;
        self.counters.action += 1;
        let action = ActionId(self.counters.action);
        let refusal = Refusal::new(Code::Exhausted, over.to_string()).of(action);
        let asked = Asked::new(action, pid, Verb::Start, &Resource::Timer(name.clone()));
        self.record_refused(asked, None, None, &refusal, true, now, fx);
        if self.on_exhausted(&over) == OnExhausted::Stop {
            let carried = self.processes.get(&pid).map(|p| p.labels.clone()).unwrap_or_default();
            self.mark(Pid(over.account.0), labels);
            self.end_of_account(&carried, &over, now, fx);
        }
        false
    }

    /// Whether a person may be asked for more of what is used up.
    pub(super) fn may_ask_for_more(&self, over: &Exhausted) -> bool {
        let owner = self.processes.get(&Pid(over.account.0));
        // Of a limit of nothing there is not more.
        over.limit > 0
            && self.on_exhausted(over) == OnExhausted::Ask
            && owner.is_some_and(|p| !p.rare.no_more.contains(&over.meter))
    }

    /// A person was asked for more, and said no, or nothing: nobody is asked again.
    pub(super) fn no_more(&mut self, over: &Exhausted) {
        self.tally.exhausted += 1;
        if let Some(owner) = self.processes.get_mut(&Pid(over.account.0)) {
            owner.rare.no_more.insert(over.meter);
        }
    }

    /// A person allowed more: the limit is raised by what it began with, unless there is enough by now or `act` could not
    /// be drawn all the same, and what was not drawn when they were asked is.
    ///
    /// # Errors
    /// What it is over all the same. Nothing was drawn.
    pub(super) fn draw_more(
        &mut self,
        act: &Act,
        also: Option<Meter>,
        over: &Exhausted,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Exhausted> {
        let Some(account) = self.processes.get(&act.pid).map(|process| process.account) else { return Ok(()) };
        let acts = (over.meter == Meter::Acts).then_some(Meter::Acts);
        let meters: Vec<Meter> = acts.into_iter().chain(also).collect();
        let can = |state: &State, account, meter| state.ledger.can(account, meter, 1);
        let all = |state: &State| meters.iter().try_for_each(|meter| can(state, account, *meter));
        let owner = Pid(over.account.0);
        let same = |still: Exhausted| (still.account, still.meter) == (over.account, over.meter);
        let lacks = all(self).is_err_and(same);
        if lacks {
            let others = meters.iter().filter(|meter| **meter != over.meter);
            let mut others = others.map(|meter| (account, *meter));
            others.try_for_each(|(account, meter)| can(self, account, meter))?;
            self.ledger.parent(over.account).map_or(Ok(()), |above| can(self, above, over.meter))?;
        }
        if lacks
            && let Some((by, limit)) = self.ledger.raise(over.account, over.meter)
            && let Some(process) = self.processes.get_mut(&owner)
        {
            process.rare.no_more.remove(&over.meter);
            let raised = LimitRaised {
                pid: owner.0,
                name: process.name.to_string(),
                app: process.app.as_ref().map(ToString::to_string).unwrap_or_default(),
                meter: over.meter.to_string(),
                by,
                limit,
            };
            self.record(act.action, Content::LimitRaised(raised), now, fx);
        }
        all(self)?;
        meters.iter().try_for_each(|meter| self.ledger.spend(account, *meter, 1))
    }

    /// Ends whoever owns the account that was used up by what carries `labels`. An account has the number of the
    /// process that it was opened for.
    pub(crate) fn end_of_account(&mut self, labels: &Labels, exhausted: &Exhausted, now: Now, fx: &mut Effects) {
        self.mark(Pid(exhausted.account.0), labels);
        self.exit(Pid(exhausted.account.0), ExitReason::Limit(exhausted.to_string()), now, fx);
    }

    /// What is left on the accounts of `pid` that have a limit.
    pub(super) fn levels(&self, pid: Pid) -> Vec<Level> {
        let Some(process) = self.processes.get(&pid) else { return Vec::new() };
        self.ledger.levels(process.account)
    }
}
