//! Plain types of the CLI socket.
