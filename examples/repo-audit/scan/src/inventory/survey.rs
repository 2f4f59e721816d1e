//! The scan: goes through the files and fills a [`Survey`].

use super::{
    LARGEST_MANIFEST, Licence, MOST_BYTES, MOST_DEPENDENCIES, MOST_LICENCES, MOST_PATH_BYTES, MOST_PATHS, Manifest,
    Survey, Tally, dependencies, languages, licences,
};
use crate::feed::{Block, Feed};

/// How far into a file a licence header is looked for, in bytes.
const HEADER: u64 = 8 * 1024;
/// How long a header may be, in bytes.
const LONGEST_HEADER: usize = 256;
/// What a row takes besides its text, in bytes.
const ROW: usize = 100;
/// How much of a licence text is looked at, in bytes.
const LICENCE_TEXT: usize = 64 * 1024;

/// The scan for the inventory.
#[derive(Debug, Default)]
pub struct Inventory {
    feed: Feed,
    eye: Eye,
    survey: Survey,
    kept: usize,
    /// Bytes of the manifests that are kept, and of the paths of licences.
    manifest_bytes: usize,
    path_bytes: usize,
}

#[derive(Debug, Default)]
struct Eye {
    path: String,
    language: Option<&'static str>,
    manifest: Option<&'static str>,
    licence_text: bool,
    /// The file itself, when it is a manifest or a licence.
    whole: Vec<u8>,
    too_large: bool,
    header: Option<String>,
    binary: bool,
    bytes: u64,
}

impl Inventory {
    /// A scan that has seen nothing.
    pub fn new() -> Inventory {
        Inventory::default()
    }

    /// Begins the file at `path`.
    pub fn begin(&mut self, path: &str) {
        self.feed.begin(path);
        let eye = &mut self.eye;
        eye.path.clear();
        eye.path.push_str(path);
        eye.language = languages::of(path);
        eye.manifest = dependencies::kind(path);
        eye.licence_text = licences::is_text(path);
        eye.whole.clear();
        eye.too_large = false;
        eye.header = None;
        eye.binary = false;
        eye.bytes = 0;
    }

    /// Takes the file's next bytes; `last` says that it ends with them.
    pub fn push(&mut self, bytes: &[u8], last: bool) {
        let eye = &mut self.eye;
        eye.bytes += bytes.len() as u64;
        if eye.manifest.is_some() {
            let room = LARGEST_MANIFEST - eye.whole.len();
            eye.too_large |= bytes.len() > room;
            eye.whole.extend_from_slice(&bytes[..bytes.len().min(room)]);
        } else if eye.licence_text {
            let room = LICENCE_TEXT - eye.whole.len();
            eye.whole.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.feed.push(bytes, last, &mut |block| eye.see(block));
        if last {
            self.close();
        }
    }

    /// What was counted, in order.
    pub fn finish(mut self) -> Survey {
        self.survey.manifests.sort_unstable();
        for licence in self.survey.licences.values_mut() {
            licence.texts.sort_unstable();
            licence.manifests.sort_unstable();
        }
        self.survey
    }

    fn close(&mut self) {
        let eye = &mut self.eye;
        let survey = &mut self.survey;
        if eye.binary {
            add(&mut survey.binary, eye.bytes, 0);
            return;
        }
        add(entry(&mut survey.languages, eye.language.unwrap_or("other")), eye.bytes, self.feed.lines());
        if let Some(licence) = eye.header.take().and_then(|header| licence(survey, &header)) {
            licence.headers += 1;
        }
        if eye.licence_text
            && let Some(id) = licences::recognise(&eye.whole)
            && let Some(licence) = licence(survey, id)
        {
            keep_path(&mut licence.texts, &eye.path, &mut self.path_bytes);
        }
        let Some(kind) = eye.manifest else { return };
        let (mut manifest, declared) = if eye.too_large {
            let problem = Some(format!("larger than {LARGEST_MANIFEST} bytes"));
            (Manifest { problem, ..Manifest::default() }, None)
        } else {
            dependencies::read(kind, &eye.whole)
        };
        manifest.path.clone_from(&eye.path);
        manifest.kind = kind.to_owned();
        // Some write the whole text where its name belongs.
        if let Some(declared) = declared.filter(|declared| declared.len() <= 100 && !declared.contains('\n'))
            && let Some(licence) = licence(survey, &declared)
        {
            keep_path(&mut licence.manifests, &eye.path, &mut self.path_bytes);
        }
        manifest
            .dependencies
            .sort_unstable_by(|a, b| (&a.scope, &a.name, &a.requirement).cmp(&(&b.scope, &b.name, &b.requirement)));
        let mut bytes = MOST_BYTES.saturating_sub(self.manifest_bytes);
        let own = manifest.path.len() + ROW;
        if self.kept == MOST_DEPENDENCIES || bytes < own {
            survey.omitted += 1 + manifest.dependencies.len() as u64;
            return;
        }
        bytes -= own;
        let mut room = 0;
        for kept in manifest.dependencies.iter().take(MOST_DEPENDENCIES - self.kept - 1) {
            let Some(rest) = bytes.checked_sub(kept.name.len() + kept.requirement.len() + kept.scope.len() + ROW)
            else {
                break;
            };
            bytes = rest;
            room += 1;
        }
        self.manifest_bytes = MOST_BYTES - bytes;
        survey.omitted += manifest.dependencies.len().saturating_sub(room) as u64;
        manifest.dependencies.truncate(room);
        self.kept += 1 + manifest.dependencies.len();
        survey.manifests.push(manifest);
    }
}

impl Eye {
    fn see(&mut self, block: &Block<'_>) {
        self.binary = block.binary;
        if block.binary || block.offset >= HEADER || self.header.is_some() || self.licence_text {
            return;
        }
        // A header counts by where it begins, however the file was cut.
        let own = block.own();
        let within = own.len().min((HEADER - block.offset) as usize);
        let end = block.text.len().min(block.from + within + LONGEST_HEADER);
        self.header = licences::header(&block.text[block.from..end], within);
    }
}

fn add(tally: &mut Tally, bytes: u64, lines: u64) {
    tally.files += 1;
    tally.bytes += bytes;
    tally.lines += lines;
}

/// What is kept of the licence that `text` names, or nothing where there are too many of them.
fn licence<'a>(survey: &'a mut Survey, text: &str) -> Option<&'a mut Licence> {
    if survey.licences.contains_key(text) {
        return survey.licences.get_mut(text);
    }
    let told = dependencies::licence(text);
    if survey.licences.len() >= MOST_LICENCES && !survey.licences.contains_key(&told) {
        survey.omitted_licences += 1;
        return None;
    }
    Some(entry(&mut survey.licences, &told))
}

/// Like `entry().or_default()`, without an owned key for what is there already.
fn entry<'a, T: Default>(map: &'a mut std::collections::BTreeMap<String, T>, key: &str) -> &'a mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).expect("inserted above")
}

/// Keeps a path of a licence while there are few; `kept` are the bytes of all that are.
fn keep_path(paths: &mut Vec<String>, path: &str, kept: &mut usize) {
    let (of_one, of_all) = MOST_PATH_BYTES;
    let own: usize = paths.iter().map(String::len).sum();
    if paths.len() < MOST_PATHS && own + path.len() <= of_one && *kept + path.len() <= of_all {
        *kept += path.len();
        paths.push(path.to_owned());
    }
}

impl Licence {
    /// Whether nothing names it.
    pub fn is_empty(&self) -> bool {
        self.headers == 0 && self.texts.is_empty() && self.manifests.is_empty()
    }
}
