//! The API of a kernel that stays: HTTP/1.1 and JSON, on a Unix socket or on TCP.
//!
//! What is served stands in one table (`routes`), from which the OpenAPI document is made, too. Whoever acts is a
//! process of role user, and each of its acts takes the road like any other (`sessions`, `acts`); what is only looked
//! at is what the kernel shows its operator (`look`). Nobody who is slow, gone or hostile holds anything up: heads,
//! bodies, answers and connections are bounded in bytes, time and number (`serve`), and events come from a bounded
//! ring that says what it has lost (`events`).

mod acts;
mod agreed;
mod approvals;
mod apps;
mod door;
mod events;
mod listen;
mod log;
mod look;
mod mounts;
mod openapi;
mod receipts;
mod refused;
mod request;
mod routes;
mod schema;
mod serve;
mod sessions;
mod token;
mod tree;

pub(crate) use acts::Encoding;
pub(crate) use agreed::AgreedPlans;
pub(crate) use apps::{AgreedApp, InPlace, begin, compared, in_place, put};
pub(crate) use events::{Ring, watch};
pub(crate) use listen::Listener;
pub(crate) use mounts::{Clash, Mounts, folders_of, givable};
pub(crate) use serve::serve;
pub(crate) use token::{TOKEN, Token, text as token_text};
pub(crate) use tree::changes_of;

use crate::cli::VERSION;
use crate::cli::space::Space;
use crate::shared::{SharedPlatform, SharedRows};
use kernel_core::kernel::Kernel;
use kernel_core::platform::Profile;
use kernel_core::refusal::Refusal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch as channel};

/// How many applications are taken in, and receipts made, at a time, and how many backups.
const LARGE: usize = 2;

/// How many read events at a time: half of the connections of one address.
const READERS: usize = 128;

/// What of a kernel that stays lies beside its rows, and belongs to them.
pub(crate) const KEPT: [&str; 2] = [agreed::FILE, mounts::FILE];

/// What all connections share.
pub(crate) struct Api {
    pub(crate) kernel: Kernel<SharedPlatform>,
    pub(crate) rows: SharedRows,
    pub(crate) profile: Profile,
    pub(crate) mounts: Mounts,
    pub(crate) agreed: AgreedPlans,
    pub(crate) events: Arc<Ring>,
    pub(crate) stop: Stop,
    pub(crate) data_dir: PathBuf,
    /// Whether nothing leaves the kernel before the log that holds it is on disk.
    pub(crate) output_commit: bool,
    /// What connections have with each other.
    pub(crate) room: Room,
    /// The room on the disk of the data directory.
    pub(crate) space: Space,
}

/// What connections have with each other: since when, and how much at a time.
pub(crate) struct Room {
    started: Instant,
    /// Applications are installed and removed one at a time.
    turns: Semaphore,
    /// Only so many are read at a time, because they are large, and so are the log that is read for a receipt and what
    /// snapshots are compared by.
    large: Semaphore,
    /// The same for backups, each of which keeps the rows of its moment.
    backups: Arc<Semaphore>,
    /// Whoever reads events keeps a connection for as long as it likes: only so many do, and others get in.
    readers: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            started: Instant::now(),
            turns: Semaphore::new(1),
            large: Semaphore::new(LARGE),
            backups: Arc::new(Semaphore::new(LARGE)),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

impl Api {
    /// Waits until no application is being put in place or removed any more, at most `most`.
    pub(crate) async fn settled(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.room.turns.acquire()).await;
    }

    /// Waits until what was looked at and is about to be told is in the log, where that is what the environment wants.
    async fn told(&self) -> Result<(), Refusal> {
        if self.output_commit { self.kernel.flushed().await } else { Ok(()) }
    }
}

/// How the kernel is stopped from outside, and what came of it. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    asked: channel::Sender<Option<String>>,
    done: channel::Sender<Option<Result<Signed, Refusal>>>,
}

/// The checkpoint of a kernel that has stopped.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Signed {
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) key: String,
    pub(crate) note: String,
}

impl Stop {
    /// Nobody has asked yet.
    pub(crate) fn new() -> Stop {
        Stop { asked: channel::Sender::new(None), done: channel::Sender::new(None) }
    }

    /// Asks for the end and waits for what comes of it. The first reason is the reason.
    async fn ask(&self, reason: String) -> Result<Signed, Refusal> {
        self.asked.send_if_modified(|asked| {
            let first = asked.is_none();
            asked.get_or_insert(reason);
            first
        });
        let mut done = self.done.subscribe();
        let stopped = |_| Refusal::new(kernel_core::refusal::Code::Cancelled, "the kernel has stopped");
        let result = done.wait_for(Option::is_some).await.map_err(stopped)?.clone();
        result.unwrap_or_else(|| unreachable!("it was waited for"))
    }

    /// Waits until somebody asks; the reason.
    pub(crate) async fn asked(&self) -> String {
        let mut asked = self.asked.subscribe();
        match asked.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Tells whoever asked what came of it.
    pub(crate) fn done(&self, result: Result<Signed, Refusal>) {
        self.done.send_replace(Some(result));
    }
}
