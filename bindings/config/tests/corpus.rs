//! The fuzz target as a plain test: the sample file, cut short at every octet and with every octet changed.
#![cfg(test)]

#[path = "../fuzz/harness.rs"]
mod harness;

#[test]
fn file() {
    let sample = include_bytes!("../../../scripts/hub.toml.example");
    // Comments are half of it and teach nothing here.
    let text = String::from_utf8_lossy(sample);
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let file = kept.join("\n").into_bytes();
    harness::file(&file);
    corpus::cut(&file, 0.., harness::file);
    corpus::change(&file, 0.., |_| [b'"', b'9', b'\n', 0xff], harness::file);
}
