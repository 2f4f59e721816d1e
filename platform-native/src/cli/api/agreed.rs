//! Which plan the operator agreed to, for each application that was installed here: by what its rows hash to.
//!
//! An application is started with what its plan says that it was given. A plan that somebody else has put into the place of
//! the one that was agreed to gives nothing. They stand in `plans.json` of the data directory, each before its application is
//! put in place: where that is cut short, what was there before gives nothing either, as its folders may be the other's.

use super::look;
use super::refused::Refused;
use crate::cli::exit::{Exit, Failure};
use crate::cli::text::shown;
use crate::data_dir::{keep_text, text_of};
use kernel_core::codec::hex;
use kernel_core::path::Name;
use kernel_core::platform::{Storage, StorageError};
use kernel_core::refusal::Code;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file.
pub(super) const FILE: &str = "plans.json";

/// The plans that were agreed to.
pub(crate) struct AgreedPlans {
    data_dir: PathBuf,
    // Held to look and to change, never while anybody is waited for but the file.
    hashes: Mutex<BTreeMap<Name, String>>,
}

impl AgreedPlans {
    /// Those that were kept in `data_dir`.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub(crate) fn open(data_dir: &Path) -> Result<AgreedPlans, Failure> {
        let hashes = match text_of(&data_dir.join(FILE)) {
            Ok(None) => Ok(BTreeMap::new()),
            Ok(Some(text)) => serde_json::from_str(&text).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        let hashes = hashes.map_err(|e| {
            let message = format!("{FILE} in the data directory {} cannot be used: {e}", shown(data_dir));
            Failure::new(Exit::Integrity, "plans", message)
                .help("put it back, or remove it and install the applications again")
        })?;
        Ok(AgreedPlans { data_dir: data_dir.to_owned(), hashes: Mutex::new(hashes) })
    }

    /// Whether `row` is the plan of `app` that was agreed to.
    pub(crate) fn is(&self, app: &Name, row: &[u8]) -> bool {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.get(app).is_some_and(|hash| *hash == hash_of(row))
    }

    /// Those of the applications in `rows` that are installed as was agreed to.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub(crate) async fn installed(&self, rows: &impl Storage) -> Result<BTreeSet<Name>, StorageError> {
        let plans = look::plan_rows(rows).await?;
        Ok(plans.into_iter().filter(|(app, row)| self.is(app, row)).map(|(app, _)| app).collect())
    }

    /// `row` is the plan of `app` that was agreed to; what the one before hashed to. Blocks briefly.
    pub(super) fn keep(&self, app: &Name, row: &[u8]) -> Result<Option<String>, Refused> {
        self.become_so(app, Some(hash_of(row)))
    }

    /// What was agreed to before [`AgreedPlans::keep`] is again. Where that cannot be written it is not. Blocks briefly.
    pub(super) fn restore(&self, app: &Name, before: Option<String>) {
        let _ = self.become_so(app, before);
    }

    fn become_so(&self, app: &Name, hash: Option<String>) -> Result<Option<String>, Refused> {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = hashes.clone();
        let before = match hash {
            Some(hash) => next.insert(app.clone(), hash),
            None => next.remove(app),
        };
        let kept = serde_json::to_string_pretty(&next).map_err(std::io::Error::from);
        kept.and_then(|text| keep_text(&self.data_dir, FILE, &text))
            .map_err(|e| Refused::new(Code::Failed, format!("{FILE} in the data directory cannot be written: {e}")))?;
        *hashes = next;
        Ok(before)
    }
}

fn hash_of(row: &[u8]) -> String {
    hex(&<[u8; 32]>::from(Sha256::digest(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_agreed_to_byte_for_byte_and_again_after_a_start() {
        let tmp = tempfile::tempdir().unwrap();
        let (one, other) = (Name::parse("one").unwrap(), Name::parse("other").unwrap());
        let plans = AgreedPlans::open(tmp.path()).unwrap();
        assert!(!plans.is(&one, b"plan"));
        assert_eq!(plans.keep(&one, b"plan").unwrap(), None);
        let before = plans.keep(&one, b"other").unwrap();
        assert!(plans.is(&one, b"other") && !plans.is(&one, b"plan"));
        plans.restore(&one, before);
        for plans in [plans, AgreedPlans::open(tmp.path()).unwrap()] {
            assert!(plans.is(&one, b"plan") && !plans.is(&one, b"plan ") && !plans.is(&other, b"plan"));
        }
        std::fs::write(tmp.path().join(FILE), "{").unwrap();
        assert_eq!(AgreedPlans::open(tmp.path()).err().unwrap().exit, Exit::Integrity);
    }
}
