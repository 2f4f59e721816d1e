//! What can happen to the kernel. The journal is the list of these in the order in which step took them.

use super::inboxes::KeptMessage;
use super::letters::KeptLetter;
use super::request::Request;
use super::tree::Listing;
use crate::agency::Role;
use crate::capability::Capabilities;
use crate::id::{ActionId, CallId, MessageId, Pid};
use crate::path::Name;
use crate::platform::{DeviceReply, Fault, Handled, Usage};
use crate::refusal::Code;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One input of `State::step`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The kernel boots; always the first.
    Boot(Boot),
    /// A phase of the boot took this long, as the driver measured it.
    Phase {
        /// The phase's name.
        name: String,
        /// Microseconds.
        micros: u64,
    },
    /// Someone outside opens a session: a process without a program.
    Attach {
        /// The reply slot; answered with the pid as JSON.
        call: CallId,
        /// Its name.
        name: Name,
        /// Its role; sessions of people are `user`.
        role: Role,
        /// What it holds.
        capabilities: Capabilities,
    },
    /// A process acts.
    Act {
        /// Who.
        pid: Pid,
        /// The reply slot.
        call: CallId,
        /// What.
        request: Request,
    },
    /// A process acted, and the rows that its act needs cannot be had: it is refused.
    Unread {
        /// Who.
        pid: Pid,
        /// The reply slot.
        call: CallId,
        /// What.
        request: Request,
        /// Why not, for a person.
        reason: String,
    },
    /// An instance that step asked for exists, or does not.
    Started {
        /// The spawn.
        action: ActionId,
        /// What the host said.
        result: Result<(), Fault>,
    },
    /// A device answered.
    Done {
        /// The act.
        action: ActionId,
        /// What it said; the refusal's code and reason otherwise.
        result: Result<DeviceReply, (Code, String)>,
    },
    /// What is directly below a node of the tree was looked for.
    Listed {
        /// The act.
        action: ActionId,
        /// What is there; the refusal's code and reason where it could not be read.
        result: Result<Listing, (Code, String)>,
    },
    /// The intent of a call that was held back is in the log, or need not be yet: it is handed on.
    Recorded {
        /// The act.
        action: ActionId,
    },
    /// A guest returned from `handle`.
    Handled {
        /// Which process.
        pid: Pid,
        /// The envelope that it was busy with.
        message: MessageId,
        /// How it went and what it used.
        handled: Handled,
    },
    /// A process has ended in the middle of a message: what that had used until then, as the host has shown it. No
    /// `Handled` of this message counts any more.
    Unreported {
        /// Which process.
        pid: Pid,
        /// What the message had used.
        usage: Usage,
    },
    /// The guest of a process that was killed is gone: nothing of it runs any more, as the host saw.
    Gone {
        /// The act that killed it.
        action: ActionId,
        /// Whose it was.
        pid: Pid,
    },
    /// An escalation was answered.
    Answer {
        /// The reply slot: whether the answer counted.
        call: CallId,
        /// The act.
        action: ActionId,
        /// Yes or no.
        allow: bool,
        /// Who answered, for the record.
        by: String,
    },
    /// Time has passed; deadlines are due.
    Tick,
    /// What was too much for one step goes on.
    Continue,
    /// The committer is about to write: counts that the log does not tell yet are told.
    Flush,
    /// There is too little room where everything is kept, or enough again.
    Room {
        /// What is missing, if anything is.
        lack: Option<Lack>,
    },
    /// The data directory could not be written: nothing may be acknowledged any more.
    NotDurable {
        /// What storage said.
        reason: String,
    },
    /// Everything is to stop, in order.
    Shutdown {
        /// The reply slot; answered when everything has stopped.
        call: CallId,
        /// Why, for the record.
        reason: String,
    },
}

/// Too little room where everything is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// How many bytes were left.
    pub free: u64,
    /// How many bytes are kept in reserve.
    pub reserve: u64,
}

/// What a boot starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// From the host's entropy; everything random in the kernel comes from it.
    pub seed: [u8; 32],
    /// "native", "web", "sim".
    pub host: String,
    /// The kernel's version.
    pub version: String,
    /// The environment's name.
    pub environment: String,
    /// Where the numbers of the previous boot ended.
    pub last: Counters,
    /// What the host can do.
    pub profile: crate::platform::Profile,
    /// What was found and done to the stored log at start, in words; empty where nothing was.
    pub repair: String,
    /// How many events at the end of the stored log no signature covers: whoever holds the disk could have made
    /// them.
    pub unsigned: u64,
    /// The first event of the stored log that was verified at this start.
    #[serde(default)]
    pub verified_from: u64,
    /// Outward acts that the last boot began and did not end.
    pub interrupted: Vec<ActionId>,
    /// How many label rows each mount has: of its files, and of its folders for their entries.
    pub labelled: std::collections::BTreeMap<Name, u64>,
    /// The dead letters that are kept.
    pub letters: Vec<KeptLetter>,
    /// How many messages waited in inboxes that are not durable when the log was last written, where the last boot did not
    /// stop in order.
    pub waited: Option<u64>,
    /// The messages in durable inboxes.
    pub inboxes: Vec<KeptMessage>,
    /// The uppermost node of the tree.
    pub tree: crate::tree::Node,
    /// The applications that ran until they were quiet when the last boot ended, with their rows.
    pub cut_short: Vec<(Name, Bytes)>,
    /// Snapshots of the tree, the oldest first.
    pub snapshots: Vec<super::tree::Snapshot>,
    /// How many bytes the tree holds of whom.
    pub held: Vec<(String, u64)>,
}

/// The numbers that are never reused in one data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// The last pid.
    pub pid: u64,
    /// The last action.
    pub action: u64,
    /// The last message.
    pub message: u64,
    /// The last stream.
    pub stream: u64,
}
