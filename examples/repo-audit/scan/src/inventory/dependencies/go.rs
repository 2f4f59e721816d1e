//! `go.mod` (the Go Modules Reference, "go.mod files").

use super::{Manifest, dependency};

pub(super) fn read(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let mut block = None;
    for line in text.lines() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words = code.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        if first == ")" {
            block = None;
            continue;
        }
        let directive = block.unwrap_or(first);
        let mut next = || if block.is_some() { None } else { words.next() };
        let subject = if block.is_some() { Some(first) } else { next() };
        match (directive, subject) {
            ("require" | "replace" | "exclude" | "retract" | "tool" | "godebug" | "ignore", Some("(")) => {
                block = ["require", "replace", "exclude", "retract", "tool", "godebug", "ignore"]
                    .into_iter()
                    .find(|d| *d == directive);
            }
            ("module", Some(name)) => manifest.name = Some(unquote(name).to_owned()),
            ("require", Some(name)) => {
                let version = words.next().unwrap_or("");
                let scope = if comment.trim_start().starts_with("indirect") { "indirect" } else { "normal" };
                manifest.dependencies.push(dependency(unquote(name), unquote(version), scope));
            }
            _ => {}
        }
    }
    if manifest.name.is_none() {
        return Err("no line of it says `module`, as one of every go.mod does".to_owned());
    }
    Ok(manifest)
}

fn unquote(word: &str) -> &str {
    word.trim_matches(['"', '`'])
}
