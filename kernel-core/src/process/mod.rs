//! The process table's rows: what a process is, which states it passes through, how it ends.
//!
//! States: Starting -> Running | Exited; Running -> Suspended | Stopping | Exited;
//! Suspended -> Running | Stopping | Exited; Stopping -> Exited. Pids are never reused.

mod ended;
mod lifecycle;
mod limit;
mod program;
mod supervision;
mod used;

pub use ended::{Ended, History};
pub use lifecycle::{ExitReason, Lifecycle};
pub use limit::{Limit, Most, Scope};
pub use program::{Limits, Program};
pub use supervision::{MAX_INTENSITY, Restart, Restarts, Shutdown, Strategy, Supervision};
pub use used::Used;

use crate::agency::{Ceilings, Holdings, Role};
use crate::budget::{AccountId, Meter, OnExhausted};
use crate::capability::Capabilities;
use crate::id::{ActionId, MessageId, Pid, StreamId};
use crate::ipc::Mailbox;
use crate::label::Labels;
use crate::path::Name;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How long one instance of a program lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceKind {
    /// As long as the process; its labels only grow.
    Kept,
    /// For one message; what it carried goes with it.
    PerMessage,
}

/// The envelope that a process is busy with.
#[derive(Clone, Debug)]
pub struct Handling {
    /// Which.
    pub message: MessageId,
    /// Who sent it; the kernel where that is no process.
    pub from: Pid,
    /// The call that waits for what `handle` returns.
    pub request: Option<ActionId>,
}

/// An open route: decided once, then counted.
#[derive(Clone, Debug)]
pub struct Route {
    /// Names the route in the log.
    pub id: ActionId,
    /// What was decided upon.
    pub key: RouteKey,
    /// Acts since the route opened.
    pub count: u64,
    /// How many of them the log already tells.
    pub told: u64,
}

/// What a route is decided upon; a change of any part closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// The verb.
    pub verb: crate::path::Verb,
    /// The resource.
    pub resource: crate::path::Resource,
    /// The right that permits it; `None` for what every process may do to itself.
    pub grant: Option<crate::capability::Right>,
    /// The labels of the caller and of the message together.
    pub labels: Labels,
    /// The version of the charter.
    pub charter: u64,
}

/// One process.
#[derive(Debug)]
pub struct Process {
    /// Its id.
    pub pid: Pid,
    /// Its name, unique in its application while it lives.
    pub name: Name,
    /// The agent that it is, as the catalog names it; its own name for whatever is no agent.
    pub agent: Name,
    /// The application that it belongs to.
    pub app: Option<Name>,
    /// Its role.
    pub role: Role,
    /// Who spawned it.
    pub parent: Pid,
    /// Whom it spawned and who still live.
    pub children: BTreeSet<Pid>,
    /// Where it is in its life.
    pub life: Lifecycle,
    /// What it runs; `None` for processes that only hold others, and for sessions.
    pub program: Option<Program>,
    /// Fresh instance per message, or one.
    pub instance: InstanceKind,
    /// Ceilings that the host enforces.
    pub limits: Limits,
    /// What it may do.
    pub capabilities: Capabilities,
    /// What it carries now.
    pub labels: Labels,
    /// What it started with: where a per-message instance returns to.
    pub own_labels: Labels,
    /// The ceiling: what lies above is refused on delivery. `None` is no ceiling.
    pub clearance: Option<Labels>,
    /// What waits for it.
    pub mailbox: Mailbox,
    /// What it is busy with.
    pub handling: Option<Handling>,
    /// Where its use is counted.
    pub account: AccountId,
    /// What it has used.
    pub used: Used,
    /// When it was created.
    pub born: Instant,
    /// The time of the last thing handed to it.
    pub seen: Instant,
    /// Seeds its `random`; with the message, that of an instance of one message.
    pub seed: [u8; 32],
    /// Rarely used parts, apart so that an idle process stays small.
    pub rare: Box<Rare>,
    /// Whether what is sent to it is stored until it has handled it.
    pub durable: bool,
    /// Whether its application counts it as busy.
    pub busy: bool,
    /// Whether what others handed to it brought labels that it does not begin with.
    pub swayed: bool,
}

/// What few processes have.
#[derive(Debug, Default)]
pub struct Rare {
    /// Open routes, few; looked up in order.
    pub routes: Vec<Route>,
    /// Running timers.
    pub timers: BTreeMap<TimerKey, Timer>,
    /// How long it may live.
    pub wall: Option<Wall>,
    /// What the processes that it started and that are gone have used, they and theirs.
    pub below: Option<Box<Used>>,
    /// What its messages carried that it does not carry any more, with what those carried that it started: what it has
    /// used tells of all of them.
    pub past: Labels,
    /// Whether that was more than a set may hold.
    pub past_unsayable: bool,
    /// How many bytes all processes of its agent may have in the tree, together with those that it wrote to files.
    pub stored: Option<u64>,
    /// The most that one of its messages has taken.
    pub most: Most,
    /// How many bytes it wrote to files.
    pub filed: u64,
    /// What becomes of it when its account is used up.
    pub on_exhausted: OnExhausted,
    /// What a person was asked for more of, for its account, and did not allow.
    pub no_more: BTreeSet<Meter>,
    /// Those of its ceilings that were told of because it came near them.
    pub near: BTreeSet<&'static str>,
    /// Open streams, with what was carried when they were opened, written and read.
    pub streams: BTreeMap<StreamId, Labels>,
    /// How many more a device is opening, also where the act was given up.
    pub connecting: usize,
    /// Its acts under way, in their order. A component has one; a session or a handler may have several.
    pub acts: Vec<ActionId>,
    /// Who suspended it, while it is suspended.
    pub suspended: Option<Suspender>,
    /// What those carried who suspended it or let it go on: its state tells of them.
    pub touched: Labels,
    /// Services that it answers, with what it carried when it registered.
    pub services: BTreeMap<Name, Labels>,
    /// Tools that it answers for.
    pub tools: BTreeSet<Name>,
    /// What it began with, where gifts have brought labels since: these are not its own doing.
    pub first_labels: Option<Box<Labels>>,
    /// Within which ceilings it runs, and all that it starts, where the role of whoever is above it has any.
    pub ceilings: Option<Box<Ceilings>>,
    /// The act that spawned it, where it has a program.
    pub spawned_by: Option<ActionId>,
    /// Where its rights come from, if not all from its parent.
    pub holdings: Option<Box<Holdings>>,
    /// Who is told when it ends, with what each carried when it asked for that.
    pub monitors: BTreeMap<Pid, Labels>,
    /// The processes that it is linked to, and what their ends do to it.
    pub links: BTreeMap<Pid, Linked>,
    /// The processes and applications of whose end it is told.
    pub monitored: BTreeSet<crate::path::Resource>,
    /// Messages of its durable inbox that it has taken in the middle of the `handle` under way.
    pub taken: Vec<MessageId>,
    /// Whether more labels came together on its end than a set may hold: then nobody is told of it.
    pub unsayable: bool,
    /// When its latest refusals were, for the refusal limit.
    pub refusals: VecDeque<Instant>,
    /// Equal refusals that the log does not tell yet: how many of which, by the SHA-256 of what makes them equal.
    pub folded: BTreeMap<[u8; 32], Folded>,
}

/// Which timer of a process: the name, and what an instance of one message carried when it chose that. Those that
/// carry something else have timers of their own, so that none of them meets what another one started.
pub type TimerKey = (Name, Labels);

/// A running timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// How far it is.
    pub runs: Runs,
    /// The period, for those that repeat.
    pub every: Option<Duration>,
    /// What its process carried when it chose the name.
    pub labels: Labels,
}

/// How far a timer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// It is due at its deadline of this number, in the table of deadlines.
    Until(u64),
    /// It stands still while its process is suspended, with so much left.
    Still(Duration),
}

impl Timer {
    /// Its number in the table of deadlines, where it does not stand still.
    pub fn deadline(&self) -> Option<u64> {
        match self.runs {
            Runs::Until(deadline) => Some(deadline),
            Runs::Still(_) => None,
        }
    }
}

/// What the end of a process does to one that is linked to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// It made the link, or the other did alone.
    pub made: bool,
    /// It is told, instead of ended.
    pub trap: bool,
    /// What those carried who made the link.
    pub labels: Labels,
}

/// Who suspended a process, which decides who may let it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Suspender {
    /// The kernel, for too many refusals.
    #[n(0)]
    Kernel,
    /// Somebody outside: a session of a user.
    #[n(1)]
    User,
    /// A process.
    #[n(2)]
    Process,
}

/// The time that a process may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wall {
    /// How long it is.
    pub limit: Duration,
    /// When it is over.
    pub ends: Instant,
    /// The next thing to happen: it is told that little is left, or ended. In the table of deadlines.
    pub deadline: u64,
    /// Whether that was told.
    pub near: bool,
}

/// Refusals equal to one that was recorded in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The recorded one.
    pub first: ActionId,
    /// How many more since the log was last told.
    pub more: u64,
}

impl Process {
    /// Goes on to `next`, as the table of states allows.
    pub fn enter(&mut self, next: Lifecycle) {
        debug_assert!(self.life.may_become(next), "{:?} does not become {next:?}", self.life);
        self.life = next;
    }

    /// It does not carry `labels` any more, or never did, and what it has used tells of them.
    pub fn remember(&mut self, labels: &Labels) {
        if labels.is_subset(&self.rare.past) {
            return;
        }
        match self.rare.past.join(labels) {
            Ok(past) => self.rare.past = past,
            Err(_) => self.rare.past_unsayable = true,
        }
    }

    /// Whether it takes messages.
    pub fn is_alive(&self) -> bool {
        matches!(self.life, Lifecycle::Starting | Lifecycle::Running | Lifecycle::Suspended)
    }

    /// Whether it has a guest that is held: it is handed nothing, and what it asked for is withheld from it.
    pub fn is_held(&self) -> bool {
        self.life == Lifecycle::Suspended && self.program.is_some()
    }

    /// Whether it is nobody's program but somebody outside: a session of a user.
    pub fn is_user(&self) -> bool {
        self.role == Role::User && self.program.is_none() && self.app.is_none()
    }

    /// Whether it has anything to do or to wait for: what keeps an application from being quiet. Whom the kernel itself
    /// suspended nobody waits for.
    pub fn is_busy(&self) -> bool {
        match self.life {
            Lifecycle::Exited => false,
            Lifecycle::Starting | Lifecycle::Stopping => true,
            Lifecycle::Suspended if self.rare.suspended == Some(Suspender::Kernel) => false,
            Lifecycle::Running | Lifecycle::Suspended => {
                self.handling.is_some()
                    || !self.mailbox.is_empty()
                    || !self.rare.timers.is_empty()
                    || !self.rare.streams.is_empty()
            }
        }
    }
}
