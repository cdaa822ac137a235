//! What holds for every line on the CLI socket: shared by the fuzz target and the plain test.

use api::{Request, Response, read_line, write_line};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// Longest line given to the reader, in octets.
const MAX: usize = 1 << 16;

/// Any octets, taken as a request and as a response.
pub fn line(data: &[u8]) {
    round_trip::<Request>(data);
    round_trip::<Response>(data);
}

/// What is understood is written so that it is understood again, as the same.
fn round_trip<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) {
    let Ok(Some(message)) = read_line::<T>(&mut &data[..], MAX) else { return };
    let mut line = Vec::new();
    write_line(&mut line, &message).expect("a vector takes everything");
    let again = read_line::<T>(&mut &line[..], usize::MAX).expect("our own line");
    assert_eq!(again.as_ref(), Some(&message));
}
