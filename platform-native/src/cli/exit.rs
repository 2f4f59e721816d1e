//! How a command ends: the exit codes, and the failures that lead to them.
//!
//! Every failure says what happened, where, and what to do. It is told on standard error and, with
//! `--json`, as a document on standard output.

use super::text::counted;
use crate::data_dir::no_room;
use crate::devices::MountError;
use crate::kernel_core;
use crate::keys::{KeyError, LOG_KEY};
use kernel_core::app::{PlanError, Problem};
use kernel_core::chain::{ChainError, EvidenceError};
use kernel_core::kernel::{BootError, ReceiptError};
use kernel_core::platform::{HostError, StorageError, said};
use kernel_core::refusal::{Code, Refusal};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// The exit codes of every command. Their numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u8")]
pub(crate) enum Exit {
    /// Everything was done.
    Done = 0,
    /// The application failed, was stopped, or ran out of time; or standard output could not be written.
    Failed = 1,
    /// The command line, the manifest or a folder that it names is wrong. Nothing was started.
    Usage = 2,
    /// What the application needs was not given, or something was refused and `--strict` asked for nothing to be.
    Denied = 3,
    /// What is stored does not verify, or could not be written.
    Integrity = 4,
    /// This machine or this version cannot do it.
    Unsupported = 5,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        exit as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// The code of what another process has.
pub(super) const HELD: &str = "held";

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// With which code it ends.
    pub(crate) exit: Exit,
    /// One word for programs, such as `missing_rights`.
    pub(crate) code: &'static str,
    /// What happened and where; may have several lines.
    pub(crate) message: String,
    /// What is printed above it as it is; the document has it in members of its own.
    pub(crate) listing: Vec<String>,
    /// What to do, where that can be said.
    pub(crate) help: Option<String>,
    /// Further members of the JSON document.
    pub(crate) more: Map<String, Value>,
}

impl Failure {
    /// A failure without advice.
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Failure {
        Failure { exit, code, message: message.into(), listing: Vec::new(), help: None, more: Map::new() }
    }

    /// A wrong command line, manifest or folder.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, "usage", message)
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn help(self, help: impl Into<String>) -> Failure {
        Failure { help: Some(help.into()), ..self }
    }

    /// The same with one more member for programs.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Failure {
        self.more.insert(name.to_owned(), json!(value));
        self
    }

    /// The document that `--json` prints.
    pub(crate) fn document(&self) -> Value {
        json!({ "weft": super::VERSION, "error": self.error() })
    }

    /// What went wrong, as documents have it.
    pub(crate) fn error(&self) -> Value {
        let mut error = Map::new();
        error.insert("exit".to_owned(), json!(self.exit));
        error.insert("code".to_owned(), json!(self.code));
        error.insert("message".to_owned(), json!(self.message));
        error.insert("help".to_owned(), json!(self.help));
        error.extend(self.more.clone());
        Value::Object(error)
    }
}

/// What is wrong with a manifest: every problem, as a compiler prints them.
pub(crate) fn problems(found: &[Problem]) -> Failure {
    let file = found.first().map_or("the manifest", |problem| problem.file.as_str());
    let message = format!("{} in {file}; nothing was run", counted(found.len() as u64, "problem"));
    let listing = found.iter().map(Problem::to_string).collect();
    Failure { listing, ..Failure::new(Exit::Usage, "manifest", message) }.with("problems", found)
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Failure {
        let help = match &error {
            MountError::Twice { name, .. } => {
                format!("name another folder, which may lie inside that one: --mount {name}=PATH")
            }
            MountError::Missing { name, .. }
            | MountError::NotFolder { name, .. }
            | MountError::Unreadable { name, .. } => {
                format!("name a folder that you may read: --mount {name}=PATH")
            }
        };
        Failure { help: Some(help), ..Failure::new(Exit::Usage, "mount", said(&error)) }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Failure {
        let message = said(&error);
        match error {
            StorageError::Held { .. } => Failure::new(Exit::Usage, HELD, message)
                .help("wait until that has ended, or give this one another directory: --data-dir DIR"),
            StorageError::Full { .. } => Failure::new(Exit::Integrity, "disk_full", message)
                .help("make room; what was acknowledged before is intact"),
            StorageError::Damaged { .. } => Failure::new(Exit::Integrity, "damaged", message).help(
                "keep the data directory as evidence and restore a copy, or start anew elsewhere: --data-dir DIR",
            ),
            // The directory itself: the place that was named is wrong, nothing stored is.
            StorageError::Io { doing: "opening the data directory", source } => {
                let message = said(&*source);
                Failure::new(Exit::Usage, "data_dir", message).help("name one that you may write to: --data-dir DIR")
            }
            _ => Failure::new(Exit::Integrity, "storage", message),
        }
    }
}

impl From<crate::HostError> for Failure {
    fn from(error: crate::HostError) -> Failure {
        match error {
            crate::HostError::Storage(error) => error.into(),
            crate::HostError::Mount(error) => error.into(),
            overlap @ crate::HostError::Overlap { .. } => {
                Failure::usage(format!("{overlap}: agents could reach the log and the key that signs it"))
                    .help("keep the data elsewhere: --data-dir DIR")
            }
            other => Failure::new(Exit::Unsupported, "host", said(&other)),
        }
    }
}

/// A key that cannot be read or made.
pub(crate) fn of_key(error: HostError) -> Failure {
    match error.downcast_ref() {
        Some(KeyError::Io { path, source, .. }) if no_room(source) => {
            StorageError::Full { place: path.display().to_string() }.into()
        }
        _ => Failure::new(Exit::Integrity, "keys", said(&*error)),
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Failure {
        let help = match error {
            // Whose log it has to be is read from the directory, unless somebody says it.
            ChainError::KeyUntrusted { .. } | ChainError::Unsigned { .. } | ChainError::WrongOrigin { .. } => format!(
                "{} If nobody gave a key, {LOG_KEY} in the data directory may have been replaced: put back the one \
                 that signed this log.",
                error.advice()
            ),
            _ => error.advice().to_owned(),
        };
        Failure::new(Exit::Integrity, error.code(), format!("the log does not verify: {error}"))
            .help(help)
            .with("seq", error.seq())
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Failure {
        match error {
            BootError::Storage(error) => error.into(),
            BootError::Chain(error) => error.into(),
            BootError::Keys(error) => of_key(error),
            BootError::NoKey => Failure::new(Exit::Integrity, "keys", error.to_string()),
            BootError::Damaged(_) | BootError::Counters => Failure::new(Exit::Integrity, "damaged", error.to_string())
                .help(
                    "keep the data directory as evidence and restore a copy, or start anew elsewhere: --data-dir DIR",
                ),
            BootError::Tree(_) => Failure::new(Exit::Integrity, "tree_changed", error.to_string())
                .help("keep the data directory as evidence and restore a copy; `weft chain verify` says what differs"),
            other => Failure::new(Exit::Integrity, "boot", said(&other)),
        }
    }
}

impl From<ReceiptError> for Failure {
    fn from(error: ReceiptError) -> Failure {
        let message = error.to_string();
        match error {
            ReceiptError::Storage(error) => error.into(),
            ReceiptError::NotFound(_) => {
                Failure::new(Exit::Failed, "not_found", message).help("`weft chain show` lists what the log has")
            }
            ReceiptError::NoBody { .. } => Failure::new(Exit::Failed, "not_found", message)
                .help("the receipt holds without it: leave out --with-body"),
            ReceiptError::Changed(_) => Failure::new(Exit::Integrity, "tampered", message),
            other => Failure::new(Exit::Integrity, "tile_mismatch", said(&other)),
        }
    }
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Failure {
        let help = match &error {
            EvidenceError::KeyUntrusted(_) => {
                "say whose log it has to be, as who keeps it told you by another way: --key KEY"
            }
            EvidenceError::OutcomeMissing(_) => "ask for it again: the act may have been under way",
            _ => "keep the file as evidence, and ask whoever keeps the log for another",
        };
        Failure::new(Exit::Integrity, error.code(), format!("it does not hold: {error}")).help(help)
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Failure {
        let message = error.to_string();
        match error {
            PlanError::Unsupported(needs) => Failure::new(Exit::Unsupported, "unsupported", message)
                .help("leave these out of weft.toml, or use a kernel that has them")
                .with("needs", needs),
            PlanError::Missing(missing) => {
                Failure::new(Exit::Denied, "missing_rights", message).with("missing", missing)
            }
            _ => Failure::new(Exit::Usage, "plan", message),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let code = refusal.code.as_str();
        Failure::new(of_refusal(refusal.code), code, refusal.reason.clone()).with("action", refusal.action)
    }
}

/// With which code a command ends whose own act was refused.
pub(super) fn of_refusal(code: Code) -> Exit {
    match code {
        Code::Denied | Code::Pending => Exit::Denied,
        Code::NotDurable => Exit::Integrity,
        Code::Unsupported => Exit::Unsupported,
        Code::Invalid | Code::TooLarge | Code::Conflict => Exit::Usage,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::path::Name;

    fn exit(failure: impl Into<Failure>) -> Exit {
        failure.into().exit
    }

    #[test]
    fn each_failure_has_the_code_of_its_kind() {
        let place = || "/data".to_owned();
        assert_eq!(exit(StorageError::Held { place: place(), holder: "process 7".to_owned() }), Exit::Usage);
        assert_eq!(exit(StorageError::Full { place: place() }), Exit::Integrity);
        assert_eq!(exit(StorageError::Damaged { place: place(), what: "x".to_owned() }), Exit::Integrity);
        let io = |doing| StorageError::Io { doing, source: "no".into() };
        assert_eq!(exit(io("opening the data directory")), Exit::Usage);
        assert_eq!(exit(io("committing")), Exit::Integrity);
        assert_eq!(exit(BootError::Chain(ChainError::HeadMissing)), Exit::Integrity);
        assert_eq!(exit(PlanError::Missing(Vec::new())), Exit::Denied);
        assert_eq!(exit(PlanError::Unsupported(Vec::new())), Exit::Unsupported);
        let missing = MountError::Missing { name: Name::parse("repo").unwrap(), folder: "/nowhere".into() };
        assert_eq!(exit(missing), Exit::Usage);
    }

    #[test]
    fn every_code_of_a_refusal_has_an_exit_and_none_is_done() {
        for code in Code::ALL {
            assert_ne!(of_refusal(*code), Exit::Done, "{code}");
        }
        assert_eq!(of_refusal(Code::Denied), Exit::Denied);
        assert_eq!(of_refusal(Code::NotDurable), Exit::Integrity);
        assert_eq!(of_refusal(Code::Unsupported), Exit::Unsupported);
        assert_eq!(of_refusal(Code::Failed), Exit::Failed);
    }

    #[test]
    fn the_numbers_are_those_that_are_documented() {
        let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Denied, Exit::Integrity, Exit::Unsupported];
        assert_eq!(all.map(u8::from), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_document_names_code_message_and_advice() {
        let failure = Failure::usage("no").help("yes").with("seq", 7);
        let error = &failure.document()["error"];
        assert_eq!(error["exit"], 2);
        assert_eq!(error["message"], "no");
        assert_eq!(error["help"], "yes");
        assert_eq!(error["seq"], 7);
    }

    #[test]
    fn a_cause_that_is_printed_already_is_not_repeated() {
        let error = StorageError::Io { doing: "committing", source: "the disk is gone".into() };
        assert_eq!(said(&error), "storage failed while committing: the disk is gone");
    }
}
