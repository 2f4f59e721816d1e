//! The road that every act travels, and there is no other:
//!
//! syscall -> authority -> flow -> effect -> verdict -> reserve -> record -> perform -> settle and record
//!
//! One file per station, and two more: `facts` gathers what is decided upon, `answer` holds what a person has to
//! allow. To perform is the verb's own (`kernel/verb/`), to settle is `kernel/open.rs`. The stations up to `effect`
//! only look: until all rows that they need are at hand nothing has changed, so `Need` can be answered and the same
//! input stepped again. `reserve` is asked just before the verdict, because a refused act draws as well.

mod answer;
mod authority;
mod effect;
mod facts;
mod flow;
mod record;
mod reserve;
mod verdict;

pub use answer::Held;
pub(crate) use answer::{NOBODY, Over};
pub(crate) use effect::Novelty;
pub(crate) use flow::Target;
pub(crate) use record::{Asked, KEPT_BODY, is_own_doing, is_refusal};

use super::effects::{Effects, Wake};
use super::event::bounded_verdict;
use super::request::{Parsed, Request};
use super::state::{Need, State};
use super::verb::table::{Class, Row};
use crate::budget::{Exhausted, Meter, OnExhausted};
use crate::capability::Right;
use crate::governance::{self, Decision, Derived, Facts, Verdict};
use crate::id::{ActionId, CallId, Pid};
use crate::label::Labels;
use crate::path::{Resource, Verb};
use crate::process::{Lifecycle, Suspender};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;

/// One act on its way.
#[derive(Clone, Debug)]
pub struct Act {
    /// Its number in the log.
    pub action: ActionId,
    /// Who.
    pub pid: Pid,
    /// The reply slot; `None` for acts of the kernel itself.
    pub call: Option<CallId>,
    /// The verb.
    pub verb: Verb,
    /// The resource.
    pub resource: Resource,
    /// What the caller carries together with what it put on the message.
    pub labels: Labels,
    /// How it is recorded.
    pub class: Class,
    /// Whether what it performs must wait for the flush that holds its intent.
    pub durable: bool,
    /// The right that permits it; `None` for what every process may do to itself.
    pub grant: Option<Right>,
}

/// What applying an act gave.
#[derive(Debug)]
pub enum Answer {
    /// It is over.
    Reply(Bytes),
    /// The same, and it is not said before what it wrote is stored, where the environment wants that.
    Stored(Bytes),
    /// It waits among the open acts.
    Later,
}

impl Answer {
    /// Over, with nothing to say.
    pub fn empty() -> Answer {
        Answer::Reply(Bytes::from_static(b"{}"))
    }
}

/// What the looking stations found.
struct Survey {
    row: &'static Row,
    labels: Labels,
    grant: authority::Grant,
    target: Target,
    derived: Derived,
    uses: u64,
}

impl State {
    /// One act, from syscall to reply.
    pub(crate) fn travel(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        if let Some(no) = self.cannot_act(pid) {
            self.reply(pid, call, Err(no), now, fx);
            return Ok(());
        }
        if self.withhold(pid, call, request)
            || self.waits_for_log(pid, call, request, now, fx)
            || self.lacks_room(pid, call, request, now, fx)
        {
            return Ok(());
        }
        let readable = match self.halted(pid, request) {
            Some(refusal) => Err(refusal),
            None => request.parsed().map_err(Clone::clone),
        };
        let parsed = match readable {
            Ok(parsed) => parsed,
            Err(refusal) => {
                if self.reserve_act(pid, call, request, now, fx) {
                    self.refuse_unread(pid, call, request, refusal, now, fx);
                }
                return Ok(());
            }
        };
        let labels = match self.carried(pid, parsed) {
            Ok(labels) => labels,
            Err(e) => {
                if self.reserve_act(pid, call, request, now, fx) {
                    let refusal = Refusal::new(Code::TooLarge, format!("the act cannot be labelled: {e}"));
                    self.refuse_unread(pid, call, request, refusal, now, fx);
                }
                return Ok(());
            }
        };
        let also = reserve::draws(parsed);
        let over = self.over(pid, also);
        let goes_on = |over: &Exhausted| self.on_exhausted(over) != OnExhausted::Stop;
        let free = reserve::is_free(pid, parsed) && over.as_ref().is_some_and(goes_on);
        let over = over.filter(|_| !free);
        if over.is_none()
            && let Some(route) = self.route_of(pid, parsed, &labels)
        {
            if !free {
                self.draw(pid, also);
            }
            self.travel_route(route, pid, call, parsed, labels, now, fx);
            return Ok(());
        }
        let survey = self.survey(pid, parsed, labels)?;
        match &over {
            Some(over) if !self.may_ask_for_more(over) => {
                self.refuse_over(pid, call, request, over, now, fx);
                return Ok(());
            }
            None if !free => self.draw(pid, also),
            _ => {}
        }
        let facts = self.facts(pid, parsed, request.body(), &survey);
        let verdict = bounded_verdict(governance::decide(&self.charter, &facts));
        if let Some(over) = over {
            // Nobody is asked for more for what would not be done.
            if verdict.decision == Decision::Deny || survey.target.refusal.is_some() {
                self.refuse_over(pid, call, request, &over, now, fx);
                return Ok(());
            }
            // What comes of it, it was an act.
            if over.meter != Meter::Acts {
                self.draw(pid, None);
            }
            let act = self.number(pid, call, parsed, &survey);
            self.tally.count(Decision::Escalate);
            let verdict = answer::for_more(verdict, &over);
            let held = answer::Held::new(parsed, request.body(), act, facts, verdict, survey.target.told, Some(over));
            self.escalate(held, now, fx);
            self.weigh(pid, now, fx);
            return Ok(());
        }
        let act = self.number(pid, call, parsed, &survey);
        if let Some(refusal) = survey.target.refusal.filter(|_| verdict.decision != Decision::Deny) {
            // A right says that it may, and the place says that it cannot be.
            self.tally.count(Decision::Deny);
            self.refuse(act, Some(facts), None, refusal, now, fx);
            self.weigh(pid, now, fx);
            return Ok(());
        }
        self.tally.count(verdict.decision);
        match verdict.decision {
            Decision::Permit | Decision::Warn => {
                self.permitted(act, parsed, request.body(), facts, verdict, survey.uses, now, fx);
            }
            Decision::Escalate => {
                let told = survey.target.told;
                let held = answer::Held::new(parsed, request.body(), act, facts, verdict, told, None);
                self.escalate(held, now, fx);
            }
            Decision::Deny => {
                let mut refusal = self.denial(pid, &facts, &verdict, &survey.target.told);
                refusal.by_other |= self.is_swayed(pid) && !self.denied_anyway(pid, parsed, request.body());
                self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
            }
        }
        self.weigh(pid, now, fx);
        Ok(())
    }

    /// The rows that an act needs cannot be had. It is an act like any other, and so is its refusal.
    pub(crate) fn unread(
        &mut self,
        pid: Pid,
        call: CallId,
        request: &Request,
        reason: &str,
        now: Now,
        fx: &mut Effects,
    ) {
        let call = Some(call);
        if let Some(no) = self.cannot_act(pid) {
            self.reply(pid, call, Err(no), now, fx);
        } else if !self.withhold(pid, call, request) && self.reserve_act(pid, call, request, now, fx) {
            self.refuse_unread(pid, call, request, Refusal::new(Code::Failed, reason), now, fx);
            self.weigh(pid, now, fx);
        }
    }

    /// Why `pid` cannot act at all now.
    fn cannot_act(&self, pid: Pid) -> Option<Refusal> {
        if let Some(reason) = &self.not_durable {
            return Some(Refusal::new(Code::NotDurable, format!("nothing is acknowledged any more: {reason}")));
        }
        let alive = self.processes.get(&pid).is_some_and(|p| p.life != Lifecycle::Exited);
        (!alive).then(|| Refusal::new(Code::Cancelled, "the process is gone"))
    }

    /// Why nothing that a suspended session asks for is heard. It has no guest that could be held back with its
    /// acts, and may still end itself.
    fn halted(&self, pid: Pid, request: &Request) -> Option<Refusal> {
        let process = self.processes.get(&pid)?;
        if process.life != Lifecycle::Suspended || process.program.is_some() {
            return None;
        }
        let ends = |parsed: &Parsed| parsed.verb == Verb::Stop && parsed.resource == Resource::Proc(pid);
        let refusal = match process.rare.suspended {
            Some(Suspender::Kernel) => {
                Refusal::new(Code::Denied, format!("{} is suspended after too many refusals", process.name))
            }
            _ => Refusal::new(Code::Denied, format!("{} is suspended", process.name)).by_other(),
        };
        (!request.parsed().is_ok_and(ends)).then_some(refusal)
    }

    /// Whether `pid` would be denied the same with no labels but those that it began with. What cannot be told is no
    /// excuse.
    fn denied_anyway(&self, pid: Pid, parsed: &Parsed, body: &Bytes) -> bool {
        let Ok(labels) = self.carried_at_first(pid, parsed) else { return true };
        self.survey(pid, parsed, labels).map_or(true, |survey| {
            let facts = self.facts(pid, parsed, body, &survey);
            governance::decide(&self.charter, &facts).decision == Decision::Deny
        })
    }

    /// An act that is a part of another one of `pid`: it takes the road for itself, and only the other learns what came
    /// of it. The rows that it looks at are at hand.
    ///
    /// # Errors
    /// What it was refused, which is held against nobody again; `denied` where somebody would have to be asked, since
    /// the other does not wait.
    pub(crate) fn travel_within(
        &mut self,
        pid: Pid,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        if let Ok(parsed) = request.parsed()
            && self.would_ask(pid, parsed, request.body())
        {
            let asked = format!("`{}` on {} needs an answer of its own", parsed.verb, parsed.resource);
            return Err(Refusal::new(Code::Denied, asked).by_other());
        }
        self.unheard = None;
        let unread = |_| Refusal::new(Code::Failed, "a row that the act needs was not asked for");
        self.travel(pid, None, request, now, fx).map_err(unread)?;
        self.unheard.take().map_or(Ok(()), |refusal| Err(refusal.by_other()))
    }

    /// Whether somebody would be asked about an act of `pid`: by the verdict, or for more of what is used up.
    fn would_ask(&self, pid: Pid, parsed: &Parsed, body: &Bytes) -> bool {
        let Ok(labels) = self.carried(pid, parsed) else { return false };
        let over = self.over(pid, reserve::draws(parsed));
        self.survey(pid, parsed, labels).is_ok_and(|survey| {
            let facts = self.facts(pid, parsed, body, &survey);
            let decision = governance::decide(&self.charter, &facts).decision;
            let asks = match &over {
                Some(over) => decision != Decision::Deny && self.may_ask_for_more(over),
                None => decision == Decision::Escalate,
            };
            asks && survey.target.refusal.is_none()
        })
    }

    /// The stations that only look.
    fn survey(&self, pid: Pid, parsed: &Parsed, labels: Labels) -> Result<Survey, Need> {
        let row = parsed.row;
        let grant = self.authority(pid, parsed);
        let mut need = Need::default();
        let target = self.target(pid, parsed, &labels, grant.is_some(), &mut need);
        let uses = self.uses(pid, parsed, &mut need);
        if !need.is_empty() {
            return Err(need);
        }
        let derived = effect::derive(row, uses, &labels, &target);
        Ok(Survey { row, labels, grant, target, derived, uses })
    }

    /// Which of the open routes of `pid` carries the act.
    fn route_of(&self, pid: Pid, parsed: &Parsed, labels: &Labels) -> Option<usize> {
        let charter = self.charter.version();
        let process = self.processes.get(&pid)?;
        process.rare.routes.iter().position(|r| {
            r.key.verb == parsed.verb
                && r.key.charter == charter
                && r.key.resource == parsed.resource
                && r.key.labels == *labels
                && r.key.grant.as_ref().is_none_or(|right| process.capabilities.holds(right))
        })
    }

    /// An open route carries the act: it was decided when the route opened, and nothing has changed since.
    #[allow(clippy::too_many_arguments)] // The act, as it is asked for; nothing else is passed on.
    fn travel_route(
        &mut self,
        index: usize,
        pid: Pid,
        call: Option<CallId>,
        parsed: &Parsed,
        labels: Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(process) = self.processes.get(&pid) else { return };
        let grant = process.rare.routes[index].key.grant.clone();
        self.counters.action += 1;
        self.tally.count(Decision::Permit);
        let act = Act {
            action: ActionId(self.counters.action),
            pid,
            call,
            verb: parsed.verb,
            resource: parsed.resource.clone(),
            labels,
            class: Class::Inner,
            durable: false,
            grant,
        };
        if let Some(process) = self.processes.get_mut(&pid) {
            let route = &mut process.rare.routes[index];
            let told = route.count == route.told;
            route.count += 1;
            reserve::count(&mut process.used, parsed);
            if told {
                self.untold.insert(pid);
            }
        }
        self.finish(act, parsed, now, fx);
        self.weigh(pid, now, fx);
    }

    fn number(&mut self, pid: Pid, call: Option<CallId>, parsed: &Parsed, survey: &Survey) -> Act {
        self.counters.action += 1;
        Act {
            action: ActionId(self.counters.action),
            pid,
            call,
            verb: parsed.verb,
            resource: parsed.resource.clone(),
            labels: survey.labels.clone(),
            class: survey.row.class,
            durable: survey.row.class == Class::Outward && self.environment.output_commit(),
            grant: survey.grant.right(),
        }
    }

    /// The verdict let it pass: record it by its class, then apply it.
    #[allow(clippy::too_many_arguments)]
    fn permitted(
        &mut self,
        act: Act,
        parsed: &Parsed,
        body: &Bytes,
        facts: Facts,
        verdict: Verdict,
        uses: u64,
        now: Now,
        fx: &mut Effects,
    ) {
        if verdict.decision == Decision::Warn {
            fx.wakes.push(Wake::Notice(verdict::notice(&act, &facts, "warned", verdict::first_reason(&verdict))));
        }
        if let Some(process) = self.processes.get_mut(&act.pid) {
            reserve::count(&mut process.used, parsed);
        }
        self.note_use(&facts.agent, parsed, uses, fx);
        // A warning is about one act, and so is an answer: neither speaks for those that follow.
        let routed = act.class == Class::Inner && verdict.decision == Decision::Permit;
        let route = routed.then(|| act.clone());
        self.record_permitted(&act, body, facts, verdict, now, fx);
        let done = self.finish(act, parsed, now, fx);
        // What could not be done opens no way for what follows.
        if let Some(act) = route.filter(|_| done) {
            self.open_route(act, now, fx);
        }
    }

    /// Applies a permitted act, replies if it is over, and records the outcome of an outward one. Whether it came to
    /// no refusal.
    pub(crate) fn finish(&mut self, act: Act, parsed: &Parsed, now: Now, fx: &mut Effects) -> bool {
        let applied = self.apply(&act, parsed, now, fx);
        let stored = matches!(applied, Ok(Answer::Stored(_)));
        let result = match applied {
            Ok(Answer::Later) => return true,
            Ok(Answer::Reply(reply) | Answer::Stored(reply)) => Ok(reply),
            Err(refusal) => Err(refusal.of(act.action)),
        };
        match act.class {
            Class::Outward => {
                self.record_outcome(act.action, &result, String::new(), now, fx);
                self.count_failed(act.pid, &result, now, fx);
            }
            Class::Inner | Class::Observing => {
                if let Err(refusal) = &result
                    && is_refusal(act.class, refusal.code)
                {
                    self.refuse(act, None, None, refusal.clone(), now, fx);
                    return false;
                }
            }
        }
        self.reply_after(stored, act.pid, act.call, result, now, fx);
        true
    }

    /// Counts an outward act whose outcome, told by the log already, is a refusal of the process's own doing.
    pub(crate) fn count_failed(&mut self, pid: Pid, result: &Result<Bytes, Refusal>, now: Now, fx: &mut Effects) {
        if result.as_ref().is_err_and(is_own_doing) {
            self.count_refused(pid, true, now, fx);
        }
    }
}
