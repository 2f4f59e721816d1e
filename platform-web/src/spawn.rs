//! Futures run on the worker's event loop, as long as the kernel has not crashed.

use crate::crash::is_crashed;
use kernel_core::platform::Spawn;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

/// Starts tasks on this worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebSpawn;

impl Spawn for WebSpawn {
    fn spawn(&self, _name: &'static str, future: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(async move {
            let mut future = pin!(future);
            std::future::poll_fn(|cx| if is_crashed() { Poll::Pending } else { future.as_mut().poll(cx) }).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::oneshot;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn a_task_runs_to_its_end_although_nobody_waits() {
        let (tell, told) = oneshot::channel();
        WebSpawn.spawn("told", async move {
            let _ = tell.send(7);
        });
        assert_eq!(told.await.unwrap(), 7);
    }
}
