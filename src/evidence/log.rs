//! The evidence log as others read it: its files by their public names (C2SP `tlog-tiles`), and the checkpoint that this gateway
//! signs over as many leaves as there are when it is asked. The leaves themselves are the journal's.

use std::sync::Arc;

use icjs_proof::note::{Checkpoint, Key};
use icjs_proof::steps::{Step, Steps};
use icjs_proof::tile::Tile;
use icjs_proof::tree::Hash;

use crate::identifiers::{DeliveryId, MessageId};
use crate::journal::{Journal, JournalError, LogPart, LogStep, LogVerb};
use crate::seal::SigningKey;

/// Gives out the files of the log.
pub struct EvidenceLog(Arc<dyn Journal>);

impl EvidenceLog {
    /// Of this journal.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self(journal)
    }

    /// The signed note that says how many leaves there are, and what their root is. The same leaves give the same note.
    pub async fn checkpoint(&self, key: &SigningKey) -> Result<String, JournalError> {
        match self.0.log(LogVerb::Head).await? {
            LogPart::Head { size, root } => signed(size, root, key),
            _ => Err(unnamed()),
        }
    }

    /// What the log says of a message and of those of its deliveries that may be shown.
    pub async fn steps(
        &self,
        message: MessageId,
        shows: impl Fn(Option<DeliveryId>) -> bool,
        key: &SigningKey,
    ) -> Result<Steps, JournalError> {
        let LogPart::Steps { size, root, steps } = self.0.log(LogVerb::Message(message)).await? else {
            return Err(unnamed());
        };
        let shown = steps.into_iter().filter(|step| shows(step.delivery));
        let leaf = |step: LogStep| Step::new(step.index, String::from_utf8_lossy(&step.body).into_owned(), &step.path);
        Ok(Steps { checkpoint: signed(size, root, key)?, leaves: shown.map(leaf).collect() })
    }

    /// The bytes of a file such as `tile/0/000.p/17`; `None`: the log has no such file, or not yet.
    pub async fn file(&self, path: &str) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(tile) = Tile::read(path) else { return Ok(None) };
        match self.0.log(LogVerb::Tile(tile)).await? {
            LogPart::Bytes(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }
}

fn signed(size: u64, root: Hash, key: &SigningKey) -> Result<String, JournalError> {
    let text = Checkpoint { origin: name(key), size, root }.text();
    let signature = public(key).ok_or_else(unnamed)?.signs(&key.sign(text.as_bytes()));
    Ok(format!("{text}\n{signature}"))
}

fn unnamed() -> JournalError {
    JournalError::Storage("the journal gives no head of its log".to_owned())
}

/// The name of the log that a key signs: it changes with the key, and with nothing else.
fn name(key: &SigningKey) -> String {
    format!("icjs/{}", key.id())
}

/// The key by which others check the log's checkpoints.
pub fn public(key: &SigningKey) -> Option<Key> {
    Key::new(&name(key), key.public())
}
