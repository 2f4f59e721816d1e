//! One stored key of one kernel, in IndexedDB.

use super::KeyError;
use crate::js::{scope, words};
use futures::channel::oneshot;
use kernel_core::path::Name;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbRequest, IdbTransaction, IdbTransactionMode};

/// The object store in the database of a kernel.
const KEYS: &str = "keys";

/// The key that signs the log.
const LOG: &str = "log";

/// The database of one kernel's keys. It is closed with the worker.
#[derive(Debug)]
pub(super) struct KeyStore {
    db: IdbDatabase,
}

impl KeyStore {
    /// Opens the database of the kernel `name`, made where it is missing.
    pub(super) async fn open(name: &Name) -> Result<KeyStore, KeyError> {
        let failed = |said: String| KeyError::Failed { doing: "read", said };
        let factory = scope().indexed_db().map_err(|e| failed(words(&e)))?;
        let factory = factory.ok_or_else(|| failed("this window has no IndexedDB".to_owned()))?;
        let request = factory.open_with_u32(&format!("weft/{name}"), 1).map_err(|e| failed(words(&e)))?;
        let opening = request.clone();
        let upgrade = Closure::<dyn FnMut()>::new(move || {
            if let Ok(db) = opening.result() {
                // It fails where the store is there already, which is as good.
                let _ = db.unchecked_into::<IdbDatabase>().create_object_store(KEYS);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let db = ended(&request).await.map_err(failed)?;
        request.set_onupgradeneeded(None);
        Ok(KeyStore { db: db.unchecked_into() })
    }

    /// What is stored.
    pub(super) async fn get(&self) -> Result<Option<JsValue>, KeyError> {
        let failed = |said| KeyError::Failed { doing: "read", said };
        let begun = || self.db.transaction_with_str(KEYS)?.object_store(KEYS)?.get(&LOG.into());
        let found = ended(&begun().map_err(|e| failed(words(&e)))?).await.map_err(failed)?;
        Ok((!found.is_undefined()).then_some(found))
    }

    /// Stores `pair`, whole and on disk, where nothing is stored yet.
    pub(super) async fn put(&self, pair: &JsValue) -> Result<(), KeyError> {
        let failed = |said| KeyError::Failed { doing: "stored", said };
        let begun = || -> Result<IdbTransaction, JsValue> {
            let transaction = self.db.transaction_with_str_and_mode(KEYS, IdbTransactionMode::Readwrite)?;
            transaction.object_store(KEYS)?.add_with_key(pair, &LOG.into())?;
            Ok(transaction)
        };
        committed(&begun().map_err(|e| failed(words(&e)))?).await.map_err(failed)
    }
}

impl Drop for KeyStore {
    fn drop(&mut self) {
        self.db.close();
    }
}

/// Waits for a request; its result, or what went wrong in words.
async fn ended(request: &IdbRequest) -> Result<JsValue, String> {
    let (tell, told) = oneshot::channel();
    let ended = Closure::once(move || {
        let _ = tell.send(());
    });
    request.set_onsuccess(Some(ended.as_ref().unchecked_ref()));
    request.set_onerror(Some(ended.as_ref().unchecked_ref()));
    let _ = told.await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    match request.error() {
        Ok(Some(error)) => Err(error.message()),
        _ => request.result().map_err(|e| words(&e)),
    }
}

/// Waits until a transaction is on disk.
async fn committed(transaction: &IdbTransaction) -> Result<(), String> {
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let ended = Closure::<dyn FnMut()>::new(move || {
        let _ = tell.take().map(|tell| tell.send(()));
    });
    transaction.set_oncomplete(Some(ended.as_ref().unchecked_ref()));
    transaction.set_onabort(Some(ended.as_ref().unchecked_ref()));
    let _ = told.await;
    transaction.set_oncomplete(None);
    transaction.set_onabort(None);
    match transaction.error() {
        Some(error) => Err(error.message()),
        None => Ok(()),
    }
}
