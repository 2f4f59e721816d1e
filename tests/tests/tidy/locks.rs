//! No lock is held across an `.await` (DESIGN section 3, rule 7).
//!
//! Guards of ordinary locks are clippy's `await_holding_lock`, which the workspace denies. What is left
//! are locks whose guards are made to be held there.

use crate::code::Code;
use crate::{Problem, Tree};

/// Modules of asynchronous locks, and the names in them.
const MADE_TO_BE_HELD: [(&[&str], &[&str]); 4] = [
    (&["tokio", "sync"], &["Mutex", "MutexGuard", "OwnedMutexGuard", "RwLock", "RwLockReadGuard", "RwLockWriteGuard"]),
    (&["futures", "lock"], &["Mutex", "MutexGuard", "BiLock"]),
    (&["futures_util", "lock"], &["Mutex", "MutexGuard", "BiLock"]),
    (&["async_lock"], &["Mutex", "MutexGuard", "RwLock"]),
];

/// No crate uses an asynchronous lock.
pub(crate) fn no_lock_is_made_to_be_held(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files("", ".rs") {
        let Ok(code) = Code::parse(text) else { continue };
        for mention in &code.mentions {
            let is_lock = |(module, names): &(&[&str], &[&str])| {
                mention.path.len() > module.len()
                    && module.iter().zip(&mention.path).all(|(a, b)| a == b)
                    && (names.contains(&&*mention.path[module.len()]) || mention.path[module.len()] == "*")
            };
            if MADE_TO_BE_HELD.iter().any(is_lock) {
                let what = format!("`{}` is held across an await: pass a message instead", mention.path.join("::"));
                problems.push(Problem::new(path, mention.line, what));
            }
        }
    }
    problems
}
