//! The role that keeps rows: an ordered map from bytes to bytes with atomic, durable batches.

use super::{MaybeSend, MaybeSync};
use bytes::Bytes;
use std::future::Future;

/// A row's key: a table byte, then whatever orders the table; the longest that the kernel makes is a path of 4,096
/// bytes with one more on either side.
pub type Key = Bytes;

/// What a host says went wrong, boxed: the kernel prints it and looks no further.
pub type HostError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error with its causes, in one line.
pub fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        // Some errors print their cause themselves.
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text
}

/// Changes that happen together or not at all. A later change of the same key wins.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Each key with its new value, or `None` to remove it.
    pub changes: Vec<(Key, Option<Bytes>)>,
}

/// One page of a scan, owned: nothing stays locked behind it.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Rows in ascending order of key.
    pub rows: Vec<(Key, Bytes)>,
    /// Where the next page starts, or `None` at the end.
    pub next: Option<Key>,
}

/// Why rows could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Another process holds the data directory. Nothing was opened or changed.
    #[error("{place} is in use by {holder}")]
    Held {
        /// The directory or database.
        place: String,
        /// Who holds it, as far as the host can tell ("process 4711").
        holder: String,
    },
    /// There is no room. The batch was not applied.
    #[error("no space left at {place}")]
    Full {
        /// The directory or database.
        place: String,
    },
    /// What is stored cannot be read. Nothing was changed.
    #[error("{place} is damaged: {what}")]
    Damaged {
        /// The directory or database.
        place: String,
        /// What was found.
        what: String,
    },
    /// Anything else. After a failed commit the batch may or may not have been applied.
    #[error("storage failed while {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The host's own error.
        #[source]
        source: HostError,
    },
}

/// Keeps rows.
///
/// The kernel has one committer: commits never overlap each other, but may overlap gets and scans,
/// which see either all of a batch or nothing of it. Dropping a future of `commit` does not undo it.
pub trait Storage: MaybeSend + MaybeSync + 'static {
    /// The value at `key` as of the last commit that returned.
    fn get(&self, key: &[u8]) -> impl Future<Output = Result<Option<Bytes>, StorageError>> + MaybeSend;

    /// Rows with `from <= key < to` in order, at most `limit` of them and about 4 MiB.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> impl Future<Output = Result<Page, StorageError>> + MaybeSend;

    /// Applies `batch`: all or nothing, and on `Ok` it survives the loss of power.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StorageError>> + MaybeSend;
}
