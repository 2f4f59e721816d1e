//! Folders that were walked to a moment ago, so that reading the files of one does not walk there for
//! each of them.
//!
//! A handle is used for reading only, and for at most [`KEPT_FOR`] after the walk that opened it: a read
//! by it is one whose walk took that long. Whatever fails by a kept handle is tried again with a walk.

use cap_std::fs::Dir;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a handle is used.
pub(super) const KEPT_FOR: Duration = Duration::from_millis(100);

/// The most handles that are kept: about as many as processes read at the same time.
const KEPT: usize = 32;

/// How many are kept here: each is a descriptor, and what is kept must not be what is lacking.
fn most() -> usize {
    (crate::devices::descriptors() / 32).clamp(1, KEPT)
}

/// Handles by the path below the mount, the newest last.
#[derive(Debug)]
pub(super) struct Folders {
    most: usize,
    // Held to look up or exchange an entry, never while a folder is opened.
    kept: Mutex<VecDeque<(String, Arc<Dir>, Instant)>>,
}

impl Folders {
    pub(super) fn new() -> Folders {
        Folders { most: most(), kept: Mutex::default() }
    }

    pub(super) fn find(&self, path: &str) -> Option<Arc<Dir>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, dir, opened) = kept.iter().rev().find(|(of, _, _)| of == path)?;
        (opened.elapsed() < KEPT_FOR).then(|| dir.clone())
    }

    /// Keeps `dir`, whose walk began at `begun`.
    pub(super) fn keep(&self, path: &str, dir: &Arc<Dir>, begun: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _, opened)| of != path && opened.elapsed() < KEPT_FOR);
        if kept.len() == self.most {
            kept.pop_front();
        }
        kept.push_back((path.to_owned(), dir.clone(), begun));
    }

    /// Forgets all: something was removed here, and what is made in its place is another folder.
    pub(super) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
