//! What a test of faults says about itself: how often it tried, with which seed, and what it found. In a long run
//! (`tests/run --long`) that is written down for the page of promises; in a short one it is printed.

use std::io::Write;

/// Whether this is a long run.
pub fn long() -> bool {
    std::env::var_os("ICJS_LONG").is_some()
}

/// `short`, or `much` in a long run.
pub fn either(short: u64, much: u64) -> u64 {
    if long() { much } else { short }
}

/// A number that a variable gives.
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// The seed of this run: `ICJS_SEED`, or a new one. Printed, so that a failure can be repeated.
pub fn seed() -> u64 {
    let seed = number("ICJS_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("ICJS_SEED={seed}");
    seed
}

/// Says that a test has passed: what it tried so many times, and in words what came of it. Only what was measured is said.
pub fn done(test: &str, times: u64, unit: &str, seed: u64, said: &str) {
    println!("{test}: {times} {unit}, seed {seed}: {said}");
    let Some(path) = std::env::var_os("ICJS_REPORT") else { return };
    let block =
        format!("\n[[did]]\ntest = {test:?}\ntimes = {times}\nunit = {unit:?}\nseed = \"{seed}\"\nsaid = {said:?}\n");
    let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
    file.write_all(block.as_bytes()).unwrap();
}
