//! Dispatch.
pub mod breaker;
pub mod retry;
pub mod verdict;
