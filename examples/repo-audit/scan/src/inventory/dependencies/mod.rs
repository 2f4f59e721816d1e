//! Reads dependency manifests: what is depended on, as it is written. Nothing is resolved.

mod cargo;
mod go;
mod npm;
mod python;
mod tree;

use super::{Dependency, Manifest};
use crate::text;

/// The kind of manifest that a file of this name is.
pub(super) fn kind(path: &str) -> Option<&'static str> {
    match text::file_name(path) {
        "Cargo.toml" => Some("cargo"),
        "package.json" => Some("npm"),
        "pyproject.toml" => Some("pyproject"),
        "go.mod" => Some("go"),
        name if name.starts_with("requirements") && name.ends_with(".txt") => Some("requirements"),
        _ => None,
    }
}

/// Reads a manifest of a kind that [`kind`] answered; also the licence that it declares. What is wrong with it is told in `problem`.
pub(super) fn read(kind: &str, bytes: &[u8]) -> (Manifest, Option<String>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (Manifest { problem: Some("not UTF-8".to_owned()), ..Manifest::default() }, None);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = match kind {
        "cargo" => cargo::read(text),
        "npm" => npm::read(text),
        "pyproject" => python::read_pyproject(text),
        "go" => Ok((go::read(text), None)),
        _ => Ok((python::read_requirements(text), None)),
    };
    read.unwrap_or_else(|problem| (Manifest { problem: Some(problem), ..Manifest::default() }, None))
}

/// The longest name or requirement that is kept, in bytes.
const LONGEST: usize = 200;

fn dependency(name: &str, requirement: &str, scope: &str) -> Dependency {
    let short = |text: &str| text[..text.floor_char_boundary(LONGEST)].to_owned();
    let requirement = if requirement.is_empty() { "*" } else { requirement };
    Dependency { name: short(name), requirement: short(requirement), scope: short(scope) }
}
