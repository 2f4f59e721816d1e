//! Station 1: do the process's capabilities permit this verb on this resource?

use crate::capability::Right;
use crate::id::Pid;
use crate::kernel::request::Parsed;
use crate::kernel::state::State;
use crate::path::{Kind, Pattern, Resource, Verb};
use std::sync::Arc;

/// What permits an act.
#[derive(Clone, Debug)]
pub(super) enum Grant {
    /// Nothing does.
    None,
    /// A right that the process holds.
    Right(Arc<Right>),
    /// What every process may do to itself, or the kernel to anything.
    Own,
}

impl Grant {
    pub(super) fn is_some(&self) -> bool {
        !matches!(self, Grant::None)
    }

    pub(super) fn right(&self) -> Option<Arc<Right>> {
        match self {
            Grant::Right(right) => Some(right.clone()),
            Grant::None | Grant::Own => None,
        }
    }

    /// As the facts name it: what a process may do to itself is written as the right that it amounts to.
    pub(super) fn for_facts(&self, resource: &Resource, verb: Verb) -> Option<Arc<Right>> {
        match self {
            Grant::None => None,
            Grant::Right(right) => Some(right.clone()),
            Grant::Own => {
                Pattern::parse(&resource.to_string()).ok().map(|pattern| Arc::new(Right { verb, pattern }))
            }
        }
    }
}

impl State {
    pub(super) fn authority(&self, pid: Pid, parsed: &Parsed) -> Grant {
        let Some(process) = self.processes.get(&pid) else { return Grant::None };
        if self.is_own(pid, parsed) {
            return Grant::Own;
        }
        process.capabilities.permits(parsed.verb, &parsed.resource).map_or(Grant::None, |r| Grant::Right(Arc::new(r.clone())))
    }

    /// What a process may do without a right: look at itself, receive, stop, and use its own streams and
    /// timers, which nobody else can name.
    fn is_own(&self, pid: Pid, parsed: &Parsed) -> bool {
        match (&parsed.resource, parsed.verb) {
            (Resource::Proc(target), Verb::Read | Verb::Stop) | (Resource::Inbox(target), Verb::Read) => *target == pid,
            (Resource::Stream(stream), Verb::Read | Verb::Write | Verb::Stop) => self.streams.get(stream) == Some(&pid),
            (resource, Verb::Start | Verb::Stop) => resource.kind() == Kind::Timer,
            _ => false,
        }
    }
}
