//! How agents that ended are started again, by what their application says of it.
//!
//! A restart is a spawn by the application's process, as the first start was: an act that takes the road, and a new
//! process with the old name. What ends and is started again is no failure of the application; more restarts than it
//! allows are.

use super::app::App;
use super::effects::{Effects, Notice, Wake};
use super::event::{Content, Restarting, bounded};
use super::rows;
use super::state::{Due, Need, State};
use crate::id::{ActionId, Pid};
use crate::label::Labels;
use crate::path::{Kind, Name, Verb};
use crate::process::{ExitReason, Lifecycle, Restart};
use crate::time::{Instant, Now};
use std::time::Duration;

/// How long what could not be started waits at least.
const RESPITE: Duration = Duration::from_millis(1);

impl App {
    /// Whether `agent`, which ended for `reason`, is started again.
    pub(crate) fn restarts(&self, agent: &Name, reason: &ExitReason) -> bool {
        self.agents.iter().any(|member| member.name == *agent && member.restart.follows(reason))
    }

    /// `agent` is started again, not before `at`.
    fn comes(&mut self, agent: Name, at: Instant) {
        self.spawned.remove(&agent);
        self.running.remove(&agent);
        self.gone.remove(&agent);
        let before = self.coming.get(&agent).copied();
        self.coming.insert(agent, Some(before.flatten().map_or(at, |before| before.max(at))));
        self.busy += u64::from(before.is_none());
    }

    /// `agent` was spawned, or is not waited for any more.
    pub(crate) fn has_come(&mut self, agent: &Name) {
        if self.coming.remove(agent).is_some() {
            self.busy = self.busy.saturating_sub(1);
        }
    }
}

impl State {
    /// Starts `agent`, which ended, again, and whomever else that concerns; ends the application where that is more than
    /// it allows. `labels` are what it carried.
    pub(crate) fn restart(
        &mut self,
        name: &Name,
        agent: &Name,
        reason: &ExitReason,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) else { return };
        let (root, supervision) = (app.root, app.supervision);
        let Some(wait) = app.restarts.again(&supervision, now.at) else {
            let window = supervision.window.as_millis();
            let allowed = format!("{} restarts in {window} ms is the most", supervision.intensity);
            app.fail_by(format!("{agent} {reason}, and is not started again: {allowed}"), labels);
            // That all others end is its doing.
            self.mark(root, labels);
            self.end_app(name, None, ExitReason::Shutdown, now, fx);
            return;
        };
        // What could not be started now is not tried again in the same step.
        let wait = if matches!(reason, ExitReason::NotStarted(_)) { wait.max(RESPITE) } else { wait };
        let place = app.agents.iter().position(|member| member.name == *agent).unwrap_or(app.agents.len());
        let (mut comes, mut stopped) = (Vec::new(), Vec::new());
        for member in supervision.strategy.concerned(&app.agents, place) {
            let process = app.spawned.get(&member.name).and_then(|pid| self.processes.get(pid));
            if member.name == *agent {
                comes.push(member.name.clone());
                continue;
            }
            // A fresh start is no way out of being suspended, or killed.
            if process.is_some_and(|process| process.life == Lifecycle::Suspended) || app.killed.contains(&member.name)
            {
                continue;
            }
            stopped.extend(process.map(|process| (member.name.clone(), process.pid)));
            if member.restart != Restart::Temporary {
                comes.push(member.name.clone());
            }
        }
        let restarting = Restarting {
            app: name.to_string(),
            agent: agent.to_string(),
            reason: reason.to_string(),
            others: bounded(comes.iter().filter(|other| *other != agent).map(Name::to_string)),
            restarts: app.restarts.counted() as u64,
            wait: u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
        };
        // They are not the application's any more, so that their ends concern nobody.
        for (other, pid) in &stopped {
            app.spawned.insert(other.clone(), Pid::KERNEL);
            // Nobody waits for one that does not come again.
            app.running.insert(other.clone());
            if let Some(process) = self.processes.get(pid) {
                app.refusals.insert(other.clone(), process.rare.refusals.clone());
            }
        }
        let at = now.at.after(wait);
        comes.into_iter().for_each(|agent| app.comes(agent, at));
        self.due(at, Due::Restart(name.clone(), root));
        let notice = Notice::Restarting { app: name.to_string(), name: agent.to_string(), wait };
        self.record(ActionId(0), Content::Restarting(restarting), now, fx);
        fx.wakes.push(Wake::Notice(notice));
        // In the reverse of the order in which they were started.
        for (_, pid) in stopped.into_iter().rev() {
            self.mark(pid, labels);
            self.exit(pid, ExitReason::Shutdown, now, fx);
        }
    }

    /// Restarts of an application have waited long enough.
    pub(crate) fn restart_due(&mut self, name: &Name, root: Pid, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name).filter(|app| app.root == root && !app.ending) else { return };
        for waits in app.coming.values_mut() {
            *waits = waits.filter(|at| *at > now.at);
        }
        self.spawn_ready(name, now, fx);
        self.end_if_quiet(name, now, fx);
    }

    /// `pid` ended and waits to be started again: it is not, by the doing of what carries `labels`. Whether that was so.
    pub(crate) fn forgo_restart(&mut self, pid: Pid, labels: &Labels, now: Now, fx: &mut Effects) -> bool {
        let Some((Some(name), agent)) = self.history.of(pid).map(|ended| (ended.app.clone(), ended.name.clone()))
        else {
            return false;
        };
        if self.history.last_of(&name, &agent).is_none_or(|last| last.pid != pid) {
            return false;
        }
        let Some(app) = self.apps.get_mut(&name).filter(|app| app.coming.contains_key(&agent)) else { return false };
        app.has_come(&agent);
        app.killed.insert(agent.clone());
        app.running.insert(agent.clone());
        app.spawned.insert(agent.clone(), Pid::KERNEL);
        app.fail_by(format!("{agent} was killed before it was started again"), labels);
        self.keep_running(&name, fx);
        self.spawn_ready(&name, now, fx);
        self.end_if_quiet(&name, now, fx);
        true
    }

    /// Asks for the rows that the restarts which are due by `now` look at: those of a spawn by the application.
    pub(crate) fn want_restarts(&self, now: Now, need: &mut Need) {
        let due = self.due_until(now.at).filter_map(|due| match due {
            Due::Restart(name, _) => Some(name),
            _ => None,
        });
        due.for_each(|name| need.want(self, rows::novelty(name, Verb::Spawn, Kind::Agent)));
    }

    /// The same for those that `pid`, which runs now, held up.
    pub(crate) fn want_dependants(&self, pid: Pid, need: &mut Need) {
        let name = self.processes.get(&pid).and_then(|process| process.app.as_ref());
        if let Some(name) = name.filter(|name| self.apps.get(*name).is_some_and(|app| !app.coming.is_empty())) {
            need.want(self, rows::novelty(name, Verb::Spawn, Kind::Agent));
        }
    }
}
