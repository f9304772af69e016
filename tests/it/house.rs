//! The house rules that a reader could not check by eye: who may import whom, one door per third-party crate, sizes.
