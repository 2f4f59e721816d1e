//! `requirements.txt` (pip's requirements file format) and `pyproject.toml` (PEP 621, PEP 735, Poetry).

use super::tree::{Document, Node};
use super::{Dependency, Manifest, dependency};
use crate::address;

pub(super) fn read_requirements(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut joined = String::new();
    for line in text.lines() {
        // A backslash at the end joins lines; a comment needs a blank before its `#`.
        if let Some(begun) = line.strip_suffix('\\') {
            joined.push_str(begun);
            continue;
        }
        joined.push_str(line);
        let line = std::mem::take(&mut joined);
        let code = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or("") };
        let code = code.split(" --").next().unwrap_or("").trim();
        let code = match code.strip_prefix("-e").or_else(|| code.strip_prefix("--editable")) {
            Some(editable) if editable.starts_with([' ', '=']) => editable[1..].trim(),
            _ => code,
        };
        if code.is_empty() || code.starts_with('-') {
            continue;
        }
        manifest.dependencies.extend(requirement(code, "normal"));
    }
    manifest
}

pub(super) fn read_pyproject(text: &str) -> Result<(Manifest, Option<String>), String> {
    let document = Document::parse(text)?;
    let text = |path: &[&str]| document.text(path).map(str::to_owned);
    let mut manifest = Manifest {
        name: text(&["project", "name"]).or_else(|| text(&["tool", "poetry", "name"])),
        version: text(&["project", "version"]).or_else(|| text(&["tool", "poetry", "version"])),
        ..Manifest::default()
    };
    let out = &mut manifest.dependencies;
    list(document.at(&["project", "dependencies"]), "normal", out);
    list(document.at(&["build-system", "requires"]), "build", out);
    for groups in [document.at(&["project", "optional-dependencies"]), document.at(&["dependency-groups"])] {
        for (group, requirements) in groups.into_iter().flat_map(Node::entries) {
            list(Some(requirements), group, out);
        }
    }
    poetry(document.at(&["tool", "poetry", "dependencies"]), "normal", out);
    poetry(document.at(&["tool", "poetry", "dev-dependencies"]), "dev", out);
    for (group, table) in document.at(&["tool", "poetry", "group"]).into_iter().flat_map(Node::entries) {
        poetry(table.get("dependencies"), group, out);
    }
    let licence = text(&["project", "license"])
        .or_else(|| text(&["project", "license", "text"]))
        .or_else(|| text(&["tool", "poetry", "license"]));
    Ok((manifest, licence))
}

fn list(requirements: Option<Node<'_>>, scope: &str, out: &mut Vec<Dependency>) {
    for entry in requirements.into_iter().flat_map(Node::items) {
        out.extend(entry.text().and_then(|text| requirement(text, scope)));
    }
}

fn poetry(table: Option<Node<'_>>, scope: &str, out: &mut Vec<Dependency>) {
    for (name, value) in table.into_iter().flat_map(Node::entries) {
        // `python = "^3.9"` is the interpreter, not a package.
        if name != "python" {
            let version = value.text().or_else(|| value.get("version")?.text()).unwrap_or("");
            out.push(dependency(name, version, scope));
        }
    }
}

/// One requirement of PEP 508: `name[extra] >=1,<2; marker`, or `name @ url`; or pip's: a URL.
fn requirement(text: &str, scope: &str) -> Option<Dependency> {
    // In a URL a semicolon ends nothing but with a blank before it.
    let marker = if text.contains("//") { " ;" } else { ";" };
    let text = text.split(marker).next().unwrap_or("").trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let rest = rest.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']').map_or("", |(_, rest)| rest) } else { rest }.trim();
    let is_scheme = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if let Some((_, address)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        return Some(dependency(&named_by(address), text, scope));
    }
    // A bare path names no package.
    if name.is_empty() || rest.starts_with([':', '/', '\\']) {
        return None;
    }
    let asked = rest.strip_prefix('@').map_or(rest, str::trim);
    let asked = asked.strip_prefix('(').and_then(|a| a.strip_suffix(')')).unwrap_or(asked);
    Some(dependency(name, asked, scope))
}

/// The name that a URL gives its package: `#egg=name`, or else its last segment.
fn named_by(address: &str) -> String {
    let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
    // Without what authenticates, the last segment is `x.git@revision`, and never a password with a slash in it.
    let address = address::without_credentials(&format!("//{address}"));
    let path = address.trim_start_matches('/').split_once('/').map_or("", |(_, path)| path);
    let last = path.split('?').next().unwrap_or("").trim_end_matches('/').rsplit('/').next().unwrap_or("");
    let last = last.split('@').next().unwrap_or("").trim_end_matches(".git");
    egg.map_or(last, |egg| egg.split('[').next().unwrap_or(egg)).to_owned()
}
