//! `monitor`: an envelope of kind `exit` comes when the process or the application ends.

use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::Resource;
use crate::refusal::{Code, Refusal};

impl State {
    pub(super) fn apply_monitor(&mut self, act: &Act) -> Result<Answer, Refusal> {
        let absent = || Refusal::new(Code::NotFound, format!("{} is not running", act.resource));
        match &act.resource {
            Resource::Proc(pid) => {
                let process = self.processes.get_mut(pid).ok_or_else(absent)?;
                process.rare.monitors.insert(act.pid);
            }
            Resource::App(name) => {
                let app = self.apps.get_mut(name).ok_or_else(absent)?;
                app.monitors.insert(act.pid);
            }
            _ => return Err(absent()),
        }
        Ok(Answer::empty())
    }
}
