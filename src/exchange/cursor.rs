//! Places in a feed, and in a list of messages, as texts that only this gateway can make, bound to the caller and what it
//! asked for. A cursor of one filter is no cursor of another: acknowledging with it would settle what was never seen. A list
//! goes on after a sealed id, never after a bare one: that would tell a stranger whether there is such a message.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::accept::{Code, Refusal};
use crate::identifiers::{MessageId, OfficeId};
use crate::journal::FeedPosition;
use crate::seal::MacKey;

/// What a cursor is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    text: Vec<u8>,
}

/// Bytes of a place: two positions, or one message id.
const PLACE: usize = 16;
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

    /// Of a caller's list of messages.
    pub fn messages(system: &str) -> Self {
        Self { text: format!("messages\n{system}\n").into_bytes() }
    }

    /// The text of a position.
    pub fn seal(&self, position: FeedPosition, key: &MacKey) -> String {
        self.text_of(&place(position), key)
    }

    /// The position of a text.
    pub fn open(&self, text: &str, key: &MacKey) -> Result<FeedPosition, Refusal> {
        let place = self.place_of(text, key).ok_or_else(|| {
            let detail = "this cursor is of another caller, of other offices or kinds, or was changed; \
                          use `next` and `icjscursor` with the filter that gave them";
            Refusal::new(Code::CursorInvalid, detail)
        })?;
        let [liberty, rest] = [u128::from_be_bytes(place) >> 64, u128::from_be_bytes(place) & u128::from(u64::MAX)];
        let number = |half: u128| u64::try_from(half).unwrap_or_default();
        Ok(FeedPosition { liberty: number(liberty), rest: number(rest) })
    }

    /// The text of the last message of a page.
    pub fn seal_message(&self, last: MessageId, key: &MacKey) -> String {
        self.text_of(&last.bytes(), key)
    }

    /// The message of a text.
    pub fn open_message(&self, text: &str, key: &MacKey) -> Result<MessageId, Refusal> {
        let detail = "this `after` is of another caller, or was changed; use `next` of the page before";
        let place = self.place_of(text, key).ok_or_else(|| Refusal::new(Code::CursorInvalid, detail))?;
        Ok(MessageId::from_bytes(place))
    }

    fn text_of(&self, place: &[u8; PLACE], key: &MacKey) -> String {
        let mac = key.mac(&self.bound(place));
        let bytes: Vec<u8> = place.iter().chain(mac.iter().take(MAC)).copied().collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn place_of(&self, text: &str, key: &MacKey) -> Option<[u8; PLACE]> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (place, mac) = bytes.split_at_checked(PLACE)?;
        let due = key.mac(&self.bound(place));
        let good = due.get(..MAC).is_some_and(|due| crate::seal::same(due, mac));
        place.try_into().ok().filter(|_| good)
    }

    fn bound(&self, place: &[u8]) -> Vec<u8> {
        [self.text.as_slice(), place].concat()
    }
}

fn place(position: FeedPosition) -> [u8; PLACE] {
    (u128::from(position.liberty) << 64 | u128::from(position.rest)).to_be_bytes()
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
