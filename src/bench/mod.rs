//! `icjs bench`: how fast the gateway is on this machine, against a bare echo in the same run.
//! Gateway, load, receivers and echo are processes of their own; this module starts them and does the arithmetic.
//! It must never flatter: every request has a key and a case of its own, and the store is full before it begins.

pub mod histogram;
pub mod load;
pub mod sink;
pub mod echo;
pub mod process;
pub mod sheets;
