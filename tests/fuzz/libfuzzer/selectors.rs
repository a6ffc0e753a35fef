#![no_main]

#[path = "../selectors.rs"]
mod selectors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| selectors::holds(data));
