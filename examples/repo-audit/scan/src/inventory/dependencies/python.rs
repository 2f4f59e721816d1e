//! `requirements.txt` (pip's requirements file format) and `pyproject.toml` (PEP 621, PEP 735, Poetry).

use super::{Dependency, Manifest, dependency, toml_problem};
use toml::{Table, Value};

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
        if code.is_empty() || code.starts_with('-') {
            continue;
        }
        manifest.dependencies.extend(requirement(code, "normal"));
    }
    manifest
}

pub(super) fn read_pyproject(text: &str) -> Result<(Manifest, Option<String>), String> {
    let table: Table = text.parse().map_err(|error| toml_problem(&error, text))?;
    let at = |path: &[&str]| path.iter().try_fold(None::<&Value>, |value, key| {
        let next = match value {
            None => table.get(*key),
            Some(value) => value.get(*key),
        };
        next.map(Some)
    }).flatten();
    let string = |path: &[&str]| at(path).and_then(Value::as_str).map(str::to_owned);
    let mut manifest = Manifest {
        name: string(&["project", "name"]).or_else(|| string(&["tool", "poetry", "name"])),
        version: string(&["project", "version"]).or_else(|| string(&["tool", "poetry", "version"])),
        ..Manifest::default()
    };
    let out = &mut manifest.dependencies;
    list(at(&["project", "dependencies"]), "normal", out);
    list(at(&["build-system", "requires"]), "build", out);
    for groups in [at(&["project", "optional-dependencies"]), at(&["dependency-groups"])] {
        for (group, requirements) in groups.and_then(Value::as_table).into_iter().flatten() {
            list(Some(requirements), group, out);
        }
    }
    poetry(at(&["tool", "poetry", "dependencies"]), "normal", out);
    poetry(at(&["tool", "poetry", "dev-dependencies"]), "dev", out);
    for (group, table) in at(&["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten() {
        poetry(table.get("dependencies"), group, out);
    }
    let licence = string(&["project", "license"])
        .or_else(|| string(&["project", "license", "text"]))
        .or_else(|| string(&["tool", "poetry", "license"]));
    Ok((manifest, licence.filter(|licence| licence.len() <= 100 && !licence.contains('\n'))))
}

fn list(requirements: Option<&Value>, scope: &str, out: &mut Vec<Dependency>) {
    for entry in requirements.and_then(Value::as_array).into_iter().flatten() {
        out.extend(entry.as_str().and_then(|text| requirement(text, scope)));
    }
}

fn poetry(table: Option<&Value>, scope: &str, out: &mut Vec<Dependency>) {
    for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
        // `python = "^3.9"` is the interpreter, not a package.
        if name != "python" {
            let version = value.as_str().or_else(|| value.get("version").and_then(Value::as_str)).unwrap_or("");
            out.push(dependency(name, version, scope));
        }
    }
}

/// One requirement of PEP 508: `name[extra] >=1,<2; marker`, or `name @ url`.
fn requirement(text: &str, scope: &str) -> Option<Dependency> {
    let text = text.split(';').next().unwrap_or("").trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let rest = rest.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']').map_or("", |(_, rest)| rest) } else { rest }.trim();
    // A bare URL or path names no package.
    if name.is_empty() || rest.starts_with([':', '/', '\\']) {
        return None;
    }
    let asked = rest.strip_prefix('@').map_or(rest, str::trim);
    let asked = asked.strip_prefix('(').and_then(|a| a.strip_suffix(')')).unwrap_or(asked);
    Some(dependency(name, asked, scope))
}
