//! One stored key of one kernel, in IndexedDB.

use super::KeyError;
use crate::database::Database;
use kernel_core::path::Name;
use wasm_bindgen::JsValue;

/// The object store in the database of a kernel.
const KEYS: &str = "keys";

/// The key that signs the log.
const LOG: &str = "log";

/// The database of one kernel's keys. It is closed with the worker.
#[derive(Debug)]
pub(super) struct KeyStore(Database);

impl KeyStore {
    /// Opens the database of the kernel `name`, made where it is missing.
    pub(super) async fn open(name: &Name) -> Result<KeyStore, KeyError> {
        let opened = Database::open(&format!("weft/{name}"), KEYS).await;
        opened.map(KeyStore).map_err(|said| KeyError::Failed { doing: "read", said })
    }

    /// What is stored.
    pub(super) async fn get(&self) -> Result<Option<JsValue>, KeyError> {
        self.0.get(LOG).await.map_err(|said| KeyError::Failed { doing: "read", said })
    }

    /// Stores `pair`, whole and on disk, where nothing is stored yet.
    pub(super) async fn put(&self, pair: &JsValue) -> Result<(), KeyError> {
        let stored = self.0.write(|store| store.add_with_key(pair, &LOG.into()).map(drop)).await;
        stored.map_err(|said| KeyError::Failed { doing: "stored", said })
    }
}
