//! What a run tells at its end: one value, printed for a person or as JSON.

mod lines;

use lines::lines;

use super::drive::Ending;
use super::record::Record;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text;
use kernel_core::app::{Plan, Unused};
use kernel_core::capability::Right;
use kernel_core::chain::{Checkpoint, VerifierKey};
use kernel_core::codec::hex;
use kernel_core::kernel::{ProcessRow, Summary};
use kernel_core::path::Name;
use kernel_core::refusal::Code;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a run ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Nothing went wrong.
    Done,
    /// An agent failed, or the application did not start.
    Failed,
    /// The session was refused what it needed to start it.
    Refused,
    /// Somebody else stopped it.
    Stopped,
    /// `--timeout`.
    TimedOut,
    /// A signal.
    Interrupted,
    /// The log could not be written.
    NotDurable,
}

/// Where the log ends.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) checkpoint: Checkpoint,
    /// The signed note.
    pub(super) note: String,
    pub(super) key: VerifierKey,
}

/// Everything that is told.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) plan: &'a Plan,
    pub(super) mounts: Vec<(Name, PathBuf)>,
    pub(super) unused: &'a [Unused],
    pub(super) said_yes: &'a [Right],
    pub(super) outcome: Outcome,
    pub(super) reason: String,
    pub(super) exit: Exit,
    pub(super) started: String,
    pub(super) elapsed: Duration,
    pub(super) boot: Vec<(String, Duration)>,
    pub(super) summary: Summary,
    pub(super) record: Record,
    /// Whether the log is not where it was any more.
    pub(super) lost: bool,
    /// How many events the run added; `None` where others added some, too.
    pub(super) events: Option<u64>,
    pub(super) signed: Option<Signed>,
    pub(super) data_dir: &'a Path,
    pub(super) output_commit: bool,
}

/// How a run ended and why, from what the log says, why it was ended, and whether the log could be
/// written to its end.
pub(super) fn outcome(ending: &Ending, record: &Record, not_durable: Option<&str>) -> (Outcome, String) {
    if let Some(reason) = not_durable {
        return (Outcome::NotDurable, reason.to_owned());
    }
    match (ending, &record.ended) {
        (Ending::NotDurable(reason), _) => (Outcome::NotDurable, reason.clone()),
        (Ending::Refused(refusal), _) if refusal.code == Code::NotDurable => {
            (Outcome::NotDurable, refusal.reason.clone())
        }
        (Ending::Stopped(by), _) => (Outcome::Stopped, format!("{by} stopped it")),
        (Ending::Gone(why), _) => (Outcome::Failed, format!("the kernel is gone: {why}")),
        (Ending::TimedOut(limit), _) => {
            let limit = text::duration(*limit);
            (Outcome::TimedOut, format!("it was not done within {limit} (--timeout) and was stopped"))
        }
        (Ending::Interrupted(signal), _) => {
            (Outcome::Interrupted, format!("interrupted by {signal} and stopped in order"))
        }
        (Ending::Refused(refusal), Some(_)) => (Outcome::Failed, refusal.reason.clone()),
        (Ending::Refused(refusal), None) => (Outcome::Refused, refusal.reason.clone()),
        (Ending::Ended, Some((true, _))) => (Outcome::Done, String::new()),
        (Ending::Ended, Some((false, reason))) => (Outcome::Failed, reason.clone()),
        (Ending::Ended, None) => (Outcome::Failed, "the log does not say how it ended".to_owned()),
    }
}

/// The exit code: what is worse goes first.
pub(super) fn exit(outcome: Outcome, ending: &Ending, strict: bool, refused_by_gate: u64) -> Exit {
    match (outcome, ending) {
        (Outcome::NotDurable, _) => Exit::Integrity,
        (_, Ending::Refused(refusal)) => crate::cli::exit::of_refusal(refusal.code),
        (Outcome::Done, _) if strict && refused_by_gate > 0 => Exit::Denied,
        (Outcome::Done, _) => Exit::Done,
        _ => Exit::Failed,
    }
}

impl Report<'_> {
    /// Prints it; with which exit code the command ends. One that did not end well keeps its own where it cannot be
    /// printed: that is the worse of the two, and told nowhere else.
    pub(super) fn print(&self, json: bool, terminal: Terminal) -> Result<Exit, Failure> {
        let printed = if json { print_json(&self.document()) } else { print(&lines(self, terminal)) };
        let exit = self.exit;
        match printed {
            Err(unwritten) if exit != Exit::Done => {
                let message = format!("{}\n    the run: {}", unwritten.message, self.reason);
                Err(Failure { exit, ..Failure::new(exit, unwritten.code, message) })
            }
            printed => printed.map(|()| exit),
        }
    }

    /// The document that `--json` prints; `docs/json.md` describes it.
    pub(super) fn document(&self) -> Value {
        let plan = self.plan;
        let agents = plan
            .agents
            .iter()
            .map(|agent| json!({ "agent": agent.name, "given": agent.given, "absent": agent.absent }));
        let mounts = self.mounts.iter().map(|(name, path)| {
            let mode = plan.mounts.iter().find(|mount| mount.name == *name).map(|mount| mount.mode);
            json!({ "name": name, "path": text::path(path), "mode": mode })
        });
        let boot = self.boot.iter().map(|(name, took)| json!({ "phase": name, "micros": micros(*took) }));
        let record = &self.record;
        json!({
            "weft": VERSION,
            "app": { "name": plan.app, "version": plan.version, "content": hex(&plan.content) },
            "environment": self.summary.environment,
            "outcome": self.outcome,
            "reason": self.reason,
            "exit": self.exit,
            "started": self.started,
            "elapsed_micros": micros(self.elapsed),
            "boot": boot.collect::<Vec<_>>(),
            "repair": if record.repair.is_empty() { Value::Null } else { json!(record.repair) },
            "unsigned": record.unsigned,
            "mounts": mounts.collect::<Vec<_>>(),
            "agents": agents.collect::<Vec<_>>(),
            "given_on_terminal": self.said_yes,
            "unused": self.unused,
            "processes": self.summary.processes,
            "verdicts": self.summary.verdicts,
            "refusals": record.refusals,
            "refusals_not_listed": record.more_refusals,
            "failures": record.failures,
            "failures_not_listed": record.more_failures,
            "unknown": record.unknown,
            "warnings": record.warnings,
            "warnings_not_listed": record.more_warnings,
            "answers": record.answers,
            "suspended": record.suspended,
            "events": self.events,
            "checkpoint": self.signed.as_ref().map(|signed| json!({
                "origin": signed.checkpoint.origin.as_str(),
                "size": signed.checkpoint.size,
                "root": signed.checkpoint.root.to_base64(),
                "key": signed.key.to_string(),
                "note": signed.note,
            })),
            "data_dir": text::path(self.data_dir),
            "output_commit": self.output_commit,
        })
    }

    /// The name of a process.
    fn name(&self, pid: u64) -> &str {
        self.summary.processes.iter().find(|row| row.pid.0 == pid).map_or("process", |row| row.name.as_str())
    }

    /// Processes that did not end in order.
    fn troubled(&self) -> impl Iterator<Item = &ProcessRow> {
        self.summary.processes.iter().filter(|row| !row.detail.is_empty())
    }
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::refusal::Refusal;

    fn ended(ok: bool) -> Record {
        Record { ended: Some((ok, "walker limit: memory".to_owned())), ..Record::default() }
    }

    fn exit_of(ending: &Ending, record: &Record, not_durable: Option<&str>, strict: bool) -> Exit {
        let (outcome, _) = outcome(ending, record, not_durable);
        exit(outcome, ending, strict, record.gate)
    }

    #[test]
    fn every_ending_has_its_exit_code() {
        let (done, failed) = (ended(true), ended(false));
        assert_eq!(exit_of(&Ending::Ended, &done, None, true), Exit::Done);
        assert_eq!(exit_of(&Ending::Ended, &failed, None, false), Exit::Failed);
        assert_eq!(exit_of(&Ending::TimedOut(Duration::from_secs(1)), &failed, None, false), Exit::Failed);
        assert_eq!(exit_of(&Ending::Stopped("operator.api".to_owned()), &done, None, false), Exit::Failed);
        assert_eq!(exit_of(&Ending::Interrupted("Ctrl-C"), &failed, None, false), Exit::Failed);
        assert_eq!(exit_of(&Ending::Ended, &done, Some("disk full"), false), Exit::Integrity);
        let refused = |code| Ending::Refused(Refusal::new(code, "no"));
        assert_eq!(exit_of(&refused(Code::Denied), &Record::default(), None, false), Exit::Denied);
        assert_eq!(exit_of(&refused(Code::Unsupported), &Record::default(), None, false), Exit::Unsupported);
        assert_eq!(exit_of(&refused(Code::Failed), &failed, None, false), Exit::Failed);
        assert_eq!(exit_of(&refused(Code::NotDurable), &failed, None, false), Exit::Integrity);
        assert_eq!(exit_of(&Ending::NotDurable("full".to_owned()), &done, None, false), Exit::Integrity);
        let gone = Ending::Gone("it has stopped".to_owned());
        assert_eq!(exit_of(&gone, &Record::default(), None, false), Exit::Failed);
        assert_eq!(outcome(&gone, &Record::default(), None).0, Outcome::Failed, "nothing was refused");
    }

    #[test]
    fn refusals_count_only_where_strict_asks_and_nothing_worse_happened() {
        let refused = Record { gate: 1, ..ended(true) };
        assert_eq!(exit_of(&Ending::Ended, &refused, None, false), Exit::Done);
        assert_eq!(exit_of(&Ending::Ended, &refused, None, true), Exit::Denied);
        let failed = Record { gate: 1, ..ended(false) };
        assert_eq!(exit_of(&Ending::Ended, &failed, None, true), Exit::Failed);
    }

    #[test]
    fn an_application_that_was_done_when_the_signal_came_was_interrupted_all_the_same() {
        let (outcome, reason) = outcome(&Ending::Interrupted("Ctrl-C"), &ended(true), None);
        assert_eq!(outcome, Outcome::Interrupted);
        assert!(reason.contains("Ctrl-C"));
    }
}
