//! The gateway of India's Interoperable Criminal Justice System: a tour.
//!
//! A record comes in through [`exchange`] and [`accept`], is written once to the [`journal`], and goes out through
//! [`dispatch`] or the feed. The modules stand in reading order; each may use only those above it in the README's list of
//! layers, which `tests/it/house.rs` enforces. Start with [`identifiers`], then the contract in [`journal`], then
//! `accept::accept` and `dispatch::dispatch`, which tell the whole story.

// The ground: time, names, secrets.
pub mod clock;
pub mod identifiers;
pub mod officers;
pub mod readers;
pub mod seal;
pub mod memory;
pub mod faults;
pub mod keys;
pub mod tls;
pub mod doors;

// The model: schemas, codes, conditions, translation, and the configuration that binds them.
pub mod schema;
pub mod codes;
pub mod expression;
pub mod mapping;
pub mod config;

// The truth, and what proves it.
pub mod journal;
pub mod evidence;
pub mod live;
pub mod revisions;

// The way in and the way out. They never name each other.
pub mod tokens;
pub mod outcome;
pub mod rerouting;
pub mod casefile;
pub mod quality;
pub mod accept;
pub mod envelope;
pub mod dispatch;
pub mod alerts;

// The edges: sockets, operators, the assembled process.
pub mod telemetry;
pub mod http_edge;
pub mod exchange;
pub mod admin;
pub mod gateway;

// The command line and what it brings along.
pub mod shell;
pub mod promises;
pub mod demo;
pub mod bench;
pub mod cli;
