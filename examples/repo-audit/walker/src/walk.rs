//! The walk itself: folders depth first, entries in byte order of their names, files in pieces.

use crate::Args;
use crate::credit::Credit;
use guest::batch::{Batch, Record, What};
use guest::fs::{self, Entry, EntryKind, Page};
use guest::message::{CHUNKS, Walked};
use guest::{Refusal, code_name, log, path};

/// Bytes beyond what its folder told that are read of one file, at most: of one that is written to meanwhile, or that
/// says it is empty and is not.
const GROWTH: u64 = 16 << 20;

/// A folder whose entries are being gone through.
#[derive(Debug)]
struct Folder {
    /// Canonical, below the root; empty for the root itself.
    path: String,
    entries: std::vec::IntoIter<Entry>,
    next: Option<String>,
}

/// A file that is being read.
#[derive(Debug)]
struct File {
    path: String,
    shown: String,
    size: u64,
    offset: u64,
}

impl File {
    /// Where reading ends, whatever is there.
    fn bound(&self, max_scan: u64) -> u64 {
        max_scan.min(self.size.saturating_add(GROWTH))
    }

    /// Bytes to ask for next. One more than the folder told: a shorter reply is then the end of the file, without another
    /// act. Once that one came, the file is another than was told, and all that may be read is asked for.
    fn wanted(&self, max_scan: u64) -> usize {
        let left = self.bound(max_scan).saturating_sub(self.offset);
        let told = self.size.checked_sub(self.offset).map_or(left, |rest| rest + 1);
        usize::try_from(told.min(left)).unwrap_or(usize::MAX)
    }

    /// Takes note of a reply of `got` bytes where `len` were asked for: whether it was the last, and whether there may be
    /// more that is not read.
    fn advance(&mut self, got: usize, len: usize, max_scan: u64) -> (bool, bool) {
        self.offset += got as u64;
        let last = got < len || self.offset >= self.bound(max_scan);
        (last, last && got == len && self.offset != self.size)
    }
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    args: Args,
    pub(crate) credit: Credit,
    pub(crate) walked: Walked,
    batch: Batch,
    folders: Vec<Folder>,
    file: Option<File>,
    failed: Option<String>,
}

impl Walk {
    /// A walk that these scanners follow.
    pub(crate) fn new(args: Args, scanners: Vec<String>) -> Walk {
        let credit = Credit::new(scanners, args.patience_ms);
        Walk {
            args,
            credit,
            walked: Walked::default(),
            batch: Batch::default(),
            folders: Vec::new(),
            file: None,
            failed: None,
        }
    }

    /// Opens the root.
    pub(crate) fn begin(&mut self) {
        self.folder(String::new());
        if self.folders.is_empty() {
            self.failed = Some(format!("{} cannot be listed", self.args.root));
        }
    }

    /// Fills and publishes one batch; `false` when there is nothing more to go through.
    pub(crate) fn batch(&mut self) -> bool {
        let number = self.walked.batches + 1;
        while self.walked.batches < number {
            if self.credit.live() == 0 {
                self.failed = Some("no scanner is left to read for".to_owned());
                return false;
            }
            if self.file.is_some() {
                self.piece();
            } else if let Some(entry) = self.next_entry() {
                self.entry(entry);
            } else {
                return false;
            }
        }
        true
    }

    /// Publishes what is left as the last batch, waits for all acknowledgements, and answers what was gone through,
    /// and why the walk as a whole failed if it did.
    pub(crate) fn finish(mut self) -> (Walked, Option<String>) {
        self.publish(true);
        self.credit.wait_for_all();
        self.walked.silent = self.credit.silent();
        (self.walked, self.failed)
    }

    fn publish(&mut self, last: bool) {
        self.credit.wait_for_room();
        self.walked.batches += 1;
        let number = self.walked.batches;
        match self.batch.publish(CHUNKS, number, last) {
            Ok(receivers) => {
                if receivers < self.credit.live() as u64 {
                    log::warn(&format!("batch {number} reached {receivers} of {} scanners", self.credit.live()));
                }
                self.credit.published(number);
            }
            // The scanners see the gap in the numbers and report it.
            Err(refusal) => {
                self.failed = Some(log::refused(&format!("publishing batch {number}"), &refusal));
            }
        }
    }

    /// The next entry of the innermost folder that has one, with its path.
    fn next_entry(&mut self) -> Option<(String, Entry)> {
        while let Some(folder) = self.folders.last_mut() {
            if let Some(entry) = folder.entries.next() {
                let path =
                    if folder.path.is_empty() { entry.name.clone() } else { format!("{}/{}", folder.path, entry.name) };
                return Some((path, entry));
            }
            let Some(cursor) = folder.next.take() else {
                self.folders.pop();
                continue;
            };
            let path = folder.path.clone();
            match fs::list(&self.full(&path), Some(&cursor)) {
                // A page that leads back to itself would never end.
                Ok(page) if page.next.as_ref() != Some(&cursor) => self.turn(page),
                Ok(_) => self.unreadable(&path, "its pages do not end"),
                Err(refusal) => self.unreadable(&path, &said(&refusal)),
            }
        }
        None
    }

    fn turn(&mut self, page: Page) {
        if let Some(folder) = self.folders.last_mut() {
            folder.entries = page.entries.into_iter();
            folder.next = page.next;
        }
    }

    fn entry(&mut self, (path, entry): (String, Entry)) {
        match entry.kind {
            EntryKind::Directory => {
                let ends = |end: &String| {
                    path.strip_suffix(end.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('/'))
                };
                if self.args.skip.iter().any(ends) {
                    self.walked.skipped_folders += 1;
                } else {
                    self.folder(path);
                }
            }
            EntryKind::File => {
                self.walked.files += 1;
                let shown = path::display(&path).0;
                self.file = Some(File { path, shown, size: entry.size, offset: 0 });
            }
            EntryKind::Link => self.walked.links += 1,
            EntryKind::OutsideLink => {
                self.walked.links += 1;
                self.walked.outside_links += 1;
            }
            EntryKind::BrokenLink => {
                self.walked.links += 1;
                self.note(What::BrokenLink, &path, "");
            }
            EntryKind::Mount => self.walked.other_mounts += 1,
            EntryKind::Other => self.note(What::Special, &path, ""),
        }
    }

    fn folder(&mut self, path: String) {
        match fs::list(&self.full(&path), None) {
            Ok(page) => {
                self.walked.folders += 1;
                self.folders.push(Folder { path, entries: page.entries.into_iter(), next: page.next });
            }
            Err(refusal) => self.unreadable(&path, &said(&refusal)),
        }
    }

    /// Reads the next piece of the open file into the batch, publishing first where there is no room for it.
    fn piece(&mut self) {
        let Some(mut file) = self.file.take() else { return };
        let needed = file.wanted(self.args.max_scan);
        if self.batch.room() < needed && !self.batch.is_empty() {
            self.publish(false);
            self.file = Some(file);
            return;
        }
        let len = needed.min(self.batch.room());
        let data = if len == 0 { Ok(Vec::new()) } else { fs::read(&self.full(&file.path), file.offset, len) };
        let data = match data {
            Ok(data) => data,
            Err(refusal) => return self.unreadable(&file.path, &said(&refusal)),
        };
        let offset = file.offset;
        let (last, partly) = file.advance(data.len(), len, self.args.max_scan);
        self.batch.push(&Record {
            what: What::Piece,
            last,
            partly,
            path: &file.shown,
            offset,
            size: file.size,
            data: &data,
        });
        self.walked.bytes += data.len() as u64;
        self.walked.partly_scanned += u64::from(partly);
        if !last {
            self.file = Some(file);
        }
    }

    fn unreadable(&mut self, path: &str, why: &str) {
        self.walked.unreadable += 1;
        self.note(What::Unreadable, path, why);
    }

    fn note(&mut self, what: What, path: &str, why: &str) {
        if self.batch.room() < why.len() {
            self.publish(false);
        }
        let shown = if path.is_empty() { ".".to_owned() } else { path::display(path).0 };
        self.batch.push(&Record {
            what,
            last: true,
            partly: false,
            path: &shown,
            offset: 0,
            size: 0,
            data: why.as_bytes(),
        });
    }

    fn full(&self, path: &str) -> String {
        if path.is_empty() { self.args.root.clone() } else { format!("{}/{path}", self.args.root) }
    }
}

fn said(refusal: &Refusal) -> String {
    let mut text = format!("{}: {}", code_name(refusal.code), refusal.reason);
    text.truncate(text.floor_char_boundary(1000));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file that is listed with `size` bytes and has what `there` says at each read; answers how many reads that
    /// took, where they ended, and whether the rest is told to be unread.
    fn read(size: u64, max_scan: u64, mut there: impl FnMut(u64) -> u64) -> (u64, u64, bool) {
        const ROOM: usize = 500_000;
        let mut file = File { path: String::new(), shown: String::new(), size, offset: 0 };
        for reads in 1.. {
            let len = file.wanted(max_scan).min(ROOM);
            let got = len.min(there(reads).saturating_sub(file.offset) as usize);
            let (last, partly) = file.advance(got, len, max_scan);
            if last {
                return (reads, file.offset, partly);
            }
        }
        unreachable!("a file ends")
    }

    #[test]
    fn a_file_that_is_what_was_told_takes_no_more_reads_than_it_has_pieces() {
        for (size, reads) in [(0, 1), (1, 1), (499_999, 1), (500_000, 2), (1_200_000, 3)] {
            assert_eq!(read(size, 1 << 30, |_| size), (reads, size, false), "{size}");
        }
        assert_eq!(read(1000, 100, |_| 1000), (1, 100, true));
        assert_eq!(read(100, 100, |_| 100), (1, 100, false));
    }

    #[test]
    fn a_file_that_grew_is_read_in_pieces_and_to_a_bound() {
        assert_eq!(read(10, 1 << 30, |_| 5000), (2, 5000, false));
        // It has a byte more whenever it is looked at, or as much as anybody can write.
        let (reads, end, partly) = read(10, 1 << 30, |reads| 10 + reads);
        assert!(reads <= 3 && end <= 14 && !partly, "{reads} {end}");
        for size in [0, 10, 1 << 20] {
            let (reads, end, partly) = read(size, 1 << 30, |_| u64::MAX);
            assert_eq!((end, partly), (size + GROWTH, true));
            assert!(reads < 40, "{reads}");
        }
    }

    #[test]
    fn a_file_that_says_it_is_empty_is_read_in_pieces() {
        assert_eq!(read(0, 1 << 30, |_| 2_000_000), (5, 2_000_000, false));
    }
}
