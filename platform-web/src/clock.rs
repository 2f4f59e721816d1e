//! Time from `performance.now` and `Date.now`; waiting by `setTimeout`.
//!
//! The monotonic origin is the moment at which the worker started. Browsers coarsen both clocks (5 to
//! 100 us) and may fire a timer a little early, so a wait looks at the clock again before it ends.

use crate::js::scope;
use futures::channel::oneshot;
use kernel_core::platform::Clock;
use kernel_core::time::{Instant, WallTime};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageChannel, Performance};

/// Nanoseconds in a millisecond, in which JavaScript counts.
const MILLISECOND: f64 = 1e6;

/// How long work goes on between two turns of the event loop, milliseconds.
const PIECE: f64 = 8.0;

/// The longest that one `setTimeout` waits, milliseconds; it counts in 32 bits and fires at once beyond them.
const LONGEST: u64 = i32::MAX as u64;

/// The worker's clocks. Clones share one origin.
#[derive(Clone, Debug)]
pub(crate) struct WebClock {
    performance: Performance,
}

impl WebClock {
    /// The clocks of this worker.
    ///
    /// # Panics
    ///
    /// Where there is no `performance`, which every worker has.
    pub(crate) fn new() -> WebClock {
        WebClock { performance: scope().performance().expect("every worker has `performance`") }
    }
}

impl Clock for WebClock {
    fn now(&self) -> Instant {
        Instant((self.performance.now() * MILLISECOND) as u64)
    }

    fn wall(&self) -> WallTime {
        // A wall clock before 1970 is as wrong as one that stands at 1970: the cast gives 0 for it.
        WallTime((js_sys::Date::now() * MILLISECOND) as u64)
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + 'static {
        let clock = self.clone();
        async move {
            loop {
                let left = at.0.saturating_sub(clock.now().0);
                if left == 0 {
                    return;
                }
                Timeout::new(left.div_ceil(MILLISECOND as u64).min(LONGEST) as i32).await;
            }
        }
    }
}

/// Waits for `milliseconds`.
pub(crate) async fn pause(milliseconds: i32) {
    Timeout::new(milliseconds).await;
}

/// Waits for one turn of the event loop: whatever messages were there before are delivered when it ends. A timer of no
/// time would wait for milliseconds.
pub(crate) async fn turn() {
    // A browser whose channels do not work has no workers either.
    let Ok(channel) = MessageChannel::new() else { return };
    let (tell, told) = oneshot::channel();
    let delivered = Closure::once(move |_: JsValue| {
        // Whoever gave up the wait hears nothing.
        let _ = tell.send(());
    });
    channel.port2().set_onmessage(Some(delivered.as_ref().unchecked_ref()));
    let turn = Turn { channel, _delivered: delivered };
    if turn.channel.port1().post_message(&JsValue::NULL).is_ok() {
        let _ = told.await;
    }
}

/// A message to this worker itself; it is not delivered to one that is dropped.
struct Turn {
    channel: MessageChannel,
    /// Called by the message; must live until then.
    _delivered: Closure<dyn FnMut(JsValue)>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.channel.port2().set_onmessage(None);
        self.channel.port1().close();
    }
}

/// Work that is done in pieces, so that whatever else this worker has to do is done between them.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// When the last turn of the event loop was, in milliseconds.
    last: Cell<f64>,
}

impl Pieces {
    /// Between two pieces: lets the event loop turn if it has not for some time.
    pub(crate) async fn between(&self) {
        let now = || scope().performance().map_or(f64::INFINITY, |performance| performance.now());
        if now() - self.last.get() >= PIECE {
            turn().await;
            self.last.set(now());
        }
    }
}

/// One `setTimeout`, cleared when it is dropped.
struct Timeout {
    state: Rc<RefCell<State>>,
    handle: i32,
    /// Called by the timer; must live until then.
    _fired: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    fired: bool,
    waker: Option<Waker>,
}

impl Timeout {
    fn new(milliseconds: i32) -> Timeout {
        let state = Rc::new(RefCell::new(State::default()));
        let theirs = state.clone();
        let fired = Closure::new(move || {
            let waker = {
                let mut state = theirs.borrow_mut();
                state.fired = true;
                state.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        });
        let callback = fired.as_ref().unchecked_ref();
        let set: Result<i32, JsValue> =
            scope().set_timeout_with_callback_and_timeout_and_arguments_0(callback, milliseconds);
        let handle = set.expect("setTimeout throws for no function");
        Timeout { state, handle, _fired: fired }
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.fired {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timeout {
    fn drop(&mut self) {
        scope().clear_timeout_with_handle(self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::time::Duration;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn a_sleep_never_ends_early_and_a_past_one_ends_at_once() {
        let clock = WebClock::new();
        for wait in [1, 7, 20] {
            let at = clock.now().after(Duration::from_millis(wait));
            clock.sleep_until(at).await;
            assert!(clock.now() >= at);
        }
        assert_eq!(clock.sleep_until(Instant(0)).now_or_never(), Some(()));
    }

    #[wasm_bindgen_test]
    async fn the_end_of_time_is_waited_for_and_a_dropped_wait_is_cancelled() {
        let clock = WebClock::new();
        let mut far = Box::pin(clock.sleep_until(Instant(u64::MAX)));
        let mut month = Box::pin(clock.sleep_until(clock.now().after(Duration::from_secs(60 * 60 * 24 * 30))));
        assert_eq!((&mut far).now_or_never(), None);
        assert_eq!((&mut month).now_or_never(), None);
        clock.sleep_until(clock.now().after(Duration::from_millis(10))).await;
        // A timer beyond 32 bits of milliseconds would have fired at once.
        assert_eq!((&mut far).now_or_never(), None);
        assert_eq!((&mut month).now_or_never(), None);
        // The callbacks are gone with their futures: a timer that was left would throw when it fires.
        let soon = clock.now().after(Duration::from_millis(2));
        let mut dropped = Box::pin(clock.sleep_until(soon));
        assert_eq!((&mut dropped).now_or_never(), None);
        drop(dropped);
        clock.sleep_until(soon.after(Duration::from_millis(10))).await;
    }

    #[wasm_bindgen_test]
    async fn a_turn_delivers_what_was_there_before_and_takes_no_time() {
        let channel = MessageChannel::new().unwrap();
        let heard = Rc::new(Cell::new(0));
        let theirs = heard.clone();
        let hear = Closure::<dyn FnMut(JsValue)>::new(move |_| theirs.set(theirs.get() + 1));
        channel.port2().set_onmessage(Some(hear.as_ref().unchecked_ref()));
        let begun = WebClock::new().now();
        for n in 1..=100 {
            channel.port1().post_message(&JsValue::NULL).unwrap();
            turn().await;
            assert_eq!(heard.get(), n);
        }
        assert!(WebClock::new().now() < begun.after(Duration::from_millis(200)));
    }

    #[wasm_bindgen_test]
    async fn a_turn_that_is_given_up_reaches_nobody() {
        for _ in 0..10 {
            assert_eq!(turn().now_or_never(), None);
        }
        // What was called after it was dropped would throw, and end the test.
        pause(5).await;
        turn().await;
    }

    #[wasm_bindgen_test]
    async fn long_work_lets_a_timer_fire_between_its_pieces() {
        let clock = WebClock::new();
        let fired = Rc::new(Cell::new(0));
        let theirs = fired.clone();
        wasm_bindgen_futures::spawn_local(async move {
            for _ in 0..3 {
                pause(1).await;
                theirs.set(theirs.get() + 1);
            }
        });
        let (pieces, until) = (Pieces::default(), clock.now().after(Duration::from_millis(200)));
        while clock.now() < until {
            pieces.between().await;
        }
        assert_eq!(fired.get(), 3);
    }

    #[wasm_bindgen_test]
    fn monotonic_time_never_goes_back_and_wall_time_is_this_century() {
        let clock = WebClock::new();
        let mut last = clock.now();
        for _ in 0..1_000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        assert!(clock.wall().0 > 1_600_000_000_000_000_000);
    }
}
