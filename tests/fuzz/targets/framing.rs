//! Streams of HTTP/1 requests; what is demanded stands in `laws/framing.rs`.
#![no_main]

#[path = "../laws/framing.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| law::check(bytes));
