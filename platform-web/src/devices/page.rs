//! Pages of a listing: which of all names in order are the next.

use kernel_core::platform::{DeviceReply, Entry};
use std::ops::Range;

/// The most entries of one page.
const MAX_PAGE: u32 = 10_000;

/// The indices of the names after `cursor`, at most `limit` of them. `name` answers the name at an index below
/// `count`; they ascend.
pub(super) fn range<'n>(
    count: usize,
    name: impl Fn(usize) -> &'n str,
    cursor: Option<&str>,
    limit: u32,
) -> Range<usize> {
    let (mut low, mut high) = (0, count);
    while let (Some(cursor), true) = (cursor, low < high) {
        let middle = low.midpoint(high);
        if name(middle) <= cursor { low = middle + 1 } else { high = middle }
    }
    low..count.min(low + limit.clamp(1, MAX_PAGE) as usize)
}

/// The page that holds `entries`, with its last name as the cursor if there are `more`.
pub(super) fn reply(entries: Vec<Entry>, last: Option<&str>, more: bool) -> DeviceReply {
    DeviceReply::Entries { entries, next: last.filter(|_| more).map(str::to_owned) }
}
