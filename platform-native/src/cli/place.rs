//! Where a kernel keeps what it keeps, when nobody says.
//!
//! `--data-dir` names a directory, else `WEFT_DATA_DIR` does. Without either each application has one of
//! its own, `$XDG_DATA_HOME/weft/NAME` or `~/.local/share/weft/NAME`: so two applications can run at the
//! same time, each has one log, and neither's keys and files are in the other's.

use super::exit::{Exit, Failure};
use crate::keys::LOG_KEY;
use kernel_core::path::Name;
use kernel_core::platform::StorageError;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The database of a data directory: where it is, a kernel has been.
pub(crate) const DATABASE: &str = crate::storage::FILE;

/// The directory of a kernel that stays, beside those of applications.
const KERNEL: &str = "kernel.d";

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    data_dir: Option<PathBuf>,
    base: Option<PathBuf>,
}

impl Places {
    /// From the process's environment.
    pub(crate) fn from_env() -> Places {
        Places::from(|name| std::env::var_os(name))
    }

    fn from(var: impl Fn(&str) -> Option<OsString>) -> Places {
        let path = |name| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // A relative XDG_DATA_HOME is to be ignored (XDG base directory specification).
        let xdg = path("XDG_DATA_HOME").filter(|path| path.is_absolute());
        let home = || path("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".local/share"));
        Places { data_dir: path("WEFT_DATA_DIR"), base: xdg.or_else(home).map(|data| data.join("weft")) }
    }

    /// The directory that holds those of the applications, if there is a home.
    pub(crate) fn base(&self) -> Option<&Path> {
        self.base.as_deref()
    }

    /// Where `app` keeps its data, given `--data-dir`.
    pub(crate) fn of_app(&self, flag: Option<&Path>, app: &Name) -> Result<PathBuf, Failure> {
        self.below(flag, app.as_str())
    }

    /// Where a kernel that stays keeps its data, given `--data-dir`. No application can be called as this directory is,
    /// because of the dot.
    pub(crate) fn of_kernel(&self, flag: Option<&Path>) -> Result<PathBuf, Failure> {
        self.below(flag, KERNEL)
    }

    fn below(&self, flag: Option<&Path>, name: &str) -> Result<PathBuf, Failure> {
        if let Some(named) = self.named(flag) {
            return Ok(named);
        }
        let base = self.base.as_ref().ok_or_else(|| {
            Failure::usage("there is no home directory to keep data in").help("name one: --data-dir DIR")
        })?;
        Ok(base.join(name))
    }

    /// A directory in which a kernel has been: the one that is named, else the only one there is.
    pub(crate) fn existing(&self, flag: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(named) = self.named(flag) {
            return held_by_a_kernel(&named).map(|()| named);
        }
        let found = self.found();
        match found.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Failure::usage("no application has run here yet, so there is no log")
                .help("run one, or name a data directory: --data-dir DIR")),
            several => {
                let list: Vec<String> = several.iter().map(|path| format!("    {}", path.display())).collect();
                let message = format!("several applications have a log here:\n{}", list.join("\n"));
                Err(Failure::usage(message).help("name one of them: --data-dir DIR"))
            }
        }
    }

    /// Every directory below the base in which a kernel has been, in order of name; also one whose log was
    /// taken away and that has only the key left, so that somebody notices.
    pub(crate) fn found(&self) -> Vec<PathBuf> {
        let entries = self.base.as_ref().and_then(|base| std::fs::read_dir(base).ok());
        let paths = entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let mut found: Vec<PathBuf> =
            paths.filter(|path| [DATABASE, LOG_KEY].iter().any(|name| path.join(name).is_file())).collect();
        found.sort();
        found
    }

    /// What the command line or `WEFT_DATA_DIR` names.
    pub(crate) fn named(&self, flag: Option<&Path>) -> Option<PathBuf> {
        flag.map(Path::to_owned).or_else(|| self.data_dir.clone())
    }
}

/// Refuses a directory in which no kernel has been, and says apart what cannot be looked at and what was
/// taken out of it.
pub(crate) fn held_by_a_kernel(path: &Path) -> Result<(), Failure> {
    match is_fresh(path)? {
        false => Ok(()),
        true => Err(Failure::usage(format!("{} is not the data directory of a kernel", path.display()))
            .help(format!("name one that holds a `{DATABASE}`, as the end of a run prints it"))),
    }
}

/// Whether no kernel has been in `path` yet.
///
/// # Errors
/// What cannot be looked at, and what was taken out of it.
pub(crate) fn is_fresh(path: &Path) -> Result<bool, Failure> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match path.join(DATABASE).symlink_metadata() {
        Ok(meta) if !meta.is_file() => {
            let what = "it is not a file; whoever made it so may have taken the log away".to_owned();
            Err(StorageError::Damaged { place: path.join(DATABASE).display().to_string(), what }.into())
        }
        Ok(meta) if meta.len() > 0 => Ok(false),
        Err(e) if !matches!(e.kind(), NotFound | NotADirectory) => {
            let message = format!("the data directory {} cannot be looked at: {e}", path.display());
            Err(Failure::new(Exit::Usage, "data_dir", message).help("run this as whoever it belongs to"))
        }
        _ if path.join(LOG_KEY).symlink_metadata().is_ok() => {
            let place = path.join(DATABASE).display().to_string();
            let what = format!("it is gone, and {LOG_KEY} beside it has signed what was in it");
            Err(StorageError::Damaged { place, what }.into())
        }
        _ => Ok(true),
    }
}

/// Refuses a data directory and mounted folders that lie within each other: agents could then read the
/// key that signs the log, or change the log itself.
pub(crate) fn keep_apart<'a>(
    data_dir: &Path,
    mounts: impl IntoIterator<Item = (&'a Name, &'a Path)>,
) -> Result<(), Failure> {
    let data = resolved(data_dir)?;
    for (name, folder) in mounts {
        let folder = resolved(folder)?;
        let (inner, outer) = if data.starts_with(&folder) {
            ("the data directory", format!("the folder of mount `{name}`"))
        } else if folder.starts_with(&data) {
            ("a mounted folder", format!("the data directory, as mount `{name}`"))
        } else {
            continue;
        };
        return Err(Failure::usage(format!(
            "{inner} lies in {outer} ({}): agents could reach the log and the key that signs it",
            folder.display()
        ))
        .help("keep the data elsewhere: --data-dir DIR"));
    }
    Ok(())
}

/// `path` without links, as far as it exists. What does not exist is a plain way down: a `..` in it would lead
/// somewhere else once its parts are made.
fn resolved(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), absolute.strip_prefix(ancestor)) {
            if rest.components().any(|part| part == Component::ParentDir) {
                let message = format!("{} has a `..` behind a folder that does not exist", path.display());
                return Err(Failure::usage(message).help("name the folder without it"));
            }
            return Ok(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(vars: &[(&str, &str)]) -> Places {
        Places::from(|name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn the_flag_comes_first_then_the_variable_then_a_directory_of_the_application() {
        let all = places(&[("WEFT_DATA_DIR", "/w"), ("XDG_DATA_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(all.of_app(Some(Path::new("f")), &name("a")).unwrap(), Path::new("f"));
        assert_eq!(all.of_app(None, &name("a")).unwrap(), Path::new("/w"));
        let xdg = places(&[("XDG_DATA_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(xdg.of_app(None, &name("a")).unwrap(), Path::new("/x/weft/a"));
        let home = places(&[("XDG_DATA_HOME", "relative"), ("WEFT_DATA_DIR", ""), ("HOME", "/h")]);
        assert_eq!(home.of_app(None, &name("a")).unwrap(), Path::new("/h/.local/share/weft/a"));
        assert!(places(&[]).of_app(None, &name("a")).is_err());
    }

    #[test]
    fn the_only_log_is_found_and_several_are_listed() {
        let tmp = tempfile::tempdir().unwrap();
        let here = places(&[("XDG_DATA_HOME", tmp.path().to_str().unwrap())]);
        assert!(here.existing(None).unwrap_err().message.contains("no application has run"));
        let make = |app: &str| {
            let dir = tmp.path().join("weft").join(app);
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join(DATABASE), "rows").unwrap();
            dir
        };
        let first = make("one");
        assert_eq!(here.existing(None).unwrap(), first);
        assert_eq!(here.existing(Some(&first)).unwrap(), first);
        let second = make("two");
        let message = here.existing(None).unwrap_err().message;
        assert!(message.contains(first.to_str().unwrap()) && message.contains(second.to_str().unwrap()));
        assert!(here.existing(Some(tmp.path())).is_err());
    }

    #[test]
    fn mounts_and_data_are_kept_apart_whatever_links_say() {
        let tmp = tempfile::tempdir().unwrap();
        let repo = tmp.path().join("repo");
        std::fs::create_dir(&repo).unwrap();
        let mount = name("repo");
        let refused = |data: &Path, folder: &Path| keep_apart(data, [(&mount, folder)]).is_err();
        assert!(refused(&repo.join("not/yet/there"), &repo));
        assert!(refused(&repo, &repo));
        assert!(refused(tmp.path(), &repo));
        assert!(!refused(&tmp.path().join("repo-data"), &repo));
        let link = tmp.path().join("link");
        std::os::unix::fs::symlink(&repo, &link).unwrap();
        assert!(refused(&link.join("data"), &repo));
        assert!(refused(&tmp.path().join("new/../repo/data"), &repo));
        assert!(refused(&tmp.path().join("other/data"), &tmp.path().join("none/../other")));
        assert!(!refused(&repo.join("../other"), &repo), "what exists is looked up");
    }
}
