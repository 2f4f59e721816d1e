//! Reads dependency manifests: what is depended on, as it is written. Nothing is resolved.

mod cargo;
mod go;
mod npm;
mod python;

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

fn dependency(name: &str, requirement: &str, scope: &str) -> Dependency {
    let requirement = if requirement.is_empty() { "*" } else { requirement };
    Dependency { name: name.to_owned(), requirement: requirement.to_owned(), scope: scope.to_owned() }
}

/// A TOML syntax error as one line.
fn toml_problem(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let message = error.message().replace('\n', " ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}
