//! What the format as a whole must do.

mod malformed;
mod property;
mod real;
