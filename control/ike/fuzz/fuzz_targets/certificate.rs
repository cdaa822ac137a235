#![no_main]
#[path = "../names.rs"]
#[allow(dead_code)]
mod names;
#[path = "../world.rs"]
#[allow(dead_code)]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| names::certificate(data));
