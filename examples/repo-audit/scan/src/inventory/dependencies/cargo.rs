//! `Cargo.toml`.

use super::tree::{Document, Node};
use super::{Dependency, Manifest, dependency};

pub(super) fn read(text: &str) -> Result<(Manifest, Option<String>), String> {
    let document = Document::parse(text)?;
    let field = |key: &str| document.text(&["package", key]).map(str::to_owned);
    let mut manifest = Manifest { name: field("name"), version: field("version"), ..Manifest::default() };
    let out = &mut manifest.dependencies;
    for (key, scope) in [
        ("dependencies", "normal"),
        ("dev-dependencies", "dev"),
        ("dev_dependencies", "dev"),
        ("build-dependencies", "build"),
        ("build_dependencies", "build"),
    ] {
        section(document.at(&[key]), scope, out);
        for (_, target) in document.at(&["target"]).into_iter().flat_map(Node::entries) {
            section(target.get(key), scope, out);
        }
    }
    section(document.at(&["workspace", "dependencies"]), "workspace", out);
    out.sort_unstable();
    out.dedup();
    Ok((manifest, field("license")))
}

fn section(table: Option<Node<'_>>, scope: &str, out: &mut Vec<Dependency>) {
    for (key, value) in table.into_iter().flat_map(Node::entries) {
        let text = |field: &str| value.get(field).and_then(Node::text);
        let requirement = if let Some(version) = value.text() {
            version.to_owned()
        } else if value.get("workspace").is_some_and(Node::is_true) {
            "workspace".to_owned()
        } else {
            match (text("version"), text("git"), text("path")) {
                (Some(version), _, _) => version.to_owned(),
                (_, Some(git), _) => {
                    let at =
                        text("rev").or(text("tag")).or(text("branch")).map_or(String::new(), |at| format!("#{at}"));
                    format!("git {git}{at}")
                }
                (_, _, Some(path)) => format!("path {path}"),
                _ => String::new(),
            }
        };
        out.push(dependency(text("package").unwrap_or(key), &requirement, scope));
    }
}
