//! A host seen through glass: every role of another host, with what a clause has to see and to hold.
//!
//! Time can be moved on, tasks can be ended all at once as a power cut ends them, commits can be held
//! back or made to fail, what was asked of devices is kept, and any of it can be left hanging. In lockstep
//! clock, seed and key are constants, so that the same scenario gives the same log on every host.

use super::deaths::WatchedSandbox;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{AbortHandle, Either, abortable, select};
use kernel_core::kernel::Parts;
use kernel_core::platform::{
    Batch, Clock, DeviceError, DeviceReply, DeviceRequest, Devices, Entropy, HostError, KeyPurpose, Keys, MaybeSend,
    Meta, Page, Platform, Profile, Spawn, Storage, StorageError,
};
use kernel_core::sim::SimKeys;
use kernel_core::time::{Instant, WallTime};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where time stands in lockstep: 2026-01-01T00:00:00Z, in nanoseconds since 1970.
const EPOCH: u64 = 1_767_225_600_000_000_000;

/// The hand behind the glass. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Hand {
    held: Arc<Mutex<Held>>,
    lockstep: bool,
    wired: bool,
}

#[derive(Debug, Default)]
struct Held {
    arrived: VecDeque<Bytes>,
    readers: Vec<oneshot::Sender<()>>,
    offset: Duration,
    waiting: Vec<oneshot::Sender<()>>,
    tasks: Vec<AbortHandle>,
    commits: Commits,
    gate: Vec<oneshot::Sender<()>>,
    asked: Vec<DeviceRequest>,
    answers: Answers,
    unanswered: Vec<oneshot::Sender<()>>,
    unreadable: bool,
    breaks: bool,
    crowded: bool,
    deaths_hidden: bool,
    mourners: Vec<oneshot::Sender<()>>,
}

/// What becomes of requests to devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// They are performed and answered.
    #[default]
    Pass,
    /// They are never performed nor answered.
    Never,
    /// They are performed and answered once this has changed.
    Later,
    /// They are performed at once, and answered once this has changed.
    Held,
    /// They are answered that there is no room, and not performed.
    Full,
}

/// What becomes of commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commits {
    /// They are made.
    #[default]
    Pass,
    /// They wait until they pass.
    Wait,
    /// They fail and change nothing.
    Fail,
}

impl Hand {
    /// One that holds nothing back; `lockstep` makes clock, seed and key constants.
    pub fn new(lockstep: bool) -> Hand {
        Hand { held: Arc::default(), lockstep, wired: false }
    }

    /// One whose host has a network, in which every connection stands at once and brings what arrives.
    pub fn wired() -> Hand {
        Hand { wired: true, ..Hand::new(false) }
    }

    /// Bytes arrive on the connection.
    pub fn arrive(&self, bytes: &[u8]) {
        let readers = {
            let mut held = self.held();
            held.arrived.push_back(Bytes::copy_from_slice(bytes));
            std::mem::take(&mut held.readers)
        };
        drop(readers);
    }

    /// What the network answers; `None` for what is no matter of it.
    async fn over_the_wire(&self, request: &DeviceRequest) -> Option<DeviceReply> {
        match request {
            DeviceRequest::Connect { .. } | DeviceRequest::StreamWrite { .. } | DeviceRequest::StreamClose { .. } => {
                Some(DeviceReply::Done { address: None })
            }
            DeviceRequest::StreamRead { .. } => loop {
                let waiting = {
                    let mut held = self.held();
                    if let Some(body) = held.arrived.pop_front() {
                        return Some(DeviceReply::Data { body, meta: Meta::default() });
                    }
                    let (sender, waiting) = oneshot::channel();
                    held.readers.push(sender);
                    waiting
                };
                let _ = waiting.await;
            },
            _ => None,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that holds nothing back, at whose time it is as late as at this one's.
    pub(super) fn fresh(&self) -> Hand {
        let hand = Hand::new(false);
        hand.held().offset = self.held().offset;
        hand
    }

    /// Moves time on; whatever is due is due now.
    pub fn advance(&self, by: Duration) {
        let waiting = {
            let mut held = self.held();
            held.offset += by;
            std::mem::take(&mut held.waiting)
        };
        // Whoever waits looks at the clock again.
        drop(waiting);
    }

    /// Ends every task of the host.
    pub fn cut_power(&self) {
        let tasks = std::mem::take(&mut self.held().tasks);
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// From now on commits do this.
    pub fn commits(&self, what: Commits) {
        let gate = {
            let mut held = self.held();
            held.commits = what;
            std::mem::take(&mut held.gate)
        };
        drop(gate);
    }

    /// From now on a row that is looked up is found, or cannot be read.
    pub fn reads(&self, pass: bool) {
        self.held().unreadable = !pass;
    }

    /// The host panics when the next input is stamped with the time.
    pub fn breaks(&self) {
        self.held().breaks = true;
    }

    /// From now on the host has room for one more instance, or for none.
    pub fn rooms(&self, free: bool) {
        self.held().crowded = !free;
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.held().crowded
    }

    /// From now on that a guest is gone is seen, or is not before this has changed.
    pub fn deaths(&self, seen: bool) {
        let mourners = {
            let mut held = self.held();
            held.deaths_hidden = !seen;
            if seen { std::mem::take(&mut held.mourners) } else { Vec::new() }
        };
        drop(mourners);
    }

    pub(super) fn hides_deaths(&self) -> bool {
        self.held().deaths_hidden
    }

    pub(super) async fn deaths_are_seen(&self) {
        let seen = {
            let mut held = self.held();
            if !held.deaths_hidden {
                return;
            }
            let (sender, seen) = oneshot::channel();
            held.mourners.push(sender);
            seen
        };
        let _ = seen.await;
    }

    /// What was asked of devices so far.
    pub fn asked(&self) -> Vec<DeviceRequest> {
        self.held().asked.clone()
    }

    /// From now on devices are asked and never answer.
    pub fn hang(&self) {
        self.answers(Answers::Never);
    }

    /// From now on devices answer so, also those that were asked before and have not.
    pub fn answers(&self, how: Answers) {
        let unanswered = {
            let mut held = self.held();
            held.answers = how;
            std::mem::take(&mut held.unanswered)
        };
        drop(unanswered);
    }

    /// Waits until devices answer otherwise than `how`.
    async fn past(&self, how: Answers) {
        loop {
            let changed = {
                let mut held = self.held();
                if held.answers != how {
                    return;
                }
                let (sender, changed) = oneshot::channel();
                held.unanswered.push(sender);
                changed
            };
            let _ = changed.await;
        }
    }

    /// The same host behind glass, and its rows.
    pub fn watch<P: Platform>(&self, parts: Parts<P>) -> (Parts<Watched<P>>, Rows<P::Storage>) {
        let Parts { platform, storage, sandbox, devices, keys } = parts;
        let mut profile = platform.profile().clone();
        if self.lockstep {
            profile.host = "lockstep".to_owned();
        }
        profile.net |= self.wired;
        let rows = Rows { storage: Arc::new(storage), hand: self.clone() };
        let parts = Parts {
            platform: Watched { platform, hand: self.clone(), profile: Arc::new(profile) },
            storage: rows.clone(),
            sandbox: WatchedSandbox { sandbox, hand: self.clone() },
            devices: WatchedDevices { devices, hand: self.clone() },
            keys: WatchedKeys { keys, lockstep: self.lockstep },
        };
        (parts, rows)
    }
}

/// A platform behind glass.
#[derive(Clone, Debug)]
pub struct Watched<P> {
    platform: P,
    hand: Hand,
    profile: Arc<Profile>,
}

impl<P: Platform> Clock for Watched<P> {
    fn now(&self) -> Instant {
        let at = if self.hand.lockstep { Instant(0) } else { self.platform.now() };
        at.after(self.hand.held().offset)
    }

    fn wall(&self) -> WallTime {
        let breaks = std::mem::take(&mut self.hand.held().breaks);
        assert!(!breaks, "the suite breaks the clock");
        if self.hand.lockstep {
            return WallTime(EPOCH + self.now().0);
        }
        let offset = u64::try_from(self.hand.held().offset.as_nanos()).unwrap_or(u64::MAX);
        WallTime(self.platform.wall().0.saturating_add(offset))
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + MaybeSend + 'static {
        let me = self.clone();
        async move {
            loop {
                if me.now() >= at {
                    return;
                }
                let (moved, offset) = {
                    let mut held = me.hand.held();
                    held.waiting.retain(|other| !other.is_canceled());
                    let (sender, moved) = oneshot::channel();
                    held.waiting.push(sender);
                    (moved, held.offset)
                };
                if me.hand.lockstep {
                    let _ = moved.await;
                } else {
                    let due = Instant(at.0.saturating_sub(u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX)));
                    let sleep = pin!(me.platform.sleep_until(due));
                    if let Either::Left(_) = select(sleep, moved).await {
                        return;
                    }
                }
            }
        }
    }
}

impl<P: Platform> Entropy for Watched<P> {
    fn fill(&self, out: &mut [u8]) {
        if self.hand.lockstep { out.fill(7) } else { self.platform.fill(out) }
    }
}

impl<P: Platform> Spawn for Watched<P> {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + MaybeSend + 'static) {
        let (future, abort) = abortable(future);
        {
            let mut held = self.hand.held();
            held.tasks.retain(|task| !task.is_aborted());
            held.tasks.push(abort);
        }
        self.platform.spawn(name, async move {
            let _ = future.await;
        });
    }
}

impl<P: Platform> Platform for Watched<P> {
    type Storage = Rows<P::Storage>;
    type Sandbox = WatchedSandbox<P::Sandbox>;
    type Devices = WatchedDevices<P::Devices>;
    type Keys = WatchedKeys<P::Keys>;

    fn profile(&self) -> &Profile {
        &self.profile
    }
}

/// Rows with several readers. Clones are the same rows.
#[derive(Debug)]
pub struct Rows<S> {
    storage: Arc<S>,
    hand: Hand,
}

impl<S> Clone for Rows<S> {
    fn clone(&self) -> Rows<S> {
        Rows { storage: self.storage.clone(), hand: self.hand.clone() }
    }
}

impl<S: Storage> Storage for Rows<S> {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if self.hand.held().unreadable {
            let place = "the disk of the suite".to_owned();
            return Err(StorageError::Damaged { place, what: "it is told not to read".to_owned() });
        }
        self.storage.get(key).await
    }

    async fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, StorageError> {
        self.storage.scan(from, to, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StorageError> {
        loop {
            let opened = {
                let mut held = self.hand.held();
                match held.commits {
                    Commits::Pass => break,
                    Commits::Fail => return Err(StorageError::Full { place: "the disk of the suite".to_owned() }),
                    Commits::Wait => {
                        let (sender, opened) = oneshot::channel();
                        held.gate.push(sender);
                        opened
                    }
                }
            };
            let _ = opened.await;
        }
        self.storage.commit(batch).await
    }
}

/// Devices behind glass.
#[derive(Debug)]
pub struct WatchedDevices<D> {
    devices: D,
    hand: Hand,
}

impl<D: Devices> Devices for WatchedDevices<D> {
    fn at_once(&self, request: &DeviceRequest) -> Option<Result<DeviceReply, DeviceError>> {
        if self.hand.held().answers != Answers::Pass {
            return None;
        }
        let answer = self.devices.at_once(request)?;
        self.hand.held().asked.push(request.clone());
        Some(answer)
    }

    async fn perform(&self, request: DeviceRequest) -> Result<DeviceReply, DeviceError> {
        let answers = {
            let mut held = self.hand.held();
            held.asked.push(request.clone());
            held.answers
        };
        match answers {
            Answers::Never => std::future::pending().await,
            Answers::Later => self.hand.past(Answers::Later).await,
            Answers::Full => return Err(DeviceError::Full("the disk of the suite is full".to_owned())),
            Answers::Pass | Answers::Held => {}
        }
        if self.hand.wired
            && let Some(reply) = self.hand.over_the_wire(&request).await
        {
            return Ok(reply);
        }
        let answer = self.devices.perform(request).await;
        if answers == Answers::Held {
            self.hand.past(Answers::Held).await;
        }
        answer
    }
}

/// Keys behind glass.
#[derive(Debug)]
pub struct WatchedKeys<K> {
    keys: K,
    lockstep: bool,
}

impl<K: Keys> Keys for WatchedKeys<K> {
    async fn find(&self, purpose: KeyPurpose) -> Result<Option<[u8; 32]>, HostError> {
        if self.lockstep { SimKeys.find(purpose).await } else { self.keys.find(purpose).await }
    }

    async fn public(&self, purpose: KeyPurpose) -> Result<[u8; 32], HostError> {
        if self.lockstep { SimKeys.public(purpose).await } else { self.keys.public(purpose).await }
    }

    async fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> Result<[u8; 64], HostError> {
        if self.lockstep { SimKeys.sign(purpose, message).await } else { self.keys.sign(purpose, message).await }
    }
}
