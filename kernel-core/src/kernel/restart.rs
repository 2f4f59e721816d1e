//! How agents that ended are started again, by what their application says of it.
//!
//! A restart is a spawn by the application's process, as the first start was: an act that takes the road, and a new
//! process with the old name. What ends and is started again is no failure of the application; more restarts than it
//! allows are.

use super::app::App;
use super::effects::{Effects, Notice, Wake};
use super::event::{Content, Restarting, bounded};
use super::state::{Due, State};
use crate::id::{ActionId, Pid};
use crate::label::Labels;
use crate::path::Name;
use crate::process::{ExitReason, Restart};
use crate::time::Now;

impl App {
    /// Whether `agent`, which ended for `reason`, is started again.
    pub(crate) fn restarts(&self, agent: &Name, reason: &ExitReason) -> bool {
        self.agents.iter().any(|member| member.name == *agent && member.restart.follows(reason))
    }

    /// `agent` is started again, after this deadline.
    fn comes(&mut self, agent: Name, deadline: u64) {
        self.spawned.remove(&agent);
        self.running.remove(&agent);
        self.gone.remove(&agent);
        self.coming.insert(agent, Some(deadline));
        self.busy += 1;
    }

    /// `agent` was spawned, or is not waited for any more. The deadline that it still waited for.
    pub(crate) fn has_come(&mut self, agent: &Name) -> Option<u64> {
        let deadline = self.coming.remove(agent)?;
        self.busy = self.busy.saturating_sub(1);
        deadline
    }
}

impl State {
    /// Starts `agent`, which ended, again, and whomever else that concerns; ends the application where that is more than
    /// it allows. `labels` are what it carried. Whether the application goes on.
    pub(crate) fn restart(
        &mut self,
        name: &Name,
        agent: &Name,
        reason: &ExitReason,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> bool {
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) else { return false };
        let (root, supervision) = (app.root, app.supervision);
        let Some(wait) = app.restarts.again(&supervision, now.at) else {
            let window = supervision.window.as_millis();
            let allowed = format!("{} restarts in {window} ms is the most", supervision.intensity);
            app.fail_by(format!("{agent} {reason}, and is not started again: {allowed}"), labels);
            // That all others end is its doing.
            self.mark(root, labels);
            self.end_app(name, None, ExitReason::Shutdown, now, fx);
            return false;
        };
        let place = app.agents.iter().position(|member| member.name == *agent).unwrap_or(app.agents.len());
        let concerned = supervision.strategy.concerned(&app.agents, place);
        let others: Vec<(Name, Restart)> =
            concerned.iter().filter(|m| m.name != *agent).map(|m| (m.name.clone(), m.restart)).collect();
        let mut comes = vec![agent.clone()];
        let mut stopped = Vec::new();
        for (other, restart) in others {
            stopped.extend(app.spawned.get(&other).copied());
            let comes_anyway = app.coming.contains_key(&other);
            if restart != Restart::Temporary && !app.killed.contains(&other) && !comes_anyway {
                comes.push(other);
            }
        }
        let restarting = Restarting {
            app: name.to_string(),
            agent: agent.to_string(),
            reason: reason.to_string(),
            others: bounded(comes.iter().skip(1).map(Name::to_string)),
            restarts: app.restarts.counted() as u64,
            wait: u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
        };
        let notice = Notice::Restarting { app: name.to_string(), name: agent.to_string(), wait };
        self.record(ActionId(0), Content::Restarting(restarting), now, fx);
        fx.wakes.push(Wake::Notice(notice));
        for agent in comes {
            let deadline = self.due(now.at.after(wait), Due::Restart(name.clone(), root, agent.clone()));
            let before = self.apps.get_mut(name).and_then(|app| {
                let before = app.has_come(&agent);
                app.comes(agent, deadline);
                before
            });
            before.into_iter().for_each(|deadline| self.undue(deadline));
        }
        // In the reverse of the order in which they were started. They are not the application's any more, so that
        // their ends concern nobody.
        for pid in stopped.into_iter().rev() {
            let app = self.apps.get_mut(name);
            if let Some(spawned) = app.and_then(|app| app.spawned.values_mut().find(|spawned| **spawned == pid)) {
                *spawned = Pid::KERNEL;
            }
            self.mark(pid, labels);
            self.exit(pid, ExitReason::Shutdown, now, fx);
        }
        true
    }

    /// A restart has waited long enough.
    pub(crate) fn restart_due(&mut self, name: &Name, root: Pid, agent: &Name, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name).filter(|app| app.root == root && !app.ending) else { return };
        let Some(waits) = app.coming.get_mut(agent) else { return };
        *waits = None;
        self.spawn_ready(name, now, fx);
        self.end_if_quiet(name, now, fx);
    }
}
