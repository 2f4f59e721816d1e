//! Paths below a mount: decoded, shown, and what is said when something is wrong with one.

use crate::js::{host_error, name_of};
use kernel_core::path::{Name, decode_segment};
use kernel_core::platform::DeviceError;
use wasm_bindgen::JsValue;

/// The mount that a path is below, for messages.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) mount: Name,
}

impl Place {
    /// The names of a canonical path; none for the mount itself.
    pub(super) fn decode(&self, path: &str) -> Result<Vec<String>, DeviceError> {
        if path.is_empty() {
            return Ok(Vec::new());
        }
        path.split('/').map(|segment| self.decode_one(path, segment)).collect()
    }

    fn decode_one(&self, path: &str, segment: &str) -> Result<String, DeviceError> {
        let bytes = decode_segment(segment).map_err(|e| self.unfit(path, &format!("is not a path: {e}")))?;
        // The parser refuses these too. Here they would be another place, so nothing is left to chance.
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.iter().any(|b| matches!(b, b'/' | 0)) {
            return Err(self.unfit(path, "is not a path"));
        }
        String::from_utf8(bytes)
            .map_err(|_| self.unfit(path, "has a name that is not UTF-8, and browsers have none such"))
    }

    /// The whole path, as grants write it.
    pub(super) fn shown(&self, path: &str) -> String {
        if path.is_empty() { format!("/fs/{}", self.mount) } else { format!("/fs/{}/{path}", self.mount) }
    }

    pub(super) fn unfit(&self, path: &str, what: &str) -> DeviceError {
        DeviceError::Unfit(format!("{} {what}", self.shown(path)))
    }

    pub(super) fn missing(&self, path: &str) -> DeviceError {
        DeviceError::NotFound(self.shown(path))
    }

    /// What is said where the first `walked` names of `path` lead to a file, and a folder is needed.
    pub(super) fn in_the_way(&self, path: &str, walked: usize) -> DeviceError {
        let part = path.split('/').take(walked).collect::<Vec<_>>().join("/");
        if part == path {
            self.unfit(path, "is not a folder")
        } else {
            self.unfit(path, &format!("does not exist, because {} is not a folder", self.shown(&part)))
        }
    }

    /// A browser's exception in the words of the seam.
    pub(super) fn refused(&self, doing: &str, path: &str, error: &JsValue) -> DeviceError {
        let shown = self.shown(path);
        match &*name_of(error) {
            "NotFoundError" => DeviceError::NotFound(shown),
            "QuotaExceededError" => DeviceError::Full(format!("the browser gives no more space for {shown}")),
            "NotAllowedError" | "SecurityError" => {
                DeviceError::Refused(format!("{shown}: the browser was not given leave; pick the folder again"))
            }
            "TypeMismatchError" => self.unfit(path, "is a folder where a file is needed, or a file where a folder is"),
            "InvalidModificationError" => self.unfit(path, "is a folder that is not empty"),
            // What the file system interface throws for names alone.
            "TypeError" => self.unfit(path, "is a name that a browser's file system does not allow"),
            "NoModificationAllowedError" => DeviceError::Io {
                doing: format!("{doing} {shown}"),
                source: "somebody else writes it at this moment".into(),
            },
            _ => DeviceError::Io { doing: format!("{doing} {shown}"), source: host_error(error) },
        }
    }
}
