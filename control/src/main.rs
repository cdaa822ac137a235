//! The control process of the hub.

fn main() {}
