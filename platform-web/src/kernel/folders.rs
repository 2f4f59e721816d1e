//! Folders that come back: what was given to applications that are installed is bound again by the next kernel of this name, as far as
//! the browser lets it.
//!
//! A folder of the user's is a handle, which the browser keeps in IndexedDB, and for which it may want to ask him again: that
//! it does in a page, when he clicks something. Until then the folder waits, and what needs it is not started. Lists of dropped files are
//! not kept: they would have to be copied.

use super::operator;
use crate::database::Database;
use crate::devices::{Mount, WebDevices};
use crate::js::wait;
use crate::storage::RedbStorage;
use js_sys::{Array, Function, Object, Promise, Reflect};
use kernel_core::path::Name;
use kernel_core::platform::Storage;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::FileSystemDirectoryHandle;

/// The object store in the database of a kernel's folders.
const FOLDERS: &str = "folders";

/// One folder and to whom it was given.
#[derive(Clone, Debug)]
struct Kept {
    name: Name,
    handle: FileSystemDirectoryHandle,
    /// What leave its user has given: `read` or `readwrite`.
    mode: &'static str,
    /// The applications.
    given: Vec<Name>,
}

/// What is kept of the folders of one kernel. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Folders {
    /// None for a kernel in memory, and where the browser keeps nothing: then nothing comes back.
    database: Option<Rc<Database>>,
    /// Those that the browser wants to ask for, or that could not be bound.
    waiting: Rc<RefCell<Vec<Kept>>>,
}

impl Folders {
    /// Opens what is kept of the kernel `kernel`.
    pub(super) async fn open(kernel: &Name) -> Folders {
        // A kernel goes on without: its user gives his folders again.
        let database = Database::open(&format!("weft-folders/{kernel}"), FOLDERS).await.ok().map(Rc::new);
        Folders { database, waiting: Rc::default() }
    }

    /// Binds what is kept, for the applications to which it was given and that are installed still. What cannot be bound waits.
    pub(super) async fn bind(&self, devices: &WebDevices, rows: &RedbStorage) {
        let Some(database) = &self.database else { return };
        let mut forgotten = false;
        for mut kept in database.all().await.unwrap_or_default().iter().filter_map(Kept::of_js) {
            let mut installed = Vec::new();
            for app in std::mem::take(&mut kept.given) {
                if matches!(rows.get(&operator::app_key(app.as_str())).await, Ok(Some(_))) {
                    installed.push(app);
                }
            }
            kept.given = installed;
            if kept.given.is_empty() {
                forgotten = true;
            } else if !may(&kept.handle, kept.mode).await || !kept.bind(devices).await {
                self.waiting.borrow_mut().push(kept);
            }
        }
        if forgotten {
            self.keep(devices).await;
        }
    }

    /// Keeps what is bound and given to somebody now, and what waits under other names. To whom a folder that waited was given,
    /// it is given again when it is bound.
    pub(super) async fn keep(&self, devices: &WebDevices) {
        let waiting = self.waiting.take();
        for waited in &waiting {
            if let Some(Mount::Folder(folder)) = devices.mounted(&waited.name)
                && same(&waited.handle, folder.handle()).await
            {
                waited.given.iter().for_each(|app| devices.give(&waited.name, app));
            }
        }
        self.waiting.borrow_mut().extend(waiting.into_iter().filter(|one| devices.given(&one.name).is_none()));
        let all: Vec<Kept> = self.all(devices).await.into_iter().map(|(kept, _)| kept).collect();
        let Some(database) = &self.database else { return };
        // What could not be kept is asked of the user the next time, as a list of files is.
        let _ = database
            .write(|store| {
                store.clear()?;
                all.iter().try_for_each(|one| store.put_with_key(&one.to_js(), &one.name.as_str().into()).map(drop))
            })
            .await;
    }

    /// `[{name, folder, mode, given, bound}, ..]`: what was given to somebody, for a page that is to ask its user.
    pub(super) async fn list(&self, devices: &WebDevices) -> JsValue {
        let told = self.all(devices).await.into_iter().map(|(kept, bound)| {
            let one = kept.to_js();
            set(&one, "bound", &bound.into());
            one
        });
        told.collect::<Array>().into()
    }

    /// Folders that were given to somebody, and whether each is bound.
    async fn all(&self, devices: &WebDevices) -> Vec<(Kept, bool)> {
        let mut all: Vec<(Kept, bool)> = self.waiting.borrow().iter().map(|kept| (kept.clone(), false)).collect();
        for name in devices.mounts() {
            let given = devices.given(&name).unwrap_or_default();
            if let Some(Mount::Folder(folder)) = devices.mounted(&name)
                && !given.is_empty()
            {
                let handle = folder.handle().clone();
                let mode = if may(&handle, "readwrite").await { "readwrite" } else { "read" };
                all.push((Kept { name, handle, mode, given }, true));
            }
        }
        all
    }
}

impl Kept {
    async fn bind(&self, devices: &WebDevices) -> bool {
        let Ok(mount) = WebDevices::folder(&self.name, self.handle.clone()).await else { return false };
        let bound = devices.put(&self.name, mount).await.is_ok();
        if bound {
            self.given.iter().for_each(|app| devices.give(&self.name, app));
        }
        bound
    }

    fn to_js(&self) -> JsValue {
        let one = Object::new();
        set(&one, "name", &self.name.as_str().into());
        set(&one, "folder", &self.handle);
        set(&one, "mode", &self.mode.into());
        let given: Array = self.given.iter().map(|app| JsValue::from_str(app.as_str())).collect();
        set(&one, "given", &given);
        one.into()
    }

    /// What [`Kept::to_js`] wrote; nothing for what is none.
    fn of_js(one: &JsValue) -> Option<Kept> {
        let text = |key: &str| get(one, key)?.as_string();
        let given = get(one, "given")?.dyn_into::<Array>().ok()?;
        Some(Kept {
            name: Name::parse(&text("name")?).ok()?,
            handle: get(one, "folder")?.dyn_into().ok()?,
            mode: ["read", "readwrite"].into_iter().find(|mode| text("mode").as_deref() == Some(mode))?,
            given: given.iter().map(|app| Name::parse(&app.as_string()?).ok()).collect::<Option<_>>()?,
        })
    }
}

fn get(object: &JsValue, key: &str) -> Option<JsValue> {
    Reflect::get(object, &key.into()).ok()
}

fn set(object: &JsValue, key: &str, value: &JsValue) {
    // A plain object takes any property.
    let _ = Reflect::set(object, &key.into(), value);
}

async fn same(a: &FileSystemDirectoryHandle, b: &FileSystemDirectoryHandle) -> bool {
    wait::<JsValue>(a.is_same_entry(b)).await.is_ok_and(|same| same.is_truthy())
}

/// Whether the folder can be used so without asking anybody. Browsers that know nothing of this hand out no folders but their own.
async fn may(handle: &FileSystemDirectoryHandle, mode: &str) -> bool {
    let Some(Ok(query)) = get(handle, "queryPermission").map(JsCast::dyn_into::<Function>) else { return true };
    let wanted = Object::new();
    set(&wanted, "mode", &mode.into());
    let Ok(asked) = query.call1(handle, &wanted).map(JsCast::unchecked_into::<Promise>) else { return false };
    wait::<JsValue>(asked).await.is_ok_and(|state| state.as_string().as_deref() == Some("granted"))
}
