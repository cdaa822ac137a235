//! What the format as a whole must do.

mod golden;
mod malformed;
mod property;
mod real;
