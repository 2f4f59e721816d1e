//! The road that every act travels, and there is no other:
//!
//! syscall -> authority -> flow -> effect -> verdict -> reserve -> record -> perform -> settle and record
//!
//! One file per station. The stations up to `effect` only look: until all rows that they need are at
//! hand nothing has changed, so `Need` can be answered and the same input stepped again.

mod authority;
mod effect;
mod flow;
mod record;
mod reserve;
mod verdict;

pub(crate) use effect::Novelty;
pub(crate) use flow::Target;
pub(crate) use record::{Asked, is_own_doing, is_refusal};

use super::effects::{Ask, Effects, Wake};
use super::event::{Content, Decided, bounded_verdict};
use super::open::{Open, OpenKind};
use super::request::{Parsed, Request};
use super::state::{Need, State};
use super::verb::table::{Class, Row};
use crate::capability::Right;
use crate::governance::{self, Decision, Derived, Facts, Verdict};
use crate::id::{ActionId, CallId, Pid};
use crate::label::Labels;
use crate::path::{Resource, Verb};
use crate::process::{Lifecycle, Process};
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::Now;
use bytes::Bytes;
use std::time::Duration;

/// How long an escalation waits for an answer.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Who answers where no one did.
pub(crate) const NOBODY: &str = "nobody";

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
    /// It waits among the open acts.
    Later,
}

impl Answer {
    /// Over, with nothing to say.
    pub fn empty() -> Answer {
        Answer::Reply(Bytes::from_static(b"{}"))
    }
}

/// An act that waits for the answer to an escalation.
#[derive(Debug)]
pub struct Held {
    parsed: Parsed,
    body: Bytes,
    act: Act,
    facts: Facts,
    verdict: Verdict,
}

impl Held {
    /// What was asked for.
    pub(crate) fn parsed(&self) -> &Parsed {
        &self.parsed
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
        if self.withhold(pid, call) {
            return Ok(());
        }
        let readable = match self.halted(pid, request) {
            Some(refusal) => Err(refusal),
            None => request.parsed().map_err(Clone::clone),
        };
        let parsed = match readable {
            Ok(parsed) => parsed,
            Err(refusal) => {
                if self.reserve_act(pid, false, call, request, now, fx) {
                    self.refuse_unread(pid, call, request, refusal, now, fx);
                }
                return Ok(());
            }
        };
        let labels = match self.carried(pid, parsed) {
            Ok(labels) => labels,
            Err(e) => {
                if self.reserve_act(pid, false, call, request, now, fx) {
                    let refusal = Refusal::new(Code::TooLarge, format!("the act cannot be labelled: {e}"));
                    self.refuse_unread(pid, call, request, refusal, now, fx);
                }
                return Ok(());
            }
        };
        if self.travel_route(pid, call, parsed, &labels, request, now, fx) {
            return Ok(());
        }
        let survey = self.survey(pid, parsed, labels)?;
        if !self.reserve_act(pid, reserve::is_message(parsed.verb), call, request, now, fx) {
            return Ok(());
        }
        let facts = self.facts(pid, parsed, request, &survey);
        let verdict = bounded_verdict(governance::decide(&self.charter, &facts));
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
                self.escalate(act, parsed, request.body(), facts, verdict, now, fx);
            }
            Decision::Deny => {
                let refusal = verdict::refusal(&facts, &verdict);
                self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
            }
        }
        self.weigh(pid, now, fx);
        Ok(())
    }

    /// Why `pid` cannot act at all now.
    fn cannot_act(&self, pid: Pid) -> Option<Refusal> {
        if let Some(reason) = &self.not_durable {
            return Some(Refusal::new(Code::NotDurable, format!("nothing is acknowledged any more: {reason}")));
        }
        let alive = self.processes.get(&pid).is_some_and(|p| p.life != Lifecycle::Exited);
        (!alive).then(|| Refusal::new(Code::Cancelled, "the process is gone"))
    }

    /// A suspended guest does not go on: its act waits with it.
    fn withhold(&mut self, pid: Pid, call: Option<CallId>) -> bool {
        let suspended = |p: &&mut Process| p.life == Lifecycle::Suspended && p.program.is_some();
        match self.processes.get_mut(&pid).filter(suspended) {
            Some(process) => {
                process.rare.withheld.extend(call);
                true
            }
            None => false,
        }
    }

    /// Why nothing that a suspended session asks for is heard. It has no guest that could be held back with its
    /// acts, and may still end itself.
    fn halted(&self, pid: Pid, request: &Request) -> Option<Refusal> {
        let process = self.processes.get(&pid)?;
        if process.life != Lifecycle::Suspended || process.program.is_some() {
            return None;
        }
        let ends = |parsed: &Parsed| parsed.verb == Verb::Stop && parsed.resource == Resource::Proc(pid);
        let refusal = Refusal::new(Code::Denied, format!("{} is suspended after too many refusals", process.name));
        (!request.parsed().is_ok_and(ends)).then_some(refusal)
    }

    /// The stations that only look.
    fn survey(&self, pid: Pid, parsed: &Parsed, labels: Labels) -> Result<Survey, Need> {
        let row = parsed.row;
        let grant = self.authority(pid, parsed);
        let mut need = Need::default();
        let target = self.target(parsed, &labels, grant.is_some(), &mut need);
        let uses = self.uses(pid, parsed, &mut need);
        if !need.is_empty() {
            return Err(need);
        }
        let derived = effect::derive(row, uses, &labels, &target);
        Ok(Survey { row, labels, grant, target, derived, uses })
    }

    /// An open route carries the act: it was decided when the route opened, and nothing has changed since.
    #[allow(clippy::too_many_arguments)] // The act, as it is asked for; nothing else is passed on.
    fn travel_route(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        parsed: &Parsed,
        labels: &Labels,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let charter = self.charter.version();
        let Some(process) = self.processes.get(&pid) else { return false };
        let Some(index) = process.rare.routes.iter().position(|r| {
            r.key.verb == parsed.verb
                && r.key.charter == charter
                && r.key.resource == parsed.resource
                && r.key.labels == *labels
        }) else {
            return false;
        };
        if !self.reserve_act(pid, true, call, request, now, fx) {
            return true;
        }
        self.counters.action += 1;
        self.tally.count(Decision::Permit);
        let act = Act {
            action: ActionId(self.counters.action),
            pid,
            call,
            verb: parsed.verb,
            resource: parsed.resource.clone(),
            labels: labels.clone(),
            class: Class::Inner,
            durable: false,
            grant: None,
        };
        if let Some(process) = self.processes.get_mut(&pid) {
            let route = &mut process.rare.routes[index];
            let told = route.count == route.told;
            route.count += 1;
            process.used.acts += 1;
            if told {
                self.untold.insert(pid);
            }
        }
        self.finish(act, parsed, now, fx);
        self.weigh(pid, now, fx);
        true
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

    fn facts(&self, pid: Pid, parsed: &Parsed, request: &Request, survey: &Survey) -> Facts {
        let process = self.processes.get(&pid);
        Facts {
            version: Facts::VERSION,
            pid,
            name: process.map_or_else(|| self.kernel_name.clone(), |p| p.name.clone()),
            app: process.and_then(|p| p.app.clone()),
            verb: parsed.verb,
            resource: parsed.resource.clone(),
            grant: survey.grant.for_facts(&parsed.resource, parsed.verb),
            labels: survey.labels.clone(),
            clearance: survey.target.clearance.clone(),
            blocked: survey.target.blocked.clone(),
            effect: survey.derived.effect,
            contributions: survey.derived.contributions.clone(),
            environment: self.environment.clone(),
            charter: self.charter.version(),
            accounts: self.levels(pid),
            body_len: request.body().len() as u64,
            commitment: None,
            audit: parsed.audit.clone(),
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
            process.used.acts += 1;
        }
        self.note_use(&facts.name, parsed, uses, fx);
        self.record_permitted(&act, body, facts, verdict, now, fx);
        self.finish(act, parsed, now, fx);
    }

    /// Applies a permitted act, replies if it is over, and records the outcome of an outward one.
    pub(crate) fn finish(&mut self, act: Act, parsed: &Parsed, now: Now, fx: &mut Effects) {
        let result = match self.apply(&act, parsed, now, fx) {
            Ok(Answer::Later) => return,
            Ok(Answer::Reply(reply)) => Ok(reply),
            Err(refusal) => Err(refusal.of(act.action)),
        };
        match act.class {
            Class::Outward => {
                self.record_outcome(act.action, &result, String::new(), now, fx);
                self.count_failed(act.pid, act.class, &result, now, fx);
            }
            Class::Inner | Class::Observing => {
                if let Err(refusal) = &result
                    && is_refusal(act.class, refusal.code)
                {
                    self.refuse(act, None, None, refusal.clone(), now, fx);
                    return;
                }
            }
        }
        self.reply(act.pid, act.call, result, now, fx);
    }

    /// The verdict wants a person's answer: the act waits for it.
    #[allow(clippy::too_many_arguments)]
    fn escalate(
        &mut self,
        act: Act,
        parsed: &Parsed,
        body: &Bytes,
        facts: Facts,
        verdict: Verdict,
        now: Now,
        fx: &mut Effects,
    ) {
        let detail = governance::explain(&facts, &verdict).to_string();
        let decided = Decided { facts: facts.clone(), verdict: verdict.clone(), body: None };
        self.record(act.action, Content::Escalated(Box::new(decided)), now, fx);
        fx.wakes.push(Wake::Ask(Ask {
            action: act.action,
            name: facts.name.to_string(),
            verb: parsed.verb.as_str().to_owned(),
            resource: parsed.resource.to_string(),
            detail,
        }));
        let held = Held { parsed: parsed.clone(), body: body.clone(), act: act.clone(), facts, verdict };
        let deadline = now.at.after(ANSWER_DEADLINE);
        self.open(&act, Open::new(&act, OpenKind::Escalated(Box::new(held))), Some(deadline));
    }

    /// An escalation was answered, or nobody answered it: then it is a refusal.
    pub(crate) fn answer(
        &mut self,
        action: ActionId,
        allow: bool,
        by: &str,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        let Some(OpenKind::Escalated(held)) = self.opened.get(&action).map(|open| &open.kind) else { return Ok(()) };
        // The rows of its survey may be gone again, and the resource may not be what it was.
        let mut need = Need::default();
        let target = self.target(&held.parsed, &held.act.labels, allow, &mut need);
        let uses = if allow { self.uses(held.act.pid, &held.parsed, &mut need) } else { 0 };
        if !need.is_empty() {
            return Err(need);
        }
        let Some(open) = self.opened.remove(&action) else { return Ok(()) };
        if let Some(number) = open.deadline {
            self.undue(number);
        }
        self.unblock(open.pid, action);
        let OpenKind::Escalated(held) = open.kind else { return Ok(()) };
        let Held { parsed, body, act, facts, verdict } = *held;
        self.record_answer(action, allow, by, now, fx);
        if let Some(refusal) = target.refusal {
            self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        } else if allow {
            self.permitted(act, &parsed, &body, facts, verdict, uses, now, fx);
        } else {
            let mut refusal = verdict::refusal(&facts, &verdict);
            refusal.code = Code::Denied;
            let answer = if by == NOBODY { "nobody answered".to_owned() } else { format!("{by} did not allow it") };
            refusal.reason = cut(format!("{answer}: {}", refusal.reason), REASON_BYTES);
            self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        }
        self.weigh(open.pid, now, fx);
        Ok(())
    }

    /// An escalated act ended while it waited: its process is gone, or nothing is acknowledged any more. The log
    /// has the question, and now that nobody answered it.
    pub(crate) fn unanswered(&mut self, action: ActionId, held: Held, refusal: &Refusal, now: Now, fx: &mut Effects) {
        let Held { act, facts, verdict, .. } = held;
        self.record_answer(action, false, NOBODY, now, fx);
        let asked = Asked::new(action, act.pid, act.verb, &act.resource);
        self.record_refused(asked, Some(facts), Some(verdict), refusal, false, now, fx);
    }

    /// Counts an outward act whose outcome, told by the log already, is a refusal of the process's own doing.
    pub(crate) fn count_failed(
        &mut self,
        pid: Pid,
        class: Class,
        result: &Result<Bytes, Refusal>,
        now: Now,
        fx: &mut Effects,
    ) {
        if result.as_ref().is_err_and(|refusal| is_own_doing(class, refusal.code)) {
            self.count_refused(pid, true, now, fx);
        }
    }
}
