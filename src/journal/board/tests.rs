//! The board: turns, leases, liberty, feeds.
