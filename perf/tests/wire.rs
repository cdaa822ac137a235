//! `hub-perf wire` as a whole: a hub process at the other end of a software wire forwards all of a little traffic, in the
//! clear and under ESP, and what the figures come from is as it should. Says nothing about speed.
#![cfg(test)]

mod wired;

use wired::{measure, nothing_was_lost};

fn check(more: &[&str]) {
    if let Some(report) = measure("wire", more) {
        nothing_was_lost(&report, "wire");
    }
}

#[test]
fn nothing_is_lost_in_the_clear() {
    check(&[]);
}

#[test]
fn nothing_is_lost_under_esp() {
    check(&["--esp", "aes128gcm16", "--key", "7"]);
}
