//! Which folder is meant by which mount: bound when an application is installed that was given it, in effect again
//! after every start of the kernel, and let go of when the last such application is removed.
//!
//! The names of mounts are the kernel's, as they are in `/fs/NAME`: while an application is installed that was given a
//! folder under a name, the name is that folder. They stand in `mounts.json` of the data directory.

use super::refused::Refused;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::keep_apart;
use crate::cli::text::shown;
use crate::data_dir::{keep_text, text_of};
use crate::devices::NativeDevices;
use kernel_core::path::Name;
use kernel_core::platform::said;
use kernel_core::refusal::Code;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file.
pub(super) const FILE: &str = "mounts.json";

/// The folders of a kernel.
pub(crate) struct Mounts {
    data_dir: PathBuf,
    devices: NativeDevices,
    // Held to look and to change, never while anybody is waited for but the file.
    table: Mutex<Table>,
}

/// What is kept, and what could not be bound.
#[derive(Default)]
struct Table {
    folders: BTreeMap<Name, Folder>,
    problems: BTreeMap<Name, String>,
}

/// One folder, and the applications that were given it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Folder {
    path: PathBuf,
    apps: BTreeSet<Name>,
}

impl Mounts {
    /// Those that were kept in `data_dir`, each bound as far as its folder is still there. What was given to others than
    /// those that are `installed` as was agreed to is let go of: the kernel before ended while they were put in place or
    /// removed.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub(crate) fn open(data_dir: &Path, devices: NativeDevices, installed: &BTreeSet<Name>) -> Result<Mounts, Failure> {
        let folders = of_those(kept(data_dir)?, installed);
        let mounts = Mounts { data_dir: data_dir.to_owned(), devices, table: Mutex::default() };
        let mut table = Table { folders, ..Table::default() };
        for (name, folder) in &table.folders {
            if let Err(refused) = mounts.bind(name, &folder.path) {
                table.problems.insert(name.clone(), refused);
            }
        }
        *mounts.table() = table;
        Ok(mounts)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bind(&self, name: &Name, folder: &Path) -> Result<(), String> {
        keep_apart(&self.data_dir, [(name, folder)]).map_err(|failure| failure.message)?;
        self.devices.bind(name, folder).map_err(|e| said(&e))
    }

    /// What could not be bound at the start, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.table().problems.values().cloned().collect()
    }

    /// Whether `app` was given a folder under the name `name` that can be used.
    pub(crate) fn has(&self, app: &Name, name: &Name) -> bool {
        self.of(name, app).1.is_none()
    }

    /// The folder of the mount `name` for `app`, and why it cannot be used.
    pub(super) fn of(&self, name: &Name, app: &Name) -> (Option<String>, Option<String>) {
        let table = self.table();
        match table.folders.get(name).filter(|folder| folder.apps.contains(app)) {
            Some(folder) => (Some(shown(&folder.path)), table.problems.get(name).cloned()),
            None => (None, Some(format!("no folder is bound to the mount `{name}`"))),
        }
    }

    /// The folders that `app` was given, by mount.
    pub(super) fn given(&self, app: &Name) -> BTreeMap<Name, PathBuf> {
        of_app(&self.table().folders, app)
    }

    /// Binds the folders that these applications are given, in place of those that they had. Blocks briefly.
    pub(super) fn give(&self, given: &[(&Name, &BTreeMap<Name, PathBuf>)]) -> Result<(), Refused> {
        let mut table = self.table();
        let next = with(&table.folders, given)
            .map_err(|Clash { reason, help, .. }| Refused::new(Code::Conflict, reason).help(help))?;
        self.become_so(&mut table, next).map_err(|e| Refused::new(Code::Invalid, e))
    }

    /// These applications have again what they had before, where nobody else has that now, and else nothing; those that
    /// have. Blocks briefly.
    pub(super) fn give_back<'a>(&self, before: &[(&'a Name, &BTreeMap<Name, PathBuf>)]) -> Vec<&'a Name> {
        let nothing = BTreeMap::new();
        // First of all of them, as one may have what another had.
        let taken: Vec<_> = before.iter().map(|(app, _)| (*app, &nothing)).collect();
        if self.give(&taken).is_err() {
            return Vec::new();
        }
        before.iter().filter(|one| self.give(&[**one]).is_ok()).map(|(app, _)| *app).collect()
    }

    /// Lets go of what no application that is installed was given.
    pub(super) fn keep(&self, installed: &BTreeSet<Name>) {
        let mut table = self.table();
        let next = of_those(table.folders.clone(), installed);
        if next != table.folders {
            let _ = self.become_so(&mut table, next);
        }
    }

    /// Binds and lets go until the folders are `next`, and writes that down.
    fn become_so(&self, table: &mut Table, next: BTreeMap<Name, Folder>) -> Result<(), String> {
        let before = std::mem::take(&mut table.folders);
        let mut bound: Vec<&Name> = Vec::new();
        let mut failed = None;
        // First what goes, so that its folder is free for another name.
        for name in before
            .keys()
            .filter(|name| next.get(*name).map(|folder| &folder.path) != before.get(*name).map(|folder| &folder.path))
        {
            self.devices.unbind(name);
        }
        for (name, folder) in &next {
            let known =
                before.get(name).is_some_and(|known| known.path == folder.path) && !table.problems.contains_key(name);
            if known {
                continue;
            }
            match self.bind(name, &folder.path) {
                Ok(()) => bound.push(name),
                Err(why) => {
                    failed = Some(why);
                    break;
                }
            }
        }
        if failed.is_none() {
            failed = write(&self.data_dir, &next).err().map(|e| format!("{FILE} cannot be written: {e}"));
        }
        if let Some(why) = failed {
            for name in bound {
                self.devices.unbind(name);
            }
            for (name, folder) in before.iter().filter(|(name, _)| !table.problems.contains_key(*name)) {
                if next.get(name).is_none_or(|next| next.path != folder.path) {
                    let _ = self.devices.bind(name, &folder.path);
                }
            }
            table.folders = before;
            return Err(why);
        }
        bound.into_iter().for_each(|name| drop(table.problems.remove(name)));
        table.problems.retain(|name, _| next.contains_key(name));
        table.folders = next;
        Ok(())
    }
}

/// A folder that cannot be given.
#[derive(Debug)]
pub(crate) struct Clash {
    /// Whom it was to be given.
    pub(crate) app: Name,
    /// Under which name.
    pub(crate) mount: Name,
    pub(crate) reason: String,
    pub(crate) help: String,
}

/// Whether these applications can be given these folders in `data_dir`, also where a kernel has it. `installed` are those
/// whose folders are theirs; where that is not known, whoever was given any.
///
/// # Errors
/// When what others were given cannot be read.
pub(crate) fn givable(
    data_dir: &Path,
    installed: Option<&BTreeSet<Name>>,
    given: &[(&Name, &BTreeMap<Name, PathBuf>)],
) -> Result<Result<(), Clash>, Failure> {
    let mut folders = kept(data_dir)?;
    if let Some(installed) = installed {
        folders = of_those(folders, installed);
    }
    let next = match with(&folders, given) {
        Ok(next) => next,
        Err(clash) => return Ok(Err(clash)),
    };
    // What is no folder any more, and nobody is given now, is told of by a kernel that starts.
    let real = |folder: &Folder| folder.path.canonicalize().ok();
    for (app, folders) in given {
        for (mount, path) in folders.iter() {
            let Some(folder) = next.get(mount).and_then(real) else { continue };
            if let Some((other, _)) =
                next.iter().find(|(name, known)| *name != mount && real(known).as_ref() == Some(&folder))
            {
                let reason = format!("{} is mounted as `{other}` already, and a folder is mounted once", shown(path));
                let help = format!("give `{mount}` another folder, which may lie inside that one");
                return Ok(Err(Clash { app: (*app).clone(), mount: mount.clone(), reason, help }));
            }
        }
    }
    Ok(Ok(()))
}

/// The folders that `app` was given in `data_dir`, where no kernel runs.
///
/// # Errors
/// When what was kept cannot be read.
pub(crate) fn folders_of(data_dir: &Path, app: &Name) -> Result<BTreeMap<Name, PathBuf>, Failure> {
    Ok(of_app(&kept(data_dir)?, app))
}

fn of_app(folders: &BTreeMap<Name, Folder>, app: &Name) -> BTreeMap<Name, PathBuf> {
    let theirs = folders.iter().filter(|(_, folder)| folder.apps.contains(app));
    theirs.map(|(name, folder)| (name.clone(), folder.path.clone())).collect()
}

fn kept(data_dir: &Path) -> Result<BTreeMap<Name, Folder>, Failure> {
    read(&data_dir.join(FILE)).map_err(|e| {
        let message = format!("{FILE} in the data directory {} cannot be used: {e}", shown(data_dir));
        Failure::new(Exit::Integrity, "mounts", message)
            .help("put it back, or remove it and install the applications that were given folders again")
    })
}

/// The same with these applications given these folders, in place of those that they had.
fn with(
    folders: &BTreeMap<Name, Folder>,
    given: &[(&Name, &BTreeMap<Name, PathBuf>)],
) -> Result<BTreeMap<Name, Folder>, Clash> {
    let mut next = given.iter().fold(folders.clone(), |folders, (app, _)| without(&folders, app));
    for (app, folders) in given {
        for (mount, path) in folders.iter() {
            let folder =
                next.entry(mount.clone()).or_insert_with(|| Folder { path: path.clone(), apps: BTreeSet::new() });
            if let Some(other) = folder.apps.first().filter(|_| folder.path != *path) {
                let known = shown(&folder.path);
                let reason = format!("the mount `{mount}` is {known} for `{other}`, and one name is one folder");
                let help = format!("remove `{other}` first, or give that folder");
                return Err(Clash { app: (*app).clone(), mount: mount.clone(), reason, help });
            }
            folder.apps.insert((*app).clone());
        }
    }
    Ok(next)
}

/// The same without what none of these applications was given.
fn of_those(mut folders: BTreeMap<Name, Folder>, apps: &BTreeSet<Name>) -> BTreeMap<Name, Folder> {
    folders.retain(|_, folder| {
        folder.apps.retain(|app| apps.contains(app));
        !folder.apps.is_empty()
    });
    folders
}

/// The same without what only `app` was given.
fn without(folders: &BTreeMap<Name, Folder>, app: &Name) -> BTreeMap<Name, Folder> {
    let mut rest = folders.clone();
    rest.retain(|_, folder| {
        folder.apps.remove(app);
        !folder.apps.is_empty()
    });
    rest
}

fn read(path: &Path) -> io::Result<BTreeMap<Name, Folder>> {
    match text_of(path)? {
        Some(text) => serde_json::from_str(&text).map_err(io::Error::from),
        None => Ok(BTreeMap::new()),
    }
}

fn write(data_dir: &Path, folders: &BTreeMap<Name, Folder>) -> io::Result<()> {
    keep_text(data_dir, FILE, &serde_json::to_string_pretty(folders)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn given(pairs: &[(&str, &Path)]) -> BTreeMap<Name, PathBuf> {
        pairs.iter().map(|(mount, path)| (name(mount), path.to_path_buf())).collect()
    }

    impl Mounts {
        fn give_one(&self, app: &Name, folders: &BTreeMap<Name, PathBuf>) -> Result<(), Refused> {
            self.give(&[(app, folders)])
        }
    }

    fn installed(apps: &[&str]) -> BTreeSet<Name> {
        apps.iter().map(|app| name(app)).collect()
    }

    #[tokio::test]
    async fn a_name_is_one_folder_as_long_as_an_application_was_given_it() {
        let tmp = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = tmp.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (data, one, two) = (folder("data"), folder("one"), folder("two"));
        let devices = NativeDevices::new(tokio::runtime::Handle::current());
        let bound = || {
            devices.mounts().into_iter().map(|(name, path)| format!("{name}={}", path.display())).collect::<Vec<_>>()
        };
        let is = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mounts = Mounts::open(&data, devices.clone(), &installed(&[])).unwrap();
        mounts.give_one(&name("a"), &given(&[("repo", &one)])).unwrap();
        assert_eq!(bound(), [is("repo", &one)]);
        // The same folder is shared, another one is not.
        mounts.give_one(&name("b"), &given(&[("repo", &one)])).unwrap();
        assert_eq!(mounts.give_one(&name("b"), &given(&[("repo", &two)])).unwrap_err().status.as_u16(), 409);
        assert!(mounts.give_one(&name("c"), &given(&[("x", &data)])).is_err(), "the data directory");
        assert!(mounts.give_one(&name("c"), &given(&[("x", &tmp.path().join("none"))])).is_err());
        assert_eq!(bound(), [is("repo", &one)]);
        // What was given is in effect at the next start, and what nobody has any more is gone.
        mounts.keep(&BTreeSet::from([name("b")]));
        drop(mounts);
        devices.unbind(&name("repo"));
        let mounts = Mounts::open(&data, devices.clone(), &installed(&["a", "b"])).unwrap();
        assert_eq!(bound(), [is("repo", &one)]);
        assert!(mounts.has(&name("b"), &name("repo")) && !mounts.has(&name("a"), &name("repo")));
        mounts.keep(&BTreeSet::new());
        assert!(bound().is_empty());
        // What nobody who is there was given is let go of at a start.
        mounts.give_one(&name("a"), &given(&[("repo", &one)])).unwrap();
        drop(mounts);
        devices.unbind(&name("repo"));
        let gives = || givable(&data, Some(&installed(&[])), &[(&name("b"), &given(&[("repo", &two)]))]).unwrap();
        assert!(gives().is_ok());
        assert!(givable(&data, None, &[(&name("b"), &given(&[("repo", &two)]))]).unwrap().is_err());
        let mounts = Mounts::open(&data, devices.clone(), &installed(&["b"])).unwrap();
        assert!(bound().is_empty() && !mounts.has(&name("a"), &name("repo")));
    }

    /// Two that have changed folders have again what they had, and one whose folder somebody else has now has none.
    #[tokio::test]
    async fn what_was_given_in_vain_is_given_back() {
        let tmp = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = tmp.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (data, one, two) = (folder("data"), folder("one"), folder("two"));
        let devices = NativeDevices::new(tokio::runtime::Handle::current());
        let mounts = Mounts::open(&data, devices, &installed(&[])).unwrap();
        let (a, b) = (name("a"), name("b"));
        let (mine, yours) = (given(&[("x", &one)]), given(&[("y", &two)]));
        mounts.give(&[(&a, &mine), (&b, &yours)]).unwrap();
        let changed = [(&a, &given(&[("x", &two)])), (&b, &given(&[("y", &one)]))];
        mounts.give(&changed).unwrap();
        assert_eq!(mounts.give_back(&[(&a, &mine), (&b, &yours)]), [&a, &b]);
        assert_eq!((mounts.given(&a), mounts.given(&b)), (mine.clone(), yours.clone()));
        mounts.give(&changed).unwrap();
        assert!(mounts.give_back(&[(&a, &mine)]).is_empty());
        assert!(mounts.given(&a).is_empty() && mounts.given(&b) == *changed[1].1);
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_told_and_one_that_is_back_can_be_given_again() {
        let tmp = tempfile::tempdir().unwrap();
        let (data, one) = (tmp.path().join("data"), tmp.path().join("one"));
        std::fs::create_dir(&data).unwrap();
        std::fs::create_dir(&one).unwrap();
        let devices = || NativeDevices::new(tokio::runtime::Handle::current());
        let open = || Mounts::open(&data, devices(), &installed(&["a"]));
        open().unwrap().give_one(&name("a"), &given(&[("repo", &one)])).unwrap();
        std::fs::remove_dir(&one).unwrap();
        let mounts = open().unwrap();
        assert_eq!(mounts.problems().len(), 1);
        assert!(mounts.of(&name("repo"), &name("a")).1.is_some());
        std::fs::create_dir(&one).unwrap();
        mounts.give_one(&name("a"), &given(&[("repo", &one)])).unwrap();
        assert_eq!(mounts.of(&name("repo"), &name("a")), (Some(shown(&one)), None));
        std::fs::write(data.join(FILE), "{").unwrap();
        assert_eq!(open().map(drop).unwrap_err().exit, Exit::Integrity);
    }
}
