//! Proof of who sent what when, for those who were not there. Receipts are here; the log that they point into lies in the
//! journal. Everything in this folder can be checked with public keys alone, without a network. Read `receipt` next.

pub mod receipt;
