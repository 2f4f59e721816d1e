//! Station 4: what `decide` said, put into words.

use super::Act;
use crate::governance::{self, Facts, Verdict};
use crate::id::Pid;
use crate::kernel::effects::Notice;
use crate::kernel::state::State;
use crate::label::Labels;
use crate::refusal::{Code, Refusal};

impl State {
    /// The refusal of a denied act: the most telling reason, with the whole explanation as detail. Both tell of what
    /// was declared of the target by somebody who carried `told`.
    pub(super) fn denial(&mut self, pid: Pid, facts: &Facts, verdict: &Verdict, told: &Labels) -> Refusal {
        let mut refusal = Refusal::new(Code::Denied, first_reason(verdict));
        refusal.detail = governance::explain(facts, verdict).to_string();
        self.tell_of(pid, told, refusal)
    }
}

/// The first reason of a verdict: `decide` puts the one that weighs most first.
pub(super) fn first_reason(verdict: &Verdict) -> String {
    verdict.reasons.first().map_or_else(|| "no reason was given".to_owned(), |r| r.text.to_string())
}

/// What observers are told.
pub(super) fn notice(act: &Act, facts: &Facts, what: &str, reason: String) -> Notice {
    Notice::Verdict {
        action: act.action,
        pid: act.pid,
        name: facts.name.to_string(),
        app: facts.app.clone(),
        what: what.to_owned(),
        verb: act.verb.as_str().to_owned(),
        resource: act.resource.to_string(),
        reason,
    }
}
