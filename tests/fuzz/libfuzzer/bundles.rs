#![no_main]

#[path = "../bundles.rs"]
mod bundles;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bundles::holds(data));
