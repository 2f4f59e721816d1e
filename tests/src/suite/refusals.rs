//! Refusals: one spelling of each code wherever it is written.

use kernel_core::refusal::Code;

/// The word that is printed is the word in JSON.
pub fn codes_print_as_they_serialise() {
    for code in [Code::Denied, Code::NotFound, Code::TimedOut, Code::TooLarge, Code::NotDurable, Code::Unsupported] {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
}
