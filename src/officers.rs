//! Who acts within a system: an officer, with a designation and perhaps an office. A system is not a who: what is sent, said
//! or read in its name is done by somebody. How an officer is named in plain stands here; how a system signs for one is told
//! in `tokens::actor`.

use std::fmt;

use crate::identifiers::OfficeId;

/// Longest id and designation, in bytes. They are kept with what the officer does.
const LONGEST: usize = 200;

/// One officer, as the system names him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    id: String,
    designation: String,
    office: Option<OfficeId>,
}

/// Why a text names no officer. A value is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misnamed {
    /// Not `id; designation; office`.
    #[error("an officer is named `id; designation` or `id; designation; office`, neither id nor designation empty")]
    Form,
    /// Too long.
    #[error("an officer's id and designation hold {LONGEST} bytes each at most")]
    Long,
    /// A character that would change how a list or a log reads.
    #[error("an officer's name holds no control characters and none that turn the direction of writing")]
    Character,
    /// The last part is no office.
    #[error("the third part of an officer's name is an office such as `ps:38101004`")]
    Office,
}

impl Officer {
    /// From its parts.
    pub fn new(id: &str, designation: &str, office: Option<&str>) -> Result<Self, Misnamed> {
        let (id, designation) = (id.trim(), designation.trim());
        if id.is_empty() || designation.is_empty() || [id, designation].iter().any(|part| part.contains(';')) {
            return Err(Misnamed::Form);
        }
        if id.len() > LONGEST || designation.len() > LONGEST {
            return Err(Misnamed::Long);
        }
        if id.chars().chain(designation.chars()).any(misleading) {
            return Err(Misnamed::Character);
        }
        let office = office.map(|office| OfficeId::parse(office.trim())).transpose().map_err(|_| Misnamed::Office)?;
        Ok(Self { id: id.to_owned(), designation: designation.to_owned(), office })
    }

    /// From `id; designation; office`, of which the last may be left out.
    pub fn parse(text: &str) -> Result<Self, Misnamed> {
        match text.split(';').collect::<Vec<_>>().as_slice() {
            [id, designation] => Self::new(id, designation, None),
            [id, designation, office] => Self::new(id, designation, Some(office)),
            _ => Err(Misnamed::Form),
        }
    }

    /// The id, as the system's own books have it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The office he acts for, where that is said.
    pub fn office(&self) -> Option<&OfficeId> {
        self.office.as_ref()
    }
}

impl fmt::Display for Officer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.id, self.designation)?;
        self.office.as_ref().map_or(Ok(()), |office| write!(f, "; {office}"))
    }
}

/// Control characters, line and paragraph separators, and what turns the direction of writing. Joiners stay: the scripts of
/// India need them.
fn misleading(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_officer_is_named_by_id_designation_and_perhaps_office() {
        let officer = Officer::parse(" SI-1234 ;  Investigating Officer; ps:38101004").unwrap();
        assert_eq!(officer.to_string(), "SI-1234; Investigating Officer; ps:38101004");
        assert_eq!((officer.id(), officer.office().unwrap().to_string()), ("SI-1234", "ps:38101004".to_owned()));
        assert_eq!(Officer::parse("क1; थाना प्रभारी").unwrap().to_string(), "क1; थाना प्रभारी");
        for (text, why) in [
            ("", Misnamed::Form),
            ("SI-1234", Misnamed::Form),
            ("; SHO", Misnamed::Form),
            ("SI-1; ", Misnamed::Form),
            ("a; b; ps:38101004; c", Misnamed::Form),
            ("SI\n1; SHO", Misnamed::Character),
            ("SI-1; \u{202e}OHS", Misnamed::Character),
            ("SI-1; SHO; nowhere", Misnamed::Office),
            ("SI-1; SHO; ", Misnamed::Office),
        ] {
            assert_eq!(Officer::parse(text).unwrap_err(), why, "{text:?}");
        }
        assert_eq!(Officer::parse(&format!("{}; b", "x".repeat(201))).unwrap_err(), Misnamed::Long);
    }
}
