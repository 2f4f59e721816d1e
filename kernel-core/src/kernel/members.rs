//! Who is below the process of an application: its agents, and the supervisors of some of them. Each is a child of its
//! supervisor, which starts it, starts it again and stops it; the application's process is the uppermost.

use super::app::App;
use super::stop::Stopped;
use crate::app::{AgentPlan, Plan, SupervisorPlan};
use crate::id::Pid;
use crate::path::Name;
use crate::process::{ExitReason, Restart, Shutdown, Supervision};
use crate::time::Instant;
use std::collections::BTreeSet;

/// One below the process of an application.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Name,
    /// Its supervisor; `None` for the application's process.
    pub(crate) above: Option<Name>,
    /// Those that run before it.
    pub(crate) needs: Vec<Name>,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    /// How it deals with the ends of those below it, where it is a supervisor.
    pub(crate) supervision: Option<Supervision>,
}

/// All members of an application in the order of their start, each supervisor before those below it.
pub(crate) fn members(plan: &Plan) -> Vec<Member> {
    let mut members = Vec::new();
    let mut known: BTreeSet<&Name> = BTreeSet::new();
    for agent in &plan.agents {
        let above: Vec<&SupervisorPlan> = plan.above(agent.supervisor.as_ref()).collect();
        let new = above.into_iter().rev().filter(|one| known.insert(&one.name));
        members.extend(new.map(|one| Member {
            name: one.name.clone(),
            above: one.supervisor.clone(),
            needs: Vec::new(),
            restart: one.restart,
            shutdown: one.shutdown,
            supervision: Some(one.supervision),
        }));
        members.push(agent_member(agent));
    }
    members
}

fn agent_member(agent: &AgentPlan) -> Member {
    Member {
        name: agent.name.clone(),
        above: agent.supervisor.clone(),
        needs: agent.depends_on.clone(),
        restart: agent.restart,
        shutdown: agent.shutdown,
        supervision: None,
    }
}

impl App {
    pub(crate) fn member(&self, name: &Name) -> Option<&Member> {
        self.members.iter().find(|member| member.name == *name)
    }

    /// Those that are no supervisors.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.supervision.is_none())
    }

    /// Those directly below `above`, in the order of their start.
    pub(crate) fn children(&self, above: Option<&Name>) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.above.as_ref() == above)
    }

    /// Everybody below `name`, each after its supervisor.
    pub(crate) fn below(&self, name: &Name) -> Vec<Name> {
        let mut above = BTreeSet::from([name]);
        let members = self.members.iter();
        // A supervisor comes before those below it.
        let below = members.filter(|member| {
            let is = member.above.as_ref().is_some_and(|name| above.contains(name));
            if is {
                above.insert(&member.name);
            }
            is
        });
        below.map(|member| member.name.clone()).collect()
    }

    /// The supervisors above `name`, without the application's process.
    pub(crate) fn above(&self, name: &Name) -> impl Iterator<Item = &Name> {
        let above = |name: &Name| self.member(name)?.above.as_ref();
        std::iter::successors(above(name), move |name| above(name))
    }

    /// Whether the application ends with `name`, or with somebody below it.
    pub(crate) fn is_last(&self, name: &Name) -> bool {
        self.ends_with.as_ref().is_some_and(|last| last == name || self.above(last).any(|above| above == name))
    }

    /// Whether a supervisor above `name` stops, or is to.
    pub(crate) fn is_below_leaving(&self, name: &Name) -> bool {
        self.above(name).any(|above| self.leaving.contains_key(above))
    }

    /// How a supervisor deals with the ends of those below it.
    pub(crate) fn supervision_of(&self, supervisor: Option<&Name>) -> Supervision {
        let member = supervisor.and_then(|name| self.member(name));
        member.and_then(|member| member.supervision).unwrap_or(self.supervision)
    }

    /// The process that supervises `name`, if it was spawned.
    pub(crate) fn supervisor_of(&self, name: &Name) -> Option<Pid> {
        match &self.member(name)?.above {
            None => Some(self.root),
            Some(above) => self.spawned.get(above).copied().filter(|pid| *pid != Pid::KERNEL),
        }
    }

    /// Which supervisor `pid` is: within, `None` where it is the application's process.
    pub(crate) fn supervisor(&self, pid: Pid) -> Option<Option<&Name>> {
        if pid == self.root {
            return Some(None);
        }
        let supervisors = self.members.iter().filter(|member| member.supervision.is_some());
        let names = supervisors.map(|member| &member.name);
        names.into_iter().find(|name| self.spawned.get(*name) == Some(&pid)).map(Some)
    }

    /// Whether nothing starts `name` again: it was killed or left out, or ended while it was suspended.
    pub(crate) fn stays_away(&self, name: &Name) -> bool {
        self.is_left_out(name) || self.suspended.contains_key(name)
    }

    /// Whether it runs without `name` for good: a later boot starts it as little.
    pub(crate) fn is_left_out(&self, name: &Name) -> bool {
        self.killed.contains(name) || self.left_out.contains(name)
    }

    /// Whether its supervisor has set out to spawn `name`, which has not come of it yet, and is to go on with that.
    pub(crate) fn awaits(&self, name: &Name) -> bool {
        self.spawned.get(name) == Some(&Pid::KERNEL)
            && !self.stays_away(name)
            && !self.ending
            && !self.is_below_leaving(name)
    }

    /// The first that can be spawned now: it is wanted, its supervisor is there and waits for nobody to stop, nobody above it
    /// stops, and what it needs runs.
    pub(crate) fn next_ready(&self) -> Option<&Name> {
        let ready = |member: &&Member| {
            !self.spawned.contains_key(&member.name)
                && !matches!(self.coming.get(&member.name), Some(Some(_)))
                && self.supervisor_of(&member.name).is_some()
                && !self.is_below_leaving(&member.name)
                && !self.stops_below(member.above.as_ref())
                && member.needs.iter().all(|needed| self.running.contains(needed))
        };
        self.members.iter().filter(|_| !self.ending).find(ready).map(|member| &member.name)
    }

    /// Whether a supervisor waits for somebody whom it stops.
    fn stops_below(&self, supervisor: Option<&Name>) -> bool {
        self.children(supervisor).any(|member| self.leaving.get(&member.name).is_some_and(Stopped::by_supervisor))
    }

    /// Whether `name`, which ended for `reason`, is started again.
    pub(crate) fn restarts(&self, name: &Name, reason: &ExitReason) -> bool {
        self.member(name).is_some_and(|member| member.restart.follows(reason)) && !self.stays_away(name)
    }

    /// `name` is started again, not before `at`, and all below it with it.
    pub(crate) fn comes(&mut self, name: &Name, at: Instant) {
        let before = self.coming.get(name).copied().flatten();
        self.waits(name.clone(), Some(before.map_or(at, |before| before.max(at))));
        for below in self.below(name) {
            if !self.stays_away(&below) {
                self.waits(below, None);
            }
        }
    }

    fn waits(&mut self, name: Name, until: Option<Instant>) {
        let before = self.coming.insert(name, until);
        self.busy += u64::from(before.is_none());
    }

    /// `name` was spawned, or is not waited for any more.
    pub(crate) fn has_come(&mut self, name: &Name) {
        if self.coming.remove(name).is_some() {
            self.busy = self.busy.saturating_sub(1);
        }
    }

    /// The process of `name` is gone, and those of all below it: whoever of them is started again may be.
    pub(crate) fn reset(&mut self, name: &Name) {
        for name in self.below(name).iter().chain([name]).filter(|name| self.coming.contains_key(*name)) {
            self.spawned.remove(name);
            self.running.remove(name);
            self.gone.remove(name);
        }
    }

    /// `name` is gone and does not come again, nor does anybody below it: nobody waits for them to run.
    pub(crate) fn is_gone(&mut self, name: &Name) {
        for name in self.below(name).into_iter().chain([name.clone()]) {
            self.has_come(&name);
            self.spawned.entry(name.clone()).or_insert(Pid::KERNEL);
            self.running.insert(name);
        }
    }

    /// The application is started without `name`, and anybody below it.
    pub(crate) fn leave_out(&mut self, name: &Name) {
        self.is_gone(name);
        self.left_out.extend(self.below(name));
        self.left_out.insert(name.clone());
    }

    /// Nothing starts `name` again, nor anybody below it.
    pub(crate) fn bury(&mut self, name: &Name) {
        self.is_gone(name);
        self.killed.extend(self.below(name));
        self.killed.insert(name.clone());
    }
}
