//! Station 1: do the process's capabilities permit this verb on this resource?

use crate::capability::{Capabilities, Right};
use crate::id::Pid;
use crate::kernel::request::Parsed;
use crate::kernel::state::State;
use crate::path::{Kind, Pattern, Resource, Verb};
use crate::process::Process;

/// What permits an act.
#[derive(Clone, Debug)]
pub(super) enum Grant {
    /// Nothing does.
    None,
    /// A right that the process holds.
    Right(Right),
    /// What every process may do to itself, or the kernel to anything.
    Own,
}

impl Grant {
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Grant::None)
    }

    pub(super) fn right(&self) -> Option<Right> {
        match self {
            Grant::Right(right) => Some(right.clone()),
            Grant::None | Grant::Own => None,
        }
    }

    /// As the facts name it: what a process may do to itself is written as the right that it amounts to.
    pub(super) fn for_facts(&self, resource: &Resource, verb: Verb) -> Option<Right> {
        match self {
            Grant::None => None,
            Grant::Right(right) => Some(right.clone()),
            Grant::Own => Pattern::parse(&resource.to_string()).ok().map(|pattern| Right { verb, pattern }),
        }
    }
}

/// The right that permits the act. Where several do, one that spells out a private address is the one to name:
/// a wider one is no grant of it.
fn permitting<'a>(held: &'a Capabilities, parsed: &Parsed) -> Option<&'a Right> {
    if let Resource::Net(endpoint) = &parsed.resource {
        let spelled =
            |right: &&Right| right.permits(parsed.verb, &parsed.resource) && right.pattern.matches_private(endpoint);
        if let Some(right) = held.use_rights().iter().find(spelled) {
            return Some(right);
        }
    }
    held.permits(parsed.verb, &parsed.resource)
}

impl State {
    pub(super) fn authority(&self, pid: Pid, parsed: &Parsed) -> Grant {
        let Some(process) = self.processes.get(&pid) else { return Grant::None };
        if self.is_own(pid, parsed) {
            return Grant::Own;
        }
        // Nobody receives what is another's.
        if matches!(parsed.resource, Resource::Inbox(_)) || !self.is_near(process, &parsed.resource) {
            return Grant::None;
        }
        permitting(&process.capabilities, parsed).map_or(Grant::None, |right| Grant::Right(right.clone()))
    }

    /// A process of an application reaches no process of another one by its number: its right to send to
    /// `/proc/*` is a right among its own, of which some have ended. A number that nobody has yet is not one of them:
    /// it may become another application's.
    pub(crate) fn is_near(&self, process: &Process, resource: &Resource) -> bool {
        match (&process.app, resource) {
            (Some(app), Resource::Proc(target)) => match self.processes.get(target) {
                Some(target) => target.app.as_ref() == Some(app),
                None => self.history.was_of(*target, app),
            },
            _ => true,
        }
    }

    /// What a process may do without a right: look at itself, receive, stop, and use its own streams, timers
    /// and subscriptions, which nobody else can name.
    fn is_own(&self, pid: Pid, parsed: &Parsed) -> bool {
        match (&parsed.resource, parsed.verb) {
            (Resource::Proc(target), Verb::Read | Verb::Stop) | (Resource::Inbox(target), Verb::Read) => *target == pid,
            (Resource::Stream(stream), Verb::Read | Verb::Write | Verb::Stop) => {
                self.streams.get(stream).is_some_and(|connection| connection.pid == pid)
            }
            // Only its own subscriptions are meant.
            (Resource::Topic(_) | Resource::Topics(_) | Resource::Tree(_), Verb::Stop) => true,
            (resource, Verb::Start | Verb::Stop) => resource.kind() == Kind::Timer,
            _ => false,
        }
    }
}
