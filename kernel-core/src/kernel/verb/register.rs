//! `register /svc/NAME`: the process answers what is sent to the service.

use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::Name;
use crate::refusal::{Code, Refusal};

/// The most services of one process.
const SERVICES: usize = 64;

impl State {
    pub(super) fn apply_register(&mut self, act: &Act, name: &Name) -> Result<Answer, Refusal> {
        match self.services.get(name) {
            Some(owner) if *owner == act.pid => return Ok(Answer::empty()),
            Some(owner) => {
                return Err(Refusal::new(Code::Conflict, format!("/svc/{name} is answered by /proc/{owner}")));
            }
            None => {}
        }
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if process.rare.services.len() >= SERVICES {
            return Err(Refusal::new(Code::Full, format!("a process may answer {SERVICES} services")));
        }
        process.rare.services.insert(name.clone());
        self.services.insert(name.clone(), act.pid);
        self.has_registered(act.pid, name);
        Ok(Answer::empty())
    }
}
