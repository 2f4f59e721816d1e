//! `read /proc/N` and `stop`: looking at processes, and asking them to end.

use crate::id::Pid;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::inspect::lived;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::process::{ExitReason, Lifecycle, Limit, Used};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::{Deserialize, Serialize};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// What `read /proc/N` asks for beyond what a process is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadProcess {
    /// What it has used, too.
    pub usage: bool,
}

/// What a process has used.
#[derive(Serialize)]
struct Usage {
    #[serde(flatten)]
    used: Used,
    wall: u64,
    tree: Used,
    limits: Vec<Limit>,
}

impl State {
    pub(super) fn apply_info(&mut self, act: &Act, pid: Pid, read: ReadProcess, now: Now) -> Result<Answer, Refusal> {
        // Its name and its rights were chosen by whoever spawned it, who carried no more than it began with; its state
        // is its own doing. What it has used would tell of messages whose labels an instance of one message has let go of.
        let process = self.processes.get(&pid).ok_or_else(|| absent(pid))?;
        // Whether it is suspended may be somebody else's.
        let carried = if process.rare.touched.is_empty() { process.labels.clone() } else { self.labels_of_state(pid)? };
        self.taint(act.pid, &carried)?;
        if read.usage {
            let all = self
                .told_by_usage(pid)
                .map_err(|e| Refusal::new(Code::TooLarge, format!("what /proc/{pid} has used cannot be told: {e}")))?;
            self.taint(act.pid, &all)?;
        }
        let process = self.processes.get(&pid).ok_or_else(|| absent(pid))?;
        let usage = read.usage.then(|| Usage {
            used: process.used,
            wall: lived(process, now.at),
            tree: self.used_by_tree(process),
            limits: self.limits_of(process, now.at),
        });
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
            usage,
        };
        Ok(Answer::Reply(body::json(&info)))
    }

    /// All that what a process and those below it have used tells of: the labels of every message that one of them ever
    /// handled.
    fn told_by_usage(&self, pid: Pid) -> Result<Labels, String> {
        let Some(process) = self.processes.get(&pid) else { return Ok(Labels::NONE) };
        if process.rare.past_unsayable {
            return Err("more labels came together than a set may hold".to_owned());
        }
        let own = process.labels.join(&process.rare.past).map_err(|e| e.to_string())?;
        process
            .children
            .iter()
            .try_fold(own, |labels, child| labels.join(&self.told_by_usage(*child)?).map_err(|e| e.to_string()))
    }

    /// `stop /proc/self` ends the process when what it is busy with has returned; stopping another asks
    /// it to do the same.
    pub(super) fn apply_stop(&mut self, act: &Act, pid: Pid, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        self.mark(pid, &act.labels);
        if !self.processes.contains_key(&pid) {
            return Err(absent(pid));
        }
        match self.supervised_by(pid) {
            Some((app, None)) => {
                self.note_stop(&app, act.pid);
                // Also where a kernel that stops would have left it for the next one.
                self.forget_running(&app, fx);
                self.stop_app(&app, None, ExitReason::Normal, now, fx);
            }
            Some((app, Some(supervisor))) => self.end_supervisor(&app, &supervisor, ExitReason::Normal, now, fx),
            None => self.ask_to_end(pid, ExitReason::Normal, now, fx),
        }
        Ok(Answer::empty())
    }
}

pub(super) fn absent(pid: Pid) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no process /proc/{pid}"))
}
