//! Errors as JavaScript gets them: an `Error` with a `code`, one sentence for a person, and what else there is to say.

use super::values::to_js;
use crate::HostError;
use crate::devices::MountError;
use js_sys::{Error, Reflect};
use kernel_core::app::{PlanError, Problem};
use kernel_core::kernel::BootError;
use kernel_core::platform::{DeviceError, StorageError, said};
use kernel_core::refusal::Refusal;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wasm_bindgen::JsValue;

/// What most of this module answers.
pub(super) type Fallible<T> = Result<T, Failure>;

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Failure {
    code: &'static str,
    message: String,
    more: Map<String, Value>,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: String) -> Failure {
        Failure { code, message, more: Map::new() }
    }

    /// The same with one more member.
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Failure {
        self.more.insert(name.to_owned(), json!(value));
        self
    }

    /// The sentence.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    fn thrown(self) -> JsValue {
        let error = Error::new(&self.message);
        error.set_name("WeftError");
        let members = self.more.iter().map(|(name, value)| (name.as_str(), to_js(value)));
        for (name, value) in std::iter::once(("code", JsValue::from_str(self.code))).chain(members) {
            // An error object takes any property.
            let _ = Reflect::set(&error, &name.into(), &value);
        }
        error.into()
    }
}

/// Throws what went wrong.
pub(super) trait OrThrow<T> {
    /// The value, or the failure as JavaScript throws it.
    fn or_throw(self) -> Result<T, JsValue>;
}

impl<T> OrThrow<T> for Fallible<T> {
    fn or_throw(self) -> Result<T, JsValue> {
        self.map_err(Failure::thrown)
    }
}

/// What is wrong with a manifest.
pub(super) fn problems(found: &[Problem]) -> Failure {
    let lines: Vec<String> = found.iter().map(Problem::to_string).collect();
    Failure::new("invalid", lines.join("\n")).with("problems", found)
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        let code = refusal.code.as_str();
        let mut failure = Failure::new(code, refusal.reason.clone());
        if let Ok(Value::Object(whole)) = serde_json::to_value(&refusal) {
            failure.more.extend(whole.into_iter().filter(|(name, _)| name != "code"));
        }
        failure
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Failure {
        let advice = match &error {
            StorageError::Held { .. } => "; close the other tab, or speak to the kernel there",
            StorageError::Full { .. } => "; make room: what was acknowledged before is intact",
            StorageError::Damaged { .. } => "; keep it as evidence, or start anew under another name",
            _ => "",
        };
        let kind = match &error {
            StorageError::Held { .. } => "held",
            StorageError::Full { .. } => "full",
            StorageError::Damaged { .. } => "damaged",
            _ => "io",
        };
        Failure::new("storage", format!("{}{advice}", said(&error))).with("kind", kind)
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Failure {
        match error {
            HostError::Storage(error) => error.into(),
            other => Failure::new("boot", said(&other)),
        }
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Failure {
        match error {
            BootError::Storage(error) => error.into(),
            BootError::NoKey => {
                let message = "this kernel has a log, and the key that signs it is gone from this browser, so the log \
                               cannot be continued; boot a kernel of another name";
                Failure::new("boot", message.to_owned())
            }
            other => Failure::new("boot", said(&other)),
        }
    }
}

impl From<MountError> for Failure {
    fn from(error: MountError) -> Failure {
        Failure::new("mount", error.to_string())
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Failure {
        let code = match &error {
            DeviceError::NotFound(_) => "not_found",
            DeviceError::Unfit(_) => "invalid",
            DeviceError::Forbidden(_) => "denied",
            DeviceError::Unsupported(_) => "unsupported",
            _ => "failed",
        };
        Failure::new(code, said(&error))
    }
}

/// Why a file was not handed over whole.
pub(super) fn of_size(error: DeviceError) -> Failure {
    match error {
        DeviceError::Full(why) => Failure::new("too_large", why),
        other => other.into(),
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Failure {
        let message = error.to_string();
        match error {
            PlanError::Unsupported(needs) => Failure::new("unsupported", message).with("needs", needs),
            PlanError::Missing(missing) => Failure::new("denied", message).with("missing", missing),
            _ => Failure::new("invalid", message),
        }
    }
}
