//! An act that a person has to allow: it waits, and is decided again when it is answered.

use super::{Act, Asked, Survey};
use crate::governance::{self, Decision, Facts, Verdict};
use crate::id::{ActionId, Pid};
use crate::kernel::effects::{Ask, Effects, Wake};
use crate::kernel::event::{Content, Decided, bounded_verdict};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::request::Parsed;
use crate::kernel::state::{Need, State};
use crate::label::Labels;
use crate::path::Resource;
use crate::process::Lifecycle;
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::Now;
use bytes::Bytes;
use std::time::Duration;

/// How long an escalation waits for an answer, if the act has no earlier deadline of its own.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Who answers where no one did.
pub(crate) const NOBODY: &str = "nobody";

/// An act that waits for the answer to an escalation.
#[derive(Debug)]
pub struct Held {
    parsed: Parsed,
    body: Bytes,
    act: Act,
    facts: Facts,
    verdict: Verdict,
    /// What whoever declared the target carried.
    told: Labels,
}

impl Held {
    /// What was asked for.
    pub(crate) fn parsed(&self) -> &Parsed {
        &self.parsed
    }
}

impl State {
    /// The verdict wants a person's answer: the act waits for it.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn escalate(
        &mut self,
        act: Act,
        parsed: &Parsed,
        body: &Bytes,
        facts: Facts,
        verdict: Verdict,
        told: Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let detail = governance::explain(&facts, &verdict).to_string();
        let decided = Decided { facts: facts.clone(), verdict: verdict.clone(), body: None };
        self.record(act.action, Content::Escalated(Box::new(decided)), now, fx);
        let wait = parsed.op.deadline().map_or(ANSWER_DEADLINE, |own| own.min(ANSWER_DEADLINE));
        fx.wakes.push(Wake::Ask(Ask {
            action: act.action,
            name: facts.name.to_string(),
            verb: parsed.verb.as_str().to_owned(),
            resource: parsed.resource.to_string(),
            detail,
            wait,
        }));
        let held = Held { parsed: parsed.clone(), body: body.clone(), act: act.clone(), facts, verdict, told };
        self.open(&act, Open::new(&act, OpenKind::Escalated(Box::new(held))), Some(now.at.after(wait)));
    }

    /// An escalation was answered, or nobody answered it: then it is a refusal. A yes is for what was asked. What
    /// has changed since is decided again: the process may have lost its voice, the place its clearance, a service
    /// its owner. The labels are those that the act was made with, because what it carries is from then.
    pub(crate) fn answer(
        &mut self,
        action: ActionId,
        allow: bool,
        by: &str,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        let Some(OpenKind::Escalated(held)) = self.opened.get(&action).map(|open| &open.kind) else { return Ok(()) };
        // The rows of its survey may be gone again. A refusal needs none.
        let survey = match allow {
            true => Some(self.survey(held.act.pid, &held.parsed, held.act.labels.clone())?),
            false => None,
        };
        let Some(open) = self.opened.remove(&action) else { return Ok(()) };
        if let Some(number) = open.deadline {
            self.undue(number);
        }
        self.unblock(open.pid, action);
        let OpenKind::Escalated(held) = open.kind else { return Ok(()) };
        self.record_answer(action, allow, by, now, fx);
        // An application that waited to spawn an agent goes on, or ends.
        let starting = self.supervised_by(open.pid).map(|(app, _)| app).zip(match &held.act.resource {
            Resource::Agent(agent) => Some(agent.clone()),
            _ => None,
        });
        let seen = self.counters.pid;
        self.go_on(*held, survey, by, now, fx);
        if let Some((app, agent)) = starting {
            self.has_spawned(&app, agent, Pid(seen + 1), now, fx);
        }
        self.weigh(open.pid, now, fx);
        Ok(())
    }

    /// What was held is done or refused; it has a survey where somebody allowed it.
    fn go_on(&mut self, held: Held, survey: Option<Survey>, by: &str, now: Now, fx: &mut Effects) {
        let Held { parsed, body, mut act, facts, verdict, told } = held;
        let Some(mut survey) = survey else {
            let mut refusal = self.denial(act.pid, &facts, &verdict, &told);
            let answer = if by == NOBODY { "nobody answered".to_owned() } else { format!("{by} did not allow it") };
            refusal.reason = cut(format!("{answer}: {}", refusal.reason), REASON_BYTES);
            return self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        };
        if let Some(refusal) = self.unheeded(act.pid) {
            return self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        }
        let facts = self.facts(act.pid, &parsed, &body, &survey);
        let verdict = bounded_verdict(governance::decide(&self.charter, &facts));
        act.grant = survey.grant.right();
        if verdict.decision == Decision::Deny {
            self.tally.count(Decision::Deny);
            let refusal = self.denial(act.pid, &facts, &verdict, &survey.target.told);
            self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        } else if let Some(refusal) = survey.target.refusal.take() {
            self.tally.count(Decision::Deny);
            self.refuse(act, Some(facts), Some(verdict), refusal, now, fx);
        } else {
            self.permitted(act, &parsed, &body, facts, verdict, survey.uses, now, fx);
        }
    }

    /// Why nothing is done for `pid` although somebody allows it: it was suspended while its act waited.
    fn unheeded(&self, pid: Pid) -> Option<Refusal> {
        let process = self.processes.get(&pid).filter(|p| p.life == Lifecycle::Suspended)?;
        let reason = format!("{} was suspended while it waited for an answer", process.name);
        Some(Refusal::new(Code::Denied, reason).by_other())
    }

    /// An escalated act ended while it waited: its process is gone, or nothing is acknowledged any more. The log
    /// has the question, and now that nobody answered it.
    pub(crate) fn unanswered(&mut self, action: ActionId, held: Held, refusal: &Refusal, now: Now, fx: &mut Effects) {
        let Held { act, facts, verdict, .. } = held;
        self.record_answer(action, false, NOBODY, now, fx);
        let asked = Asked::new(action, act.pid, act.verb, &act.resource);
        self.record_refused(asked, Some(facts), Some(verdict), refusal, false, now, fx);
    }
}
