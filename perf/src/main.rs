//! Benchmarks and the spoke emulator.

fn main() {}
