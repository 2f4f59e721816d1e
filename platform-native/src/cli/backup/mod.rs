//! `weft backup` and `weft restore`: the data directory of a kernel as another directory, verified before it is there.
//!
//! A backup is a data directory without what belongs to one machine, and with `backup.json`, which says what is in it: so
//! `weft chain` reads it as it reads any other. It is of one moment, between two commits. A kernel that runs hands its
//! rows out over its API (`stream`); one that does not is read where it lies. Either way rows are written beside the
//! place that they are for (`copy`), verified there, and renamed.

mod copy;
mod restore;
mod stream;

pub(crate) use restore::Restore;
pub(in crate::cli) use stream::{FILES, served};

use super::client::Which;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::on_runtime;
use super::stored::Stored;
use super::terminal::{Terminal, print, print_json, tell};
use super::text::{self, bytes, count, counted, shell, shown, time};
use super::up::checkpoint;
use super::{VERSION, api::Signed};
use crate::data_dir::text_of;
use crate::keys::LOG_KEY;
use copy::Copy;
use kernel_core::chain::VerifierKey;
use kernel_core::platform::Storage;
use kernel_core::time::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a backup says of itself.
const ABOUT: &str = "backup.json";

/// Rows read at once of a directory that no kernel has.
const PAGE: usize = 256;

/// The arguments of `weft backup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A kernel that runs goes on meanwhile; what it commits later is not in the backup. In it are the log, \
                  the state and which applications are installed with what they were given. Not in it are the key that \
                  signs the log (whoever has it can write the log anew, so it is no good beside a copy of it; without it no \
                  kernel can go on with the log: keep log.key apart, or say --with-key), the token of the API, compiled \
                  components, and the folders that are mounted.\n\nExit codes: 0 there is a verified backup; 2 usage; 4 the \
                  log does not verify, or there is no room; nothing half is left."
)]
pub(crate) struct Backup {
    /// Where: a directory that does not exist yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Put the key that signs the log into it, too
    #[arg(long)]
    with_key: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// What is in a backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct About {
    /// The version of weft that made it.
    weft: String,
    /// When, RFC 3339.
    made: String,
    /// Whose log it is.
    key: String,
    /// How many events, and over them the root of the tree in base64.
    events: u64,
    root: String,
    /// How many of them the checkpoint covers.
    signed: u64,
    checkpoint: String,
    /// How many rows there are, their bytes, and SHA-256 over all that was copied, in hexadecimal.
    rows: u64,
    bytes: u64,
    sha256: String,
    /// Whether the key that signs is in it.
    signing_key: bool,
}

impl Backup {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(unless_interrupted(self.make(terminal), terminal))
    }

    async fn make(&self, terminal: Terminal) -> Result<Exit, Failure> {
        if self.to.symlink_metadata().is_ok() {
            let message = format!("{} exists, and a backup is never written over anything", shown(&self.to));
            return Err(Failure::usage(message).help("name a directory that does not exist"));
        }
        let signing = if self.with_key { Some(self.signing()?) } else { None };
        let (mut copy, key) = match self.which.connect().await {
            Ok(mut kernel) => {
                let body = kernel.streamed("/v1/backup").await?;
                let mut copy = Copy::begin(&self.to, terminal)?;
                let key = stream::take(body, &mut copy).await?;
                (copy, key)
            }
            Err(none) if none.code == "no_kernel" && !self.which.is_elsewhere() => {
                let stored = Stored::open(&self.which.place()?, None).await?;
                let mut copy = Copy::begin(&self.to, terminal)?;
                all_of(&stored, &mut copy).await?;
                (copy, stored.key.clone())
            }
            Err(other) => return Err(other),
        };
        let verified = copy.verified(&key, None).await?;
        if let Some(signing) = &signing {
            copy.key(signing, &key).await?;
        }
        let about = About {
            weft: VERSION.to_owned(),
            made: time(now()),
            key: key.to_string(),
            events: verified.events,
            root: verified.root,
            signed: verified.signed,
            checkpoint: verified.checkpoint,
            rows: copy.rows(),
            bytes: copy.bytes(),
            sha256: copy.digest(),
            signing_key: signing.is_some(),
        };
        let said = serde_json::to_string_pretty(&about).map_err(|e| Failure::usage(e.to_string()))?;
        copy.note(ABOUT, &said)?;
        copy.place()?;
        let to = self.to.canonicalize().unwrap_or_else(|_| self.to.clone());
        if self.which.json {
            print_json(&document(&about, json!({ "backup": text::path(&to) })))?;
            return Ok(Exit::Done);
        }
        let palette = terminal.out;
        let mut lines = vec![format!("{} {}", palette.good("Backup, verified:"), shown(&to))];
        lines.extend(about.lines(terminal)?);
        lines.push(palette.dim(match about.signing_key {
            true => "The key that signs the log is in it: whoever reads it can write the log anew.",
            false => "The key that signs the log is not in it: keep log.key apart, without it no kernel can go on.",
        }));
        lines.push(palette.dim(&format!("    weft restore {} DIR", shell(&to))));
        print(&lines)?;
        Ok(Exit::Done)
    }

    /// The key that signs, as its file has it.
    fn signing(&self) -> Result<String, Failure> {
        let path = self.which.place()?.join(LOG_KEY);
        match text_of(&path) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(Failure::usage(format!("there is no {}", shown(&path)))
                .help("--with-key reads it where the kernel has it: run this there, with its --data-dir")),
            Err(e) => Err(Failure::usage(format!("{} cannot be read: {e}", shown(&path)))),
        }
    }
}

impl About {
    /// What is in it, for a person.
    fn lines(&self, terminal: Terminal) -> Result<Vec<String>, Failure> {
        let key = VerifierKey::parse(&self.key).ok_or_else(|| Failure::usage("the key of the log is none"))?;
        let signed = Signed {
            origin: key.name.to_string(),
            size: self.signed,
            root: self.root.clone(),
            key: self.key.clone(),
            note: self.checkpoint.clone(),
        };
        let mut lines = vec![
            format!("  {}, {} ({})", counted(self.events, "event"), counted(self.rows, "row"), bytes(self.bytes)),
            String::new(),
        ];
        let more = match self.events - self.signed {
            0 => String::new(),
            n => format!("; {} came after it and have no signature", count(n)),
        };
        lines.extend(checkpoint(&signed, &more, terminal));
        Ok(lines)
    }
}

/// What is in it, for a program.
fn document(about: &About, more: Value) -> Value {
    let mut document = json!(about);
    if let (Value::Object(members), Value::Object(more)) = (&mut document, more) {
        members.extend(more);
    }
    document["weft"] = json!(VERSION);
    document
}

/// Copies all rows of a directory that no kernel has, and what lies beside them.
async fn all_of(stored: &Stored, copy: &mut Copy) -> Result<(), Failure> {
    for name in FILES {
        let path = stored.path.join(name);
        let unread = |e| Failure::new(Exit::Integrity, "storage", format!("{} cannot be read: {e}", shown(&path)));
        if let Some(text) = text_of(&path).map_err(unread)? {
            copy.file(name, &text)?;
        }
    }
    let mut from = bytes::Bytes::new();
    loop {
        let page = stored.rows.scan(&from, stream::END, PAGE).await?;
        for (key, value) in page.rows {
            copy.row(key, value).await?;
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// Does `work`, and gives it up where somebody wants it to end: what it has written by then is taken away.
async fn unless_interrupted(
    work: impl Future<Output = Result<Exit, Failure>>,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let mut interrupt = Interrupt::listen(terminal)
        .await
        .map_err(|e| Failure::new(Exit::Unsupported, "signals", format!("signals cannot be received: {e}")))?;
    tokio::select! {
        done = work => done,
        signal = interrupt.wait() => {
            let message = format!("interrupted by {signal}; nothing of it was kept");
            Err(Failure::new(Exit::Failed, "interrupted", message))
        }
    }
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// A path that holds what is read as a backup.
fn about(path: &Path) -> Result<About, Failure> {
    let file = path.join(ABOUT);
    let none = |why: String| {
        Failure::usage(format!("{} is no backup: {why}", shown(path))).help("name a directory that `weft backup` made")
    };
    let text = text_of(&file).map_err(|e| none(e.to_string()))?.ok_or_else(|| none(format!("it has no {ABOUT}")))?;
    serde_json::from_str(&text).map_err(|e| none(format!("its {ABOUT} says nothing: {e}")))
}

/// That a log is now in two places.
fn warn_of_fork(terminal: Terminal) {
    tell(&format!(
        "{} if the kernel that this is of goes on as well, there are two logs that part here; each verifies, and only \
         `weft chain verify --against` a checkpoint of the other finds it",
        terminal.err.warn("warning:")
    ));
}
