//! The gateway of India's Interoperable Criminal Justice System: a tour.
#![allow(missing_docs)]
pub mod clock;
pub mod codes;
pub mod config;
pub mod expression;
pub mod identifiers;
pub mod journal;
pub mod mapping;
pub mod schema;
pub mod bench;
pub mod seal;
pub mod keys;
pub mod live;
pub mod revisions;
pub mod outcome;
pub mod dispatch;
pub mod envelope;
pub mod gateway;
pub mod http_edge;
pub mod tokens;
pub mod evidence;
pub mod telemetry;
pub mod accept;
pub mod shell;
pub mod demo;
pub mod cli;
pub mod admin;
