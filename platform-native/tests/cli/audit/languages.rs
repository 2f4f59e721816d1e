//! What a tree is made of, counted again from its files in the plainest way.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What the names in a random tree end with, and the language that this is.
const LANGUAGES: &[(&str, &str)] = &[
    (".rs", "Rust"),
    (".py", "Python"),
    (".js", "JavaScript"),
    (".ts", "TypeScript"),
    (".yaml", "YAML"),
    (".md", "Markdown"),
    (".txt", "Text"),
    ("/go.mod", "Go module"),
    (".go", "Go"),
    (".toml", "TOML"),
    (".sh", "Shell"),
    (".java", "Java"),
    (".c", "C"),
    (".json", "JSON"),
    (".env", "INI"),
    (".conf", "INI"),
    (".ini", "INI"),
    (".sql", "SQL"),
];

/// Files, lines and bytes.
type Tally = [u64; 3];

/// The members `languages` and `binary` that a report about the folder has to have.
pub(super) fn counted(folder: &Path) -> (Value, Value) {
    let (mut languages, mut binary) = (BTreeMap::new(), Tally::default());
    count(folder, &mut languages, &mut binary);
    let told = |[files, lines, bytes]: Tally| json!({ "files": files, "lines": lines, "bytes": bytes });
    (languages.into_iter().map(|(language, tally)| (language.to_owned(), told(tally))).collect(), told(binary))
}

fn count(folder: &Path, languages: &mut BTreeMap<&'static str, Tally>, binary: &mut Tally) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (kind, path) = (entry.file_type().unwrap(), entry.path());
        if kind.is_dir() {
            count(&path, languages, binary);
        } else if kind.is_file() {
            let text = fs::read(&path).unwrap();
            let is_binary = text[..text.len().min(8 << 10)].contains(&0);
            let name = path.to_string_lossy();
            let language = LANGUAGES.iter().find(|(end, _)| name.ends_with(end)).map_or("other", |(_, name)| name);
            let tally = if is_binary { &mut *binary } else { languages.entry(language).or_default() };
            let ends = text.iter().filter(|byte| **byte == b'\n').count() as u64;
            let lines = ends + u64::from(text.last().is_some_and(|byte| *byte != b'\n'));
            let counted = [1, if is_binary { 0 } else { lines }, text.len() as u64];
            (0..3).for_each(|n| tally[n] += counted[n]);
        }
    }
}
