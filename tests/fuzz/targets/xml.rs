//! XML from outside; what is demanded stands in `laws/xml.rs`.
#![no_main]

#[path = "../laws/xml.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
