//! Handlers that are compiled into a host and registered by name: part of the trusted base.

use super::{BoxFuture, MaybeSend, MaybeSync, Port};
use crate::ipc::Envelope;
use crate::path::Name;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One instance of a native program.
///
/// `handle` is called with one envelope at a time. Its first poll runs on the caller's stack, so it
/// should return quickly or wait. A panic ends the instance as a trap does, where the host can catch it.
pub trait Handler: MaybeSend + 'static {
    /// Handles one envelope; for a request, what is returned is the reply.
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Result<Bytes, String>>;
}

impl<F> Handler for F
where
    F: FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + MaybeSend + 'static,
{
    fn handle(&mut self, message: Envelope) -> BoxFuture<'_, Result<Bytes, String>> {
        self(message)
    }
}

trait Factory: Fn(Port) -> Box<dyn Handler> + MaybeSend + MaybeSync {}
impl<F: Fn(Port) -> Box<dyn Handler> + MaybeSend + MaybeSync> Factory for F {}

/// The native programs of a host, by name.
#[derive(Clone, Default)]
pub struct Programs {
    by_name: BTreeMap<Name, Arc<dyn Factory>>,
}

impl Programs {
    /// None.
    pub fn new() -> Programs {
        Programs::default()
    }

    /// Adds a program under `name`, in place of one that had it. `make` is called once for each
    /// instance, with the instance's port.
    #[must_use]
    pub fn with<H: Handler>(
        mut self,
        name: Name,
        make: impl Fn(Port) -> H + MaybeSend + MaybeSync + 'static,
    ) -> Programs {
        self.by_name.insert(name, Arc::new(move |port| -> Box<dyn Handler> { Box::new(make(port)) }));
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.by_name.keys()
    }

    /// A new instance of the program `name`, if there is one.
    pub fn instance(&self, name: &Name, port: Port) -> Option<Box<dyn Handler>> {
        self.by_name.get(name).map(|make| make(port))
    }
}

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
