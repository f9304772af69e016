//! Packed bodies; what is demanded stands in `laws/coding.rs`.
#![no_main]

#[path = "../laws/coding.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
