//! What the events of one act come to: who wanted what, what was decided and why, what came of it.

use super::{Answered, Content, Decided, Outcome, Refused};
use crate::governance::{self, Decision, Facts, Verdict};
use crate::kernel::road::NOBODY;
use serde::Serialize;
use serde_json::Value;

/// An act in sentences, and in the documented fields of [`governance::explain`].
///
/// Names and reasons in the sentences are as they were recorded: whoever shows them on a terminal or a page escapes them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Explanation {
    /// Who wanted to do what.
    pub intended: String,
    /// What was decided and why, a sentence for each decision and each answer, in order.
    pub decided: Vec<String>,
    /// What came of it.
    pub outcome: String,
    /// All that the last decision was made upon; null where the act did not come to one.
    pub detail: Value,
}

/// What `events` say, which are of one act and in the order of the log.
pub fn explain<'c>(events: impl IntoIterator<Item = &'c Content>) -> Explanation {
    let mut told = Explanation::default();
    for content in events {
        match content {
            Content::Escalated(decided) => {
                told.note(&decided.facts, &decided.verdict);
                told.decided.push(format!("somebody was asked: {}", reasons(&decided.verdict)));
            }
            Content::Answered(answered) => told.decided.push(answer(answered)),
            Content::Intent(decided) => {
                told.permitted(decided);
                "the log does not say".clone_into(&mut told.outcome);
            }
            Content::Observed(decided) => {
                told.permitted(decided);
                "it was let look; nothing here says whether that could be done".clone_into(&mut told.outcome);
            }
            Content::RouteOpened(decided) => {
                told.permitted(decided);
                "it went on its way; the log counts equal ones under this act".clone_into(&mut told.outcome);
            }
            Content::Refused(refused) => told.refused(refused),
            Content::Outcome(outcome) => told.outcome = came_of(outcome),
            _ => {}
        }
    }
    told
}

impl Explanation {
    fn note(&mut self, facts: &Facts, verdict: &Verdict) {
        self.intended = intended(facts);
        self.detail = governance::explain(facts, verdict);
    }

    fn permitted(&mut self, decided: &Decided) {
        let (facts, verdict) = (&decided.facts, &decided.verdict);
        self.note(facts, verdict);
        let grant = match &facts.grant {
            Some(grant) => format!("the right `{grant}` permits it"),
            None => "it needs no right".to_owned(),
        };
        let marked = match verdict.decision {
            Decision::Permit => String::new(),
            Decision::Warn => format!(", with a warning: {}", reasons(verdict)),
            // It says what an answer was needed for, and the answer stands before it.
            Decision::Escalate | Decision::Deny => ", by that answer".to_owned(),
        };
        let (name, charter) = (facts.environment.name(), facts.charter);
        let scored =
            format!("scored {} of {} in {name}, by version {charter} of the rules", verdict.score, verdict.threshold);
        self.decided.push(format!("permitted: {grant}, {scored}{marked}"));
    }

    fn refused(&mut self, refused: &Refused) {
        match (&refused.facts, &refused.verdict) {
            (Some(facts), Some(verdict)) => self.note(facts, verdict),
            (Some(facts), None) => self.intended = intended(facts),
            (None, _) if self.intended.is_empty() => {
                self.intended = format!("process {} asked for `{}`", refused.pid, refused.asked);
            }
            _ => {}
        }
        self.decided.push(format!("refused as {}: {}", refused.code, refused.reason));
        "nothing was done".clone_into(&mut self.outcome);
    }
}

fn intended(facts: &Facts) -> String {
    let app = facts.app.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
    let agent = if facts.agent == facts.name { String::new() } else { format!(", agent {},", facts.agent) };
    let body = match facts.body_len {
        0 => String::new(),
        n => format!(", with a body of {n} bytes"),
    };
    format!("{} (process {}){app}{agent} wanted to `{}` {}{body}", facts.name, facts.pid, facts.verb, facts.resource)
}

fn reasons(verdict: &Verdict) -> String {
    verdict.reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
}

fn answer(answered: &Answered) -> String {
    match (answered.allow, &*answered.by) {
        (true, by) => format!("{by} allowed it"),
        (false, NOBODY) => "nobody answered".to_owned(),
        (false, by) => format!("{by} did not allow it"),
    }
}

fn came_of(outcome: &Outcome) -> String {
    let Outcome { result, reason, bytes, note, tree } = outcome;
    let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
    match &**result {
        Outcome::DONE => {
            let tree = tree.map(|root| format!(", and the root of the tree is {root}")).unwrap_or_default();
            format!("done{note}, {bytes} bytes answered{tree}")
        }
        Outcome::UNKNOWN => "unknown: the kernel ended before it was told what came of it".to_owned(),
        other if reason.is_empty() => format!("not done, {other}{note}"),
        other => format!("not done, {other}{note}: {reason}"),
    }
}
