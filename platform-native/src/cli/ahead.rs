//! Reading ahead: while one page of a log is verified, the next is read on another thread.

use bytes::Bytes;
use kernel_core::chain::TABLE_EVENTS;
use kernel_core::platform::{Batch, Page, Storage, StorageError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Rows, of which the page of events behind the one that was read last is read already, where there is one. Other tables
/// are small, or read here and there. What is read is what a scan would have read a moment later, so it is for
/// rows that nobody changes.
pub(crate) struct Ahead<S> {
    rows: Arc<S>,
    /// Held for a moment, and never while anything is waited for.
    next: Mutex<Option<Next>>,
}

/// A page on its way.
struct Next {
    from: Bytes,
    to: Bytes,
    limit: usize,
    page: JoinHandle<Result<Page, StorageError>>,
}

impl<S: Storage> Ahead<S> {
    /// Over `rows`. To be used on a runtime.
    pub(crate) fn of(rows: S) -> Ahead<S> {
        Ahead { rows: Arc::new(rows), next: Mutex::new(None) }
    }

    /// The rows, when nothing is read any more.
    pub(crate) async fn into_inner(self) -> Option<S> {
        let next = self.next.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next {
            let _ = next.page.await;
        }
        Arc::into_inner(self.rows)
    }

    /// Takes the page on its way if it is the one that is asked for.
    fn take(&self, from: &[u8], to: &[u8], limit: usize) -> Option<Next> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.take_if(|next| next.from == from && next.to == to && next.limit == limit)
    }

    /// Reads one more, unless another is on its way: so there is never more than one.
    fn begin(&self, from: &Bytes, to: &[u8], limit: usize) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_some() {
            return;
        }
        let (rows, from, to) = (self.rows.clone(), from.clone(), Bytes::copy_from_slice(to));
        let page = tokio::spawn({
            let (from, to) = (from.clone(), to.clone());
            async move { rows.scan(&from, &to, limit).await }
        });
        *next = Some(Next { from, to, limit, page });
    }
}

impl<S: Storage> Storage for Ahead<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.rows.get(key).await
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        let page = match self.take(from, to, limit) {
            Some(next) => {
                next.page.await.map_err(|e| StorageError::Io { doing: "reading rows", source: Box::new(e) })?
            }
            None => self.rows.scan(from, to, limit).await,
        }?;
        if let (Some(next), Some(&TABLE_EVENTS)) = (&page.next, from.first())
            // A look at single rows goes nowhere.
            && limit > 1
        {
            self.begin(next, to, limit);
        }
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        self.rows.commit(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataDir;
    use crate::storage::RedbStorage;

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_are_those_that_a_scan_reads() {
        let row = |table: u8, n: u8| (Bytes::copy_from_slice(&[table, n]), Some(Bytes::copy_from_slice(&[n; 9])));
        let changes: Vec<_> = (0..50).flat_map(|n| [row(TABLE_EVENTS, n), row(TABLE_EVENTS + 1, n)]).collect();
        let tmp = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let dir = Arc::new(DataDir::open(&tmp.path().join(name)).unwrap());
            RedbStorage::open(&dir, false, tokio::runtime::Handle::current()).unwrap()
        };
        let (plain, ahead) = (open("plain"), Ahead::of(open("ahead")));
        plain.commit(Batch { changes: changes.clone() }).await.unwrap();
        ahead.commit(Batch { changes }).await.unwrap();
        for table in [TABLE_EVENTS, TABLE_EVENTS + 1] {
            let (mut from, to) = (Bytes::copy_from_slice(&[table]), [table + 1]);
            let mut read = 0;
            loop {
                let page = ahead.scan(&from, &to, 7).await.unwrap();
                let other = ahead.scan(&[TABLE_EVENTS, 3], &to, 5).await.unwrap();
                assert_eq!(other.rows, plain.scan(&[TABLE_EVENTS, 3], &to, 5).await.unwrap().rows);
                assert_eq!(page.rows, plain.scan(&from, &to, 7).await.unwrap().rows);
                read += page.rows.len();
                match page.next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            assert_eq!(read, 50);
        }
        assert!(ahead.into_inner().await.is_some(), "nothing is read any more");
    }
}
