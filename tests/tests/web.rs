//! Every host-neutral clause, run in a worker of a real browser, which is where the kernel lives there.
//!
//! Empty on other targets. `tests/ci.sh web` builds it and finds the browser.
#![cfg(target_arch = "wasm32")]

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

kernel_tests::each_clause!(#[wasm_bindgen_test::wasm_bindgen_test]);
