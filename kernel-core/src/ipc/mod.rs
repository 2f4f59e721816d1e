//! Messages between processes.

mod envelope;

pub use envelope::{Envelope, EnvelopeKind};
