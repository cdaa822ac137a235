//! The fuzz target as a plain test: the recorded responses, cut short and with octets changed.
#![cfg(test)]

#[path = "../fuzz/harness.rs"]
mod harness;

use std::fs;
use std::path::Path;

#[test]
fn line() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/tests/fixtures");
    let mut lines = 0;
    for entry in fs::read_dir(fixtures).unwrap() {
        // One object a line, as on the socket.
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut line = text.split('\n').map(str::trim).collect::<String>().into_bytes();
        line.push(b'\n');
        harness::line(&line);
        corpus::cut(&line, (0..).step_by(7), harness::line);
        corpus::change(&line, (0..).step_by(7), |_| [b'9'], harness::line);
        lines += 1;
    }
    assert!(lines > 10);
}
