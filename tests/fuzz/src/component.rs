//! Programs before anything runs them.

use kernel_core::app::{ComponentError, inspect};

/// A component is described as it is or refused with a reason; nothing of it is executed.
pub fn body(data: &[u8]) -> bool {
    match inspect(data) {
        Ok(info) => {
            assert_eq!(info.size, data.len() as u64);
            assert!(info.imports.is_sorted());
            assert!(info.imports.iter().all(|name| ["act", "log", "now", "random"].contains(&&**name)));
            let again = inspect(data).expect("the same bytes are judged the same");
            assert_eq!(again, info);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let ComponentError::Broken { at, .. } = error {
                assert!(at <= data.len(), "byte {at} of {}", data.len());
            }
            false
        }
    }
}
