//! To come.

use super::*;

pub(super) async fn run(_make: Make) {}
