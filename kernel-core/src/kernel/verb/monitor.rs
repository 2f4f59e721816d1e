//! `monitor`: an envelope of kind `exit` comes when the process or the application ends.

use crate::id::Pid;
use crate::ipc::asked;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::Resource;
use crate::refusal::{Code, Refusal};
use std::collections::BTreeSet;

impl State {
    pub(super) fn apply_monitor(&mut self, act: &Act) -> Result<Answer, Refusal> {
        let absent = || Refusal::new(Code::NotFound, format!("{} is not running", act.resource));
        match &act.resource {
            Resource::Proc(pid) => {
                let process = self.processes.get_mut(pid).ok_or_else(absent)?;
                asked(&mut process.rare.monitors, act.pid, &act.labels);
            }
            Resource::App(name) => {
                let app = self.apps.get_mut(name).ok_or_else(absent)?;
                asked(&mut app.monitors, act.pid, &act.labels);
            }
            _ => return Err(absent()),
        }
        if let Some(process) = self.processes.get_mut(&act.pid) {
            process.rare.monitored.insert(act.resource.clone());
        }
        Ok(Answer::empty())
    }

    /// A process that has ended is told of no other end.
    pub(crate) fn forget_monitor(&mut self, pid: Pid, monitored: &BTreeSet<Resource>) {
        for resource in monitored {
            let monitors = match resource {
                Resource::Proc(pid) => self.processes.get_mut(pid).map(|process| &mut process.rare.monitors),
                Resource::App(name) => self.apps.get_mut(name).map(|app| &mut app.monitors),
                _ => None,
            };
            monitors.map(|monitors| monitors.remove(&pid));
        }
    }

    /// Whatever a process monitored is over.
    pub(crate) fn forget_monitored(&mut self, monitor: Pid, resource: &Resource) {
        if let Some(process) = self.processes.get_mut(&monitor) {
            process.rare.monitored.remove(resource);
        }
    }
}
