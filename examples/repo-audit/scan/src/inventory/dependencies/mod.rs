//! Reads dependency manifests: what is depended on, as it is written. Nothing is resolved.

mod cargo;
mod go;
mod npm;
mod python;
mod tree;

use super::{Dependency, Manifest};
use crate::{address, text};

/// The kind of manifest that a file of this name is.
pub(super) fn kind(path: &str) -> Option<&'static str> {
    match text::file_name(path) {
        "Cargo.toml" => Some("cargo"),
        "package.json" => Some("npm"),
        "pyproject.toml" => Some("pyproject"),
        "go.mod" => Some("go"),
        name if name.ends_with(".txt") && (name.starts_with("requirements") || in_folder(path, "requirements")) => {
            Some("requirements")
        }
        _ => None,
    }
}

/// Whether the folder of the file at `path` has this name.
fn in_folder(path: &str, name: &str) -> bool {
    path.rsplit('/').nth(1) == Some(name)
}

/// Reads a manifest of a kind that [`kind`] answered; also the licence that it declares. What is wrong with it is told in `problem`.
pub(super) fn read(kind: &str, bytes: &[u8]) -> (Manifest, Option<String>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (Manifest { problem: Some("not UTF-8".to_owned()), ..Manifest::default() }, None);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut manifest, licence) = match kind {
        "cargo" => cargo::read(text),
        "npm" => npm::read(text),
        "pyproject" => python::read_pyproject(text),
        "go" => go::read(text).map(|manifest| (manifest, None)),
        _ => Ok((python::read_requirements(text), None)),
    }
    .unwrap_or_else(|problem| (Manifest { problem: Some(problem), ..Manifest::default() }, None));
    for told in [&mut manifest.name, &mut manifest.version, &mut manifest.problem].into_iter().flatten() {
        *told = short(told);
    }
    (manifest, licence.map(|licence| address::without_credentials(&licence)))
}

/// The longest text of a manifest that is kept, in bytes.
const LONGEST: usize = 200;

/// What is told of a text: at most [`LONGEST`] bytes, and of URLs no user information and no query.
fn short(text: &str) -> String {
    let mut text = address::without_credentials(text);
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

fn dependency(name: &str, requirement: &str, scope: &str) -> Dependency {
    let requirement = if requirement.is_empty() { "*" } else { requirement };
    Dependency { name: short(name), requirement: short(requirement), scope: short(scope) }
}
