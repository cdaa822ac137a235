//! For who watches: what is going on, on a line of the terminal that is written over.

use std::io::{IsTerminal, Write};

/// Shows it, unless nobody wants it or standard error is no terminal.
pub fn show(quiet: bool, what: std::fmt::Arguments<'_>) {
    let mut out = std::io::stderr();
    if quiet || !out.is_terminal() {
        return;
    }
    // Nothing depends on it.
    let _ = write!(out, "\r\x1b[K{what}");
    let _ = out.flush();
}
