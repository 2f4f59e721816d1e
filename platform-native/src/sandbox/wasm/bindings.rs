//! The guest contract as Rust types, generated from `weft.wit`, and the kernel's side of it over a port.

#![allow(missing_docs, unreachable_pub)]

use super::limiter::Memory;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::platform::{LogLevel, Port};
use kernel_core::refusal;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weft::guest::{kernel, types};

wasmtime::component::bindgen!({
    path: "../kernel-core/wit",
    world: "agent",
    imports: { "weft:guest/kernel.act": async },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub use exports::weft::guest::guest::Envelope as WireEnvelope;

/// The most bytes that one call of `random` answers.
const MAX_RANDOM: u32 = 65_536;

/// What belongs to one instance and not to its code.
pub struct Context {
    port: Port,
    random: ChaCha20Rng,
    pub memory: Memory,
}

impl Context {
    pub fn new(port: Port, seed: [u8; 32], memory: Memory) -> Context {
        Context { port, random: ChaCha20Rng::from_seed(seed), memory }
    }
}

impl kernel::Host for Context {
    async fn act(&mut self, verb: String, resource: String, body: Vec<u8>) -> Result<Vec<u8>, kernel::Refusal> {
        match self.port.act(&verb, &resource, body).await {
            Ok(reply) => Ok(reply.into()),
            Err(refused) => Err(refused.into()),
        }
    }

    fn log(&mut self, level: kernel::Level, text: String) {
        self.port.log(level.into(), &text);
    }

    fn now(&mut self) -> u64 {
        self.port.now().0
    }

    fn random(&mut self, n: u32) -> Vec<u8> {
        let mut bytes = vec![0; n.min(MAX_RANDOM) as usize];
        self.random.fill_bytes(&mut bytes);
        bytes
    }
}

impl types::Host for Context {}

impl From<types::Level> for LogLevel {
    fn from(level: types::Level) -> LogLevel {
        match level {
            types::Level::Trace => LogLevel::Trace,
            types::Level::Debug => LogLevel::Debug,
            types::Level::Info => LogLevel::Info,
            types::Level::Warn => LogLevel::Warn,
            types::Level::Error => LogLevel::Error,
        }
    }
}

impl From<refusal::Refusal> for types::Refusal {
    fn from(refused: refusal::Refusal) -> types::Refusal {
        types::Refusal {
            code: refused.code.into(),
            reason: refused.reason,
            action: refused.action.0,
            ticket: refused.ticket,
            detail: refused.detail.into_bytes(),
        }
    }
}

impl From<refusal::Code> for types::Code {
    fn from(code: refusal::Code) -> types::Code {
        use refusal::Code as C;
        match code {
            C::Denied => types::Code::Denied,
            C::Pending => types::Code::Pending,
            C::NotFound => types::Code::NotFound,
            C::Full => types::Code::Full,
            C::TimedOut => types::Code::TimedOut,
            C::Deadlock => types::Code::Deadlock,
            C::Exhausted => types::Code::Exhausted,
            C::TooLarge => types::Code::TooLarge,
            C::Invalid => types::Code::Invalid,
            C::Conflict => types::Code::Conflict,
            C::Unsupported => types::Code::Unsupported,
            C::Cancelled => types::Code::Cancelled,
            C::NotDurable => types::Code::NotDurable,
            // A code that this contract does not know yet: it was not done, or not to its end.
            _ => types::Code::Failed,
        }
    }
}

impl From<EnvelopeKind> for types::Kind {
    fn from(kind: EnvelopeKind) -> types::Kind {
        match kind {
            EnvelopeKind::Start => types::Kind::Start,
            EnvelopeKind::Message => types::Kind::Message,
            EnvelopeKind::Request => types::Kind::Request,
            EnvelopeKind::Topic => types::Kind::Topic,
            EnvelopeKind::Lagged => types::Kind::Lagged,
            EnvelopeKind::Timer => types::Kind::Timer,
            EnvelopeKind::Exit => types::Kind::Exit,
            EnvelopeKind::Approval => types::Kind::Approval,
            EnvelopeKind::Watch => types::Kind::Watch,
        }
    }
}

/// The envelope as the contract spells it. The paths and labels are those of `message`, spelled out; the
/// payload goes into the guest's memory from where it lies.
pub fn wire<'m>(message: &'m Envelope, sender: &'m str, target: &'m str, labels: &'m [&'m str]) -> WireEnvelope<'m> {
    WireEnvelope {
        id: message.id.0,
        sender,
        target,
        kind: message.kind.into(),
        correlation: message.correlation,
        deadline: message.deadline.map(|at| at.0),
        labels,
        content_type: &message.content_type,
        body: &message.body,
    }
}
