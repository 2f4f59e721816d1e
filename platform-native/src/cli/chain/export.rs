//! `weft chain export`: the log for programs that know nothing of Weft.

use super::Which;
use super::signed::Signed;
use crate::cli::VERSION;
use crate::cli::events;
use crate::cli::exit::{Exit, Failure};
use crate::cli::stored::Stored;
use crate::cli::terminal::{Output, Terminal, print, print_json};
use crate::cli::text::{self, counted, plain_json, shown};
use clap::ArgGroup;
use kernel_core::chain::{
    ChainError, Checkpoint, TABLE_EVENTS, TILE_WIDTH, TileId, Witness, entries, event_key, tile_key,
};
use kernel_core::codec::table_range;
use kernel_core::kernel::root_of;
use kernel_core::platform::Storage;
use serde_json::json;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Rows read at once.
const PAGE: usize = 64;

/// Where C2SP tlog-tiles has the checkpoint.
const CHECKPOINT: &str = "checkpoint";

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("form").required(true).args(["tiles", "jsonl"]))]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// Write tiles, entries and checkpoint into this folder
    #[arg(long, value_name = "FOLDER")]
    tiles: Option<PathBuf>,
    /// Print the events as `weft chain show --json` has them, one a line
    #[arg(long)]
    jsonl: bool,
    /// Print one JSON document of what was written where
    #[arg(long)]
    pub(super) json: bool,
}

impl Export {
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let stored = self.which.open().await?;
        stored.log().await?;
        let signed = Signed::of(&stored).await?;
        match &self.tiles {
            Some(dir) => tiles(&stored, &signed, dir, self.json, terminal).await,
            None => lines(&stored).await,
        }
    }
}

async fn lines(stored: &Stored) -> Result<Exit, Failure> {
    let mut output = Output::stdout();
    let mut failed = None;
    events::each(
        &stored.rows,
        0,
        |_| true,
        |found| {
            // What cannot be taken apart was found when the log was verified.
            let Ok(entry) = found else { return ControlFlow::Continue(()) };
            match output.line(&plain_json(&entry.json().to_string())) {
                Ok(()) if !output.is_gone() => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(()),
                Err(failure) => {
                    failed = Some(failure);
                    ControlFlow::Break(())
                }
            }
        },
    )
    .await?;
    failed.map_or_else(|| output.finish(), Err)?;
    Ok(Exit::Done)
}

async fn tiles(stored: &Stored, signed: &Signed, dir: &Path, json: bool, terminal: Terminal) -> Result<Exit, Failure> {
    let Signed { note, checkpoint, .. } = signed;
    let was = before(stored, checkpoint, dir).await?;
    let mut files = match was {
        Some(_) => Files { at: dir.to_owned(), written: 0, kept: 0 },
        None => Files::beside(dir)?,
    };
    let done = match write(stored, checkpoint.size, note, &mut files).await {
        Ok(()) if was.is_none() => std::fs::rename(&files.at, dir).map_err(|e| unwritten(dir, &e)),
        done => done,
    };
    if let Err(failure) = done {
        if was.is_none() {
            // What was begun beside it is nothing.
            let _ = std::fs::remove_dir_all(&files.at);
        }
        return Err(failure);
    }
    signed.tell();
    let Files { written, kept, .. } = files;
    if json {
        print_json(&json!({
            "weft": VERSION,
            "dir": text::path(dir),
            "origin": checkpoint.origin.as_str(),
            "key": stored.key.to_string(),
            "size": checkpoint.size,
            "root": checkpoint.root.to_base64(),
            "before": was,
            "written": written,
            "kept": kept,
            "unsigned": signed.beyond(),
        }))?;
    } else {
        let from = was.map_or(String::new(), |was| format!(", {} of which it had", text::count(was)));
        let events = terminal.out.bold(&counted(checkpoint.size, "event"));
        print(&[format!("{} has {events}{from}: {} written", shown(dir), counted(written, "file"))])?;
    }
    Ok(Exit::Done)
}

/// How many events `dir` has from an earlier export of this log; `None` where it is empty or is not there.
async fn before(stored: &Stored, now: &Checkpoint, dir: &Path) -> Result<Option<u64>, Failure> {
    let unread = |e: io::Error| Failure::usage(format!("{} cannot be read: {e}", shown(dir)));
    let another = |why: &str| {
        Failure::usage(format!("{} {why}", shown(dir))).help("name a folder that is empty or not there yet")
    };
    let mut listed = match std::fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unread(e)),
    };
    if listed.next().is_none() {
        return Ok(None);
    }
    let note = match std::fs::read_to_string(dir.join(CHECKPOINT)) {
        Ok(note) => note,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(another("holds something else than a log")),
        Err(e) => return Err(unread(e)),
    };
    let Ok(checkpoint) = Checkpoint::open(&note, std::slice::from_ref(&stored.key)) else {
        return Err(another("holds the log of somebody else, or one that nobody signed"));
    };
    if checkpoint.origin != now.origin {
        return Err(another("holds the log of another origin"));
    }
    let (old, size) = (checkpoint.size, now.size);
    if old > size {
        return Err(ChainError::Truncated { seq: size, size: old, by: Witness::Checkpoint }.into());
    }
    match root_of(&stored.rows, old, size).await? {
        root if root == checkpoint.root => Ok(Some(old)),
        _ => Err(ChainError::Rewritten { since: 0, size: old }.into()),
    }
}

/// Writes all of it, the checkpoint last: whoever reads it finds under it all that it covers.
async fn write(stored: &Stored, size: u64, note: &str, files: &mut Files) -> Result<(), Failure> {
    for level in 0..8 {
        for index in 0.. {
            let id = TileId { level, index };
            let width = id.width(size);
            if width == 0 {
                break;
            }
            let row = stored.rows.get(&tile_key(id)).await?.unwrap_or_default();
            let seq = (index * TILE_WIDTH) << (8 * u32::from(level));
            let short = ChainError::Tile { level, index, seq, what: "missing" };
            // A row that grew since has more.
            let hashes = usize::try_from(width).ok().and_then(|width| row.get(..width * 32)).ok_or(short)?;
            files.put(&id.path(width), hashes)?;
        }
    }
    let (mut from, to) = (event_key(0), table_range(TABLE_EVENTS).1);
    let (mut bundle, mut seq) = (Vec::new(), 0);
    'log: loop {
        let page = stored.rows.scan(&from, &to, PAGE).await?;
        for entry in page.rows.iter().flat_map(|(_, row)| entries(row)).flatten() {
            if seq == size {
                break 'log;
            }
            bundle.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            bundle.extend_from_slice(entry);
            seq += 1;
            if seq % TILE_WIDTH == 0 {
                files.put(&TileId::entries_path(seq / TILE_WIDTH - 1, TILE_WIDTH), &bundle)?;
                bundle.clear();
            }
        }
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    if !bundle.is_empty() {
        files.put(&TileId::entries_path(seq / TILE_WIDTH, seq % TILE_WIDTH), &bundle)?;
    }
    files.sync()?;
    files.put(CHECKPOINT, note.as_bytes())?;
    files.sync()
}

/// A folder that is written to.
struct Files {
    at: PathBuf,
    written: u64,
    kept: u64,
}

impl Files {
    /// A fresh one beside `dir`, which takes its place when all is in it.
    fn beside(dir: &Path) -> Result<Files, Failure> {
        let name = dir.file_name().ok_or_else(|| Failure::usage(format!("{} is no name of a folder", shown(dir))))?;
        let at = dir.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        std::fs::create_dir(&at).map_err(|e| unwritten(&at, &e))?;
        Ok(Files { at, written: 0, kept: 0 })
    }

    /// Writes one file, unless it is there as it should be. Nobody finds half of it.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.at.join(path);
        if std::fs::read(&path).is_ok_and(|there| there == bytes) {
            self.kept += 1;
            return Ok(());
        }
        let fresh = path.with_added_extension("new");
        let written = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&self.at))?;
            File::create(&fresh)?.write_all(bytes)?;
            std::fs::rename(&fresh, &path)
        };
        written().map_err(|e| unwritten(&path, &e))?;
        self.written += 1;
        Ok(())
    }

    /// Waits until what was written is on disk.
    fn sync(&self) -> Result<(), Failure> {
        let synced = File::open(&self.at).and_then(|dir| Ok(rustix::fs::syncfs(dir)?));
        synced.map_err(|e| unwritten(&self.at, &e))
    }
}

fn unwritten(path: &Path, e: &io::Error) -> Failure {
    let failure = Failure::new(Exit::Failed, "output", format!("{} cannot be written: {e}", shown(path)));
    failure.help("the folder that was named is as it was, or holds the log up to its old checkpoint")
}
