//! Proof of who sent what when, for those who were not there. The log's leaves lie in the journal, written with what they
//! prove, and never change; whatever is built over them (tiles, checkpoints, proofs) can be built again.
//! Everything in this folder can be checked with public keys alone, without a network. Read `receipt` next.

pub mod books;
pub mod log;
pub mod receipt;
