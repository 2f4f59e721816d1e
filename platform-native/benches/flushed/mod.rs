//! The floor of whatever has to be on disk: the same bytes in one write that is flushed.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

/// A file that only grows.
pub(crate) struct Flushed {
    file: File,
    _directory: tempfile::TempDir,
}

impl Flushed {
    /// An empty one, on the disk that the kernels of the benches have theirs on.
    pub(crate) fn new() -> Flushed {
        let directory = tempfile::tempdir().expect("a directory");
        let file = File::create_new(directory.path().join("flushed")).expect("a file");
        Flushed { file, _directory: directory }
    }

    /// How long it takes to write so many bytes and flush them.
    pub(crate) fn write(&mut self, bytes: usize) -> Duration {
        let bytes = vec![0xa5; bytes];
        let begun = Instant::now();
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).expect("flushed");
        begun.elapsed()
    }
}

/// The one in the middle.
pub(crate) fn median<T: PartialOrd + Copy>(numbers: &mut [T]) -> T {
    numbers.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    numbers[numbers.len() / 2]
}
