//! Faults on purpose, and what must hold in spite of them. Each module is one kind of fault, in a short form that runs with
//! every test; `tests/run --long` runs the same tests with larger numbers and writes the page of promises. `report` is how
//! a test says what it has tried. Judged by what clients sent, what they were answered, and what receivers saw.

pub mod report;
mod applying;
mod approving;
mod clock;
mod counted;
mod disks;
mod fetching;
mod full_store;
mod log_bits;
mod neighbours;
mod overload;
mod places;
mod points;
mod promises;
mod replayed_day;
mod store_backup;
mod store_cut;
mod store_damage;
mod store_disk;
mod store_inject;
mod store_prune;
mod master;
mod store_erase;
mod store_scene;
mod twins;
mod store_trace;
