//! Places in a feed as texts that only this gateway can make: a pair of positions, bound to caller, offices and kinds.
//! A cursor of one filter is no cursor of another: acknowledging with it would settle what was never seen.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::accept::{Code, Refusal};
use crate::identifiers::OfficeId;
use crate::journal::FeedPosition;
use crate::seal::MacKey;

/// What a cursor is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    text: Vec<u8>,
}

/// Bytes of the MAC that are kept: 128 bits.
const MAC: usize = 16;

impl Binding {
    /// Of one caller and filter; the order of offices and kinds does not matter.
    pub fn new(system: &str, offices: &[OfficeId], kinds: &[String]) -> Self {
        let mut offices: Vec<&str> = offices.iter().map(OfficeId::as_str).collect();
        let mut kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        offices.sort_unstable();
        offices.dedup();
        kinds.sort_unstable();
        kinds.dedup();
        // Names hold neither of the separators: systems, offices and kinds are plain words.
        let text = format!("{system}\n{}\n{}\n", offices.join(" "), kinds.join(" "));
        Self { text: text.into_bytes() }
    }

    /// The text of a position.
    pub fn seal(&self, position: FeedPosition, key: &MacKey) -> String {
        let place = place(position);
        let mac = key.mac(&self.bound(&place));
        let bytes: Vec<u8> = place.iter().chain(mac.iter().take(MAC)).copied().collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a text.
    pub fn open(&self, text: &str, key: &MacKey) -> Result<FeedPosition, Refusal> {
        let detail = "this cursor is of another caller, of other offices or kinds, or was changed; \
                      use `next` and `icjscursor` with the filter that gave them";
        let refusal = || Refusal::new(Code::CursorInvalid, detail);
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refusal())?;
        let (place, mac) = bytes.split_at_checked(16).ok_or_else(refusal)?;
        let due = key.mac(&self.bound(place));
        let good = due.get(..MAC).is_some_and(|due| crate::seal::same(due, mac));
        let (liberty, rest) = place.split_at_checked(8).filter(|_| good).ok_or_else(refusal)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| refusal());
        Ok(FeedPosition { liberty: number(liberty)?, rest: number(rest)? })
    }

    fn bound(&self, place: &[u8]) -> Vec<u8> {
        [self.text.as_slice(), place].concat()
    }
}

fn place(position: FeedPosition) -> Vec<u8> {
    [position.liberty.to_be_bytes(), position.rest.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_for_its_own_caller_and_filter_only() {
        let key = MacKey::new(&[3; 32]);
        let (a, b) = (OfficeId::parse("ps:1").unwrap(), OfficeId::parse("ps:2").unwrap());
        let kinds = ["fir".to_owned(), "outcome".to_owned()];
        let binding = Binding::new("x", &[a.clone(), b.clone()], &kinds);
        let position = FeedPosition { liberty: 7, rest: u64::MAX };
        let text = binding.seal(position, &key);
        let turned = Binding::new("x", &[b, a.clone()], &["outcome".to_owned(), "fir".to_owned()]);
        assert_eq!(turned.open(&text, &key).unwrap(), position);
        for other in [Binding::new("y", &[], &kinds), Binding::new("x", &[a], &kinds), Binding::new("x", &[], &[])] {
            assert_eq!(other.open(&text, &key).unwrap_err().code, Code::CursorInvalid);
        }
        for wrong in ["", "AAAA", "not base64!", &text[1..], &format!("{text}AA")] {
            assert_eq!(binding.open(wrong, &key).unwrap_err().code, Code::CursorInvalid);
        }
    }
}
