//! What happens in a case of the ordinary demo beyond its papers, by its number: so many cases in a row have every row of the
//! table of who gets what in them, whatever chance does.

use super::documents::{Case, Division, Exhibit};

/// What else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// The draft of the charge sheet goes to the prosecution first.
    Scrutiny,
    /// Exhibits are examined by a laboratory, and once more by order of the court.
    Laboratory,
    /// Fingerprints are searched by the police and by the prison; later both learn of a match.
    Prints,
    /// The court has summonses served by the station, by the process desk and in the prison.
    Process,
    /// The case ends, and there is an appeal.
    Ending,
    /// The prisoner is moved to another prison.
    Transfer,
}

/// So many cases have every errand in them, and every row of the table.
pub const ENOUGH: u32 = 50;

impl Errand {
    /// Of a case.
    pub fn of(case: &Case) -> Self {
        Self::numbered(case.serial)
    }

    /// By the number of the FIR.
    pub fn numbered(serial: u32) -> Self {
        match serial % 6 {
            0 => Self::Scrutiny,
            1 => Self::Laboratory,
            2 => Self::Prints,
            3 => Self::Process,
            4 => Self::Ending,
            _ => Self::Transfer,
        }
    }

    /// Whether somebody must be in prison for it.
    pub fn in_custody(self) -> bool {
        matches!(self, Self::Prints | Self::Process | Self::Ending | Self::Transfer)
    }
}

/// The exhibits of a case: two, for different divisions.
pub fn exhibits(case: &Case) -> Vec<Exhibit> {
    vec![Exhibit::of(case, 1, Division::Biology), Exhibit::of(case, 2, Division::Cyber)]
}

/// The number under which the station asks the laboratory.
pub fn requisition(case: &Case) -> String {
    format!("FSL/{}/{}", case.station.code, case.serial)
}

/// The number of a summons of the case; `number` tells those of one case apart.
pub fn process(case: &Case, number: u8) -> String {
    format!("P-{}-{}-{number}", case.station.code, case.serial)
}
