//! A commit that is cut at any of its bytes, whose writes come in any order, or that meets an error of the disk: what was
//! acknowledged before is there, and of the last batch all or nothing.
//!
//! `WEFT_TORN` says how far apart the bytes are at which a write is cut; 1 is every byte.

use super::*;
use redb::backends::InMemoryBackend;
use std::sync::Mutex;

/// What a database asks of its disk.
#[derive(Clone, Debug)]
enum Asked {
    Write(u64, Vec<u8>),
    Len(u64),
    /// What was asked before is on the disk from here on.
    Sync,
}

/// A disk that remembers what it was asked, and fails from a moment on.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    asked: Vec<Asked>,
    /// How many more of what changes it are done, where it fails afterwards.
    left: Option<usize>,
}

impl Inner {
    fn ask(&mut self, asked: Asked) -> Result<(), std::io::Error> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(|| std::io::Error::from_raw_os_error(5))?;
        }
        apply(&mut self.bytes, &asked);
        self.asked.push(asked);
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, asked: &Asked) {
    match asked {
        Asked::Write(at, data) => {
            let end = *at as usize + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at as usize..end].copy_from_slice(data);
        }
        Asked::Len(len) => bytes.resize(*len as usize, 0),
        Asked::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let at = offset as usize;
        let disk = self.0.lock().unwrap();
        let found = disk.bytes.get(at..at + out.len());
        out.copy_from_slice(found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.lock().unwrap().ask(Asked::Len(len))
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.0.lock().unwrap().ask(Asked::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.lock().unwrap().ask(Asked::Write(offset, data.to_vec()))
    }
}

fn over(backend: impl StorageBackend) -> Result<Database, StorageError> {
    guarded("disk", || open_database("disk", backend, false))
}

fn of(bytes: &[u8]) -> Result<Database, StorageError> {
    let backend = InMemoryBackend::new();
    backend.set_len(bytes.len() as u64).unwrap();
    backend.write(0, bytes).unwrap();
    over(backend)
}

/// The rows of a batch: one that is changed each time, and one of its own.
fn changes(number: u64) -> Vec<(Key, Option<Bytes>)> {
    let value = Bytes::from(format!("{number:>300}"));
    vec![("same".into(), Some(value.clone())), (format!("own {number:03}").into(), Some(value))]
}

/// How many batches are in it, each of which is whole.
fn batches(db: &Database) -> u64 {
    let rows = db.begin_read().unwrap().open_table(ROWS).unwrap();
    let all = page(&rows, b"", &[0xff], usize::MAX).unwrap().rows;
    let own = all.iter().filter(|(key, _)| key.starts_with(b"own ")).count() as u64;
    let expected: std::collections::BTreeMap<Key, Bytes> =
        (0..own).flat_map(changes).map(|(key, value)| (key, value.unwrap())).collect();
    assert_eq!(all, expected.into_iter().collect::<Vec<_>>(), "a batch that is not whole");
    own
}

/// A disk with `before` batches, and what one more asks of it, with the state that it is kept in.
fn last(before: u64, large: bool) -> (Vec<u8>, Vec<Asked>) {
    let disk = Disk::default();
    let db = over(disk.clone()).unwrap();
    (0..before).for_each(|number| write(&db, &changes(number), large).unwrap());
    let bytes = {
        let mut inner = disk.0.lock().unwrap();
        inner.asked.clear();
        inner.bytes.clone()
    };
    write(&db, &changes(before), large).unwrap();
    let asked = disk.0.lock().unwrap().asked.clone();
    (bytes, asked)
}

#[tokio::test]
async fn a_commit_that_is_cut_at_any_byte_is_whole_or_not_there() {
    let step = std::env::var("WEFT_TORN").map_or(97, |step| step.parse().expect("a number"));
    for large in [false, true] {
        let (before, asked) = last(6, large);
        assert!(matches!(asked.last(), Some(Asked::Sync)), "acknowledged before it was on disk");
        let (mut cut, mut whole) = (0, 0);
        for (at, torn) in asked.iter().enumerate() {
            let Asked::Write(to, data) = torn else { continue };
            let barrier = asked[..at].iter().rposition(|asked| matches!(asked, Asked::Sync)).map_or(0, |at| at + 1);
            // In the order in which they were asked, and with all others since the last flush lost.
            for others in [&asked[..at], &asked[..barrier]] {
                let mut bytes = before.clone();
                others.iter().for_each(|asked| apply(&mut bytes, asked));
                for len in (0..data.len()).step_by(step).chain([data.len()]) {
                    let mut bytes = bytes.clone();
                    apply(&mut bytes, &Asked::Write(*to, data[..len].to_vec()));
                    let db = of(&bytes).unwrap_or_else(|e| panic!("{large}: write {at} cut to {len}: {e}"));
                    let found = batches(&db);
                    assert!(found == 6 || found == 7, "{large}: write {at} cut to {len}: {found}");
                    whole += u64::from(found == 7);
                    cut += 1;
                }
            }
        }
        assert!(cut > 100 && whole > 0, "{cut} cuts, {whole} whole");
    }
}

#[tokio::test]
async fn an_error_of_the_disk_loses_nothing_that_was_acknowledged() {
    for large in [false, true] {
        for left in 0..40 {
            let disk = Disk::default();
            let db = over(disk.clone()).unwrap();
            (0..3).for_each(|number| write(&db, &changes(number), large).unwrap());
            disk.0.lock().unwrap().left = Some(left);
            let mut acknowledged = 3;
            let error = loop {
                match guarded("disk", || {
                    write(&db, &changes(acknowledged), large).map_err(|e| from_redb("disk", "committing", e))
                }) {
                    Ok(()) => acknowledged += 1,
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, StorageError::Io { .. }), "{error}");
            // Nothing is acknowledged any more, though the disk has recovered.
            disk.0.lock().unwrap().left = None;
            assert!(write(&db, &changes(99), large).is_err(), "{large} {left}");
            drop(db);
            let bytes = disk.0.lock().unwrap().bytes.clone();
            let found = batches(&of(&bytes).unwrap_or_else(|e| panic!("{large} {left}: {e}")));
            assert!(found == acknowledged || found == acknowledged + 1, "{large} {left}: {found} of {acknowledged}");
        }
    }
}
