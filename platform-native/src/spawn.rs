//! Futures run as tasks of the tokio runtime in which the host was opened.

use futures::FutureExt;
use kernel_core::platform::Spawn;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// Starts tasks on one runtime. Clones start them on the same.
#[derive(Clone, Debug)]
pub(crate) struct TokioSpawn {
    runtime: tokio::runtime::Handle,
}

impl TokioSpawn {
    /// Starts tasks on `runtime`.
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> TokioSpawn {
        TokioSpawn { runtime }
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(async move {
            // Nothing of the future is looked at after a panic, so it need not be unwind safe.
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                tracing::error!(task = name, panic = panic_text(&*panic), "a task panicked");
            }
        });
    }
}

/// The text of a panic, as far as it has one.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_stays_inside_its_task() {
        let spawn = TokioSpawn::new(tokio::runtime::Handle::current());
        spawn.spawn("planted", async { panic!("planted") });
        let (tell, told) = tokio::sync::oneshot::channel();
        spawn.spawn("after", async move {
            let _ = tell.send(7);
        });
        assert_eq!(told.await.unwrap(), 7);
    }

    #[test]
    fn a_panic_tells_its_message() {
        let text = std::panic::catch_unwind(|| panic!("seven {}", 7)).unwrap_err();
        assert_eq!(panic_text(&*text), "seven 7");
    }
}
