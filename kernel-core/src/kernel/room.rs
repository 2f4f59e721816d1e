//! What becomes of applications when there is little room left on the disk of the data directory: nothing that they do is
//! let pass, so that what the log still has room for is left to whoever can do something about it.
//!
//! The host looks at the disk and says so. Operators act on, and the kernel itself does.

use super::effects::Effects;
use super::event::{Content, Refused};
use super::input::Lack;
use super::request::Request;
use super::state::State;
use crate::id::{ActionId, CallId, Pid};
use crate::path::{Resource, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

impl State {
    /// Refuses an act of an application while there is too little room on the disk; whether it did. What only ends its process
    /// passes. Whatever it asks for, a process leaves one event and counts.
    pub(crate) fn lacks_room(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let Some(Lack { reserve, .. }) = self.lack else { return false };
        let Some(process) = self.processes.get(&pid).filter(|p| p.app.is_some() && p.program.is_some()) else {
            return false;
        };
        let ends = request.parsed().is_ok_and(|p| p.verb == Verb::Stop && p.resource == Resource::Proc(pid));
        if ends || call.is_none() {
            return false;
        }
        self.counters.action += 1;
        let action = ActionId(self.counters.action);
        let reason = format!(
            "the disk of the data directory has less than the {reserve} bytes left that are kept in reserve: what \
             applications do is refused until there is room"
        );
        let asked = format!("{} {}", request.verb_text(), request.resource_text()).escape_default().to_string();
        let refusal = Refusal::new(Code::Full, reason).by_other().of(action);
        let refused = Refused {
            facts: None,
            verdict: None,
            code: refusal.code.as_str().to_owned(),
            reason: refusal.for_the_log(),
            pid: process.pid.0,
            asked,
        };
        if !self.folds(pid, "no room on the disk", action) {
            self.record(action, Content::Refused(Box::new(refused)), now, fx);
        }
        self.count_refused(pid, false, now, fx);
        self.reply(pid, call, Err(refusal), now, fx);
        true
    }
}
