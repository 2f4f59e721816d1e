//! The floor that repo-audit is measured against: reads a folder with one thread and does the same three
//! scans, without a kernel, messages or guests. Prints what it found, and how long it took, as JSON.
//!
//! `native-pass FOLDER [--max-scan BYTES] [--large BYTES] [--repeat N]`; the limits default to those of `weft.toml`.
//! With `--repeat` the pass is done N times and the times of all are printed.
//!
//! It is also the oracle that tests compare a run of the guests with: it reaches files by another road.

use scan::hygiene::{Defect, Hygiene};
use scan::inventory::{Inventory, Survey};
use scan::secrets::{Secret, Secrets};
use serde::Serialize;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// How much is read at a time.
const CHUNK: usize = 512 * 1024;
/// Folders whose contents are compressed history, as in `weft.toml`.
const SKIPPED: &[&str] = &[".git/objects"];

/// What is printed.
#[derive(Serialize)]
struct Output {
    files: u64,
    bytes: u64,
    secrets: Vec<Secret>,
    inventory: Survey,
    hygiene: Vec<Defect>,
    /// Of each pass, in microseconds.
    wall_us: Vec<u128>,
}

struct Pass {
    root: PathBuf,
    max_scan: u64,
    buffer: Vec<u8>,
    files: u64,
    bytes: u64,
    secrets: Secrets,
    inventory: Inventory,
    hygiene: Hygiene,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(root) = arguments.next() else { return usage() };
    let (mut max_scan, mut large, mut repeat) = (1 << 30, 10 << 20, 1);
    while let Some(flag) = arguments.next() {
        let Some(value) = arguments.next().and_then(|v| v.parse::<u64>().ok()) else { return usage() };
        match flag.as_str() {
            "--max-scan" => max_scan = value,
            "--large" => large = value,
            "--repeat" => repeat = value.max(1),
            _ => return usage(),
        }
    }
    let mut wall_us = Vec::new();
    let mut done = None;
    for _ in 0..repeat {
        let begun = Instant::now();
        let mut pass = Pass {
            root: PathBuf::from(&root),
            max_scan,
            buffer: vec![0; CHUNK],
            files: 0,
            bytes: 0,
            secrets: Secrets::new(),
            inventory: Inventory::new(),
            hygiene: Hygiene::new(large),
        };
        if let Err(error) = pass.folder("") {
            eprintln!("native-pass: {root}: {error}");
            return ExitCode::FAILURE;
        }
        wall_us.push(begun.elapsed().as_micros());
        done = Some(pass);
    }
    let Some(mut pass) = done else { return usage() };
    let (mut secrets, mut hygiene) = (pass.secrets.take(), pass.hygiene.take());
    secrets.sort();
    hygiene.sort();
    let output =
        Output { files: pass.files, bytes: pass.bytes, secrets, inventory: pass.inventory.finish(), hygiene, wall_us };
    match serde_json::to_string_pretty(&output) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("native-pass: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: native-pass FOLDER [--max-scan BYTES] [--large BYTES] [--repeat N]");
    ExitCode::from(2)
}

/// Whether the target of a link is missing, or the link itself. One that leads out of the folder is taken at its word
/// by the agents, which cannot look there; here it is followed, so the two differ where it leads to nothing.
fn leads_nowhere(link: &Path) -> bool {
    link.metadata().is_err_and(|error| error.kind() != std::io::ErrorKind::PermissionDenied)
}

impl Pass {
    /// Goes through the folder at `path` below the root, in byte order of the names.
    fn folder(&mut self, path: &str) -> std::io::Result<()> {
        let mut entries = fs::read_dir(self.root.join(path))?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let below = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if SKIPPED.iter().any(|skipped| below == *skipped || below.ends_with(&format!("/{skipped}"))) {
                    continue;
                }
                if let Err(error) = self.folder(&below) {
                    self.hygiene.entry(&below, "unreadable", &error.to_string());
                }
            } else if kind.is_file() {
                if let Err(error) = self.file(&entry.path(), &below) {
                    self.hygiene.entry(&below, "unreadable", &error.to_string());
                }
            } else if kind.is_symlink() {
                if leads_nowhere(&entry.path()) {
                    self.hygiene.entry(&below, "broken-link", "its target is missing, or itself");
                }
            } else {
                let what = if kind.is_fifo() {
                    "a fifo"
                } else if kind.is_socket() {
                    "a socket"
                } else {
                    "a device"
                };
                self.hygiene.entry(&below, "special-file", what);
            }
        }
        Ok(())
    }

    fn file(&mut self, at: &Path, path: &str) -> std::io::Result<()> {
        let mut file = fs::File::open(at)?;
        let size = file.metadata()?.len();
        self.secrets.begin(path);
        self.inventory.begin(path);
        self.hygiene.begin(path, size);
        self.files += 1;
        let mut left = self.max_scan;
        loop {
            // A short read of a regular file is its end.
            let want = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
            let mut got = 0;
            while got < want {
                match file.read(&mut self.buffer[got..want])? {
                    0 => break,
                    n => got += n,
                }
                if size <= got as u64 {
                    break;
                }
            }
            left -= got as u64;
            self.bytes += got as u64;
            let last = got < want || left == 0;
            let bytes = &self.buffer[..got];
            self.secrets.push(bytes, last);
            self.inventory.push(bytes, last);
            self.hygiene.push(bytes, last);
            if last {
                break;
            }
        }
        if size > self.max_scan {
            self.hygiene.entry(path, "partly-scanned", &format!("the first {} of {size} bytes", self.max_scan));
        }
        Ok(())
    }
}
