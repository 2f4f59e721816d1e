//! What an operator starts a kernel with, as a file: where it keeps its data and listens, how strict it is, and what it
//! gives to which applications.
//!
//! Nothing of it is looked up here: paths and addresses are texts, which the host makes something of. It gives nothing
//! that flags could not give.

use super::consent::MAX_ALLOW;
use super::fields::{Fields, Placed};
use super::problem::{Problem, Problems};
use super::source::{Sort, Source};
use crate::capability::Right;
use crate::environment::Environment;
use crate::path::Name;
use std::collections::BTreeMap;
use std::sync::Arc;

const TOP: &[&str] = &["data_dir", "listen", "environment", "reserve", "app"];
const APP: &[&str] = &["path", "allow", "mounts"];

const CONFIG: Sort = Sort {
    what: "configuration",
    large: "a configuration only says what to start; the rest stands in the applications",
    begin: "data_dir = \"data\"\n        [[app]]\n        path = \"my-app\"",
};

/// A whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where keys, log and state are kept.
    pub data_dir: Option<Placed<String>>,
    /// Where to listen besides.
    pub listen: Vec<Placed<String>>,
    /// How strict the gate is.
    pub environment: Option<Environment>,
    /// Bytes of the disk that are left to operators: with less room applications do nothing.
    pub reserve: Option<u64>,
    /// The applications, in the order in which they are started.
    pub apps: Vec<AppConfig>,
    /// The text that all places are in.
    pub source: Arc<Source>,
}

/// One `[[app]]`: an application, and what it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct AppConfig {
    /// The byte at which it begins.
    pub at: usize,
    /// How messages call it: `app[1]`.
    pub key: String,
    /// Its folder.
    pub path: Placed<String>,
    /// Rights beyond those that every application has.
    pub allow: Vec<Placed<Right>>,
    /// A folder for each mount.
    pub mounts: BTreeMap<Name, Placed<String>>,
}

impl Config {
    /// A problem at byte `at` of the file, about `key`, which only a host could find.
    pub fn problem(&self, at: usize, key: &str, message: impl Into<String>, help: Option<String>) -> Problem {
        let (line, column) = self.source.position(at);
        let (file, key) = (self.source.file().to_owned(), key.to_owned());
        Problem { file, line, column, key, message: message.into(), help }
    }
}

/// Parses the configuration `bytes`; `file` is how messages call it.
///
/// # Errors
/// Every problem found, in the order of the file, at most [`super::MAX_PROBLEMS`] and a count of the rest.
pub fn parse_config(file: &str, bytes: &[u8]) -> Result<Config, Vec<Problem>> {
    let source = Arc::new(Source::new(&CONFIG, file, bytes).map_err(|problem| vec![problem])?);
    let mut problems = Problems::new(&source);
    let config = {
        let document = source.document()?;
        let top = Fields::document(&document, TOP, &mut problems);
        sections(&top, &source, &mut problems)
    };
    if problems.is_empty() { Ok(config) } else { Err(problems.finish()) }
}

fn sections(top: &Fields, source: &Arc<Source>, problems: &mut Problems) -> Config {
    let data_dir = path(top, "data_dir", problems);
    let mut listen = Vec::new();
    for item in top.find("listen").map(|field| field.items(problems)).unwrap_or_default() {
        listen.extend(item.text(problems).map(|text| item.placed(text.to_owned())));
    }
    let environment = top.find("environment").and_then(|field| {
        let known = Environment::standard();
        let words: Vec<(&str, usize)> = known.iter().enumerate().map(|(i, known)| (known.name(), i)).collect();
        let chosen = field.choice(&words, problems)?;
        known.get(chosen.value).cloned()
    });
    let reserve = top.find("reserve").and_then(|field| field.size(problems));
    let entries = top.entries("app", APP, problems);
    let apps = entries.iter().filter_map(|entry| app(entry, problems)).collect();
    Config { data_dir, listen, environment, reserve, apps, source: source.clone() }
}

fn app(fields: &Fields, problems: &mut Problems) -> Option<AppConfig> {
    if fields.find("path").is_none() {
        fields.need("path", "\"my-app\"", problems);
    }
    let path = path(fields, "path", problems);
    let allow = fields.find("allow").map(|field| field.rights(problems)).unwrap_or_default();
    if allow.len() > MAX_ALLOW {
        let many = format!("has {} rights; the limit is {MAX_ALLOW}", allow.len());
        problems.add(fields.at, &fields.key_of("allow"), many);
    }
    let mut mounts = BTreeMap::new();
    for (name, field) in fields.find("mounts").map(|field| field.named(problems)).unwrap_or_default() {
        match field.text(problems) {
            Some("") => problems.add(field.at, &field.key, "names no folder"),
            Some(text) => drop(mounts.insert(name, field.placed(text.to_owned()))),
            None => {}
        }
    }
    Some(AppConfig { at: fields.at, key: fields.key.clone(), path: path?, allow, mounts })
}

/// The path under `key`, which is not empty.
fn path(fields: &Fields, key: &str, problems: &mut Problems) -> Option<Placed<String>> {
    let field = fields.find(key)?;
    match field.text(problems)? {
        "" => {
            problems.add(field.at, &field.key, "names no folder");
            None
        }
        text => Some(field.placed(text.to_owned())),
    }
}
