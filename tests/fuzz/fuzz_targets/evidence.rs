//! The target `evidence` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    kernel_fuzz::run("evidence", data);
});
