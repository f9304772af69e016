//! A mapping as a revision holds it: checked when the revision is made, and compiled again when the first record needs it.
//! Of some eighty mappings a gateway may need ten, and each takes half a megabyte.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::{Compiled, Fault, Source};
use crate::codes::Codes;
use crate::schema::Schema;

/// A mapping that is compiled when it is first used.
pub struct Plan {
    compiled: LazyLock<Compiled, Make>,
    carries_files: Option<bool>,
}

type Make = Box<dyn FnOnce() -> Compiled + Send>;

/// What a mapping is compiled from, kept for later. See `Source`.
#[derive(Debug)]
pub struct Origin {
    /// The adapter.
    pub adapter: String,
    /// The record kind.
    pub kind: String,
    /// Mapping files from the outermost base to the variant itself: path and contents.
    pub layers: Vec<(String, Bytes)>,
    /// The native schema.
    pub native: Arc<Schema>,
    /// The shared schema.
    pub shared: Arc<Schema>,
    /// The code tables that translate.
    pub codes: Arc<Codes>,
    /// What the adapter extends, nearest first.
    pub bases: Vec<String>,
    /// Records of this kind come from systems of this adapter.
    pub sends: bool,
    /// Records of this kind go to systems of this adapter.
    pub receives: bool,
}

impl Plan {
    /// Checks the mapping against both schemas and every code table; every fault is listed.
    pub fn checked(origin: Origin, codes: &Codes) -> Result<Self, Vec<Fault>> {
        let carries_files = Some(origin.compile(codes)?.carries_files());
        Ok(Self { carries_files, ..Self::trusted(origin) })
    }

    /// The same without a look: for what is shipped with the binary, whose own tests have looked.
    pub fn trusted(origin: Origin) -> Self {
        // It could be compiled when it was checked. An empty one gives an empty record, which its schema refuses.
        let compiled = LazyLock::<_, Make>::new(Box::new(move || origin.compile(&origin.codes).unwrap_or_default()));
        Self { compiled, carries_files: None }
    }

    /// Whether a row of it carries files, where that was looked at.
    pub fn is_known_to_carry_files(&self) -> Option<bool> {
        self.carries_files
    }
}

impl Origin {
    fn compile(&self, codes: &Codes) -> Result<Compiled, Vec<Fault>> {
        let (native, shared) = (self.native.resolved(), self.shared.resolved());
        let layers: Vec<(String, &[u8])> =
            self.layers.iter().map(|(path, contents)| (path.clone(), &**contents)).collect();
        Compiled::compile(Source {
            adapter: &self.adapter,
            kind: &self.kind,
            layers: &layers,
            native: &native,
            shared: &shared,
            codes,
            bases: &self.bases,
            sends: self.sends,
            receives: self.receives,
        })
    }
}

impl Deref for Plan {
    type Target = Compiled;

    fn deref(&self) -> &Compiled {
        &self.compiled
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").finish_non_exhaustive()
    }
}
