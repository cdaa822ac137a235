//! The server from outside: packets in, actions out.

mod admin;
mod cisco;
mod errors;
mod frr;
mod hostile;
mod property;
mod purge;
mod redirect;
mod registration;
mod resolution;
mod routes;
mod scale;
mod session;
mod support;
mod tshark;
