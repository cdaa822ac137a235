#![no_main]
#[path = "../session.rs"]
mod session;
#[path = "../spoke.rs"]
mod spoke;
#[path = "../world.rs"]
#[allow(dead_code)]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| session::session(data));
