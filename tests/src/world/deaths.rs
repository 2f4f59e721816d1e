//! A sandbox behind glass: it can be full, and that a guest is gone can be kept from being seen.

use super::Hand;
use bytes::Bytes;
use kernel_core::ipc::Envelope;
use kernel_core::platform::{
    BoxFuture, Fault, FaultKind, Gauge, Guest, Handled, HostError, MaybeSend, Port, Sandbox, StartRequest,
};

/// Another host's sandbox.
#[derive(Debug)]
pub struct WatchedSandbox<S> {
    pub(super) sandbox: S,
    pub(super) hand: Hand,
}

impl<S: Sandbox> Sandbox for WatchedSandbox<S> {
    type Guest = WatchedGuest<S::Guest>;

    async fn start(
        &self,
        request: StartRequest,
        component: impl FnOnce() -> BoxFuture<'static, Result<Bytes, HostError>> + MaybeSend,
        port: Port,
    ) -> Result<WatchedGuest<S::Guest>, Fault> {
        if self.hand.is_crowded() {
            return Err(Fault { kind: FaultKind::Room, reason: "the hand keeps all room".to_owned() });
        }
        let guest = self.sandbox.start(request, component, port).await?;
        Ok(WatchedGuest { guest, hand: self.hand.clone() })
    }
}

/// One of its guests.
#[derive(Debug)]
pub struct WatchedGuest<G> {
    guest: G,
    hand: Hand,
}

impl<G: Guest> Guest for WatchedGuest<G> {
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Handled> {
        self.guest.handle(message)
    }

    fn inline(&self) -> bool {
        self.guest.inline()
    }

    fn gauge(&self) -> Option<Gauge> {
        self.guest.gauge()
    }

    fn death(&self) -> Option<BoxFuture<'static, ()>> {
        let (death, hidden) = (self.guest.death(), self.hand.hides_deaths());
        if !hidden {
            return death;
        }
        let hand = self.hand.clone();
        Some(Box::pin(async move {
            if let Some(death) = death {
                death.await;
            }
            hand.deaths_are_seen().await;
        }))
    }
}
