//! Tests of the whole: a responder, initiators, and a network of virtual time between them.

mod certificate;
mod chaos;
mod establish;
mod followup;
mod fragments;
mod hostile;
mod load;
mod peers;
mod rekey;
mod restart;
mod spoke;
mod world;
