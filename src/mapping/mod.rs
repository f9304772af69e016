//! The mapping engine: a table of `native path <-> shared path` rows, compiled to a plan that runs both ways.
//! Data, not a program. Laws A and B (`docs/mapping.md`) are its contract. Knows nothing of sockets, time or routes.
//! Read `table` for the file, `compile` and `check` for what is refused at load, `frame` for how a plan runs, `convert` for values.

mod check;
mod compile;
mod convert;
mod dates;
mod decode;
mod encode;
mod files;
mod frame;
mod plan;
pub mod table;

use icjs_kit::Violation;
use serde_json::Value;

use crate::expression::Expression;
use crate::schema::path::Path;
use convert::{Converter, Scalar};
use frame::{Side, Size};

pub use compile::Source;
pub use plan::{Origin, Plan};
pub use table::{Fault, Row};

/// One (adapter, kind) pair's compiled mapping.
#[derive(Debug, Default)]
pub struct Compiled {
    adapter: String,
    rows: Vec<Rule>,
    /// The slot of each row, by row.
    slots: Vec<usize>,
    sizes: Vec<Size>,
    conditions: Vec<Expression>,
    native: Side,
    shared: Side,
    loss: LossReport,
}

/// One compiled row.
#[derive(Debug)]
struct Rule {
    native: Option<Path>,
    shared: Option<Path>,
    convert: Converter,
    /// Type of the native value.
    scalar: Scalar,
    condition: Option<usize>,
    default: Option<Value>,
    /// An empty native text means that there is nothing, because the shared side takes no empty text.
    empty_is_nothing: bool,
    /// The native side must have it.
    required: bool,
    /// The shared side must have it.
    due: bool,
    /// Place of the list around it in its frame, from the outermost: how frames are reached.
    lists: Vec<usize>,
}

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
    /// How many native paths rows read.
    pub read: usize,
    /// How many shared paths rows write.
    pub carried: usize,
}

/// What travels beside the native form, in the envelope: not lost where no row carries it.
const BESIDE: [&str; 4] = ["office", "to", "attachments", "extensions"];

impl Compiled {
    /// Compiles a mapping and checks it against both schemas and the code tables; every fault is listed.
    pub fn compile(source: Source) -> Result<Self, Vec<Fault>> {
        compile::plan(&source)
    }

    /// Native to shared. Violations carry `pointer` into the native tree and `shared_pointer`.
    pub fn decode(&self, native: &Value) -> Result<Decoded, Vec<Violation>> {
        decode::run(self, native)
    }

    /// Shared to native. An error is a stable code (`code-unknown`, `mapping-failed`) with violations.
    pub fn encode(&self, shared: &Value) -> Result<Encoded, (String, Vec<Violation>)> {
        encode::run(self, shared)
    }

    /// What falls through.
    pub fn loss(&self) -> &LossReport {
        &self.loss
    }

    /// The native pointer that a shared pointer came from, indices kept. For a shared object or list, the nearest native
    /// one that all of it comes from.
    pub fn native_pointer(&self, shared_pointer: &str) -> Option<String> {
        let mut node = 0;
        let mut indices = Vec::new();
        for part in shared_pointer.split('/').skip(1) {
            let known = self.shared.nodes.get(node)?;
            if !known.rows.is_empty() {
                break;
            }
            node = match (known.list, known.first) {
                (Some(list), _) => {
                    indices.push(part.parse().ok()?);
                    list.item
                }
                (None, Some(first)) if part == "0" => first,
                (None, _) => self.shared.child(node, &part.replace("~1", "/").replace("~0", "~"))?,
            };
        }
        let paths: Vec<&Path> = self.rules_below(node).filter_map(|rule| rule.native.as_ref()).collect();
        let (first, rest) = paths.split_first()?;
        let shared = rest.iter().fold(first.steps().len(), |length, path| {
            length.min(first.steps().iter().zip(path.steps()).take_while(|(one, other)| one == other).count())
        });
        (shared > 0).then(|| frame::pointer_of(&first.head(shared), &indices))
    }

    fn rules_below(&self, node: usize) -> impl Iterator<Item = &Rule> {
        self.shared.rows_below(node).into_iter().filter_map(|row| self.rows.get(row))
    }

    /// The shared paths that the pair carries in both directions without a condition or a default: what law B compares.
    pub fn carried(&self) -> Vec<String> {
        let both = |rule: &Rule| rule.native.is_some() && !matches!(rule.convert, Converter::FileSize);
        let plain = |rule: &&Rule| rule.condition.is_none() && rule.default.is_none() && both(rule);
        self.rows.iter().filter(plain).filter_map(|rule| rule.shared.as_ref()).map(Path::to_string).collect()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod first_tests;
