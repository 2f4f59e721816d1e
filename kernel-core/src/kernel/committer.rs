//! The one committer: encodes, hashes and signs outside the state's lock, and writes one batch after
//! the other, so that the log is flushed in order and many events share one flush.

use super::driver::{Inner, survived};
use super::effects::Perform;
use super::event::{Event, append};
use super::index::Index;
use super::input::Input;
use super::rows::{TABLE_INBOX, TABLE_INBOX_PAYLOAD, TABLE_OPEN};
use crate::chain::{Checkpoint, Log, VerifierKey};
use crate::id::{ActionId, CallId};
use crate::platform::{Batch, Key, KeyPurpose, Keys, Platform, Storage, said};
use crate::refusal::Refusal;
use crate::time::Instant;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::task::AtomicWaker;
use rustc_hash::FxHashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// How long an event may wait for its batch where nobody waits for it.
const FLUSH_DELAY: Duration = Duration::from_millis(50);
/// Above this many unwritten bytes, counted as `weight` does, replies wait for the flush, which slows whoever
/// makes them.
const HEAVY: usize = 64 << 20;
/// Above this many unwritten bytes the batch is not waited for.
const LARGE: usize = 8 << 20;
/// What an event or a row takes at least while it is unwritten, bytes.
const ENTRY: usize = 400;
/// For how many events and rows at most memory stays at hand between batches.
const SPARE: usize = 16_384;
/// How often, at most, a batch is signed that nobody asked a checkpoint for, where not every one is.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// A wake-up that is not lost when it comes early.
#[derive(Debug, Default)]
pub(super) struct Signal {
    set: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    pub(super) fn wake(&self) {
        self.set.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits until it was woken since the last wait.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.set.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// What waits for a flush.
#[derive(Debug)]
pub(super) enum After {
    /// A reply that leaves the kernel.
    Reply(CallId, Result<Bytes, Refusal>),
    /// An outward act.
    Perform(Perform),
    /// Someone who wants the signed checkpoint.
    Checkpoint(oneshot::Sender<Result<(Checkpoint, String), String>>),
    /// Someone who wants to know that it is written.
    Written(oneshot::Sender<Result<(), String>>),
}

/// What the next batch will hold. A row that changes again before it is written is written once.
#[derive(Debug, Default)]
pub(super) struct Pending {
    records: Vec<Event>,
    unwritten: FxHashMap<Key, Option<Bytes>>,
    writing: FxHashMap<Key, Option<Bytes>>,
    after: Vec<After>,
    /// Where the events of the batch after the next one go.
    spare: Vec<Event>,
    /// What is unwritten, bytes.
    bytes: usize,
}

/// One batch, and what waits for it.
pub(super) struct Taken {
    records: Vec<Event>,
    rows: Vec<(Key, Option<Bytes>)>,
    after: Vec<After>,
}

impl Pending {
    pub(super) fn add(
        &mut self,
        records: impl Iterator<Item = Event>,
        rows: impl Iterator<Item = (Key, Option<Bytes>)>,
    ) {
        let before = self.records.len();
        self.records.extend(records);
        let fresh = &self.records[before..];
        self.bytes += fresh.iter().map(|event| ENTRY + event.content.body_len()).sum::<usize>();
        for (key, value) in rows {
            let size = |value: &Option<Bytes>| ENTRY + value.as_ref().map_or(0, Bytes::len);
            // An intent that has its outcome in the same batch is never seen without, nor is a message that was handled:
            // their numbers are used once, so there is no older row to remove.
            if value.is_none()
                && is_numbered(&key)
                && let Some(before) = self.unwritten.remove(&key)
            {
                self.bytes -= size(&before);
                continue;
            }
            self.bytes += size(&value);
            if let Some(before) = self.unwritten.insert(key, value) {
                self.bytes -= size(&before);
            }
        }
    }

    pub(super) fn after(&mut self, after: After) {
        self.after.push(after);
    }

    /// Takes out what waits to be performed for `action`, unless a batch is being written that it waits for.
    pub(super) fn withdraw(&mut self, action: ActionId) -> Option<Perform> {
        let waits = |after: &After| matches!(after, After::Perform(perform) if perform.action == action);
        let place = self.after.iter().position(waits)?;
        match self.after.remove(place) {
            After::Perform(perform) => Some(perform),
            other => {
                self.after.insert(place, other);
                None
            }
        }
    }

    /// A row that storage does not have yet.
    pub(super) fn find(&self, key: &Key) -> Option<Option<Bytes>> {
        self.unwritten.get(key).or_else(|| self.writing.get(key)).cloned()
    }

    pub(super) fn wants_commit(&self) -> bool {
        !self.records.is_empty() || !self.unwritten.is_empty() || !self.after.is_empty()
    }

    /// Whether nothing is left to be written, and nothing is being written.
    pub(super) fn is_written(&self) -> bool {
        // Every batch has a row, that of the counters at least.
        !self.wants_commit() && self.writing.is_empty()
    }

    pub(super) fn is_heavy(&self) -> bool {
        self.bytes > HEAVY
    }

    fn is_urgent(&self) -> bool {
        !self.after.is_empty() || self.bytes > LARGE
    }

    /// Takes what there is; until [`Pending::written`] it can still be found.
    pub(super) fn start(&mut self) -> Taken {
        // After a failed commit there are rows of it in there still.
        let fresh = if self.writing.is_empty() { std::mem::take(&mut self.writing) } else { FxHashMap::default() };
        self.writing = std::mem::replace(&mut self.unwritten, fresh);
        self.bytes = 0;
        #[allow(clippy::disallowed_methods)] // They are sorted next.
        let mut rows: Vec<_> = self.writing.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        // The order of a map of hashes is nobody's: neighbours in storage are written one after the other.
        rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let records = std::mem::replace(&mut self.records, std::mem::take(&mut self.spare));
        Taken { records, rows, after: std::mem::take(&mut self.after) }
    }

    /// The batch of `records` is written. Its memory is used again, so that a busy kernel need not ask the system for it.
    fn written(&mut self, mut records: Vec<Event>) {
        records.clear();
        if records.capacity() <= SPARE {
            self.spare = records;
        }
        self.writing.clear();
        if self.writing.capacity() > SPARE {
            self.writing = FxHashMap::default();
        }
    }
}

/// Whether a row is about one act or one message, so that it is written once and then removed.
fn is_numbered(key: &Key) -> bool {
    matches!(key.first(), Some(&(TABLE_OPEN | TABLE_INBOX | TABLE_INBOX_PAYLOAD)))
}

/// Runs until the kernel is closed. `log` is the verified log. However writing ends before that, by an error or
/// by a panic, it is fail-stop, and whoever waits is told.
pub(super) async fn run<P: Platform>(inner: Weak<Inner<P>>, log: Log, index: Index, key: VerifierKey) {
    let reason = match survived(write(inner.clone(), log, index, key)).await {
        Ok(Ok(())) => return,
        Ok(Err(reason)) | Err(reason) => reason,
    };
    let Some(inner) = inner.upgrade() else { return };
    inner.fail_stop(&reason);
    fail(&inner, &reason).await;
}

async fn write<P: Platform>(
    inner: Weak<Inner<P>>,
    mut log: Log,
    mut index: Index,
    key: VerifierKey,
) -> Result<(), String> {
    let mut signed = None;
    loop {
        let Some(inner) = inner.upgrade() else { return Ok(()) };
        let (urgent, wanted, closed) = {
            let core = inner.lock();
            (core.pending.is_urgent(), core.pending.wants_commit(), core.closed)
        };
        if closed && !urgent {
            return Ok(());
        }
        if !wanted {
            inner.commit_signal.wait().await;
            continue;
        }
        if !urgent {
            let until = inner.platform.now().after(FLUSH_DELAY);
            gather(&inner, until).await;
        }
        commit(&inner, &mut log, &mut index, &key, &mut signed).await?;
    }
}

/// Waits for more to share the batch, until `until` or until someone waits for it.
async fn gather<P: Platform>(inner: &Inner<P>, until: Instant) {
    let mut sleep = pin!(inner.platform.sleep_until(until));
    loop {
        let woken = pin!(inner.commit_signal.wait());
        match select(sleep.as_mut(), woken).await {
            Either::Left(_) => return,
            Either::Right(_) => {
                let core = inner.lock();
                if core.pending.is_urgent() || core.closed {
                    return;
                }
            }
        }
    }
}

/// Writes one batch. `signed` is when this kernel signed last, and how many events. Its first batch is signed wherever it
/// runs: an event that begins a start never stands without a signature.
async fn commit<P: Platform>(
    inner: &Inner<P>,
    log: &mut Log,
    index: &mut Index,
    key: &VerifierKey,
    signed: &mut Option<(Instant, u64)>,
) -> Result<(), String> {
    let Taken { records, mut rows, after } = inner.take_pending();
    let mut content = Vec::with_capacity(512);
    for event in &records {
        match append(log, event, &mut content) {
            Ok((seq, kind)) => index.event(seq, event.action, kind, &mut rows),
            Err(error) => return give_up(inner, after, error.to_string()),
        }
    }
    let asked = after.iter().any(|a| matches!(a, After::Checkpoint(_)));
    let now = inner.platform.now();
    let due = signed.is_none_or(|(at, size)| {
        size < log.size() && (asked || log.signs_every_batch() || now.since(at) >= SIGN_EVERY)
    });
    if due {
        if let Err(error) = sign(inner, log, key).await {
            return give_up(inner, after, error);
        }
        *signed = Some((now, log.size()));
    }
    // The events come first and then the state, and then the head of the log, so that of a batch of which a part is stored
    // either no state is, or all of its events are, beyond the head. What says that something is not over goes only after
    // the head that says that it is.
    let (over, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(key, row)| row.is_none() && is_numbered(key));
    let mut changes = log.seal();
    let head = changes.pop();
    changes.extend(rows);
    changes.extend(head);
    changes.extend(over);
    if let Err(error) = inner.storage.commit(Batch { changes }).await {
        return give_up(inner, after, said(&error));
    }
    inner.lock().pending.written(records);
    let (asked, rest) = apart(after);
    // Who asked for a checkpoint may close the kernel at once, and whoever waits for an answer is to have it by then.
    inner.release(rest, None);
    for item in asked {
        match item {
            After::Checkpoint(sender) => {
                let signed = log.signed().unwrap_or_default().to_owned();
                let _ = sender.send(Ok((log.checkpoint(), signed)));
            }
            After::Written(sender) => {
                let _ = sender.send(Ok(()));
            }
            After::Reply(..) | After::Perform(_) => {}
        }
    }
    inner.sweep().await;
    Ok(())
}

async fn sign<P: Platform>(inner: &Inner<P>, log: &mut Log, key: &VerifierKey) -> Result<(), String> {
    let checkpoint = log.checkpoint();
    let signature = inner
        .keys
        .sign(KeyPurpose::Log, checkpoint.body().as_bytes())
        .await
        .map_err(|e| format!("the checkpoint could not be signed: {e}"))?;
    log.attach(checkpoint.sign(key, signature)).map_err(|e| e.to_string())
}

/// The batch did not become durable: whoever waits for it is told.
fn give_up<P: Platform>(inner: &Inner<P>, after: Vec<After>, reason: String) -> Result<(), String> {
    let (asked, rest) = apart(after);
    inner.release(rest, Some(&reason));
    for item in asked {
        match item {
            After::Checkpoint(sender) => drop(sender.send(Err(reason.clone()))),
            After::Written(sender) => drop(sender.send(Err(reason.clone()))),
            After::Reply(..) | After::Perform(_) => {}
        }
    }
    Err(reason)
}

/// Those that the committer answers itself, and those that are released.
fn apart(after: Vec<After>) -> (Vec<After>, Vec<After>) {
    after.into_iter().partition(|item| matches!(item, After::Checkpoint(_) | After::Written(_)))
}

/// After a failed commit nothing is written any more; whoever still asks is told why.
async fn fail<P: Platform>(inner: &Inner<P>, reason: &str) {
    loop {
        // Looked at first: nothing is added once it is closed, so what is taken then is the last.
        let closed = inner.lock().closed;
        let Taken { after, .. } = inner.take_pending();
        let _ = give_up(inner, after, reason.to_owned());
        if closed {
            return;
        }
        inner.commit_signal.wait().await;
    }
}

/// Sends a `Tick` whenever a deadline is due, until the kernel is closed.
pub(super) async fn tick<P: Platform>(inner: Weak<Inner<P>>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        if inner.lock().closed {
            return;
        }
        match inner.next_deadline() {
            None => inner.clock_signal.wait().await,
            Some(at) => {
                let sleep = pin!(inner.platform.sleep_until(at));
                let woken = pin!(inner.clock_signal.wait());
                if let Either::Left(_) = select(sleep, woken).await {
                    inner.submit(Input::Tick);
                }
            }
        }
    }
}
