//! The files of the repository as text, from the disk or made up.

use std::collections::BTreeMap;
use std::path::Path;

/// Folders that hold what was built or fetched, not what was written.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "dist", ".git"];

/// Relative paths with `/`, and the text of each file; of one that is no text, what can be read of it.
#[derive(Clone)]
pub(crate) struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Everything below `root`.
    pub(crate) fn read(root: impl AsRef<Path>) -> Tree {
        let mut files = BTreeMap::new();
        walk(root.as_ref(), "", &mut files);
        assert!(files.contains_key("Cargo.toml"), "{} is not the workspace", root.as_ref().display());
        Tree(files)
    }

    /// A tree of these files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        Tree(files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect())
    }

    /// The same tree with one file added or replaced.
    pub(crate) fn with(&self, path: &str, text: &str) -> Tree {
        let mut files = self.0.clone();
        files.insert(path.to_owned(), text.to_owned());
        Tree(files)
    }

    /// A file's text.
    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Whether there is such a file or folder.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let folder = format!("{path}/");
        path.is_empty() || path == "." || self.0.keys().any(|p| p == path || p.starts_with(&folder))
    }

    /// Files whose path starts and ends so, in order.
    pub(crate) fn files<'a>(&'a self, start: &'a str, end: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter(move |(p, _)| p.starts_with(start) && p.ends_with(end)).map(|(p, t)| (&**p, &**t))
    }

    /// Top folders that hold a manifest: the crates of the workspace.
    pub(crate) fn crates(&self) -> Vec<&str> {
        self.files("", "/Cargo.toml")
            .filter_map(|(p, _)| p.strip_suffix("/Cargo.toml"))
            .filter(|p| !p.contains('/'))
            .collect()
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let entry = entry.expect("a directory can be read to its end");
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            if !NOT_OURS.contains(&&*name) {
                walk(&entry.path(), &format!("{path}/"), files);
            }
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            files.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
