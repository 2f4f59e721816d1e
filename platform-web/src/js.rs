//! The worker's global scope, and what JavaScript says went wrong, in words.

use js_sys::Reflect;
use kernel_core::platform::HostError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WorkerGlobalScope;

/// The scope of the worker that this runs in.
pub(crate) fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The property `key` of `value` as text, if it has one.
fn text_at(value: &JsValue, key: &str) -> Option<String> {
    Reflect::get(value, &JsValue::from_str(key)).ok()?.as_string().filter(|text| !text.is_empty())
}

/// The name of an exception ("NotFoundError"), or "" for what has none.
pub(crate) fn name_of(error: &JsValue) -> String {
    text_at(error, "name").unwrap_or_default()
}

/// What an exception says, with its name: "QuotaExceededError: no space is left".
pub(crate) fn words(error: &JsValue) -> String {
    match (text_at(error, "name"), text_at(error, "message")) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => error.as_string().unwrap_or_else(|| "JavaScript threw something without a message".to_owned()),
    }
}

/// An exception as a host's error.
pub(crate) fn host_error(error: &JsValue) -> HostError {
    words(error).into()
}

/// Waits for `promise`, whose value is known to be a `T`.
pub(crate) async fn wait<T: JsCast>(promise: js_sys::Promise) -> Result<T, JsValue> {
    wasm_bindgen_futures::JsFuture::from(promise).await.map(JsCast::unchecked_into)
}

/// `promise`, for which nobody has to wait: one that fails unheard would be reported as an error of the worker.
pub(crate) fn heard(promise: js_sys::Promise) -> js_sys::Promise {
    let theirs = promise.clone();
    wasm_bindgen_futures::spawn_local(async move {
        let _ = wait::<JsValue>(theirs).await;
    });
    promise
}
