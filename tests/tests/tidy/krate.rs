//! The files of one crate as a tree of modules, so that a path in one can be resolved to another.

use crate::Tree;
use crate::code::{Code, Mention};
use std::collections::{BTreeMap, BTreeSet};

/// One file that is a module.
pub(crate) struct File {
    /// Where it is.
    pub(crate) path: String,
    /// Its module path within the crate; empty for the root.
    pub(crate) module: Vec<String>,
    /// What is in it.
    pub(crate) code: Code,
    /// Whether all of it is only built for tests.
    pub(crate) test: bool,
}

/// What a path leads to.
pub(crate) enum Target {
    /// Something in the same crate, as a path from its root.
    Inside(Vec<String>),
    /// Something else: another crate, the standard library, or a name that is local to a file.
    Outside(Vec<String>),
}

/// A crate's library.
pub(crate) struct Krate {
    /// Its modules that are files.
    pub(crate) files: Vec<File>,
    /// All its modules, inline ones too, with whether each is public.
    modules: BTreeMap<Vec<String>, bool>,
}

impl Krate {
    /// The library in `folder/src`. Files that are no Rust are left out; a rule of their own finds them.
    pub(crate) fn read(tree: &Tree, folder: &str) -> Krate {
        let source = format!("{folder}/src/");
        let mut files = Vec::new();
        for (path, text) in tree.files(&source, ".rs") {
            let inner = &path[source.len()..path.len() - ".rs".len()];
            let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
            if module[0] == "bin" || inner == "main" {
                continue;
            }
            if module.last().is_some_and(|last| last == "mod") || inner == "lib" {
                module.pop();
            }
            if let Ok(code) = Code::parse(text) {
                files.push(File { path: path.to_owned(), module, code, test: false });
            }
        }
        let mut modules = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in &files {
            for module in &file.code.modules {
                let path = [&*file.module, &*module.inside, std::slice::from_ref(&module.name)].concat();
                if module.test {
                    tests.insert(path.clone());
                }
                modules.insert(path, module.public);
            }
        }
        for file in &mut files {
            file.test = (1..=file.module.len()).any(|n| tests.contains(&file.module[..n]));
            modules.entry(file.module.clone()).or_insert(false);
        }
        Krate { files, modules }
    }

    /// Where `mention` in `file` leads.
    pub(crate) fn resolve(&self, file: &File, mention: &Mention) -> Target {
        let mut base = [&*file.module, &*mention.inside].concat();
        let mut rest = &*mention.path;
        match &*rest[0] {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first => {
                if !self.modules.contains_key(&*[&*base, &[first.to_owned()]].concat()) {
                    return Target::Outside(rest.to_vec());
                }
            }
        }
        Target::Inside([&*base, rest].concat())
    }

    /// Whether `path` is a module, and if so whether it is public.
    pub(crate) fn module(&self, path: &[String]) -> Option<bool> {
        self.modules.get(path).copied()
    }
}
