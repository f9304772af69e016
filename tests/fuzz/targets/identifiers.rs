//! Names, numbers and dates from outside; what is demanded stands in `laws/identifiers.rs`.
#![no_main]

#[path = "../laws/identifiers.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
