//! Ids: how they print, and which one is reserved.

use kernel_core::id::{ActionId, Pid};

/// An id prints as its number, in text and in JSON.
pub fn printed_as_numbers() {
    assert_eq!(Pid(12).to_string(), "12");
    assert_eq!(serde_json::to_string(&ActionId(u64::MAX)).unwrap(), "18446744073709551615");
    assert_eq!(serde_json::from_str::<Pid>("18446744073709551615").unwrap(), Pid(u64::MAX));
}

/// Pid 0 is the kernel, so a pid that nobody set is the kernel's and no process's.
pub fn the_kernel_is_zero() {
    assert_eq!(Pid::KERNEL, Pid(0));
    assert_eq!(Pid::default(), Pid::KERNEL);
}
