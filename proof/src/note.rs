//! Signed notes and checkpoints (C2SP `signed-note`, `tlog-checkpoint`): a few lines of text, and who signed them. A checkpoint
//! says how many leaves a log has and what their root is; whoever keeps one can hold the log to it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::digest::{sha256, verifies};
use crate::tree::Hash;

/// The signature type of Ed25519.
const ED25519: u8 = 1;

/// The longest note that is read.
const LONGEST: usize = 64 * 1024;

/// A public key with the name that it signs under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    public: [u8; 32],
}

/// Why a note proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// It has not the form of a note.
    #[error("this is no signed note: lines of text, an empty line, and a line for each signature")]
    Form,
    /// Nobody who is known has signed it.
    #[error("none of the keys given has signed it")]
    Unknown,
    /// It was changed after it was signed.
    #[error("the signature does not fit: the note was changed, or another key made it")]
    Signature,
    /// It is signed, and is no checkpoint.
    #[error("the note is signed, and is no checkpoint of a log")]
    Checkpoint,
}

impl Key {
    /// The key of a signer; `None`: no note can have that name (it is empty, or has a space or a plus in it).
    pub fn new(name: &str, public: [u8; 32]) -> Option<Self> {
        let good = !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control());
        good.then(|| Self { name: name.to_owned(), public })
    }

    /// The key of its text, `<name>+<id, hex>+<base64>`.
    pub fn read(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let bytes = STANDARD.decode(key).ok()?;
        let (ED25519, public) = bytes.split_first().map(|(kind, public)| (*kind, public))? else { return None };
        let key = Self::new(name, public.try_into().ok()?)?;
        (id == format!("{:08x}", u32::from_be_bytes(key.id()))).then_some(key)
    }

    /// The signer's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of a hash over name, type and key.
    fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], &self.public]);
        [a, b, c, d]
    }

    /// The line that a note ends with, of the signature over its text.
    pub fn signs(&self, signature: &[u8]) -> String {
        format!("\u{2014} {} {}\n", self.name, STANDARD.encode([self.id().as_slice(), signature].concat()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([[ED25519].as_slice(), &self.public].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.id()))
    }
}

/// How far a log has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Its leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The checkpoint of a note that one of `keys` has signed. No signature of a known key in it may be wrong.
    pub fn read(note: &[u8], keys: &[Key]) -> Result<Self, NotSigned> {
        let checkpoint = Self::parse(signed(note, keys)?).ok_or(NotSigned::Checkpoint)?;
        let mine = keys.iter().any(|key| key.name == checkpoint.origin);
        if mine { Ok(checkpoint) } else { Err(NotSigned::Checkpoint) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split_terminator('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let read = Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: STANDARD.decode(root).ok()?.try_into().ok()?,
        };
        let extended = lines.any(str::is_empty);
        // A number has one spelling only.
        (!extended && !origin.is_empty() && read.size.to_string() == size).then_some(read)
    }
}

/// The text of a note that one of `keys` has signed.
fn signed<'n>(note: &'n [u8], keys: &[Key]) -> Result<&'n str, NotSigned> {
    let note = std::str::from_utf8(note).ok().filter(|note| note.len() <= LONGEST).ok_or(NotSigned::Form)?;
    if note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NotSigned::Form);
    }
    let middle = note.rfind("\n\n").ok_or(NotSigned::Form)?;
    let (text, signatures) = note.split_at(middle + 1);
    let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NotSigned::Form)?;
    let mut known = false;
    for line in lines.split('\n') {
        let (name, signature) =
            line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or(NotSigned::Form)?;
        let signature = STANDARD.decode(signature).map_err(|_| NotSigned::Form)?;
        let (id, signature) = signature.split_first_chunk::<4>().ok_or(NotSigned::Form)?;
        for key in keys.iter().filter(|key| key.name == name && key.id() == *id) {
            if !verifies(&key.public, text.as_bytes(), signature) {
                return Err(NotSigned::Signature);
            }
            known = true;
        }
    }
    if known { Ok(text) } else { Err(NotSigned::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification `signed-note` of Go's checksum database (golang.org/x/mod/sumdb/note).
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_note_is_signed_and_no_changed_one_is() {
        let key = Key::read(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert!(signed(NOTE.as_bytes(), std::slice::from_ref(&key)).unwrap().ends_with("problem is.\n"));
        assert_eq!(Checkpoint::read(NOTE.as_bytes(), std::slice::from_ref(&key)), Err(NotSigned::Checkpoint));
        let other = Key::new("PeterNeumann", [7; 32]).unwrap();
        assert_eq!(signed(NOTE.as_bytes(), &[other]), Err(NotSigned::Unknown));
        for place in 0..NOTE.len() {
            for bit in 0..8 {
                let mut changed = NOTE.as_bytes().to_vec();
                changed[place] ^= 1 << bit;
                assert!(signed(&changed, std::slice::from_ref(&key)).is_err(), "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn a_key_has_one_text() {
        for wrong in
            ["", "a", "a+b", "a+c74f20a3+AQ==", &KEY.replace("c74f20a3", "c74f20a4"), &KEY.replace("Peter", "Pe er")]
        {
            assert_eq!(Key::read(wrong), None, "{wrong}");
        }
        assert!(Key::new("a b", [0; 32]).is_none() && Key::new("a+b", [0; 32]).is_none());
    }

    #[test]
    fn a_checkpoint_is_three_lines() {
        let checkpoint = Checkpoint { origin: "icjs.example/log".into(), size: 7, root: [1; 32] };
        assert_eq!(Checkpoint::parse(&checkpoint.text()), Some(checkpoint.clone()));
        for (from, to) in [("7", "07"), ("7", "-7"), ("7", ""), ("icjs.example/log", ""), ("AQ", "AQ AQ")] {
            assert_eq!(Checkpoint::parse(&checkpoint.text().replace(from, to)), None, "{from} as {to}");
        }
    }
}
