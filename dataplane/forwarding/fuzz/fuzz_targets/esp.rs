#![no_main]
#[path = "../esp.rs"]
mod esp;
#[path = "../hub.rs"]
#[allow(dead_code)]
mod hub;

libfuzzer_sys::fuzz_target!(|data: &[u8]| esp::esp(data));
