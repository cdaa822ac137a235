//! Tests of the whole: a responder, initiators, and a network of virtual time between them.

mod establish;
mod hostile;
mod rekey;
mod restart;
mod spoke;
mod world;
