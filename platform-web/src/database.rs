//! IndexedDB, as far as a kernel needs it: a database with one store of JavaScript's values by name, for what no file can hold, such
//! as keys that are not shown and handles of folders. Errors are what the browser says.

use crate::js::{scope, words};
use futures::channel::oneshot;
use js_sys::Array;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbObjectStore, IdbRequest, IdbTransactionMode};

/// An open database. It is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Database {
    db: IdbDatabase,
    store: &'static str,
}

impl Database {
    /// Opens the database `name` with its store, both made where they are missing.
    pub(crate) async fn open(name: &str, store: &'static str) -> Result<Database, String> {
        let factory = scope().indexed_db().map_err(|e| words(&e))?;
        let factory = factory.ok_or_else(|| "this window has no IndexedDB".to_owned())?;
        let request = factory.open_with_u32(name, 1).map_err(|e| words(&e))?;
        let opening = request.clone();
        let upgrade = Closure::<dyn FnMut()>::new(move || {
            if let Ok(db) = opening.result() {
                // It fails where the store is there already, which is as good.
                let _ = db.unchecked_into::<IdbDatabase>().create_object_store(store);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let db = ended(&request).await?;
        request.set_onupgradeneeded(None);
        Ok(Database { db: db.unchecked_into(), store })
    }

    /// What is stored as `name`.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<JsValue>, String> {
        let found = self.read(|store| store.get(&name.into())).await?;
        Ok((!found.is_undefined()).then_some(found))
    }

    /// All that is stored.
    pub(crate) async fn all(&self) -> Result<Vec<JsValue>, String> {
        Ok(self.read(IdbObjectStore::get_all).await?.unchecked_into::<Array>().to_vec())
    }

    /// Makes changes, all or none, on disk when this returns.
    pub(crate) async fn write(
        &self,
        changes: impl FnOnce(&IdbObjectStore) -> Result<(), JsValue>,
    ) -> Result<(), String> {
        let begun = || {
            let transaction = self.db.transaction_with_str_and_mode(self.store, IdbTransactionMode::Readwrite)?;
            changes(&transaction.object_store(self.store)?)?;
            Ok(transaction)
        };
        let transaction = begun().map_err(|e: JsValue| words(&e))?;
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
        transaction.error().map_or(Ok(()), |error| Err(error.message()))
    }

    async fn read(&self, ask: impl FnOnce(&IdbObjectStore) -> Result<IdbRequest, JsValue>) -> Result<JsValue, String> {
        let begun = || ask(&self.db.transaction_with_str(self.store)?.object_store(self.store)?);
        ended(&begun().map_err(|e| words(&e))?).await
    }
}

impl Drop for Database {
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
