//! The executor: one stack, one seed, virtual time.
//!
//! What is ready waits in a list, and the next one is drawn from it at random with 64-bit arithmetic, so
//! that a browser (32 bits) and a server (64 bits) draw alike. A waker holds the ready list and nothing
//! else: it must be `Send + Sync` also where tasks are not.

use super::{SimDevices, SimPlatform, SimStorage};
use crate::platform::BoxFuture;
use crate::time::Instant;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Turns after which [`Sim::run`] takes its future to run in circles.
const CIRCLES: u64 = 50_000_000;

/// Lets everything else that is ready have its turn.
pub fn turn() -> impl Future<Output = ()> {
    let mut waited = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// A simulated machine. It ends, with all its tasks, when it is dropped.
pub struct Sim {
    shared: Arc<Shared>,
}

/// What the machine and its handles share.
pub(super) struct Shared {
    ready: Arc<Ready>,
    core: Mutex<Core>,
}

struct Core {
    now: Instant,
    tasks: BTreeMap<u64, BoxFuture<'static, ()>>,
    /// The latest number given to a task or a sleeper.
    last: u64,
    sleepers: BTreeMap<(Instant, u64), Waker>,
    schedule: ChaCha8Rng,
    entropy: ChaCha8Rng,
    faults: ChaCha8Rng,
    trace: Sha256,
}

/// The tasks that can run, each once.
#[derive(Default)]
struct Ready {
    list: Mutex<ReadyList>,
}

#[derive(Default)]
struct ReadyList {
    order: Vec<u64>,
    queued: BTreeSet<u64>,
}

struct TaskWaker {
    ready: Arc<Ready>,
    task: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.add(self.task);
    }
}

/// Why a future was not run to its end.
enum Unfinished {
    /// It has had its turns.
    Spent,
    /// Nothing can run, now or later.
    Stuck,
}

/// A panic while a lock was held is a failed test; what the others see of it does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ready {
    fn add(&self, task: u64) {
        let mut list = lock(&self.list);
        if list.queued.insert(task) {
            list.order.push(task);
        }
    }

    /// Takes one of those that can run, by a number drawn from all of `u64`.
    fn draw(&self, draw: impl FnOnce() -> u64) -> Option<u64> {
        let mut list = lock(&self.list);
        let count = u64::try_from(list.order.len()).ok().filter(|n| *n > 0)?;
        let index = usize::try_from(draw() % count).ok()?;
        let task = list.order.swap_remove(index);
        list.queued.remove(&task);
        Some(task)
    }

    fn clear(&self) {
        *lock(&self.list) = ReadyList::default();
    }
}

impl Sim {
    /// A machine on which `seed` decides everything that could go one way or another.
    pub fn new(seed: u64) -> Sim {
        let core = Core {
            now: Instant(0),
            tasks: BTreeMap::new(),
            last: 0,
            sleepers: BTreeMap::new(),
            schedule: stream(seed, 0),
            entropy: stream(seed, 1),
            faults: stream(seed, 2),
            trace: Sha256::new(),
        };
        Sim { shared: Arc::new(Shared { ready: Arc::default(), core: Mutex::new(core) }) }
    }

    /// The handle that the kernel holds.
    pub fn platform(&self) -> SimPlatform {
        SimPlatform::new(self.shared.clone())
    }

    /// Empty storage on this machine.
    pub fn storage(&self) -> SimStorage {
        SimStorage::new(&self.platform())
    }

    /// Devices without a mount on this machine.
    pub fn devices(&self) -> SimDevices {
        SimDevices::new(&self.platform())
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Runs `future` and everything spawned until it is done.
    ///
    /// # Panics
    /// If it can never be done: nothing can run and nothing sleeps, or it goes on without end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match self.turns(CIRCLES, pin!(future)) {
            Ok((output, _)) => output,
            Err(Unfinished::Stuck) => panic!("the future waits for something that nobody will do"),
            Err(Unfinished::Spent) => panic!("the future is not done after {CIRCLES} turns"),
        }
    }

    /// Runs `future` and everything spawned for at most `turns` polls. `None` if it was not done by then
    /// or never could be; the future is dropped, what it spawned stays.
    pub fn run_at_most<T>(&self, turns: u64, future: impl Future<Output = T>) -> Option<T> {
        self.turns(turns, pin!(future)).ok().map(|(output, _)| output)
    }

    /// Runs what was spawned for at most `turns` polls; `false` if nothing is left that could ever run.
    pub fn run_for(&self, turns: u64) -> bool {
        !matches!(self.turns(turns, pin!(pending::<()>())), Err(Unfinished::Stuck))
    }

    /// The power fails: every task and every sleeper is gone. Time and the draws go on from where they are.
    pub fn crash(&self) {
        loop {
            let (tasks, sleepers) = {
                let mut core = self.shared.core();
                (std::mem::take(&mut core.tasks), std::mem::take(&mut core.sleepers))
            };
            self.shared.ready.clear();
            // Dropped without the lock: a future that is dropped may take back a sleep, or spawn.
            if tasks.is_empty() && sleepers.is_empty() {
                return;
            }
        }
    }

    /// A number that the seed determines, for whatever a test wants to vary. Drawing one changes neither
    /// the schedule nor the entropy.
    pub fn random(&self) -> u64 {
        self.shared.fault()
    }

    /// The digest of the schedule so far: which task ran at which time.
    pub fn trace(&self) -> [u8; 32] {
        self.shared.core().trace.clone().finalize().into()
    }

    fn turns<T>(&self, turns: u64, mut future: Pin<&mut impl Future<Output = T>>) -> Result<(T, u64), Unfinished> {
        let main = self.shared.core().number();
        let ready = &self.shared.ready;
        ready.add(main);
        let main_waker = self.shared.waker(main);
        for turn in 0..turns {
            let task = self.shared.next().ok_or(Unfinished::Stuck)?;
            if task == main {
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&main_waker)) {
                    return Ok((output, turn));
                }
            } else {
                self.shared.turn(task);
            }
        }
        Err(Unfinished::Spent)
    }
}

impl Drop for Sim {
    /// Tasks hold the machine that holds them; this lets go of both.
    fn drop(&mut self) {
        self.crash();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Core {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    pub(super) fn now(&self) -> Instant {
        self.core().now
    }

    pub(super) fn fill(&self, out: &mut [u8]) {
        self.core().entropy.fill_bytes(out);
    }

    /// A draw for faults and delays.
    pub(super) fn fault(&self) -> u64 {
        self.core().faults.next_u64()
    }

    pub(super) fn spawn(&self, future: BoxFuture<'static, ()>) {
        let task = {
            let mut core = self.core();
            let task = core.number();
            core.tasks.insert(task, future);
            task
        };
        self.ready.add(task);
    }

    fn waker(&self, task: u64) -> Waker {
        Waker::from(Arc::new(TaskWaker { ready: self.ready.clone(), task }))
    }

    /// The task that runs next; time passes to the next sleeper where none can run.
    fn next(&self) -> Option<u64> {
        loop {
            let mut core = self.core();
            if let Some(task) = self.ready.draw(|| core.schedule.next_u64()) {
                let now = core.now.0;
                core.trace.update(task.to_be_bytes());
                core.trace.update(now.to_be_bytes());
                return Some(task);
            }
            let due = core.sleepers.first_key_value().map(|((at, _), _)| *at)?;
            core.now = core.now.max(due);
            let after = Instant(core.now.0.saturating_add(1));
            let later = core.sleepers.split_off(&(after, 0));
            let woken = std::mem::replace(&mut core.sleepers, later);
            drop(core);
            woken.into_values().for_each(Waker::wake);
        }
    }

    /// Polls one task. Woken for what is gone already, it does nothing.
    fn turn(&self, task: u64) {
        let Some(mut future) = self.core().tasks.remove(&task) else { return };
        let waker = self.waker(task);
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.core().tasks.insert(task, future);
        }
    }
}

/// The draws of one purpose. Purposes have streams of their own, so that more draws of one do not shift
/// those of another.
fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_be_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(purpose);
    rng
}

/// Waits for a virtual time.
pub(super) struct Sleep {
    shared: Arc<Shared>,
    at: Instant,
    number: Option<u64>,
}

impl Sleep {
    pub(super) fn new(shared: Arc<Shared>, at: Instant) -> Sleep {
        Sleep { shared, at, number: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        let mut core = me.shared.core();
        if core.now >= me.at {
            return Poll::Ready(());
        }
        let number = *me.number.get_or_insert_with(|| core.number());
        core.sleepers.insert((me.at, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // The waker is dropped after the lock is released.
            let _waker = self.shared.core().sleepers.remove(&(self.at, number));
        }
    }
}
