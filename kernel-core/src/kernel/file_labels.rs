//! The labels of files: what is stored of them, and which requests under way may still change a file.
//!
//! Two kinds of rows lie in one table. The row of a file holds what its content is labelled; the row of a
//! folder (its path and `/`) holds what the names and sizes of its entries are labelled, because a name is
//! as much a message as a content is. Both only ever join while anything is under way on a file: a request
//! that failed, or that nobody waits for any more, may have been performed all the same. They are set anew
//! only when a whole file was replaced, that is certain, and no other request on it is under way.
//!
//! A file is known by the name of its mount and its path there. What is reached by another mount of the same
//! folder, or was written by others than this kernel over this data directory, has only what the mount declares.

use super::effects::Effects;
use super::rows;
use super::state::{Need, State};
use crate::id::{ActionId, Pid};
use crate::label::Labels;
use crate::path::{FsPath, Name, Resource, Verb};
use crate::platform::Key;
use crate::refusal::{Code, Refusal};
use std::collections::BTreeMap;

/// What the answer of a device lets its caller see. One that says why it could not be done may tell of anything at
/// the path and on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing that others put there.
    Nothing,
    /// The content of the file, or whether it is an expected one.
    Content,
    /// The entries of the folder.
    Entries,
    /// That something is there, file or folder.
    Presence,
}

impl Shows {
    /// The rows of what it shows of `path`.
    fn rows(self, path: &FsPath) -> Vec<Key> {
        match self {
            Shows::Nothing => Vec::new(),
            Shows::Content => vec![file_key(path)],
            Shows::Entries => vec![folder_key(path)],
            Shows::Presence => vec![file_key(path), folder_key(path)],
        }
    }
}

/// A request about a file that the device has not answered.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Which file or folder.
    pub(crate) path: FsPath,
    /// What its answer shows.
    pub(crate) shows: Shows,
    /// What it does to the file.
    pub(crate) does: Does,
    /// Who writes how many bytes by it.
    pub(crate) writes: Option<(Pid, usize)>,
}

/// What a request does to a file.
#[derive(Debug)]
pub(crate) enum Does {
    /// It looks at it.
    Look,
    /// It leaves something of what was there before.
    Change,
    /// It leaves nothing of that: once it has succeeded, the file is labelled so.
    Replace(Labels),
    /// The same, but another one that changes the file was under way at the same time: nobody knows which came
    /// last.
    Crossed,
}

/// The requests about files that no device has answered, whether or not anyone still waits for them.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_action: BTreeMap<ActionId, Flight>,
    by_path: BTreeMap<FsPath, Vec<ActionId>>,
}

impl Flights {
    /// A request is on its way.
    pub(crate) fn begin(&mut self, action: ActionId, mut flight: Flight) {
        let others = self.by_path.entry(flight.path.clone()).or_default();
        if !matches!(flight.does, Does::Look) {
            for other in others.iter() {
                let Some(other) = self.by_action.get_mut(other) else { continue };
                if !matches!(other.does, Does::Look) {
                    other.does = Does::Crossed;
                    flight.does = Does::Crossed;
                }
            }
        }
        others.push(action);
        self.by_action.insert(action, flight);
    }

    /// Its device has answered.
    fn end(&mut self, action: ActionId) -> Option<Flight> {
        let flight = self.by_action.remove(&action)?;
        if let Some(others) = self.by_path.get_mut(&flight.path) {
            others.retain(|other| *other != action);
            if others.is_empty() {
                self.by_path.remove(&flight.path);
            }
        }
        Some(flight)
    }
}

impl State {
    /// Asks for the rows that say what `path` is labelled, as far as an act of `verb` looks at them or changes them. A
    /// mount of which nothing is labelled has none, and costs nothing.
    pub(crate) fn want_labels(&self, path: &FsPath, verb: Verb, need: &mut Need) {
        if !self.any_labelled(path.mount()) && !need.is_every() {
            return;
        }
        Shows::Presence.rows(path).into_iter().for_each(|key| need.want(self, key));
        if matches!(verb, Verb::Write | Verb::Remove) {
            folders_of(path).for_each(|key| need.want(self, key));
        }
    }

    /// The same for the answer of a device, which has done it or not.
    pub(crate) fn want_landing(&self, action: ActionId, done: bool, need: &mut Need) {
        let Some(flight) = self.flights.by_action.get(&action) else { return };
        if !self.any_labelled(flight.path.mount()) && !need.is_every() {
            return;
        }
        let rows = if done { flight.shows.rows(&flight.path) } else { rows_of_error(&flight.path) };
        rows.into_iter().for_each(|key| need.want(self, key));
        if matches!(flight.does, Does::Replace(_)) {
            need.want(self, file_key(&flight.path));
        }
    }

    /// The labels of what an answer about `path` shows, as far as they are known now.
    pub(crate) fn shown_labels(&self, path: &FsPath, shows: Shows) -> Result<Labels, Refusal> {
        match shows {
            Shows::Nothing => Ok(Labels::NONE),
            shows => self.labels_of(path, shows.rows(path)),
        }
    }

    /// What the mount of `path` declares: it is joined to whatever is read there, and need not be kept.
    pub(crate) fn declared(&self, path: &FsPath) -> Labels {
        self.mounts.get(path.mount()).map(|mount| mount.labels.clone()).unwrap_or_default()
    }

    /// What the mount of `path` declares and `rows` hold.
    fn labels_of(&self, path: &FsPath, rows: Vec<Key>) -> Result<Labels, Refusal> {
        let mut labels = self.declared(path);
        for key in rows {
            let stored = self.stored_labels(path.mount(), &key)?;
            labels = labels
                .join(&stored)
                .map_err(|e| Refusal::new(Code::TooLarge, format!("{}: {e}", Resource::Fs(path.clone()))))?;
        }
        Ok(labels)
    }

    /// Joins `labels` to what a file is labelled that is about to be changed, and to what the entries of its
    /// folders are. Nothing has changed where this is refused.
    pub(crate) fn join_labels(&mut self, path: &FsPath, labels: &Labels, fx: &mut Effects) -> Result<(), Refusal> {
        if labels.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        for key in std::iter::once(file_key(path)).chain(folders_of(path)) {
            let before = self.stored_labels(path.mount(), &key)?;
            let after = before.join(labels).map_err(|e| {
                Refusal::new(Code::TooLarge, format!("{} cannot be labelled: {e}", Resource::Fs(path.clone())))
            })?;
            if after != before {
                changes.push((key, before, after));
            }
        }
        for (key, before, after) in changes {
            self.keep_labels(path.mount(), key, &before, &after, fx);
        }
        Ok(())
    }

    /// The device has answered: a file that was replaced as a whole is labelled as what replaced it, unless
    /// another write of it was under way, or a read still is. Returns the labels of what the answer shows.
    pub(crate) fn land(&mut self, action: ActionId, done: bool, fx: &mut Effects) -> Result<Labels, Refusal> {
        let Some(flight) = self.flights.end(action) else { return Ok(Labels::NONE) };
        let Flight { path, shows, does, writes } = flight;
        if let Some((pid, bytes)) = writes.filter(|_| done) {
            // How long the file was before is known to the device alone.
            self.has_stored(pid, bytes as u64, 0);
            if let Some(process) = self.processes.get_mut(&pid) {
                process.rare.filed = process.rare.filed.saturating_add(bytes as u64);
            }
        }
        let shown = match done {
            true => self.shown_labels(&path, shows),
            false => self.labels_of(&path, rows_of_error(&path)),
        };
        if done
            && let Does::Replace(after) = does
            && !self.flights.by_path.contains_key(&path)
            // What cannot be read stays as it is.
            && let Ok(before) = self.stored_labels(path.mount(), &file_key(&path))
            && before != after
        {
            self.keep_labels(path.mount(), file_key(&path), &before, &after, fx);
        }
        shown
    }

    fn any_labelled(&self, mount: &Name) -> bool {
        self.labelled.get(mount).is_some_and(|count| *count > 0)
    }

    fn stored_labels(&self, mount: &Name, key: &Key) -> Result<Labels, Refusal> {
        if !self.any_labelled(mount) {
            return Ok(Labels::NONE);
        }
        let Some(row) = self.row(key)? else { return Ok(Labels::NONE) };
        minicbor::decode(row).map_err(|e| {
            let path = String::from_utf8_lossy(key.get(1..).unwrap_or_default()).into_owned();
            Refusal::new(Code::Failed, format!("what {path} is labelled cannot be read, so it stays closed: {e}"))
        })
    }

    fn keep_labels(&mut self, mount: &Name, key: Key, before: &Labels, after: &Labels, fx: &mut Effects) {
        let change = i64::from(!after.is_empty()) - i64::from(!before.is_empty());
        let count = self.labelled.entry(mount.clone()).or_default();
        *count = count.saturating_add_signed(change);
        let value = (!after.is_empty()).then(|| minicbor::to_vec(after).unwrap_or_default().into());
        self.keep(key, value, fx);
    }
}

fn file_key(path: &FsPath) -> Key {
    rows::key(rows::TABLE_LABELS, Resource::Fs(path.clone()).to_string().as_bytes())
}

/// No canonical path ends in `/`, so the row of a folder is never that of a file.
fn folder_key(path: &FsPath) -> Key {
    rows::key(rows::TABLE_LABELS, format!("{}/", Resource::Fs(path.clone())).as_bytes())
}

/// What an error about `path` may tell of: whether there is a file or a folder, and whether it lies below a file.
fn rows_of_error(path: &FsPath) -> Vec<Key> {
    let mut rows = Shows::Presence.rows(path);
    // The row of a file is that of a folder of the same path without the `/`.
    rows.extend(folders_of(path).skip(1).map(|key| key.slice(..key.len() - 1)));
    rows
}

/// The folders above `path`, from the mount down.
fn folders_of(path: &FsPath) -> impl Iterator<Item = Key> {
    let whole = Resource::Fs(path.clone()).to_string();
    let below = "/fs/".len() + path.mount().as_str().len();
    let ends: Vec<usize> = whole.bytes().enumerate().skip(below).filter(|(_, b)| *b == b'/').map(|(i, _)| i).collect();
    ends.into_iter().map(move |end| rows::key(rows::TABLE_LABELS, &whole.as_bytes()[..=end]))
}
