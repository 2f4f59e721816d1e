//! The role that signs.

use super::{HostError, MaybeSend, MaybeSync};
use std::future::Future;

/// What a key is for. Keys of different purposes are different keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyPurpose {
    /// Signs checkpoints of the log.
    Log,
}

/// Holds Ed25519 keys. The private half never leaves the host.
pub trait Keys: MaybeSend + MaybeSync + 'static {
    /// The public key, 32 bytes, of a key that is there; `None` where there is none. Makes none.
    fn find(&self, purpose: KeyPurpose) -> impl Future<Output = Result<Option<[u8; 32]>, HostError>> + MaybeSend;

    /// The public key, 32 bytes. The key is made on first use and stays. The kernel asks for it without having
    /// found one only where nothing is stored that another key could have signed.
    fn public(&self, purpose: KeyPurpose) -> impl Future<Output = Result<[u8; 32], HostError>> + MaybeSend;

    /// The Ed25519 signature of `message`, 64 bytes.
    fn sign(
        &self,
        purpose: KeyPurpose,
        message: &[u8],
    ) -> impl Future<Output = Result<[u8; 64], HostError>> + MaybeSend;
}
