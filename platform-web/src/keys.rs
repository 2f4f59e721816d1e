//! Ed25519 keys of WebCrypto. Their private half is made non-extractable: no JavaScript, this crate included, can
//! read it. It is kept in IndexedDB, one database for each kernel, which stores such keys without showing them.
//! The key of a kernel in memory is gone with its worker.

use crate::js::{host_error, name_of, scope, words};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use kernel_core::path::Name;
use kernel_core::platform::{HostError, KeyPurpose, Keys};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

mod store;
#[cfg(test)]
mod tests;

use store::KeyStore;

/// The algorithm, as WebCrypto calls it.
const ALGORITHM: &str = "Ed25519";

/// Why a key could not be used. Nothing was made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The page is not in a secure context.
    #[error(
        "this page has no WebCrypto, which browsers give to pages from https or localhost only; serve it from there"
    )]
    NoCrypto,
    /// WebCrypto is there, without Ed25519.
    #[error(
        "this browser's WebCrypto has no Ed25519, with which the log is signed; use Chrome 137, Firefox 129, Safari 17 \
         or later"
    )]
    NoEd25519,
    /// This host keeps no key for that purpose.
    #[error("this host has no key for {0:?}")]
    Purpose(KeyPurpose),
    /// What is stored under the key's name is something else.
    #[error("what is stored as the key of this kernel is none; without it this log cannot be continued")]
    Malformed,
    /// The browser says no.
    #[error("the key cannot be {doing}: {said}")]
    Failed {
        /// "read", "made", "stored", "used".
        doing: &'static str,
        /// What it says.
        said: String,
    },
}

/// Keys that the browser holds. Clones are the same.
#[derive(Clone, Debug)]
pub struct WebKeys {
    subtle: SubtleCrypto,
    pair: Pair,
    /// Where a pair that was made goes when it is used first; none for a kernel in memory.
    store: Option<Rc<KeyStore>>,
    /// Whether the pair is known to others: found in its store, or used.
    kept: Rc<Cell<bool>>,
}

/// Both halves.
#[derive(Clone, Debug)]
struct Pair {
    private: CryptoKey,
    public: CryptoKey,
    bytes: [u8; 32],
}

impl WebKeys {
    /// Keys that are gone with the worker.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the browser cannot make one.
    pub async fn in_memory() -> Result<WebKeys, KeyError> {
        let subtle = subtle()?;
        let pair = Pair::make(&subtle).await?;
        Ok(WebKeys { subtle, pair, store: None, kept: Rc::default() })
    }

    /// The keys of the kernel `name`. Where there are none a pair is made, which is stored when it is used first:
    /// that this browser can make one is known before anything else of the kernel is touched.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; what is stored was not changed.
    pub async fn open(name: &Name) -> Result<WebKeys, KeyError> {
        let subtle = subtle()?;
        let store = KeyStore::open(name).await?;
        let (pair, kept) = match store.get().await? {
            Some(stored) => (Pair::of(&subtle, &stored).await?, true),
            None => (Pair::make(&subtle).await?, false),
        };
        Ok(WebKeys { subtle, pair, store: Some(Rc::new(store)), kept: Rc::new(Cell::new(kept)) })
    }

    /// Whether there was a key before: it may have signed a log.
    pub(crate) fn are_kept(&self) -> bool {
        self.kept.get()
    }

    async fn keep(&self) -> Result<(), KeyError> {
        if !self.kept.get() {
            if let Some(store) = &self.store {
                store.put(&self.pair.to_js()).await?;
            }
            self.kept.set(true);
        }
        Ok(())
    }
}

impl Keys for WebKeys {
    async fn find(&self, purpose: KeyPurpose) -> Result<Option<[u8; 32]>, HostError> {
        let KeyPurpose::Log = purpose else { return Err(KeyError::Purpose(purpose).into()) };
        Ok(self.kept.get().then_some(self.pair.bytes))
    }

    async fn public(&self, purpose: KeyPurpose) -> Result<[u8; 32], HostError> {
        let KeyPurpose::Log = purpose else { return Err(KeyError::Purpose(purpose).into()) };
        self.keep().await?;
        Ok(self.pair.bytes)
    }

    async fn sign(&self, purpose: KeyPurpose, message: &[u8]) -> Result<[u8; 64], HostError> {
        let KeyPurpose::Log = purpose else { return Err(KeyError::Purpose(purpose).into()) };
        self.keep().await?;
        let signed = self.subtle.sign_with_str_and_u8_array(ALGORITHM, &self.pair.private, message);
        let signed = JsFuture::from(signed.map_err(|e| host_error(&e))?).await.map_err(|e| host_error(&e))?;
        bytes_of(signed).map_err(Into::into)
    }
}

impl Pair {
    async fn make(subtle: &SubtleCrypto) -> Result<Pair, KeyError> {
        let uses = Array::of2(&"sign".into(), &"verify".into());
        let made = subtle.generate_key_with_str(ALGORITHM, false, &uses).map_err(|e| not_made(&e))?;
        Pair::of(subtle, &JsFuture::from(made).await.map_err(|e| not_made(&e))?).await
    }

    /// The pair in a `CryptoKeyPair`, or in what was stored of one.
    async fn of(subtle: &SubtleCrypto, pair: &JsValue) -> Result<Pair, KeyError> {
        let half = |name: &str| -> Result<CryptoKey, KeyError> {
            let key = Reflect::get(pair, &name.into()).map_err(|_| KeyError::Malformed)?;
            key.dyn_into().map_err(|_| KeyError::Malformed)
        };
        let (private, public) = (half("privateKey")?, half("publicKey")?);
        if private.extractable() {
            return Err(KeyError::Malformed);
        }
        let failed = |e: JsValue| KeyError::Failed { doing: "read", said: words(&e) };
        let raw = JsFuture::from(subtle.export_key("raw", &public).map_err(failed)?).await.map_err(failed)?;
        Ok(Pair { private, public, bytes: bytes_of(raw)? })
    }

    /// As it is stored.
    fn to_js(&self) -> JsValue {
        let pair = Object::new();
        for (name, key) in [("privateKey", &self.private), ("publicKey", &self.public)] {
            // A plain object takes any property.
            let _ = Reflect::set(&pair, &name.into(), key);
        }
        pair.into()
    }
}

fn subtle() -> Result<SubtleCrypto, KeyError> {
    let subtle = scope().crypto().map(|crypto| crypto.subtle()).map_err(|_| KeyError::NoCrypto)?;
    if subtle.is_undefined() { Err(KeyError::NoCrypto) } else { Ok(subtle) }
}

fn not_made(error: &JsValue) -> KeyError {
    match &*name_of(error) {
        "NotSupportedError" => KeyError::NoEd25519,
        _ => KeyError::Failed { doing: "made", said: words(error) },
    }
}

/// The `N` bytes of an `ArrayBuffer`.
fn bytes_of<const N: usize>(buffer: JsValue) -> Result<[u8; N], KeyError> {
    let buffer: ArrayBuffer = buffer.dyn_into().map_err(|_| KeyError::Malformed)?;
    Uint8Array::new(&buffer).to_vec().try_into().map_err(|_| KeyError::Malformed)
}
