//! What step wants done. Data only: the driver does it.

use super::event::Event;
use super::request::Request;
use crate::id::{ActionId, CallId, Pid};
use crate::ipc::Envelope;
use crate::path::{Name, TreePath};
use crate::platform::{DeviceRequest, Key, StartRequest};
use crate::process::ExitReason;
use crate::refusal::Refusal;
use bytes::Bytes;
use std::time::Duration;

/// Everything that one or more steps caused, in order. Reused by the driver, so that a step that
/// causes little allocates little.
#[derive(Debug, Default)]
pub struct Effects {
    /// For the log.
    pub records: Vec<Event>,
    /// Rows to write in the same batch as the records.
    pub rows: Vec<(Key, Option<Bytes>)>,
    /// To be performed outside.
    pub acts: Vec<Perform>,
    /// Acts of which what is not performed yet must not be any more; answered by `Input::Done` like the others.
    pub withdrawn: Vec<ActionId>,
    /// Replies to callers.
    pub replies: Vec<Reply>,
    /// Acts that were withheld from a process which goes on: each is asked for again, by `Input::Act`.
    pub again: Vec<Again>,
    /// Envelopes for guests, instances to drop, people to ask.
    pub wakes: Vec<Wake>,
    /// Whether no snapshot goes any more by some of what was kept for one, which is to be removed in the background.
    pub sweep: bool,
}

/// A reply on its way out.
#[derive(Debug)]
pub struct Reply {
    /// Whose.
    pub call: CallId,
    /// What.
    pub result: Result<Bytes, Refusal>,
    /// Whether it leaves the kernel and must wait for the flush that holds its record.
    pub durable: bool,
}

/// An act that is asked for again.
#[derive(Debug)]
pub struct Again {
    /// Whose.
    pub pid: Pid,
    /// The reply slot, which still waits.
    pub call: CallId,
    /// What.
    pub request: Request,
}

/// Something to be performed by the host.
#[derive(Debug)]
pub struct Perform {
    /// The act it belongs to.
    pub action: ActionId,
    /// Whether it must wait for the flush that holds its intent.
    pub durable: bool,
    /// What.
    pub what: Performance,
}

/// What the host performs.
#[derive(Debug)]
pub enum Performance {
    /// Make an instance; answered by `Input::Started`.
    Start(StartRequest),
    /// Nothing but wait until the intent may be known; answered by `Input::Recorded`.
    HandOn,
    /// Ask a device; answered by `Input::Done`, unless nobody waits (`stop` of a stream whose owner is gone).
    Device(DeviceRequest),
    /// Look for what is directly below a node of the tree; answered by `Input::Listed`.
    Nodes {
        /// Which node.
        path: TreePath,
        /// Where to begin, as a page before said.
        cursor: Option<String>,
        /// How many at most.
        limit: usize,
    },
}

/// Something to be handed on.
#[derive(Debug)]
pub enum Wake {
    /// Hand an envelope to a guest; answered by `Input::Handled`.
    Deliver {
        /// Whose guest.
        pid: Pid,
        /// What.
        envelope: Envelope,
        /// Make a fresh instance for it first.
        fresh: Option<Box<StartRequest>>,
    },
    /// The process was suspended: its guest computes no further, on a host that can hold it.
    Hold {
        /// Whose.
        pid: Pid,
    },
    /// It was resumed: the guest computes on.
    LetGo {
        /// Whose.
        pid: Pid,
    },
    /// Tell when the guest of a process that is about to be dropped is gone, by `Input::Gone`.
    Watch {
        /// The act that killed it.
        action: ActionId,
        /// Whose.
        pid: Pid,
    },
    /// Drop the instance of a process that is gone.
    Drop {
        /// Whose.
        pid: Pid,
    },
    /// Ask whoever may answer an escalation; answered by `Input::Answer`.
    Ask(Ask),
    /// Tell observers; never waits for them.
    Notice(Notice),
}

/// A question to the operator.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The act that waits.
    pub action: ActionId,
    /// Which process wants to do it.
    pub pid: Pid,
    /// Its name.
    pub name: String,
    /// Its application; none for sessions.
    pub app: Option<Name>,
    /// What.
    pub verb: String,
    /// On what.
    pub resource: String,
    /// The explanation, as JSON.
    pub detail: String,
    /// How long it waits for an answer; without one it is refused then.
    pub wait: Duration,
}

/// Something an observer may show.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A phase of the boot ended.
    Phase {
        /// Its name.
        name: String,
        /// Microseconds.
        micros: u64,
    },
    /// A process runs.
    Running {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
    },
    /// A process ended.
    Exited {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
        /// Why.
        reason: ExitReason,
        /// How many messages that waited for it are lost.
        lost: u64,
    },
    /// A process does nothing until it is resumed.
    Suspended {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
        /// Why, where nobody asked for it.
        reason: Option<String>,
    },
    /// It goes on.
    Resumed {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
    },
    /// An agent that ended is started again.
    Restarting {
        /// Its application.
        app: String,
        /// Its name.
        name: String,
        /// How long that waits.
        wait: Duration,
    },
    /// A limit is nearly used up. Times are in nanoseconds, memory in bytes.
    LimitNear {
        /// The process whose limit it is.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; empty for none.
        app: String,
        /// What is limited, as a manifest calls it.
        meter: String,
        /// How much is used.
        used: u64,
        /// The most that may be.
        limit: u64,
    },
    /// A question was answered, or nobody answered it while its act waited.
    Answered {
        /// The act.
        action: ActionId,
        /// Which process wanted to do it.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
        /// Whether it was allowed.
        allow: bool,
        /// By whom; "nobody" where nobody answered.
        by: String,
    },
    /// An act was refused, or permitted with a warning.
    Verdict {
        /// The act.
        action: ActionId,
        /// Which process.
        pid: Pid,
        /// Its name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
        /// "denied", "warned", "exhausted", ...
        what: String,
        /// The verb.
        verb: String,
        /// The resource.
        resource: String,
        /// One sentence.
        reason: String,
    },
    /// A guest logged a line.
    Log {
        /// Whose.
        pid: Pid,
        /// The process's name.
        name: String,
        /// Its application; none for sessions.
        app: Option<Name>,
        /// Severity.
        level: crate::platform::LogLevel,
        /// The line, at most 1 KiB.
        text: String,
    },
    /// So many notices came before the next one and found no room: whoever was to be told did not keep up.
    Missed {
        /// How many.
        count: u64,
    },
    /// An application ended.
    Ended {
        /// Its name.
        app: String,
        /// Whether nothing went wrong.
        ok: bool,
        /// Why.
        reason: String,
        /// Who stopped it before it had come to its end by itself; none where that was one of its own, or a kernel
        /// that stops.
        stopped_by: Option<String>,
    },
}
