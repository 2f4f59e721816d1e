//! `Cargo.toml`.

use super::{Dependency, Manifest, dependency, toml_problem};
use toml::{Table, Value};

pub(super) fn read(text: &str) -> Result<(Manifest, Option<String>), String> {
    let table: Table = text.parse().map_err(|error| toml_problem(&error, text))?;
    let mut manifest = Manifest::default();
    let package = table.get("package").and_then(Value::as_table);
    let field = |key: &str| package.and_then(|p| p.get(key)).and_then(Value::as_str).map(str::to_owned);
    manifest.name = field("name");
    manifest.version = field("version");
    sections(&table, &mut manifest.dependencies);
    for target in table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        if let Some(target) = target.as_table() {
            sections(target, &mut manifest.dependencies);
        }
    }
    if let Some(shared) = table.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table) {
        section(shared, "workspace", &mut manifest.dependencies);
    }
    manifest.dependencies.sort();
    manifest.dependencies.dedup();
    Ok((manifest, field("license")))
}

fn sections(table: &Table, out: &mut Vec<Dependency>) {
    for (key, scope) in [
        ("dependencies", "normal"), ("dev-dependencies", "dev"), ("dev_dependencies", "dev"), ("build-dependencies", "build"), ("build_dependencies", "build"),
    ] {
        if let Some(section_table) = table.get(key).and_then(Value::as_table) {
            section(section_table, scope, out);
        }
    }
}

fn section(table: &Table, scope: &str, out: &mut Vec<Dependency>) {
    for (key, value) in table {
        let text = |field: &str| value.get(field).and_then(Value::as_str);
        let name = text("package").unwrap_or(key);
        let requirement = match value {
            Value::String(version) => version.clone(),
            _ if value.get("workspace").and_then(Value::as_bool) == Some(true) => "workspace".to_owned(),
            _ => match (text("version"), text("git"), text("path")) {
                (Some(version), _, _) => version.to_owned(),
                (_, Some(git), _) => {
                    let at = text("rev").or(text("tag")).or(text("branch")).map_or(String::new(), |at| format!("#{at}"));
                    format!("git {git}{at}")
                }
                (_, _, Some(path)) => format!("path {path}"),
                _ => String::new(),
            },
        };
        out.push(dependency(name, &requirement, scope));
    }
}
