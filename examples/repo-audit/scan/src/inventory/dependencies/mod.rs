//! Reads dependency manifests: what is depended on, as it is written. Nothing is resolved.

mod cargo;
mod go;
mod npm;
mod python;
mod tree;

use super::{Dependency, Manifest};
use crate::{address, secrets, text};

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
    manifest.name = manifest.name.map(|name| named(&name));
    manifest.version = manifest.version.map(|version| asked(&version));
    (manifest, licence.map(|licence| address::without_credentials(&licence)))
}

/// Stands where a text of a manifest is not told.
const NOT_SHOWN: &str = "(not shown)";

/// The longest text of a manifest that is kept, in bytes; npm's longest name is 214.
const LONGEST: usize = 220;

/// What is told of a text that all of `fits` and may be told to anybody ([`secrets::is_tellable`]): of URLs no user
/// information and no query. Of any other, that it is not told.
fn told(text: &str, fits: fn(char) -> bool) -> String {
    let mut text = address::without_credentials(text);
    if !text.chars().all(|c| c == '…' || fits(c)) || !secrets::is_tellable(&without_digests(&text)) {
        return NOT_SHOWN.to_owned();
    }
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// The name of a licence, or an expression of several.
pub(super) fn licence(text: &str) -> String {
    told(text, |c| c.is_alphanumeric() || "-_.+/,:;&()'\"# …".contains(c))
}

/// A name of a package or a group: words, and what joins them; a path or a URL in some ecosystems.
fn named(text: &str) -> String {
    told(text, |c| c.is_alphanumeric() || "-_.@/+~:#?&= []".contains(c))
}

/// Which versions are asked for, or where from.
fn asked(text: &str) -> String {
    told(text, |c| c.is_alphanumeric() || "-_.@/+~:#?&= []^<>=!*,|()%\\;'\"${}".contains(c))
}

/// The text without what names a revision: 40 or 64 hexadecimal digits behind a `#` or an `@`, or those of a
/// pseudo-version of Go (`v0.0.0-20240102030405-0123456789ab`).
fn without_digests(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, part) in text.split_inclusive(['#', '@', '-', '.', '+']).enumerate() {
        let word = part.trim_end_matches(['#', '@', '-', '.', '+']);
        let before = out.chars().next_back();
        let revision = matches!(word.len(), 40 | 64) && matches!(before, Some('#' | '@'));
        let pseudo = word.len() == 12 && before == Some('-') && text.starts_with('v');
        let hexadecimal = word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        out.push_str(if at > 0 && hexadecimal && (revision || pseudo) { &part[word.len()..] } else { part });
    }
    out
}

fn dependency(name: &str, requirement: &str, scope: &str) -> Dependency {
    let requirement = if requirement.is_empty() { "*" } else { requirement };
    let from = requirement == "workspace" || requirement.starts_with("path ") || requirement.starts_with("git ");
    let version = requirement.trim_start_matches(['^', '~', '<', '>', '=', '!', ' ', 'v', '(']);
    // `token = "1.2"` asks for a package; another value of such a name is no version.
    let fits = from || version.starts_with(|c: char| c.is_ascii_digit() || c == '*') || !secrets::is_telling(name);
    let requirement = if fits { asked(requirement) } else { NOT_SHOWN.to_owned() };
    Dependency { name: named(name), requirement, scope: named(scope) }
}
