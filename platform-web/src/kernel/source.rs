//! What JavaScript gives to be mounted.

use super::error::{Failure, Fallible};
use crate::devices::{Dropped, Mount, WebDevices};
use crate::js::{scope, wait, words};
use js_sys::{Array, Reflect};
use kernel_core::path::Name;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{File, FileSystemDirectoryHandle, FileSystemGetDirectoryOptions};

/// The folder of the origin private file system that holds the mounts that are no folders of the user's.
const MOUNTS: &str = "weft-mounts";

/// What `source` is, to be mounted as `name`; see [`super::WebKernel::mount`]. Nothing is bound yet.
pub(super) async fn opened(kernel: &Name, name: &Name, source: JsValue) -> Fallible<Mount> {
    if source.as_string().as_deref() == Some("opfs") {
        let handle = own(kernel, name).await.map_err(|e| {
            let why = words(&e);
            Failure::new(
                "unsupported",
                format!("the browser gives this window no files of its own ({why}); pick a folder"),
            )
        })?;
        return Ok(WebDevices::folder(name, handle).await?);
    }
    let source = match source.dyn_into::<FileSystemDirectoryHandle>() {
        Ok(handle) => return Ok(WebDevices::folder(name, handle).await?),
        Err(other) => other,
    };
    let files = Reflect::get(&source, &"files".into()).unwrap_or(JsValue::UNDEFINED);
    if !Array::is_array(&files) {
        let message = format!(
            "the source of the mount `{name}` is none: give a FileSystemDirectoryHandle, {{files: [[path, File], ..]}} or \
             \"opfs\""
        );
        return Err(Failure::new("invalid", message));
    }
    let pair = |pair: JsValue| -> Option<(String, Dropped)> {
        let pair: Array = pair.dyn_into().ok()?;
        let dropped = match pair.get(1).dyn_into::<File>() {
            Ok(file) => Dropped::File(file),
            Err(other) => Dropped::Unreadable(other.as_string()?),
        };
        Some((pair.get(0).as_string()?, dropped))
    };
    let bad = || {
        let message =
            format!("the files of the mount `{name}` are not pairs of a path and a File, or why there is none");
        Failure::new("invalid", message)
    };
    let files = Array::from(&files).iter().map(|one| pair(one).ok_or_else(bad)).collect::<Fallible<_>>()?;
    Ok(WebDevices::list_of(name, files)?)
}

/// The folder of this kernel's mount `name`, made where it is missing.
async fn own(kernel: &Name, name: &Name) -> Result<FileSystemDirectoryHandle, JsValue> {
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    let mut handle: FileSystemDirectoryHandle = wait(scope().navigator().storage().get_directory()).await?;
    for part in [MOUNTS, kernel.as_str(), name.as_str()] {
        handle = wait(handle.get_directory_handle_with_options(part, &options)).await?;
    }
    Ok(handle)
}
