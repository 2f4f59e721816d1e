//! The messages of repo-audit besides the batches; all are JSON.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The batches of the walker, see [`crate::batch`].
pub const CHUNKS: &str = "/topic/repo-audit.chunks";
/// Counts without detail: [`Totals`]. Never labelled.
pub const TOTALS: &str = "/topic/repo-audit.totals";
/// Findings in detail, for whoever may hold them; labelled [`SECRET`].
pub const FINDINGS: &str = "/topic/repo-audit.findings";
/// Where the walker counts who is there: everybody subscribes to it last of all in its start.
pub const HELLO: &str = "/topic/repo-audit.hello";
/// Takes findings, refusals and progress: see [`Head`].
pub const REPORTER: &str = "/svc/reporter";
/// Takes acknowledgements of batches: [`Acknowledged`], correlated by the batch's number.
pub const WALKER: &str = "/svc/walker";
/// The scanners by name; the service of each is `/svc/<name>`.
pub const SCANNERS: [&str; 3] = ["hygiene", "inventory", "secrets"];
/// The label on what tells where secrets are.
pub const SECRET: &str = "secret";

/// A scanner has taken in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Which scanner.
    pub scanner: String,
}

/// Counts, without names, places or excerpts: fit to leave the machine. Who reads them looks at [`Head::from`] first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Totals {
    /// From the walker, when the scanners have acknowledged all: the last of the four.
    Walker(Walked),
    /// From a scanner.
    Secrets(Scanned),
    /// From a scanner.
    Inventory(Scanned),
    /// From a scanner.
    Hygiene(Scanned),
}

/// What the walker went through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    /// Regular files.
    pub files: u64,
    /// Directories, the root among them.
    pub folders: u64,
    /// Symbolic links, broken ones among them; none is followed.
    pub links: u64,
    /// Those of the links that lead out of the folder; what is there was not scanned.
    pub outside_links: u64,
    /// Folders that are those of other mounts; what is there was not scanned.
    pub other_mounts: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Entries that could not be read, or not to their end.
    pub unreadable: u64,
    /// Files of which only the first bytes were read: they are longer than `max_scan`, or grew meanwhile.
    pub partly_scanned: u64,
    /// Folders left out as `skip` says.
    pub skipped_folders: u64,
    /// Batches published.
    pub batches: u64,
    /// Scanners that did not answer in time; what they say is not all.
    pub silent: Vec<String>,
}

/// What a scanner went through and how much it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// Regular files seen.
    pub files: u64,
    /// Bytes seen.
    pub bytes: u64,
    /// Findings, or for the inventory lines of text.
    pub found: u64,
    /// Findings counted, but not told in detail, because there were too many.
    pub unlisted: u64,
    /// Batches that were lost on the way: what they held was not scanned.
    pub lost_batches: u64,
    /// The findings by kind, or for the inventory the files by language.
    pub kinds: BTreeMap<String, u64>,
}

/// What tells messages apart. Who reads one reads this first, then what it announces: that takes less code
/// than to read a tagged enum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Of a message to the reporter: "secrets", "hygiene", "manifests" or "licences" (a [`Part`]), "inventory" (a [`Surveyed`]),
    /// "progress" ([`Progress`]), "courier" ([`Tried`]), "publisher" ([`Published`]).
    #[serde(default)]
    pub about: String,
    /// Of totals: "walker" ([`Walked`]), or a scanner ([`Scanned`]).
    #[serde(default)]
    pub from: String,
}

/// Some items of a list, which comes in any number of parts ([`crate::parts`]).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Part<T> {
    /// The items.
    pub part: Vec<T>,
}

/// The inventory, its manifests and licences apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Surveyed<T> {
    /// What was counted.
    pub survey: T,
}

/// The walk goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files so far.
    pub files: u64,
    /// Bytes so far.
    pub bytes: u64,
}

/// An attempt of the courier, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The verb.
    pub verb: String,
    /// The resource.
    pub resource: String,
    /// Labels on what it was given.
    pub labels: Vec<String>,
    /// How many findings it was given.
    pub findings: u64,
    /// How the kernel said no; nothing if it did not.
    pub refusal: Option<Refused>,
}

/// A refusal as it is told in a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// "denied", "pending", ...
    pub code: String,
    /// One sentence.
    pub reason: String,
    /// The act in the log.
    pub action: u64,
    /// The kernel's explanation: who, verb, resource, the missing grant, labels, effect, threshold.
    pub detail: serde_json::Value,
}

/// What the publisher did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Where to, if it holds the right.
    pub endpoint: Option<String>,
    /// The status of the HTTP response.
    pub status: Option<u16>,
    /// What went wrong.
    pub problem: Option<String>,
}

impl Refused {
    /// The kernel's refusal.
    pub fn of(refusal: &crate::Refusal) -> Refused {
        Refused {
            code: crate::code_name(refusal.code).to_owned(),
            reason: refusal.reason.clone(),
            action: refusal.action,
            detail: serde_json::from_slice(&refusal.detail).unwrap_or_default(),
        }
    }
}
