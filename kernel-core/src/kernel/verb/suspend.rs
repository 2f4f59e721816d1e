//! `suspend` and `resume`: keeping one process from going on, and letting it.

use super::process::absent;
use crate::id::Pid;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::process::{Lifecycle, Process, Suspender};
use crate::refusal::{Code, Refusal};
use crate::time::Now;

impl State {
    pub(super) fn apply_suspend(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        let by = if self.is_user(act.pid) { Suspender::User } else { Suspender::Process };
        let life = self.processes.get(&pid).map(|process| process.life).ok_or_else(|| absent(pid))?;
        if self.supervised_by(pid).is_some() {
            let reason = format!("/proc/{pid} is a supervisor, which runs nothing itself: suspend those below it");
            return Err(Refusal::new(Code::Unsupported, reason));
        }
        if !matches!(life, Lifecycle::Running | Lifecycle::Suspended) {
            let labels = self.labels_of_state(pid)?;
            let refusal = Refusal::new(Code::Conflict, format!("/proc/{pid} does not run: it is starting or stopping"));
            return Err(self.tell_of(act.pid, &labels, refusal));
        }
        self.touch(pid, &act.labels)?;
        match self.processes.get_mut(&pid).map(|process| &mut process.rare.suspended) {
            // Whoever is outside has a say in it from now on.
            Some(Some(before)) if *before == Suspender::Process => *before = by,
            Some(Some(_)) => {}
            _ => self.suspend(pid, by, None, now, fx),
        }
        self.keep_suspended(pid, fx);
        Ok(Answer::empty())
    }

    pub(super) fn apply_resume(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        let process = self.processes.get(&pid).ok_or_else(|| absent(pid))?;
        let Some(by) = process.rare.suspended else { return Ok(Answer::empty()) };
        // Else whoever floods would have an accomplice who lets it go on.
        if by != Suspender::Process && !self.is_user(act.pid) {
            let why = match by {
                Suspender::Kernel => "for too many refusals",
                Suspender::User | Suspender::Process => "by a user",
            };
            let labels = self.labels_of_state(pid)?;
            let reason = format!("/proc/{pid} was suspended {why}, and is resumed by a session of a user alone");
            return Err(self.tell_of(act.pid, &labels, Refusal::new(Code::Denied, reason).by_other()));
        }
        self.touch(pid, &act.labels)?;
        self.resume(pid, now, fx);
        self.keep_suspended(pid, fx);
        Ok(Answer::empty())
    }

    fn is_user(&self, pid: Pid) -> bool {
        self.processes.get(&pid).is_some_and(Process::is_user)
    }

    /// Notes that the state of `pid` tells of whoever carries `labels`, too.
    fn touch(&mut self, pid: Pid, labels: &Labels) -> Result<(), Refusal> {
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(()) };
        process.rare.touched = process
            .rare
            .touched
            .join(labels)
            .map_err(|e| Refusal::new(Code::TooLarge, format!("what the state of /proc/{pid} would tell: {e}")))?;
        Ok(())
    }
}
