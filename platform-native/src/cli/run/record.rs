//! What the log says of one run: read back after the last flush, so that a report tells what is evidence
//! and nothing else.

mod reader;

pub(super) use reader::read;

use kernel_core::id::ActionId;
use kernel_core::refusal::Code;
use serde::Serialize;
use serde_json::Value;

/// What happened in one run.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How the application ended: whether nothing went wrong, and why; `None` if it never ran.
    pub(super) ended: Option<(bool, String)>,
    /// What was repaired in the log at the start; empty where nothing was.
    pub(super) repair: String,
    /// How many events at the end of the log no signature covered at the start.
    pub(super) unsigned: u64,
    /// The first refusals, those of the gate before others.
    pub(super) refusals: Vec<Refusal>,
    /// How many refusals there were beside them.
    pub(super) more_refusals: u64,
    /// How often the gate itself refused: what `--strict` asks about.
    pub(super) gate: u64,
    /// The first acts that were permitted and could not be done.
    pub(super) failures: Vec<Failed>,
    /// How many more of them there were.
    pub(super) more_failures: u64,
    /// How many acts were under way when an earlier kernel was ended by force: nobody knows what came of them.
    pub(super) unknown: u64,
    /// What passed with a warning.
    pub(super) warnings: Vec<Warning>,
    /// How many warnings of other kinds there were.
    pub(super) more_warnings: u64,
    /// What somebody was asked.
    pub(super) answers: Vec<Answer>,
    /// What processes were suspended for.
    pub(super) suspended: Vec<Suspended>,
}

/// Whether a code says that the gate did not let an act pass, and not that it could not be done.
pub(super) fn is_gate(code: &str) -> bool {
    [Code::Denied, Code::Pending, Code::Exhausted].iter().any(|gate| gate.as_str() == code)
}

/// One refusal, and those equal to it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refusal {
    /// The event; 0 where only the act is known.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who.
    pub(super) pid: u64,
    /// By name; empty where nobody knows it any more.
    pub(super) agent: String,
    /// The verb and the resource, or what was written instead of them.
    pub(super) asked: String,
    /// The refusal's code.
    pub(super) code: String,
    /// Its sentence.
    pub(super) reason: String,
    /// How often: this one and those equal to it.
    pub(super) count: u64,
    /// Everything that was decided upon, as `explain` documents it; null where it did not come to that.
    pub(super) detail: Value,
}

/// One act that was permitted and could not be done: a full disk, a file that nobody may read, a host that does not
/// answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    /// The event that tells its outcome.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who.
    pub(super) pid: u64,
    /// By name.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// The refusal's code.
    pub(super) code: String,
    /// Its sentence.
    pub(super) reason: String,
}

/// What passed with a warning, by agent, verb and resource.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Warning {
    /// The first event.
    pub(super) seq: u64,
    /// Who.
    pub(super) pid: u64,
    /// By name.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// The first one's sentence.
    pub(super) reason: String,
    /// How often.
    pub(super) count: u64,
    /// Everything that the first was decided upon.
    pub(super) detail: Value,
}

/// What somebody was asked, and what was answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Answer {
    /// The event.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who wanted it.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// Whether it was allowed.
    pub(super) allow: bool,
    /// By whom; "nobody" when nobody did.
    pub(super) by: String,
    /// Whether the act ended while it waited, so that nobody could answer any more.
    pub(super) cancelled: bool,
}

/// A process that the kernel suspended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Suspended {
    /// Which.
    pub(super) pid: u64,
    /// Why.
    pub(super) reason: String,
}
