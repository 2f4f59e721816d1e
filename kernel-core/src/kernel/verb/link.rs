//! `link`: the ends of two processes are tied together.

use super::Body;
use super::process::absent;
use crate::id::Pid;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::process::Linked;
use crate::refusal::{Code, Refusal};
use serde::Deserialize;

/// How to link.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// The caller is told of the other's end, and does not end by it.
    trap: bool,
    /// The link is taken away.
    unlink: bool,
}

pub(super) fn parse(body: &Body) -> Result<Link, Refusal> {
    let link: Link = super::header(body)?;
    match link {
        Link { trap: true, unlink: true } => Err(super::invalid("a link that is taken away traps nothing")),
        link => Ok(link),
    }
}

impl State {
    pub(super) fn apply_link(&mut self, act: &Act, pid: Pid, link: Link) -> Result<Answer, Refusal> {
        if !self.processes.contains_key(&pid) {
            return Err(absent(pid));
        }
        match link {
            // Nobody outlives itself.
            _ if pid == act.pid => {}
            Link { unlink: true, .. } => {
                self.untie(pid, act.pid);
            }
            Link { trap, .. } => {
                // Both, or none.
                let theirs = self.tied(pid, act.pid, None, &act.labels)?;
                let own = self.tied(act.pid, pid, Some(trap), &act.labels)?;
                self.tie(pid, act.pid, theirs);
                self.tie(act.pid, pid, own);
            }
        }
        Ok(Answer::empty())
    }

    /// How `pid` is to be tied to `to`, by the doing of what carries `labels`; whether it is only told of the other's end is
    /// left as it is where `trap` does not say.
    fn tied(&self, pid: Pid, to: Pid, trap: Option<bool>, labels: &Labels) -> Result<Linked, Refusal> {
        let held = self.processes.get(&pid).and_then(|process| process.rare.links.get(&to));
        let labels = held.map_or(Ok(labels.clone()), |held| held.labels.join(labels));
        let labels = labels.map_err(|e| Refusal::new(Code::TooLarge, format!("the link cannot be labelled: {e}")))?;
        let made = trap.is_some() || held.is_some_and(|held| held.made);
        Ok(Linked { made, trap: trap.or(held.map(|held| held.trap)).unwrap_or_default(), labels })
    }

    /// The end of `to` concerns `pid` from now on.
    fn tie(&mut self, pid: Pid, to: Pid, linked: Linked) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.links.insert(to, linked);
        }
    }

    fn untie(&mut self, one: Pid, other: Pid) {
        for (one, other) in [(one, other), (other, one)] {
            if let Some(process) = self.processes.get_mut(&one) {
                process.rare.links.remove(&other);
            }
        }
    }

    /// Takes away the links that `pid` alone made and may make no more.
    pub(crate) fn untie_lost(&mut self, pid: Pid, may: impl Fn(Pid) -> bool) {
        let Some(process) = self.processes.get(&pid) else { return };
        let theirs = |other: &Pid| self.processes.get(other).and_then(|other| other.rare.links.get(&pid));
        let lost = process
            .rare
            .links
            .iter()
            .filter(|(other, link)| link.made && !may(**other) && theirs(other).is_none_or(|theirs| !theirs.made));
        let lost: Vec<Pid> = lost.map(|(other, _)| *other).collect();
        lost.into_iter().for_each(|other| self.untie(pid, other));
    }
}
