//! How those that ended are started again by their supervisor: the application's process, or one below it.
//!
//! A restart is a spawn by the supervisor, as the first start was: an act that takes the road, and a new process with the
//! old name. A supervisor is started with all below it. What ends and is started again is no failure of the application;
//! more restarts than its own process allows are.

use super::app::App;
use super::delivery::clip;
use super::effects::{Effects, Notice, Wake};
use super::event::{Content, Restarting, bounded};
use super::open::{Open, OpenKind};
use super::rows;
use super::state::{Due, Need, State};
use crate::id::{ActionId, Pid};
use crate::label::Labels;
use crate::path::{Kind, Name, Verb};
use crate::process::{ExitReason, Lifecycle, Restart};
use crate::time::Now;
use std::time::Duration;

/// How long what could not be started waits at least.
const RESPITE: Duration = Duration::from_millis(1);
/// After what time it is looked again whether the disk has room.
const UNTIL_ROOM: Duration = Duration::from_secs(1);

impl State {
    /// Starts `member`, which ended, again, and whomever else that concerns; where that is more than its supervisor allows, it
    /// is the supervisor's turn to end. `labels` are what it carried.
    pub(crate) fn restart(
        &mut self,
        name: &Name,
        member: &Name,
        reason: &ExitReason,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) else { return };
        let root = app.root;
        let above = app.member(member).and_then(|member| member.above.clone());
        let supervision = app.supervision_of(above.as_ref());
        let restarts = app.restarts.entry(above.clone()).or_default();
        let Some(wait) = restarts.again(&supervision, now.at) else {
            let window = supervision.window.as_millis();
            let allowed = format!("{} restarts in {window} ms is the most", supervision.intensity);
            let why = format!("{member} {reason}, and is not started again: {allowed}");
            return self.give_up_restarts(name, above.as_ref(), why, labels, now, fx);
        };
        let counted = restarts.counted() as u64;
        // However often it may be started again, it writes no more into the log than it may.
        let wait = wait.max(app.log.wait(now.at));
        // What could not be started now is not tried again in the same step.
        let wait = if matches!(reason, ExitReason::NotStarted(_)) { wait.max(RESPITE) } else { wait };
        let siblings: Vec<Name> = app.children(above.as_ref()).map(|sibling| sibling.name.clone()).collect();
        let place = siblings.iter().position(|sibling| sibling == member).unwrap_or(siblings.len());
        let (mut comes, mut stopped) = (Vec::new(), Vec::new());
        for sibling in supervision.strategy.concerned(&siblings, place) {
            if sibling == member {
                comes.push(sibling.clone());
                continue;
            }
            let process = app.spawned.get(sibling).and_then(|pid| self.processes.get(pid));
            // A fresh start is no way out of being suspended, or killed.
            if process.is_some_and(|process| process.life == Lifecycle::Suspended) || app.stays_away(sibling) {
                continue;
            }
            stopped.extend(process.map(|_| sibling.clone()));
            if app.member(sibling).is_some_and(|sibling| sibling.restart != Restart::Temporary) {
                comes.push(sibling.clone());
            }
        }
        let at = now.at.after(wait);
        for coming in &comes {
            app.comes(coming, at);
            // Whoever lives is when it has stopped.
            if !stopped.contains(coming) {
                app.reset(coming);
            }
        }
        let restarting = Restarting {
            app: name.to_string(),
            agent: member.to_string(),
            reason: reason.to_string(),
            others: bounded(comes.iter().filter(|other| *other != member).map(Name::to_string)),
            restarts: counted,
            wait: u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
        };
        self.due(at, Due::Restart(name.clone(), root));
        let notice = Notice::Restarting { app: name.to_string(), name: member.to_string(), wait };
        self.record(ActionId(0), Content::Restarting(restarting), now, fx);
        fx.wakes.push(Wake::Notice(notice));
        stopped.iter().for_each(|sibling| self.is_to_stop(name, sibling, labels));
        self.go_on_stopping(name, now, fx);
    }

    /// A supervisor has started again as often as it may: it ends, and `why` is what its own is told. The application ends
    /// with its process.
    fn give_up_restarts(
        &mut self,
        name: &Name,
        supervisor: Option<&Name>,
        why: String,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        let Some(app) = self.apps.get_mut(name) else { return };
        // That all others end is the doing of whoever ended.
        match supervisor {
            None => {
                let root = app.root;
                app.fail_by(why, labels);
                self.mark(root, labels);
                self.stop_app(name, None, ExitReason::Shutdown, now, fx);
            }
            Some(supervisor) => {
                let pid = app.spawned.get(supervisor).copied().unwrap_or(Pid::KERNEL);
                self.mark(pid, labels);
                self.end_supervisor(name, supervisor, ExitReason::Limit(clip(&why)), now, fx);
            }
        }
    }

    /// Restarts of an application have waited long enough.
    pub(crate) fn restart_due(&mut self, name: &Name, root: Pid, now: Now, fx: &mut Effects) {
        let Some(app) = self.apps.get_mut(name).filter(|app| app.root == root && !app.ending) else { return };
        // While the disk has too little room all that it would do is refused, and it would only fail again.
        if self.lack.is_some() {
            self.due(now.at.after(UNTIL_ROOM), Due::Restart(name.clone(), root));
            return;
        }
        for waits in app.coming.values_mut() {
            *waits = waits.filter(|at| *at > now.at);
        }
        self.spawn_ready(name, now, fx);
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
        // An application that was started since has nothing to do with it.
        let waits = |app: &&mut App| app.root < pid && app.coming.contains_key(&agent);
        let Some(app) = self.apps.get_mut(&name).filter(waits) else { return false };
        app.bury(&agent);
        app.fail_by(format!("{agent} was killed before it was started again"), labels);
        let (root, last) = (app.root, app.is_last(&agent));
        self.keep_running(&name, fx);
        if last {
            self.mark(root, labels);
            self.stop_app(&name, None, ExitReason::Shutdown, now, fx);
        } else {
            // Whoever waited for it. What that looks at is loaded before.
            self.due(now.at, Due::Restart(name.clone(), root));
            self.end_if_quiet(&name, now, fx);
        }
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

    /// Asks for the rows that the start of an instance looks at: of those that waited for it, and of what
    /// waits for it since an earlier life.
    pub(crate) fn want_started(&self, action: ActionId, need: &mut Need) {
        if let Some(Open { kind: OpenKind::Spawn { child, .. }, .. }) = self.opened.get(&action) {
            self.want_dependants(*child, need);
            self.want_inbox(*child, need);
        }
    }
}
