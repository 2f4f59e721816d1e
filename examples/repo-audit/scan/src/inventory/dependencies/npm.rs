//! `package.json`.

use super::{Manifest, dependency};
use serde_json::{Map, Value};

pub(super) fn read(text: &str) -> Result<(Manifest, Option<String>), String> {
    let package: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        // Its own words may quote what stands there.
        let what = if error.is_data() {
            "no object"
        } else if error.is_eof() {
            "JSON that ends too early"
        } else {
            "no JSON"
        };
        format!("line {}, column {}: {what}", error.line(), error.column())
    })?;
    let field = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut manifest = Manifest { name: field("name"), version: field("version"), ..Manifest::default() };
    for (key, scope) in [
        ("dependencies", "normal"),
        ("devDependencies", "dev"),
        ("peerDependencies", "peer"),
        ("optionalDependencies", "optional"),
    ] {
        for (name, requirement) in package.get(key).and_then(Value::as_object).into_iter().flatten() {
            manifest.dependencies.push(dependency(name, requirement.as_str().unwrap_or(""), scope));
        }
    }
    // Once `{"type": "MIT", "url": …}`, now the expression itself.
    let licence = field("license").or_else(|| package.get("license")?.get("type")?.as_str().map(str::to_owned));
    Ok((manifest, licence))
}
