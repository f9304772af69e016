//! ANSI/NIST-ITL transactions; what is demanded stands in `laws/nist.rs`.
#![no_main]

#[path = "../laws/nist.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
