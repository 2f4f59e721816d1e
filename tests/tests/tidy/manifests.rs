//! Who depends on whom, and which lints bind, as the manifests say (DESIGN section 3, rules 1, 2 and 7).

use crate::{Problem, Tree};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Libraries that are a host, or bring one: runtimes, databases, engines, operating systems, browsers.
const HOSTS: &[&str] = &[
    "async-std",
    "async-io",
    "bollard",
    "cap-std",
    "clap",
    "fjall",
    "getrandom",
    "hyper",
    "js-sys",
    "mio",
    "nix",
    "rayon",
    "reqwest",
    "rusqlite",
    "rustix",
    "smol",
    "tempfile",
    "tokio",
    "tracing-subscriber",
    "ureq",
    "wasm-bindgen",
    "wasmtime",
    "web-sys",
];

/// Tables whose pure part native and web share, allowed behind a feature that is off by default.
const OPTIONAL: &[&str] = &["redb"];

/// Lints that the workspace must deny.
const DENIED: [&str; 4] = ["await_holding_lock", "await_holding_refcell_ref", "todo", "unimplemented"];

fn table(tree: &Tree, path: &str) -> Table {
    tree.get(path).unwrap_or_default().parse().unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn sub<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Table> {
    keys.iter().try_fold(table, |table, key| table.get(*key).and_then(Value::as_table))
}

/// One line of a manifest's dependencies.
struct Dependency<'a> {
    /// The name that it is given there.
    key: &'a str,
    /// The package that it is.
    package: &'a str,
    /// Whether it lies in this tree.
    local: bool,
    /// What the line says of it.
    value: &'a Value,
}

/// The dependencies in the sections of `manifest`, for every target. What one says with `workspace = true` stands in
/// the manifest of the workspace, `root`.
fn dependencies<'a>(root: &'a Table, manifest: &'a Table, sections: &[&str]) -> Vec<Dependency<'a>> {
    let shared = sub(root, &["workspace", "dependencies"]);
    let targets =
        sub(manifest, &["target"]).into_iter().flat_map(|targets| targets.values()).filter_map(Value::as_table);
    let tables = std::iter::once(manifest).chain(targets);
    let lists = tables.flat_map(|table| sections.iter().filter_map(|section| sub(table, &[section])));
    let dependency = |(key, value): (&'a String, &'a Value)| {
        let inherits = value.get("workspace").and_then(Value::as_bool) == Some(true);
        let said = shared.filter(|_| inherits).and_then(|shared| shared.get(key)).unwrap_or(value);
        let package = said.get("package").and_then(Value::as_str).unwrap_or(key);
        Dependency { key, package, local: said.get("path").is_some(), value }
    };
    lists.flatten().map(dependency).collect()
}

/// The packages of the workspace, by name, with their folders.
fn workspace(tree: &Tree) -> BTreeMap<String, String> {
    let name = |folder: &str| {
        let manifest = table(tree, &format!("{folder}/Cargo.toml"));
        sub(&manifest, &["package"]).and_then(|p| p.get("name")).and_then(Value::as_str).map(str::to_owned)
    };
    tree.crates().into_iter().filter_map(|folder| Some((name(folder)?, folder.to_owned()))).collect()
}

/// The line on which `key` is first written as a key, or 0.
fn line_of(tree: &Tree, path: &str, key: &str) -> usize {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    tree.get(path).unwrap_or_default().lines().position(is_key).map_or(0, |line| line + 1)
}

/// The core depends on no crate of the workspace and, directly or through another, on no host library.
pub(crate) fn the_core_depends_on_no_host(tree: &Tree) -> Vec<Problem> {
    let path = "kernel-core/Cargo.toml";
    let (root, manifest) = (table(tree, "Cargo.toml"), table(tree, path));
    let ours = workspace(tree);
    let defaults: Vec<&str> = sub(&manifest, &["features"])
        .and_then(|features| features.get("default"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut problems = Vec::new();
    let mut queue = Vec::new();
    for Dependency { key, package: name, local, value } in
        dependencies(&root, &manifest, &["dependencies", "build-dependencies"])
    {
        let optional = value.get("optional").and_then(Value::as_bool) == Some(true);
        let behind_feature =
            OPTIONAL.contains(&name) && optional && !defaults.contains(&format!("dep:{name}").as_str());
        let what = if ours.contains_key(name) || local {
            "is a crate of this workspace; the core depends on none"
        } else if HOSTS.contains(&name) {
            "is a host library; the core has none"
        } else if OPTIONAL.contains(&name) && !behind_feature {
            "must be optional and off by default"
        } else {
            if !behind_feature {
                queue.push((name.to_owned(), key.to_owned()));
            }
            continue;
        };
        problems.push(Problem::new(path, line_of(tree, path, key), format!("`{name}` {what}")));
    }
    let lock = locked(tree);
    let mut seen = BTreeSet::new();
    while let Some((package, way)) = queue.pop() {
        for next in lock.get(&package).into_iter().flatten().filter(|next| seen.insert((*next).clone())) {
            let way = format!("{way} -> {next}");
            if HOSTS.contains(&&**next) || OPTIONAL.contains(&&**next) {
                let direct = way.split(' ').next().expect("split yields at least one");
                problems.push(Problem::new(path, line_of(tree, path, direct), format!("brings a host library: {way}")));
            }
            queue.push((next.clone(), way));
        }
    }
    problems
}

/// What each locked package depends on, by name; versions of one name are taken together.
fn locked(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let lock = table(tree, "Cargo.lock");
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = package.get("name").and_then(Value::as_str) else { continue };
        let list = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        let names = list.filter_map(|d| d.as_str()?.split(' ').next().map(str::to_owned));
        all.entry(name.to_owned()).or_default().extend(names);
    }
    all
}

/// A platform depends on the core and on no other crate of this tree, not even for its tests.
pub(crate) fn platforms_depend_on_the_core_alone(tree: &Tree) -> Vec<Problem> {
    let ours = workspace(tree);
    let mut problems = Vec::new();
    for folder in ours.values().filter(|folder| folder.starts_with("platform-")) {
        let path = format!("{folder}/Cargo.toml");
        let (root, manifest) = (table(tree, "Cargo.toml"), table(tree, &path));
        for Dependency { key, package: name, local, .. } in
            dependencies(&root, &manifest, &["dependencies", "build-dependencies", "dev-dependencies"])
        {
            if (ours.contains_key(name) || local) && name != "kernel-core" {
                let what = format!("`{name}`: a platform depends on kernel-core and on no other crate of this tree");
                problems.push(Problem::new(&path, line_of(tree, &path, key), what));
            }
        }
    }
    problems
}

/// Every crate takes the lints of the workspace, those deny what the design forbids, and the core has
/// its bans.
pub(crate) fn lints_are_shared(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in workspace(tree).values() {
        let path = format!("{folder}/Cargo.toml");
        let shared =
            sub(&table(tree, &path), &["lints"]).and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
        if shared != Some(true) {
            problems.push(Problem::new(path, 0, "lacks `[lints] workspace = true`"));
        }
    }
    let root = table(tree, "Cargo.toml");
    let clippy = sub(&root, &["workspace", "lints", "clippy"]);
    for lint in DENIED {
        if clippy.and_then(|lints| lints.get(lint)).and_then(Value::as_str) != Some("deny") {
            problems.push(Problem::new("Cargo.toml", 0, format!("`[workspace.lints.clippy]` does not deny `{lint}`")));
        }
    }
    if !tree.exists("kernel-core/.clippy.toml") {
        problems.push(Problem::new("kernel-core/.clippy.toml", 0, "is missing"));
    }
    let lib = "kernel-core/src/lib.rs";
    for inner in ["#![forbid(unsafe_code)]", "#![deny(clippy::iter_over_hash_type)]"] {
        if !tree.get(lib).unwrap_or_default().lines().any(|line| line == inner) {
            problems.push(Problem::new(lib, 0, format!("lacks `{inner}`")));
        }
    }
    problems
}
