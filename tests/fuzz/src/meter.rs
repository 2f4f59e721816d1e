//! Components on their way through the fuel meter.

use kernel_core::meter::meter;
use wasmparser::{Validator, WasmFeatures};

/// What hosts run.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// A component is metered or refused with a reason; what comes out is valid exactly where what went in is, the same
/// each time, and not metered again.
pub fn body(data: &[u8]) -> bool {
    match meter(data) {
        Ok(metered) => {
            let valid = |bytes: &[u8]| Validator::new_with_features(FEATURES).validate_all(bytes);
            match (valid(data), valid(&metered.component)) {
                (Ok(_), Err(error)) => panic!("metering made it invalid: {error}"),
                (Err(error), Ok(_)) => panic!("metering made it valid: {error}"),
                _ => {}
            }
            assert_eq!(meter(data).as_ref(), Ok(&metered), "the same bytes are metered the same");
            assert!(meter(&metered.component).is_err());
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}
