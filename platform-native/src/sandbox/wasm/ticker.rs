//! The thread that advances the engine's epoch while guests run, so that they yield.
//!
//! A thread and not a task: when guests occupy every worker of the runtime, no task would get its turn.
//! It parks after a while in which nothing ran, so an idle kernel does not wake up for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;
use wasmtime::{Engine, EngineWeak};

/// The length of one epoch.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// After how many ticks without a guest the thread parks.
const LINGER: u32 = 20;

/// A handle on the ticking thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Ticker {
    state: Arc<State>,
    thread: Option<Thread>,
}

#[derive(Debug, Default)]
struct State {
    // Set by every poll of a guest, taken by every tick.
    active: AtomicBool,
    // Set by the thread before it parks. A poll first sets `active` and then reads this, the thread
    // first sets this and then reads `active`, both sequentially consistent: one of them sees the other.
    parked: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    /// Starts the thread for `engine`, parked.
    pub(super) fn start(engine: &Engine) -> std::io::Result<Ticker> {
        let state = Arc::new(State::default());
        let (theirs, engine) = (state.clone(), engine.weak());
        let thread = std::thread::Builder::new().name("weft-epoch".to_owned()).spawn(move || theirs.tick(&engine))?;
        Ok(Ticker { state, thread: Some(thread.thread().clone()) })
    }

    /// One without a thread, whose epoch stands still.
    #[cfg(test)]
    pub(super) fn idle() -> Ticker {
        Ticker { state: Arc::default(), thread: None }
    }

    /// A guest is about to be polled.
    pub(super) fn running(&self) {
        self.state.active.store(true, Ordering::SeqCst);
        if self.state.parked.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl State {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            if self.active.swap(false, Ordering::SeqCst) {
                idle = 0;
            } else {
                idle += 1;
            }
            if idle > LINGER {
                self.parked.store(true, Ordering::SeqCst);
                if !self.active.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
                    std::thread::park();
                }
                self.parked.store(false, Ordering::SeqCst);
                idle = 0;
                continue;
            }
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_parks_when_idle_and_wakes_when_something_runs() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        let parked = || ticker.state.parked.load(Ordering::SeqCst);
        for _ in 0..200 {
            if parked() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(parked());
        ticker.running();
        let mut woke = false;
        for _ in 0..200 {
            woke |= !parked();
            std::thread::sleep(Duration::from_micros(500));
        }
        assert!(woke);
    }
}
