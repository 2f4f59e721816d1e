//! In which order an application starts: those of one supervisor one after the other, each after what it depends on, else
//! as the manifest lists them. It stops in reverse.

use super::fields::Placed;
use super::manifest::{Agent, Manifest, Supervisor};
use crate::path::Name;
use std::collections::BTreeMap;

/// One that is started.
#[derive(Clone, Copy)]
pub(super) enum Unit<'m> {
    /// A program.
    Agent(&'m Agent),
    /// Whoever starts others.
    Supervisor(&'m Supervisor),
}

impl<'m> Unit<'m> {
    pub(super) fn name(self) -> &'m Placed<Name> {
        match self {
            Unit::Agent(agent) => &agent.name,
            Unit::Supervisor(supervisor) => &supervisor.name,
        }
    }

    fn above(self) -> Option<&'m Placed<Name>> {
        match self {
            Unit::Agent(agent) => agent.supervisor.as_ref(),
            Unit::Supervisor(supervisor) => supervisor.supervisor.as_ref(),
        }
    }

    /// Where the manifest says what it depends on, and under which key.
    pub(super) fn needs(self) -> (usize, String) {
        match self {
            Unit::Agent(agent) => {
                let at = agent.depends_on.first().map_or(agent.name.at, |needed| needed.at);
                (at, format!("agent.{}.depends_on", agent.name.value))
            }
            Unit::Supervisor(supervisor) => (supervisor.name.at, format!("supervisor.{}", supervisor.name.value)),
        }
    }
}

/// Everybody, each supervisor just before those below it, or `None` when some wait for each other. Dependencies on what
/// is not started, and supervisors that do not exist or go in a circle, are left out: a check has named them.
pub(super) fn start_order(manifest: &Manifest) -> Option<Vec<Unit<'_>>> {
    let forest = Forest::of(manifest);
    let (order, left) = forest.settle(vec![false; forest.units.len()]);
    if !left.is_empty() {
        return None;
    }
    let mut below: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    order.into_iter().rev().for_each(|unit| below.entry(forest.above[unit]).or_default().push(unit));
    let mut way = below.remove(&None).unwrap_or_default();
    let mut units = Vec::new();
    while let Some(unit) = way.pop() {
        units.push(forest.units[unit]);
        way.extend(below.remove(&Some(unit)).unwrap_or_default());
    }
    Some(units)
}

/// Every cycle of those that wait for each other, each once and beginning with its first in the manifest.
pub(super) fn cycles(manifest: &Manifest) -> Vec<Vec<Unit<'_>>> {
    let forest = Forest::of(manifest);
    let mut gone = vec![false; forest.units.len()];
    let mut found = Vec::new();
    loop {
        let (order, left) = forest.settle(gone.clone());
        let Some(&start) = left.first() else { return found };
        for i in order {
            gone[i] = true;
        }
        // Each that is left needs another that is left, so walking along must come back to itself.
        let mut walked: Vec<usize> = Vec::new();
        let mut at = start;
        while !walked.contains(&at) {
            walked.push(at);
            let Some(next) = forest.needed[at].iter().copied().find(|i| left.contains(i)) else { return found };
            at = next;
        }
        let mut cycle: Vec<usize> = walked.into_iter().skip_while(|i| *i != at).collect();
        let first = cycle.iter().enumerate().min_by_key(|(_, unit)| **unit).map_or(0, |(i, _)| i);
        cycle.rotate_left(first);
        for i in &cycle {
            gone[*i] = true;
        }
        found.push(cycle.into_iter().map(|i| forest.units[i]).collect());
    }
}

/// The agents that must run before `agent`: those that it names, and those below the supervisors that it names.
pub(super) fn needed_by<'m>(manifest: &'m Manifest, agent: &Agent) -> Vec<&'m Placed<Name>> {
    let forest = Forest::of(manifest);
    let mut agents: Vec<&Placed<Name>> = Vec::new();
    for named in &agent.depends_on {
        let is_it = |unit: &usize| forest.units[*unit].name().value == named.value;
        for unit in (0..forest.units.len()).filter(|unit| forest.way(*unit).iter().any(is_it)) {
            if let Unit::Agent(Agent { name, .. }) = forest.units[unit]
                && !agents.iter().any(|known| known.value == name.value)
            {
                agents.push(name);
            }
        }
    }
    agents
}

/// Everybody by number, in the order of the manifest, with who is above whom and who waits for whom.
struct Forest<'m> {
    units: Vec<Unit<'m>>,
    above: Vec<Option<usize>>,
    /// Whoever has the same supervisor; that two which have not wait for each other is said of those of their
    /// supervisors that have.
    needed: Vec<Vec<usize>>,
}

impl<'m> Forest<'m> {
    fn of(manifest: &'m Manifest) -> Forest<'m> {
        let agents = manifest.agents.iter().map(Unit::Agent);
        let mut units: Vec<Unit<'m>> = agents.chain(manifest.supervisors.iter().map(Unit::Supervisor)).collect();
        units.sort_by_key(|unit| unit.name().at);
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (i, unit) in units.iter().enumerate() {
            places.entry(unit.name().as_str()).or_insert(i);
        }
        let supervisor = |name: &Placed<Name>| {
            let place = places.get(name.as_str()).copied();
            place.filter(|place| matches!(units[*place], Unit::Supervisor(_)))
        };
        let named: Vec<Option<usize>> = units.iter().map(|unit| unit.above().and_then(supervisor)).collect();
        let circles = |from: usize| {
            let way = std::iter::successors(named[from], |unit| named[*unit]);
            way.take(units.len() + 1).count() > units.len()
        };
        let above = (0..units.len()).map(|unit| named[unit].filter(|_| !circles(unit))).collect();
        let mut forest = Forest { needed: vec![Vec::new(); units.len()], above, units };
        for (i, agent) in forest.units.clone().iter().enumerate() {
            let Unit::Agent(agent) = agent else { continue };
            for needed in agent.depends_on.iter().filter_map(|name| places.get(name.as_str())) {
                let (mine, theirs) = (forest.way(i), forest.way(*needed));
                let fork = mine.iter().zip(&theirs).find(|(mine, theirs)| mine != theirs);
                // Where there is no fork, it waits for itself, or for whoever waits for it to run.
                let (waits, needed) = fork.map_or((i, i), |(mine, theirs)| (*mine, *theirs));
                forest.needed[waits].push(needed);
            }
        }
        forest
    }

    /// All that are above `unit`, the uppermost first, and itself.
    fn way(&self, unit: usize) -> Vec<usize> {
        let mut way: Vec<usize> = std::iter::successors(Some(unit), |unit| self.above[*unit]).collect();
        way.reverse();
        way
    }

    /// Starts whatever can start, in passes; answers the order and who is left. Who is `gone` holds nobody up.
    fn settle(&self, mut gone: Vec<bool>) -> (Vec<usize>, Vec<usize>) {
        let mut order = Vec::new();
        let free = |i: &usize, gone: &[bool]| !gone[*i] && self.needed[*i].iter().all(|needed| gone[*needed]);
        // Always the first that can start, so that the order changes as little as the dependencies ask.
        while let Some(next) = (0..self.units.len()).find(|i| free(i, &gone)) {
            gone[next] = true;
            order.push(next);
        }
        let left = (0..self.units.len()).filter(|i| !gone[*i]).collect();
        (order, left)
    }
}
