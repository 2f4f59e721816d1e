//! Every host-neutral clause, run on this machine. `web.rs` runs the same ones in a browser.
#![cfg(not(target_arch = "wasm32"))]

kernel_tests::each_clause!(#[test]);
