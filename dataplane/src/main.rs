//! The dataplane process of the hub.

fn main() {}
