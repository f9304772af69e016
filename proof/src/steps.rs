//! What a log says of one record, as one document that can be checked alone: leaves, the path from each to the root, and the
//! signed checkpoint with that root. JSON with these members and no others:
//! `{"checkpoint": "…", "leaves": [{"index": 7, "leaf": "…", "path": ["…"]}]}`; hashes are base64, `leaf` is the text that is hashed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::note::{Checkpoint, Key, NotSigned};
use crate::tree::{self, Hash};

/// The longest document that is read.
const LONGEST: usize = 16 * 1024 * 1024;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// The signed note.
    pub checkpoint: String,
    /// In the log's order.
    pub leaves: Vec<Step>,
}

/// One leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its place in the log, from 0.
    pub index: u64,
    /// Its text.
    pub leaf: String,
    /// Hashes beside the way from it to the root (RFC 9162 section 2.1.3.1), base64.
    pub path: Vec<String>,
}

/// Why a document proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// It is no such document.
    #[error("this is no proof: {0}")]
    Form(String),
    /// Its checkpoint proves nothing.
    #[error("checkpoint: {0}")]
    Checkpoint(NotSigned),
    /// A leaf is not under the root.
    #[error("leaf {0} is not in the log of that checkpoint: the leaf, its place or its path was changed")]
    Leaf(u64),
    /// Leaves are not in order.
    #[error("leaf {0} stands twice, or out of order")]
    Order(u64),
}

impl Step {
    /// Of a leaf and its path.
    pub fn new(index: u64, leaf: String, path: &[Hash]) -> Self {
        Self { index, leaf, path: path.iter().map(|hash| STANDARD.encode(hash)).collect() }
    }

    fn hashes(&self) -> Option<Vec<Hash>> {
        let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        self.path.iter().map(hash).collect()
    }
}

impl Steps {
    /// Reads a document and checks it by the keys of the log's signers.
    pub fn check(document: &[u8], keys: &[Key]) -> Result<(Checkpoint, Vec<Step>), NotShown> {
        if document.len() > LONGEST {
            return Err(NotShown::Form("it is longer than any proof".to_owned()));
        }
        let read: Self = serde_json::from_slice(document).map_err(|error| NotShown::Form(error.to_string()))?;
        let checkpoint = Checkpoint::read(read.checkpoint.as_bytes(), keys).map_err(NotShown::Checkpoint)?;
        let mut before = None;
        for step in &read.leaves {
            let hash = tree::leaf(step.leaf.as_bytes());
            let path = step.hashes().ok_or(NotShown::Leaf(step.index))?;
            if !tree::includes(&hash, step.index, checkpoint.size, &path, &checkpoint.root) {
                return Err(NotShown::Leaf(step.index));
            }
            if before.is_some_and(|before| before >= step.index) {
                return Err(NotShown::Order(step.index));
            }
            before = Some(step.index);
        }
        Ok((checkpoint, read.leaves))
    }
}
