//! A signing key that everyone knows.

use crate::platform::{HostError, KeyPurpose, Keys};
use ed25519_dalek::{Signer, SigningKey};
use std::future::{Future, ready};

/// The private half of the log's key: bytes without meaning, the same in every run.
const LOG: [u8; 32] = *b"a key for simulations, no secret";

/// Signs with a constant. For simulations only: it proves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimKeys;

fn key(purpose: KeyPurpose) -> SigningKey {
    match purpose {
        KeyPurpose::Log => SigningKey::from_bytes(&LOG),
    }
}

impl Keys for SimKeys {
    fn find(&self, purpose: KeyPurpose) -> impl Future<Output = Result<Option<[u8; 32]>, HostError>> {
        ready(Ok(Some(key(purpose).verifying_key().to_bytes())))
    }

    fn public(&self, purpose: KeyPurpose) -> impl Future<Output = Result<[u8; 32], HostError>> {
        ready(Ok(key(purpose).verifying_key().to_bytes()))
    }

    fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> impl Future<Output = Result<[u8; 64], HostError>> {
        ready(Ok(key(purpose).sign(message).to_bytes()))
    }
}
