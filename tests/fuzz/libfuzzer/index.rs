#![no_main]

#[path = "../index.rs"]
mod index;

libfuzzer_sys::fuzz_target!(|data: &[u8]| index::holds(data));
