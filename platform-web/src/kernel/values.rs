//! Values between JavaScript and here: plain objects, by way of JSON.
//!
//! JSON has the same meaning on both sides, and is what the command line prints. Numbers beyond 2^53, such as wall
//! times in nanoseconds, lose their last digits in JavaScript, as with any other reader of that JSON there.

use super::error::{Failure, Fallible};
use js_sys::JSON;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wasm_bindgen::JsValue;

/// `value` for JavaScript.
pub(super) fn to_js(value: &Value) -> JsValue {
    JSON::parse(&value.to_string()).unwrap_or_else(|_| unreachable!("what is printed as JSON is JSON"))
}

/// What JavaScript gave as `what`.
pub(super) fn from_js<T: DeserializeOwned>(what: &str, value: &JsValue) -> Fallible<T> {
    let text = JSON::stringify(value).ok().and_then(|text| text.as_string());
    let text = text.ok_or_else(|| Failure::new("invalid", format!("{what} cannot be written as JSON")))?;
    serde_json::from_str(&text).map_err(|e| Failure::new("invalid", format!("{what}: {e}")))
}
