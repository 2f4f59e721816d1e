//! An act that a person has to allow: it waits, and is decided again when it is answered.

use super::reserve::draws;
use super::{Act, Asked, Survey};
use crate::budget::Exhausted;
use crate::governance::{self, Decision, Facts, Reason, ReasonCode, Verdict};
use crate::id::{ActionId, CallId, Pid};
use crate::kernel::effects::{Ask, Effects, Reply, Wake};
use crate::kernel::event::{Content, Decided, bounded_verdict};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::request::Parsed;
use crate::kernel::state::{Need, State};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::process::Lifecycle;
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::Now;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an escalation waits for an answer, if the act has no earlier deadline of its own.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// How many questions that are over are remembered.
const REMEMBERED: usize = 1_024;

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
    /// The account that it is over: a yes raises its limit, and what it takes was not drawn yet.
    over: Option<Exhausted>,
}

impl Held {
    /// What waits with `act`.
    pub(super) fn new(
        parsed: &Parsed,
        body: &Bytes,
        act: Act,
        facts: Facts,
        verdict: Verdict,
        told: Labels,
        over: Option<Exhausted>,
    ) -> Held {
        Held { parsed: parsed.clone(), body: body.clone(), act, facts, verdict, told, over }
    }

    /// What was asked for.
    pub(crate) fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// What was decided upon.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The question to a person, who has so long to answer it.
    fn ask(&self, wait: Duration) -> Ask {
        Ask {
            action: self.act.action,
            pid: self.act.pid,
            name: self.facts.name.to_string(),
            app: self.facts.app.clone(),
            verb: self.parsed.verb.as_str().to_owned(),
            resource: self.parsed.resource.to_string(),
            detail: governance::explain(&self.facts, &self.verdict).to_string(),
            wait,
        }
    }
}

/// What the process of an application waits to spawn, until a person has answered.
pub(crate) struct AskedToSpawn {
    app: Name,
    agent: Name,
    /// The number that it gets if it is spawned.
    pid: Pid,
}

/// The latest questions that wait no more, each with the sentence that says why: whoever answers one of them is told.
#[derive(Debug, Default)]
pub(crate) struct Over(BTreeMap<ActionId, String>);

impl Over {
    fn note(&mut self, action: ActionId, why: String) {
        self.0.insert(action, why);
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
    }

    /// Why `action` takes no answer.
    fn refusal(&self, action: ActionId) -> Refusal {
        match self.0.get(&action) {
            Some(why) => Refusal::new(Code::Conflict, format!("act {action} waits for no answer any more: {why}")),
            None => Refusal::new(Code::NotFound, format!("act {action} waits for no answer")),
        }
    }
}

/// The verdict on an act that is over an account: a person may allow more. What they are told first.
pub(super) fn for_more(mut verdict: Verdict, over: &Exhausted) -> Verdict {
    let text = format!("{over}; a yes adds as much as it began with");
    verdict.reasons.insert(0, Reason { code: ReasonCode::Budget, weight: Decision::Escalate, rule: None, text });
    verdict.decision = Decision::Escalate;
    bounded_verdict(verdict)
}

impl State {
    /// The verdict wants a person's answer, or a budget does: the act waits for it.
    pub(super) fn escalate(&mut self, held: Held, now: Now, fx: &mut Effects) {
        let Held { parsed, act, facts, verdict, .. } = &held;
        let decided = Decided { facts: facts.clone(), verdict: verdict.clone(), body: None };
        self.record(act.action, Content::Escalated(Box::new(decided)), now, fx);
        let wait = parsed.op.deadline().map_or(ANSWER_DEADLINE, |own| own.min(ANSWER_DEADLINE));
        let act = act.clone();
        fx.wakes.push(Wake::Ask(held.ask(wait)));
        self.open(&act, Open::new(&act, OpenKind::Escalated(Box::new(held))), Some(now.at.after(wait)));
    }

    /// Every question that waits for an answer, the oldest first, each with how long it still does.
    pub(crate) fn questions(&self, now: Now) -> Vec<Ask> {
        let asks = self.opened.values().filter_map(|open| {
            let OpenKind::Escalated(held) = &open.kind else { return None };
            Some(held.ask(open.deadline.map_or(Duration::ZERO, |number| self.left_of(number, now))))
        });
        asks.collect()
    }

    /// A person answers; whoever does is told whether it counted.
    pub(crate) fn take_answer(
        &mut self,
        call: CallId,
        action: ActionId,
        allow: bool,
        by: &str,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Need> {
        let waits = matches!(self.opened.get(&action), Some(Open { kind: OpenKind::Escalated(_), .. }));
        let result = if waits { Ok(self.answer(action, allow, by, now, fx)?) } else { Err(self.over.refusal(action)) };
        let result = result.map(|()| Bytes::new());
        fx.replies.push(Reply { call, result, durable: self.environment.output_commit() });
        Ok(())
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
        let asked = self.asked_to_spawn(&open);
        let OpenKind::Escalated(held) = open.kind else { return Ok(()) };
        self.record_answer(action, &held, allow, by, now, fx);
        self.over.note(
            action,
            match (allow, by) {
                (_, NOBODY) => "nobody answered in time".to_owned(),
                (true, by) => format!("{by} allowed it"),
                (false, by) => format!("{by} did not allow it"),
            },
        );
        self.go_on(*held, survey, by, now, fx);
        self.has_asked_to_spawn(asked, now, fx);
        self.weigh(open.pid, now, fx);
        Ok(())
    }

    /// The spawn that waits in `open` for an answer, where an application cannot go on before it is over.
    pub(crate) fn asked_to_spawn(&self, open: &Open) -> Option<AskedToSpawn> {
        let (OpenKind::Escalated(_), Resource::Agent(agent)) = (&open.kind, &open.resource) else { return None };
        let (app, _) = self.supervised_by(open.pid)?;
        Some(AskedToSpawn { app, agent: agent.clone(), pid: Pid(self.counters.pid + 1) })
    }

    /// It is over: its application goes on, or ends.
    pub(crate) fn has_asked_to_spawn(&mut self, asked: Option<AskedToSpawn>, now: Now, fx: &mut Effects) {
        if let Some(AskedToSpawn { app, agent, pid }) = asked {
            self.has_spawned(&app, agent, pid, now, fx);
        }
    }

    /// What was held is done or refused; it has a survey where somebody allowed it.
    fn go_on(&mut self, held: Held, survey: Option<Survey>, by: &str, now: Now, fx: &mut Effects) {
        let Held { parsed, body, mut act, facts, verdict, told, over } = held;
        let Some(mut survey) = survey else {
            let mut refusal = self.denial(act.pid, &facts, &verdict, &told);
            if let Some(over) = &over {
                self.no_more(over);
                refusal.code = Code::Exhausted;
            }
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
        } else if let Some(over) = over
            && let Err(still) = self.draw_more(&act, draws(&parsed), &over, now, fx)
        {
            self.tally.exhausted += 1;
            let refusal = Refusal::new(Code::Exhausted, still.to_string());
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
        self.record_answer(action, &held, false, NOBODY, now, fx);
        self.over.note(action, "it ended before anybody answered".to_owned());
        let Held { act, facts, verdict, over, .. } = held;
        if let Some(over) = &over {
            self.no_more(over);
        }
        let asked = Asked::new(action, act.pid, act.verb, &act.resource);
        self.record_refused(asked, Some(facts), Some(verdict), refusal, false, now, fx);
    }
}
