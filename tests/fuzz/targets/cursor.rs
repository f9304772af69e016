//! Cursors of feeds; what is demanded stands in `laws/cursor.rs`.
#![no_main]

#[path = "../laws/cursor.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
