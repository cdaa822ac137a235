#![no_main]
#[path = "../harness.rs"]
#[allow(dead_code)]
mod harness;
#[path = "../hub.rs"]
#[allow(dead_code)]
mod hub;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::crypto(data));
