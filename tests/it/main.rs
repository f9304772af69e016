//! The one integration binary: every test here starts the real gateway and speaks bytes to it over sockets.
//! Modules are listed in reading order; `harness` is what they all stand on, `house` checks the sources themselves.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail where it stands")]
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a test that cannot go on must fail where it stands"
)]
#![allow(dead_code, unused_imports, reason = "the harness offers more than any one module uses")]

mod harness;
mod house;
mod shipped;
mod configuration;
mod routing;
mod exchange_in;
mod exchange_out;
mod exchange_files;
mod files_inside;
mod batches;
mod bench;
mod folder;
mod hostile_folder;
mod exchange_docs;
mod case_papers;
mod law;
mod children;
mod variant;
mod cases;
mod mass_read;
mod officers;
mod aadhaar;
mod administrators;
mod approvals;
mod sealed;
mod sharing;
mod calls;
mod isolation;
mod canary;
mod limits;
mod domain_rules;
mod doors;
mod fuzzed;
mod edge;
mod evidence;
mod reconcile;
mod slow;
mod tls;
mod issuers;
mod tls_folder;
mod any_bytes;
mod links;
mod whereabouts;
mod rerouting;
mod threads;
mod fingerprints;
mod allowance;
mod full_disk;
#[path = "../faults/mod.rs"]
mod faults;
#[path = "../model/mod.rs"]
mod model;
mod checker;
mod liberty;
mod alerts;
mod prison;
mod prosecution;
mod laboratory;
mod icops;
mod connect;
mod kill;
mod dispatch;
mod cli_mistakes;
mod cli_journey;
mod cli_verbs;
mod demo;
mod scenarios;
