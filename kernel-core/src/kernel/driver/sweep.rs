//! Removes what was kept for snapshots and that none goes by any more: a piece with each batch, so that nobody waits for it, also
//! no boot and no end of a kernel, after which the next one goes on.

use super::Inner;
use crate::codec::table_range;
use crate::kernel::rows::TABLE_SNAPSHOT_NODE;
use crate::platform::{Platform, Storage};

/// How many rows go with one batch.
const PIECE: usize = 2_048;

impl<P: Platform> Inner<P> {
    /// After a batch: puts the removal of the next piece into the one after it.
    pub(in crate::kernel) async fn sweep(&self) {
        let to = {
            let core = self.lock();
            if !core.sweeps || core.closed || core.state.stopping {
                return;
            }
            core.state.kept_from()
        };
        let (from, _) = table_range(TABLE_SNAPSHOT_NODE);
        // What cannot be read now stays until a later boot.
        let found = self.storage.scan(&from, &to, PIECE).await.map(|page| page.rows).unwrap_or_default();
        let mut core = self.lock();
        core.sweeps = !found.is_empty();
        core.pending.add(std::iter::empty(), found.into_iter().map(|(key, _)| (key, None)));
    }
}
