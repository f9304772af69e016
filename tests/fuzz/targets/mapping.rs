//! Shipped mappings, both ways; what is demanded stands in `laws/mapping.rs`.
#![no_main]

#[path = "../laws/mapping.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
