//! `read /proc/N`, `stop` and `kill`: looking at processes and ending them.

use crate::id::Pid;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::process::{ExitReason, Lifecycle, Used};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Serialize;

/// What a process is told about itself or another.
#[derive(Serialize)]
struct Info<'a> {
    pid: Pid,
    parent: Pid,
    name: &'a str,
    app: Option<&'a str>,
    role: &'a str,
    state: Lifecycle,
    environment: &'a str,
    #[serde(rename = "use")]
    use_: Vec<String>,
    grant: Vec<String>,
    labels: &'a crate::label::Labels,
    memory_limit: u64,
    waiting: usize,
    used: Used,
}

impl State {
    pub(super) fn apply_info(&mut self, act: &Act, pid: Pid) -> Result<Answer, Refusal> {
        // Its name and its rights were chosen by whoever spawned it, who carried no more than it began with.
        let chosen = self.processes.get(&pid).map(|p| p.own_labels.clone()).ok_or_else(|| absent(pid))?;
        self.taint(act.pid, &chosen)?;
        let process = self.processes.get(&pid).ok_or_else(|| absent(pid))?;
        let info = Info {
            pid,
            parent: process.parent,
            name: process.name.as_str(),
            app: process.app.as_ref().map(|a| a.as_str()),
            role: process.role.as_str(),
            state: process.life,
            environment: self.environment.name(),
            use_: process.capabilities.use_rights().iter().map(|r| r.to_string()).collect(),
            grant: process.capabilities.grant_rights().iter().map(|r| r.to_string()).collect(),
            labels: &process.labels,
            memory_limit: process.limits.memory,
            waiting: process.mailbox.len(),
            used: process.used,
        };
        Ok(Answer::Reply(body::json(&info)))
    }

    /// `stop /proc/self` ends the process when what it is busy with has returned; stopping another asks
    /// it to do the same.
    pub(super) fn apply_stop(&mut self, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        let process = self.processes.get_mut(&pid).ok_or_else(|| absent(pid))?;
        // One that is suspended would never come to its end by itself.
        if process.handling.is_some() && process.life == Lifecycle::Running {
            process.enter(Lifecycle::Stopping);
        } else {
            self.exit(pid, ExitReason::Normal, now, fx);
        }
        Ok(Answer::empty())
    }

    pub(super) fn apply_kill(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        #[derive(Serialize)]
        struct Killed {
            dead: Vec<Pid>,
        }
        if !self.processes.contains_key(&pid) {
            return Err(absent(pid));
        }
        let by = self.processes.get(&act.pid).map_or_else(|| "the kernel".to_owned(), |p| format!("by {}", p.name));
        let dead = self.exit(pid, ExitReason::Killed(by), now, fx);
        Ok(Answer::Reply(body::json(&Killed { dead })))
    }
}

fn absent(pid: Pid) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no process /proc/{pid}"))
}
