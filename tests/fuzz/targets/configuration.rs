//! Files of a configuration; what is demanded stands in `laws/configuration.rs`. The hook that ends the process at any panic is
//! taken out: the reader of expressions catches those of the library below it. A panic of the law still ends the process.
#![no_main]

#[path = "../laws/configuration.rs"]
mod law;

libfuzzer_sys::fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| law::check(bytes));
