//! Holding a guest that is busy: what is not polled does nothing, and is charged nothing.

use futures::task::AtomicWaker;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// Holds a future, and lets it go. Clones are the same brake.
#[derive(Clone, Debug, Default)]
pub(super) struct Brake(Arc<State>);

#[derive(Debug, Default)]
struct State {
    held: AtomicBool,
    /// Whoever polls what is held.
    waker: AtomicWaker,
}

impl Brake {
    /// From now on nothing is polled; a poll that is under way comes to its end.
    pub(super) fn hold(&self) {
        self.0.held.store(true, Ordering::SeqCst);
    }

    /// It goes on.
    pub(super) fn let_go(&self) {
        self.0.held.store(false, Ordering::SeqCst);
        self.0.waker.wake();
    }

    /// `future`, held by this.
    pub(super) fn on<F>(&self, future: F) -> Braked<F> {
        Braked { brake: self.clone(), future }
    }
}

/// A future that is polled only while it is not held.
pub(super) struct Braked<F> {
    brake: Brake,
    future: F,
}

impl<F: Future + Unpin> Future for Braked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Before it is looked at: one of the two sees the other.
        self.brake.0.waker.register(cx.waker());
        if self.brake.0.held.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.future).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::cell::Cell;

    #[test]
    fn what_is_held_is_not_polled() {
        let polls = Cell::new(0);
        let brake = Brake::default();
        let mut held = brake.on(Box::pin(std::future::poll_fn(|_| {
            polls.set(polls.get() + 1);
            if polls.get() < 3 { Poll::Pending } else { Poll::Ready(7) }
        })));
        assert_eq!((&mut held).now_or_never(), None);
        brake.hold();
        for _ in 0..5 {
            assert_eq!((&mut held).now_or_never(), None);
        }
        assert_eq!(polls.get(), 1);
        brake.let_go();
        assert_eq!((&mut held).now_or_never(), None);
        assert_eq!((&mut held).now_or_never(), Some(7));
    }
}
