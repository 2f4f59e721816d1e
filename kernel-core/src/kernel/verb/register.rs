//! `register /svc/NAME`: the process answers what is sent to the service.

use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::Name;
use crate::refusal::{Code, Refusal};

/// The most services of one process.
const SERVICES: usize = 64;

impl State {
    pub(super) fn apply_register(&mut self, act: &Act, name: &Name) -> Result<Answer, Refusal> {
        match self.services.get(name).copied() {
            Some(owner) if owner == act.pid => {}
            Some(owner) => {
                let taken = Refusal::new(Code::Conflict, format!("/svc/{name} is answered by /proc/{owner}"));
                let labels = self.registered(name);
                return Err(self.tell_of(act.pid, &labels, taken));
            }
            None => {}
        }
        let declared = self.declares(name).cloned();
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if let Some(app) = declared.filter(|app| process.app.as_ref() != Some(app)) {
            let taken = Refusal::new(Code::Conflict, format!("/svc/{name} is a service of `{app}`, which runs"));
            let root = self.apps.get(&app).and_then(|app| self.processes.get(&app.root));
            let labels = root.map(|root| root.labels.clone()).unwrap_or_default();
            return Err(self.tell_of(act.pid, &labels, taken));
        }
        if let Some(labels) = process.rare.services.get_mut(name) {
            if act.labels.is_subset(labels) {
                *labels = act.labels.clone();
            }
            return Ok(Answer::empty());
        }
        if process.rare.services.len() >= SERVICES {
            return Err(Refusal::new(Code::Full, format!("a process may answer {SERVICES} services")));
        }
        process.rare.services.insert(name.clone(), act.labels.clone());
        self.services.insert(name.clone(), act.pid);
        self.has_registered(act.pid, name);
        Ok(Answer::empty())
    }

    /// What the process that answers for `name` carried when it registered; nothing where none does.
    pub(super) fn registered(&self, name: &Name) -> Labels {
        let owner = self.services.get(name).and_then(|owner| self.processes.get(owner));
        owner.and_then(|process| process.rare.services.get(name)).cloned().unwrap_or_default()
    }
}
