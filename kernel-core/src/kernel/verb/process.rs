//! `read /proc/N` and `stop`: looking at processes, and asking them to end.

use crate::id::Pid;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::process::{ExitReason, Lifecycle};
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
    labels: &'a Labels,
    memory_limit: u64,
}

impl State {
    pub(super) fn apply_info(&mut self, act: &Act, pid: Pid) -> Result<Answer, Refusal> {
        // Its name and its rights were chosen by whoever spawned it, who carried no more than it began with; its state
        // is its own doing. What it has used would tell of messages whose labels an instance of one message has let go of.
        let process = self.processes.get(&pid).ok_or_else(|| absent(pid))?;
        // Whether it is suspended may be somebody else's.
        let carried = if process.rare.touched.is_empty() { process.labels.clone() } else { self.labels_of_state(pid)? };
        self.taint(act.pid, &carried)?;
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
        };
        Ok(Answer::Reply(body::json(&info)))
    }

    /// `stop /proc/self` ends the process when what it is busy with has returned; stopping another asks
    /// it to do the same.
    pub(super) fn apply_stop(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        self.mark(pid, &act.labels);
        if !self.processes.contains_key(&pid) {
            return Err(absent(pid));
        }
        match self.supervised_by(pid) {
            Some((app, None)) => self.stop_app(&app, None, ExitReason::Normal, now, fx),
            Some((app, Some(supervisor))) => self.end_supervisor(&app, &supervisor, ExitReason::Normal, now, fx),
            None => self.ask_to_end(pid, ExitReason::Normal, now, fx),
        }
        Ok(Answer::empty())
    }
}

pub(super) fn absent(pid: Pid) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no process /proc/{pid}"))
}
