//! NHRP server core (RFC 2332), sans-I/O.
