//! The code that stands for a person where a line gives a class as `code`: the same for the same name in the same case, in
//! every record and for every receiver; another one in another case; not to be turned back without the key of the store.
//! HMAC-SHA256 under a key derived from the store's, over the case and the name, 65 bits of it as letters and digits.

use serde_json::Value;

use crate::identifiers::CaseKey;
use crate::seal::MacKey;

/// What the key is derived for: another purpose would be another key.
pub const PURPOSE: &str = "pseudonyms v1";

/// Schemes of case keys, from the one that a case has first: a case is the same case under the first of them that a record
/// names.
const SCHEMES: [&str; 5] = ["fir", "zero-fir", "ptn", "cnr", "filing"];

/// Letters and digits that are not taken for one another.
const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
const LENGTH: usize = 13;

/// Codes the names of one record.
pub(super) struct Coder<'k> {
    key: Option<&'k MacKey>,
    case: Option<String>,
}

impl<'k> Coder<'k> {
    /// Of a record of these cases. Without a key or a case there is no code, and names are withheld.
    pub(super) fn new(key: Option<&'k MacKey>, cases: &[CaseKey]) -> Self {
        let first = |scheme: &&str| cases.iter().find(|case| case.scheme() == *scheme);
        let case = SCHEMES.iter().find_map(first).map(ToString::to_string);
        Self { key, case }
    }

    /// One that has no codes to give.
    pub(super) fn none() -> Self {
        Self { key: None, case: None }
    }

    /// The code for a name; `None` for what is no name.
    pub(super) fn code(&self, name: &Value) -> Option<String> {
        let (key, case) = (self.key?, self.case.as_deref()?);
        let words: Vec<&str> = name.as_str()?.split_whitespace().collect();
        if words.is_empty() {
            return None;
        }
        let name = words.join(" ").to_lowercase();
        let mac = key.mac(format!("{case}\0{name}").as_bytes());
        let bits = mac.iter().take(16).fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let letter = |place: usize| LETTERS.get(usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0)).copied();
        let code: String = (0..LENGTH).filter_map(letter).map(char::from).collect();
        Some(format!("person-{code}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(secret: u8, case: &str, name: &str) -> Option<String> {
        let key = MacKey::new(&[secret; 32]);
        Coder::new(Some(&key), &[CaseKey::parse(case).unwrap()]).code(&json!(name))
    }

    #[test]
    fn a_person_has_one_code_in_a_case_and_another_in_another() {
        let (case, other) = ("fir/38101004-2026-42", "fir/38101004-2026-43");
        let asha = code(1, case, "Asha Devi").unwrap();
        assert_eq!(code(1, case, "  asha   DEVI ").unwrap(), asha, "spaces and case are no other person");
        assert_ne!(code(1, other, "Asha Devi").unwrap(), asha);
        assert_ne!(code(1, case, "Usha Devi").unwrap(), asha);
        assert_ne!(code(2, case, "Asha Devi").unwrap(), asha, "another store has other codes");
        assert_ne!(code(1, case, "आशा देवी").unwrap(), asha);
        assert!(asha.len() == "person-".len() + 13 && !asha.contains("asha"), "{asha}");
        assert_eq!((code(1, case, "  "), Coder::none().code(&json!("Asha"))), (None, None));
    }

    #[test]
    fn the_case_is_the_fir_wherever_a_record_names_it() {
        let key = MacKey::new(&[7; 32]);
        let keys = |texts: &[&str]| texts.iter().map(|text| CaseKey::parse(text).unwrap()).collect::<Vec<_>>();
        let code = |texts: &[&str]| Coder::new(Some(&key), &keys(texts)).code(&json!("Asha"));
        let (fir, cnr) = ("fir/38101004-2026-42", "cnr/DLCT010001232026");
        assert_eq!(code(&[cnr, fir]), code(&[fir]));
        assert_ne!(code(&[cnr]), code(&[fir]));
        assert_eq!(code(&[]), None);
    }
}
