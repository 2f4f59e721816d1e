//! Boot, outside step: read and verify what is stored, then bring up the driver.
//!
//! Phases, each timed and recorded: storage, keys, chain, tree, and apps, once the host has them started again
//! (`revive.rs`). What does not verify is refused
//! with the reason; a kernel never starts fresh over a log that it cannot trust. Of a long log only the end is
//! verified, so that a start takes no longer than what it goes on from is worth; the rest is for `weft chain verify`.

use super::Told;
use super::committer;
use super::driver::{Core, Gone, Inner, Observer};
use super::event::{kind, tree_root};
use super::inboxes::{self, KeptMessage};
use super::index::{self, Index};
use super::input::{Boot, Counters, Input};
use super::letters::{self, KeptLetter};
use super::rows;
use super::running::{Running, Standing};
use super::state::State;
use super::tree;
use super::unfinished::unfinished;
use crate::chain::{ChainError, Hash, Opened, Opening, Origin, TABLE_HEAD, Trust, VerifierKey};
use crate::codec::hex;
use crate::environment::Environment;
use crate::id::ActionId;
use crate::path::Name;
use crate::platform::{Batch, HostError, KeyPurpose, Keys, Platform, Storage, StorageError};
use crate::process::InstanceKind;
use crate::time::{Instant, Now};
use bytes::Bytes;
use futures::FutureExt;
use futures::channel::{mpsc, oneshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows read at once.
pub(super) const PAGE: usize = 256;

/// How many of the signed events a boot verifies, about: more than a row of them can hold.
const RECENT: u64 = 8_192;

/// The largest number that a boot starts from. A thousand of them a nanosecond would not come this far in 100 days,
/// and from here on none wraps before the next boot refuses.
const MAX_NUMBER: u64 = u64::MAX / 2;

/// The inputs as step took them, with their times.
pub type Journal = Vec<(Now, Input)>;

/// A host, opened.
#[derive(Debug)]
pub struct Parts<P: Platform> {
    /// Clock, entropy, executor.
    pub platform: P,
    /// Where rows lie.
    pub storage: P::Storage,
    /// What runs programs.
    pub sandbox: P::Sandbox,
    /// What reaches files and networks.
    pub devices: P::Devices,
    /// What signs.
    pub keys: P::Keys,
}

/// How to boot.
#[derive(Debug)]
pub struct BootOptions {
    /// The environment whose thresholds hold.
    pub environment: Environment,
    /// Handlers that the host registered, spawnable by name, with how long an instance of each lives.
    pub natives: Vec<(Name, InstanceKind)>,
    /// Where notices go from the first on.
    pub observer: Option<mpsc::Sender<Told>>,
    /// Whether the inputs are kept in memory, for replay.
    pub journal: bool,
    /// How many stored rows are kept at hand between two inputs, by default 65,536. Fewer cost more reads and
    /// change nothing else.
    pub rows: usize,
}

impl BootOptions {
    /// The defaults in `environment`.
    pub fn new(environment: Environment) -> BootOptions {
        BootOptions { environment, natives: Vec::new(), observer: None, journal: false, rows: rows::CACHED }
    }
}

/// Why a kernel did not boot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The rows could not be read or written. Nothing was changed.
    #[error("the data directory could not be used: {0}")]
    Storage(#[from] StorageError),
    /// There is no signing key. Nothing was changed.
    #[error("the signing key could not be used: {0}")]
    Keys(#[source] HostError),
    /// There are rows, and the key that signed them is gone. Nothing was changed, and no other key was made.
    #[error(
        "the data directory holds a log and the key that signs it is missing; put the key back, or start with another \
         directory"
    )]
    NoKey,
    /// The kernel's own rows do not fit the log that they were stored with. Nothing was changed.
    #[error("the data directory is damaged: {0}")]
    Damaged(String),
    /// The tree is not the one that the log tells. Nothing was changed.
    #[error("the tree is not the one that the log tells: {0}")]
    Tree(String),
    /// There is state and no log at all that it could have come from. Nothing was changed.
    #[error(
        "the data directory holds state but its log is gone; restore it from a copy, or start with another directory"
    )]
    NoLog,
    /// The row of numbers that are never reused holds something else, so that one might be. Nothing was changed.
    #[error(
        "the data directory's row of numbers was changed or is gone, so numbers could be used twice; restore it from a copy, or \
         start with another directory"
    )]
    Counters,
    /// The stored log does not verify. Nothing was changed.
    #[error("the log does not verify: {0}")]
    Chain(#[from] ChainError),
}

pub(super) async fn boot<P: Platform>(
    parts: Parts<P>,
    options: BootOptions,
) -> Result<(Arc<Inner<P>>, Gone), BootError> {
    let Parts { platform, storage, sandbox, devices, keys } = parts;
    let mut phases = Phases::new(platform.now());

    let last = storage.get(&rows::key(rows::TABLE_COUNTERS, b"")).await?;
    let interrupted = interrupted(&storage).await?;
    let labelled = labelled(&storage).await?;
    let letters = letters(&storage).await?;
    let inboxes = inboxes(&storage).await?;
    let cut_short = cut_short(&storage).await?;
    let alive = storage.get(&rows::key(rows::TABLE_ALIVE, b"")).await?;
    // What is not its form is told as a crash all the same.
    let waited = alive.map(|row| row[..].try_into().map_or(0, u64::from_be_bytes));
    phases.end("storage", platform.now());

    let public = match keys.find(KeyPurpose::Log).await.map_err(BootError::Keys)? {
        Some(public) => public,
        // The first key of a new directory; in any other one it would be the key of another log.
        None if is_unused(&storage).await? => keys.public(KeyPurpose::Log).await.map_err(BootError::Keys)?,
        None => return Err(BootError::NoKey),
    };
    let key = log_key(public);
    phases.end("keys", platform.now());

    let (opened, end) = open_end(&storage, &key).await?;
    if opened.log.size() == 0 && holds_state(&storage).await? {
        return Err(BootError::NoLog);
    }
    let opened = if platform.profile().atomic_commits { opened.whole()? } else { opened };
    let last = counters(last.as_deref(), opened.log.size())?;
    if last.action < end.last_action.0 {
        return Err(BootError::Counters);
    }
    let (unsigned, verified_from) = (opened.log.size() - opened.signed, opened.from);
    let mut repair = String::new();
    if let Some(torn) = opened.torn {
        repair =
            format!("{} bytes beyond event {} were removed; nothing of them was acknowledged", torn.bytes, torn.seq);
        let mut changes = torn.repair;
        changes.extend(index::beyond(&storage, torn.seq).await?);
        storage.commit(Batch { changes }).await?;
    }
    // Of such a batch any part of the state may be stored, which was never acknowledged.
    let is_torn = !repair.is_empty();
    let said = interrupted;
    let interrupted = unfinished(&storage, &said, &opened.log).await?;
    if interrupted.len() < said.len() {
        let others: Vec<_> = said.iter().filter(|act| !interrupted.contains(act)).collect();
        let removed = format!("{} rows of acts that the log does not have open were removed", others.len());
        repair = if repair.is_empty() { removed } else { format!("{repair}; {removed}") };
        let changes = others.iter().map(|act| (rows::numbered(rows::TABLE_OPEN, act.0), None)).collect();
        storage.commit(Batch { changes }).await?;
    }
    phases.end("chain", platform.now());

    let found = if is_torn { None } else { tree::found(&storage, end.root).await? };
    let tree = match found {
        Some(head) => head,
        None => tree::rebuild(&storage).await?,
    };
    if is_torn {
        repair.push_str("; the tree's hashes were made anew");
    }
    let snapshots = tree::snapshots(&storage).await?;
    let held = tree::held(&storage).await?;
    phases.end("tree", platform.now());

    let mut seed = [0; 32];
    platform.fill(&mut seed);
    let profile = platform.profile().clone();
    let boot = Boot {
        seed,
        host: profile.host.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: options.environment.name().to_owned(),
        last,
        profile,
        repair,
        unsigned,
        verified_from,
        interrupted,
        labelled,
        letters,
        inboxes,
        waited,
        tree,
        cut_short,
        snapshots,
        held,
    };
    let log = opened.log.signing_every_batch(options.environment.output_commit());
    let mut state = State::new(&boot, options.environment, &options.natives);
    state.keep_at_hand(options.rows);
    let core =
        Core::new(state, options.journal.then(Journal::new), options.observer.into_iter().map(Observer::new).collect());
    let parts = Parts { platform, storage, sandbox, devices, keys };
    let (sender, gone) = oneshot::channel();
    let inner = Arc::new_cyclic(|me| Inner::new(me.clone(), parts, core, sender));
    inner.submit(Input::Boot(boot));
    for (name, micros) in phases.ended {
        inner.submit(Input::Phase { name: name.to_owned(), micros });
    }
    let weak = Arc::downgrade(&inner);
    let index = Index::new(ActionId(last.action));
    inner.platform.spawn("committer", committer::run(weak.clone(), log, index, key));
    inner.spawn_guarded("clock", committer::tick(weak));
    Ok((inner, gone.shared()))
}

/// The key of a log: named after itself, so that two data directories never share an origin.
pub fn log_key(public: [u8; 32]) -> VerifierKey {
    let text = format!("weft/{}", hex(&public[..8]));
    let name = Origin::parse(&text).unwrap_or_else(|| unreachable!("hexadecimal digits make an origin"));
    VerifierKey { name, public }
}

/// Verifies the log that `key` signs, as its kernel writes it: takes nothing for the kernel's own that it would have signed.
pub fn opening(key: &VerifierKey) -> Opening {
    let trust = Trust::Signed { keys: vec![key.clone()], whole: false };
    Opening::new(key.name.clone(), trust).starting_with(kind::BOOT)
}

/// Reads and verifies the whole stored log, and nothing beside it: [`verify`](super::verify) looks at that, too.
///
/// # Errors
/// What does not verify, and where.
pub async fn open_log<S: Storage>(storage: &S, key: &VerifierKey) -> Result<Opened, BootError> {
    feed(storage, opening(key), &mut End::default()).await
}

/// Reads and verifies the end of the stored log: what is gone on from. Where that fails, the whole is read, which tells best
/// where the fault lies.
///
/// # Errors
/// What does not verify, and where.
pub async fn open_log_end<S: Storage>(storage: &S, key: &VerifierKey) -> Result<Opened, BootError> {
    Ok(open_end(storage, key).await?.0)
}

/// What a boot goes by of the events that were read.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// The last root of the tree.
    root: Option<Hash>,
    /// The greatest number of an act.
    last_action: ActionId,
}

/// The same, back to an event that tells the root of the tree.
async fn open_end<S: Storage>(storage: &S, key: &VerifierKey) -> Result<(Opened, End), BootError> {
    let mut recent = RECENT;
    loop {
        let mut end = End::default();
        match feed(storage, opening(key).from_end(recent), &mut end).await {
            Err(BootError::Chain(found)) => return Err(open_log(storage, key).await.err().unwrap_or(found.into())),
            // A long time of nothing but observing acts, or a log of before there were roots.
            Ok(opened) if end.root.is_none() && opened.from > 0 => recent = recent.saturating_mul(8),
            opened => return Ok((opened?, end)),
        }
    }
}

/// Feeds the rows that `opening` wants, to its end.
async fn feed<S: Storage>(storage: &S, mut opening: Opening, end: &mut End) -> Result<Opened, BootError> {
    while let Some(want) = opening.wants() {
        let page = storage.scan(&want.from, &want.to, PAGE).await?;
        opening.feed(&page.rows, page.next, &mut |event| {
            end.root = tree_root(event.header.kind, event.content).or(end.root);
            end.last_action = end.last_action.max(event.header.action);
        })?;
    }
    Ok(opening.finish()?)
}

/// Whether the kernel's own tables hold anything.
async fn holds_state<S: Storage>(storage: &S) -> Result<bool, StorageError> {
    Ok(!storage.scan(&[rows::TABLE_COUNTERS], &[rows::TABLE_END], 1).await?.rows.is_empty())
}

/// Whether nothing was ever stored, of the log or of the kernel.
async fn is_unused<S: Storage>(storage: &S) -> Result<bool, StorageError> {
    Ok(storage.scan(&[TABLE_HEAD], &[rows::TABLE_END], 1).await?.rows.is_empty())
}

/// The numbers in their row. They are stored with the first events, so a log has them; without them numbers would
/// be used again.
pub(super) fn counters(row: Option<&[u8]>, events: u64) -> Result<Counters, BootError> {
    let (numbers, rest) = match row {
        Some(row) => row.as_chunks::<8>(),
        None if events == 0 => return Ok(Counters::default()),
        None => return Err(BootError::Counters),
    };
    let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
    match numbers[..] {
        [pid, action, message, stream] if rest.is_empty() && numbers.iter().all(|n| *n <= MAX_NUMBER) => {
            Ok(Counters { pid, action, message, stream })
        }
        _ => Err(BootError::Counters),
    }
}

/// Outward acts that the last boot began and did not end, as rows say.
async fn interrupted<S: Storage>(storage: &S) -> Result<Vec<ActionId>, BootError> {
    let number = |key: &Bytes| <[u8; 8]>::try_from(&key[1..]).ok().map(u64::from_be_bytes).map(ActionId);
    let rows = all(storage, rows::TABLE_OPEN).await?;
    let numbers: Option<Vec<ActionId>> = rows.iter().map(|(key, _)| number(key)).collect();
    numbers.ok_or_else(|| BootError::Damaged("a row of an act under way names no act".to_owned()))
}

/// How many label rows each mount has.
async fn labelled<S: Storage>(storage: &S) -> Result<BTreeMap<Name, u64>, StorageError> {
    let mut counts = BTreeMap::new();
    for (key, _) in all(storage, rows::TABLE_LABELS).await? {
        let mount = std::str::from_utf8(&key[1..]).ok().and_then(|path| path.strip_prefix("/fs/")?.split('/').next());
        if let Some(mount) = mount.and_then(|m| Name::parse(m).ok()) {
            *counts.entry(mount).or_insert(0) += 1;
        }
    }
    Ok(counts)
}

/// The rows of the applications that ran until they were quiet, and were not.
async fn cut_short<S: Storage>(storage: &S) -> Result<Vec<(Name, Bytes)>, StorageError> {
    let rows = all(storage, rows::TABLE_RUNNING).await?.into_iter();
    let once = rows.filter(|(_, row)| Running::read(row).standing == Standing::Once);
    let name = |key: &Bytes| std::str::from_utf8(&key[1..]).ok().and_then(|name| Name::parse(name).ok());
    Ok(once.filter_map(|(key, row)| Some((name(&key)?, row))).collect())
}

/// The dead letters that are kept.
async fn letters<S: Storage>(storage: &S) -> Result<Vec<KeptLetter>, BootError> {
    let rows = all(storage, rows::TABLE_LETTER).await?;
    let letter = |(key, row): &(Bytes, Bytes)| Some(letters::found(key[1..].try_into().ok()?, row));
    let letters: Option<Vec<KeptLetter>> = rows.iter().map(letter).collect();
    letters.ok_or_else(|| BootError::Damaged("a row of a dead letter has no number".to_owned()))
}

/// The messages in durable inboxes.
async fn inboxes<S: Storage>(storage: &S) -> Result<Vec<KeptMessage>, BootError> {
    let rows = all(storage, rows::TABLE_INBOX).await?;
    let failed: BTreeMap<Bytes, Bytes> = all(storage, rows::TABLE_INBOX_FAILED).await?.into_iter().collect();
    let found = |(key, row): &(Bytes, Bytes)| {
        let failed = failed.get(&rows::key(rows::TABLE_INBOX_FAILED, &key[1..]));
        inboxes::found(&key[1..], row, failed.map(AsRef::as_ref))
    };
    let messages: Option<Vec<KeptMessage>> = rows.iter().map(found).collect();
    messages.ok_or_else(|| BootError::Damaged("a row of a durable inbox names no message".to_owned()))
}

/// The rows of a table.
pub(super) async fn all<S: Storage>(storage: &S, table: u8) -> Result<Vec<(Bytes, Bytes)>, StorageError> {
    let (mut from, to) = (rows::key(table, b""), rows::key(table + 1, b""));
    let mut found = Vec::new();
    loop {
        let page = storage.scan(&from, &to, PAGE).await?;
        found.extend(page.rows);
        match page.next {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
}

/// How long each phase took.
struct Phases {
    started: Instant,
    ended: Vec<(&'static str, u64)>,
}

impl Phases {
    fn new(now: Instant) -> Phases {
        Phases { started: now, ended: Vec::new() }
    }

    fn end(&mut self, name: &'static str, now: Instant) {
        self.ended.push((name, micros(self.started, now)));
        self.started = now;
    }
}

/// How long it took from `began` to `now`.
pub(super) fn micros(began: Instant, now: Instant) -> u64 {
    u64::try_from(now.since(began).as_micros()).unwrap_or(u64::MAX)
}
