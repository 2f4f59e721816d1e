//! Ed25519 keys of WebCrypto, which never leave the browser.

use kernel_core::platform::{HostError, KeyPurpose, Keys};

/// Keys that the browser holds.
#[derive(Debug)]
pub struct WebKeys;

fn missing() -> HostError {
    "keys are not built into this version".into()
}

impl Keys for WebKeys {
    async fn find(&self, _purpose: KeyPurpose) -> Result<Option<[u8; 32]>, HostError> {
        Err(missing())
    }

    async fn public(&self, _purpose: KeyPurpose) -> Result<[u8; 32], HostError> {
        Err(missing())
    }

    async fn sign(&self, _purpose: KeyPurpose, _message: &[u8]) -> Result<[u8; 64], HostError> {
        Err(missing())
    }
}
