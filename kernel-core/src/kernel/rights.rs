//! Where the rights of processes come from, while they run: what is given, what is taken, and what goes with its source.
//!
//! A right that has no source any more is gone in the same step, with whatever rests on it: routes, services, tools,
//! subscriptions, monitors, links that it made, and connections to where it may connect no more. An act that a person has
//! yet to allow is decided again then, and finds that nothing permits it.

use super::effects::Effects;
use super::event::{Content, Rights, bounded};
use super::open::{Open, OpenKind};
use super::state::State;
use super::verb::may_watch;
use crate::agency::{Given, Holdings, Role, Source};
use crate::capability::{Capabilities, Right, TooManyRights};
use crate::id::{ActionId, Pid, StreamId};
use crate::label::Labels;
use crate::path::{Endpoint, Kind, Name, Pattern, Resource, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use std::collections::BTreeSet;

/// By whose doing rights change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doing<'a> {
    /// The act; 0 where a giver ended.
    pub(crate) action: ActionId,
    /// What whoever did it carried.
    pub(crate) labels: &'a Labels,
}

impl State {
    /// What `pid` holds, by where it comes from.
    pub(crate) fn holdings_of(&self, pid: Pid) -> Option<Holdings> {
        let process = self.processes.get(&pid)?;
        let all = process.capabilities.clone();
        Some(match &process.rare.holdings {
            Some(holdings) => Holdings::clone(holdings),
            None if process.parent == Pid::KERNEL => Holdings { own: all, ..Holdings::default() },
            None => Holdings { inherited: all, ..Holdings::default() },
        })
    }

    /// Puts `holdings` in the place of what `pid` held.
    ///
    /// # Errors
    /// More rights than a list may hold; then nothing has changed.
    pub(crate) fn hold(
        &mut self,
        pid: Pid,
        holdings: Holdings,
        doing: Doing<'_>,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), TooManyRights> {
        let all = holdings.all()?;
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(()) };
        let before = std::mem::replace(&mut process.capabilities, all.clone());
        process.rare.holdings = Some(Box::new(holdings));
        let minus = |more: &[Right], less: &[Right]| -> Vec<Right> {
            more.iter().filter(|right| less.binary_search(right).is_err()).cloned().collect()
        };
        let lost = minus(before.use_rights(), all.use_rights());
        let texts = |rights: Vec<Right>| bounded(rights.into_iter().map(|right| right.to_string()));
        let lost_grant = minus(before.grant_rights(), all.grant_rights());
        // What gives takes nothing, and what takes gives nothing.
        let loses = !lost.is_empty() || !lost_grant.is_empty();
        let (uses, grants) = match loses {
            true => (lost.clone(), lost_grant),
            false => {
                let more = |list: fn(&Capabilities) -> &[Right]| minus(list(&all), list(&before));
                (more(Capabilities::use_rights), more(Capabilities::grant_rights))
            }
        };
        let rights = Rights { pid: pid.0, lost: loses, use_: texts(uses), grant: texts(grants) };
        // What it may do from now on, and what not, tells of whoever did it.
        self.mark(pid, doing.labels);
        if let Some(process) = self.processes.get_mut(&pid)
            && !doing.labels.is_subset(&process.own_labels)
            && let Ok(own) = process.own_labels.join(doing.labels)
        {
            let first = std::mem::replace(&mut process.own_labels, own);
            process.rare.first_labels.get_or_insert(Box::new(first));
        }
        self.record(doing.action, Content::Rights(rights), now, fx);
        if !lost.is_empty() {
            self.let_go(pid, &lost, now, fx);
        }
        Ok(())
    }

    /// Whatever rested on rights that `pid` has lost is over.
    fn let_go(&mut self, pid: Pid, lost: &[Right], now: Now, fx: &mut Effects) {
        self.close_lost_routes(pid, now, fx);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let held = process.capabilities.clone();
        let may = |verb, resource: &Resource| held.permits(verb, resource).is_some();
        let registers = |name: &Name| may(Verb::Register, &Resource::Tool(name.clone()));
        process.rare.services.retain(|name, _| {
            let keeps = may(Verb::Register, &Resource::Service(name.clone()));
            if !keeps {
                self.services.remove(name);
            }
            keeps
        });
        let lost_tools: Vec<Name> = process.rare.tools.iter().filter(|name| !registers(name)).cloned().collect();
        let monitored = std::mem::take(&mut process.rare.monitored);
        let (kept, forgotten): (BTreeSet<Resource>, BTreeSet<Resource>) =
            monitored.into_iter().partition(|resource| may(Verb::Monitor, resource));
        process.rare.monitored = kept;
        self.forget_monitor(pid, &forgotten);
        // What was subscribed to was a resource then, and what is watched is one with what is below it.
        let listens = |pattern: &Pattern| match pattern.kind() {
            Kind::Tree => may_watch(&held, pattern),
            _ => pattern.as_str().parse().is_ok_and(|topic| may(Verb::Subscribe, &topic)),
        };
        let unheard: Vec<Pattern> = self.topics.patterns(pid).filter(|pattern| !listens(pattern)).cloned().collect();
        unheard.iter().for_each(|pattern| self.unsubscribe(pid, pattern));
        self.untie_lost(pid, |other| may(Verb::Link, &Resource::Proc(other)));
        lost_tools.iter().for_each(|name| self.lose_tool(pid, name));
        if lost.iter().any(|right| right.verb == Verb::Connect) {
            self.disconnect(pid, &held, now, fx);
        }
        self.count_busy(pid);
    }

    /// A process answers for a tool no more. What it answers to calls of it that are under way is labelled all the same.
    fn lose_tool(&mut self, pid: Pid, name: &Name) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.rare.tools.remove(name);
        let Some(tool) = self.tools.remove(name) else { return };
        let asked = |open: &Open| {
            matches!(&open.kind, OpenKind::Call { callee, .. } if *callee == pid)
                && matches!(&open.resource, Resource::Tool(called) if called == name)
        };
        // Also an answer to one who has given up waiting is labelled.
        let answers = self.processes.get(&pid).and_then(|process| process.handling.as_ref()?.request).is_some();
        if answers || self.opened.values().any(asked) {
            self.mark(pid, &tool.output_labels);
        }
    }

    /// Closes what a process is connected to, or about to be, and may connect to no more.
    fn disconnect(&mut self, pid: Pid, held: &Capabilities, now: Now, fx: &mut Effects) {
        let may = |to: &Endpoint, private: bool| {
            let there = Resource::Net(to.clone());
            let gives =
                |right: &Right| right.permits(Verb::Connect, &there) && (!private || right.pattern.matches_private(to));
            held.use_rights().iter().any(gives)
        };
        let Some(process) = self.processes.get(&pid) else { return };
        let closed = |stream: &&StreamId| {
            self.streams.get(*stream).is_some_and(|connection| !may(&connection.to, connection.private))
        };
        let streams: Vec<StreamId> = process.rare.streams.keys().filter(closed).copied().collect();
        let given_up = |action: &&ActionId| match self.opened.get(*action) {
            Some(Open { kind: OpenKind::Connecting { private, .. }, resource: Resource::Net(to), .. }) => {
                !may(to, *private)
            }
            _ => false,
        };
        let connecting: Vec<ActionId> = process.rare.acts.iter().filter(given_up).copied().collect();
        streams.into_iter().for_each(|stream| self.drop_stream(pid, stream, fx));
        for action in connecting {
            let taken = Refusal::new(Code::Denied, "the right to connect was taken before the connection stood");
            self.close(action, Err(taken.by_other()), now, fx);
        }
    }

    /// Holds what `doubtful` processes have against what their parents and givers may give now; whoever loses something makes
    /// those doubtful who have something from it.
    pub(crate) fn uphold(&mut self, mut doubtful: Vec<Pid>, doing: Doing<'_>, now: Now, fx: &mut Effects) {
        while let Some(pid) = doubtful.pop() {
            let Some(mut holdings) = self.holdings_of(pid) else { continue };
            let parent = self.processes.get(&pid).map_or(Pid::KERNEL, |process| process.parent);
            let of_itself = Resource::Proc(pid).to_string();
            let inherits = |right: &Right| {
                // What a process may do to itself it has from nobody.
                let itself = matches!(right.verb, Verb::Read | Verb::Stop) && right.pattern.as_str() == of_itself;
                itself || self.source(parent).is_some_and(|parent| parent.gives_child(right, pid))
            };
            let gives = |given: &Given, right: &Right| {
                given.by == Pid::KERNEL || self.source(given.by).is_some_and(|by| by.gives(right, given.number))
            };
            if holdings.uphold(inherits, gives) {
                // Fewer than there were.
                let _ = self.hold(pid, holdings, doing, now, fx);
                doubtful.extend(self.dependants(pid));
            }
        }
    }

    /// Whoever has something from `pid`, or may have.
    pub(crate) fn dependants(&self, pid: Pid) -> Vec<Pid> {
        let Some(process) = self.processes.get(&pid) else { return Vec::new() };
        let gave = process.rare.holdings.iter().flat_map(|holdings| &holdings.gave);
        process.children.iter().chain(gave).copied().collect::<BTreeSet<Pid>>().into_iter().collect()
    }

    /// Notes that `giver` gave `pid` something.
    pub(crate) fn has_given(&mut self, giver: Pid, pid: Pid) {
        let Some(mut holdings) = self.holdings_of(giver) else { return };
        holdings.gave.insert(pid);
        if let Some(process) = self.processes.get_mut(&giver) {
            process.rare.holdings = Some(Box::new(holdings));
        }
    }

    /// A process that had `holdings` and carried `labels` has ended: what it gave is gone, and nobody's gift is with it any
    /// more.
    pub(crate) fn forget_holdings(
        &mut self,
        pid: Pid,
        holdings: &Holdings,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) {
        for giver in holdings.given.iter().map(|given| given.by) {
            let giver = self.processes.get_mut(&giver).and_then(|process| process.rare.holdings.as_mut());
            giver.map(|holdings| holdings.gave.remove(&pid));
        }
        let doing = Doing { action: ActionId(0), labels };
        self.uphold(holdings.gave.iter().copied().collect(), doing, now, fx);
    }

    /// Whether `pid` may take whatever `target` holds: itself, who is above it, and the operator from all but the operator.
    pub(crate) fn is_superior(&self, pid: Pid, target: Pid) -> bool {
        let operator = || {
            let role = self.processes.get(&pid).map(|process| &process.role);
            self.is_session(pid) && matches!(role, Some(Role::User | Role::Root)) && !self.is_session(target)
        };
        let mut above =
            std::iter::successors(Some(target), |pid| self.processes.get(pid).map(|process| process.parent));
        above.any(|above| above == pid) || operator()
    }

    fn source(&self, pid: Pid) -> Option<Source<'_>> {
        let process = self.processes.get(&pid)?;
        Some(Source { capabilities: &process.capabilities, holdings: process.rare.holdings.as_deref() })
    }

    /// What nobody gave `root`, the process of an application: its own; the rest it has from whoever started it.
    pub(crate) fn hold_as_application(&mut self, root: Pid, own: Capabilities) {
        let Some(process) = self.processes.get_mut(&root).filter(|process| process.parent != Pid::KERNEL) else {
            return;
        };
        let rest = |all: &[Right], own: &[Right]| -> Vec<Right> {
            all.iter().filter(|right| own.binary_search(right).is_err()).cloned().collect()
        };
        let inherited = Capabilities::new(
            rest(process.capabilities.use_rights(), own.use_rights()),
            rest(process.capabilities.grant_rights(), own.grant_rights()),
        );
        let holdings = Holdings { own, inherited: inherited.unwrap_or_default(), ..Holdings::default() };
        process.rare.holdings = Some(Box::new(holdings));
    }
}
