//! IKEv2 responder (RFC 7296) as a state machine: `(event, now) -> actions`.
//!
//! No socket, clock, thread or random source: datagrams, time and randomness come in, actions go out, and public-key
//! work is handed out as jobs whose results come back as events.
