//! What the format as a whole must do.
