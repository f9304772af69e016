//! The mapping engine: a table of `native path <-> shared path` rows, compiled at load to a plan that runs both ways.
//! Data, not a program. Laws A and B (design, section 3) are its contract. Knows nothing of sockets, time or routes.

use icjs_kit::Violation;
use serde_json::Value;

/// One (adapter, kind) pair's compiled mapping.
#[derive(Debug)]
pub struct Plan {}

/// What decoding gave.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The shared form (not yet validated), `extensions.<adapter>` filled with what no row reads and with kept raws.
    pub shared: Value,
    /// Warnings (`code-unknown` and the like), as violations that refuse nothing.
    pub warnings: Vec<Violation>,
}

/// What encoding gave.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The native form.
    pub native: Value,
    /// Shared paths that this format cannot carry and that held something: `icjslost[]`.
    pub lost: Vec<String>,
}

/// Which fields fall through, known at load.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct LossReport {
    /// Native paths that no row reads (they travel in `extensions`).
    pub unread: Vec<String>,
    /// Shared paths that no row writes.
    pub uncarried: Vec<String>,
}

impl Plan {
    /// Native to shared. Violations carry `pointer` into the native tree and `shared_pointer`.
    pub fn decode(&self, native: &Value) -> Result<Decoded, Vec<Violation>> {
        let _ = native;
        todo!("mapping helper")
    }
    /// Shared to native. An error is a stable code (`code-unknown`, `mapping-failed`) with violations.
    pub fn encode(&self, shared: &Value) -> Result<Encoded, (String, Vec<Violation>)> {
        let _ = shared;
        todo!("mapping helper")
    }
    /// What falls through.
    pub fn loss(&self) -> &LossReport {
        todo!("mapping helper")
    }
    /// The native pointer that a shared pointer came from, indices kept.
    pub fn native_pointer(&self, shared_pointer: &str) -> Option<String> {
        let _ = shared_pointer;
        todo!("mapping helper")
    }
}
