//! What was told so far, and whether anybody is still to be heard.

use guest::message::{Head, Part, Progress, Published, SCANNERS, Scanned, Surveyed, Tried, Walked};
use scan::hygiene::Defect;
use scan::inventory::{Licence, Manifest, Survey};
use scan::secrets::Secret;
use std::collections::BTreeMap;

/// The most bytes of text that are kept of the findings of one scanner. The inventory bounds itself. The report is written as it is
/// rendered, so that what is kept is nearly all the memory that there is need of, whatever the tree holds.
const KEPT: usize = 16 << 20;
/// What an item takes besides its text, in bytes.
const ITEM: usize = 150;

/// Findings as far as they are kept.
#[derive(Debug)]
pub(crate) struct Findings<T> {
    pub(crate) kept: Vec<T>,
    bytes: usize,
    /// How many were told and not kept.
    pub(crate) dropped: u64,
}

impl<T> Default for Findings<T> {
    fn default() -> Findings<T> {
        Findings { kept: Vec::new(), bytes: 0, dropped: 0 }
    }
}

impl<T> Findings<T> {
    fn extend(&mut self, part: Vec<T>, size: impl Fn(&T) -> usize) {
        for item in part {
            let bytes = self.bytes + ITEM + size(&item);
            if bytes > KEPT {
                self.dropped += 1;
            } else {
                self.bytes = bytes;
                self.kept.push(item);
            }
        }
    }
}

/// All that was told.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) secrets: Findings<Secret>,
    pub(crate) defects: Findings<Defect>,
    pub(crate) survey: Survey,
    pub(crate) walked: Option<Walked>,
    /// The scanners' totals by name.
    pub(crate) scanned: BTreeMap<&'static str, Scanned>,
    pub(crate) tried: Option<Tried>,
    pub(crate) published: Option<Published>,
    pub(crate) progress: Progress,
    /// What is wrong with the audit itself, in sentences.
    pub(crate) problems: Vec<String>,
}

impl Gathered {
    /// Takes a message to the reporter. What it is about decides how it is read; what is unknown is passed over.
    pub(crate) fn take(&mut self, message: &[u8]) -> Result<(), serde_json::Error> {
        let head: Head = serde_json::from_slice(message)?;
        match head.about.as_str() {
            "secrets" => self.secrets.extend(serde_json::from_slice::<Part<Secret>>(message)?.part, |secret| {
                secret.path.len() + secret.kind.len() + secret.excerpt.len()
            }),
            "hygiene" => self.defects.extend(serde_json::from_slice::<Part<Defect>>(message)?.part, |defect| {
                defect.path.len() + defect.kind.len() + defect.detail.len()
            }),
            "licences" => {
                self.survey.licences.extend(serde_json::from_slice::<Part<(String, Licence)>>(message)?.part);
            }
            "manifests" => self.survey.manifests.extend(serde_json::from_slice::<Part<Manifest>>(message)?.part),
            "inventory" => {
                let Survey { manifests, licences, .. } = std::mem::take(&mut self.survey);
                self.survey =
                    Survey { manifests, licences, ..serde_json::from_slice::<Surveyed<Survey>>(message)?.survey };
            }
            "progress" => self.progress = serde_json::from_slice(message)?,
            "courier" => self.tried = Some(serde_json::from_slice(message)?),
            "publisher" => self.published = Some(serde_json::from_slice(message)?),
            _ => {}
        }
        Ok(())
    }

    /// Takes somebody's totals.
    pub(crate) fn totals(&mut self, message: &[u8]) -> Result<(), serde_json::Error> {
        let head: Head = serde_json::from_slice(message)?;
        if head.from == "walker" {
            self.walked = Some(serde_json::from_slice(message)?);
        } else if let Some(name) = SCANNERS.into_iter().find(|name| *name == head.from) {
            self.scanned.insert(name, serde_json::from_slice(message)?);
        }
        Ok(())
    }

    /// Whether all that will come has come.
    pub(crate) fn is_complete(&self) -> bool {
        let Some(walked) = &self.walked else { return false };
        let heard = |name: &str| self.scanned.contains_key(name) || walked.silent.iter().any(|silent| silent == name);
        SCANNERS.iter().all(|name| heard(name))
            && (self.tried.is_some() || !self.scanned.contains_key("secrets"))
            && self.published.is_some()
    }

    /// Nothing came for `waited` milliseconds: notes whose word is missing.
    pub(crate) fn give_up(&mut self, waited: u64) {
        let mut missing: Vec<&str> = SCANNERS.iter().copied().filter(|name| !self.scanned.contains_key(name)).collect();
        if self.walked.is_none() {
            missing.push("walker");
            let Progress { files, bytes } = self.progress;
            self.problems.push(format!(
                "The walk did not end; the last that was heard of it is {files} files and {bytes} bytes."
            ));
        }
        if self.tried.is_none() {
            missing.push("courier");
        }
        if self.published.is_none() {
            missing.push("publisher");
        }
        self.problems.push(format!(
            "Nothing was heard for {} s, so this was written without: {}.",
            waited / 1000,
            missing.join(", ")
        ));
    }

    /// How many findings of this scanner there are, and how many of them are not kept.
    pub(crate) fn counted<T>(&self, scanner: &str, findings: &Findings<T>) -> (u64, u64) {
        let (kept, dropped) = (findings.kept.len() as u64, findings.dropped);
        self.scanned.get(scanner).map_or((kept + dropped, dropped), |told| (told.found, told.unlisted + dropped))
    }

    /// Brings everything in order, so that one tree gives one report, and notes what was lost on the way.
    pub(crate) fn settle(&mut self) {
        self.secrets.kept.sort_unstable();
        self.defects.kept.sort_unstable();
        self.survey.manifests.sort_unstable();
        if let Some(walked) = &self.walked {
            for name in &walked.silent {
                self.problems.push(format!(
                    "The scanner `{name}` did not start or stopped answering; what it says here is not all."
                ));
            }
            if walked.files == 0 && walked.unreadable > 0 {
                self.problems.push("No file could be read.".to_owned());
            }
            if walked.partly_scanned > 0 {
                let files = if walked.partly_scanned == 1 { "file was" } else { "files were" };
                self.problems
                    .push(format!("{} {files} scanned only in part, see `partly-scanned`.", walked.partly_scanned));
            }
        }
        for (name, scanned) in &self.scanned {
            if scanned.lost_batches > 0 {
                self.problems.push(format!(
                    "{} batches of files did not reach `{name}`, which has not scanned them.",
                    scanned.lost_batches
                ));
            }
        }
    }
}
