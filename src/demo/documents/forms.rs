//! Further forms of a police station: what was found and taken, drafts for the prosecution, what a laboratory is asked, where an
//! exhibit is, and what became of a summons.

use super::form::Form;
use super::police::slashed;
use super::{Case, Exhibit, Head, YEAR, agency};
use crate::demo::link::Document;

/// What was found at the scene (IIF-2).
pub fn crime_details(case: &Case, head: &Head<'_>) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::crime_details(case, head));
    }
    let form = Form::root("CrimeDetails", |form| {
        form.head(case, head).case(case);
        form.within("Form", |block| {
            block.leaf("FORM_NO", &format!("CDF/{}/{YEAR}", case.serial)).leaf("FORM_DT", "20/11/2026");
        });
        form.offence(case);
        form.within("SceneList", |list| {
            list.within("Scene", |scene| {
                scene.leaf("SERIAL", "1").leaf("VISITED_FROM_DT", &slashed(&head.times.occurred));
            });
        });
    });
    form.document(case.station)
}

/// What was taken, and from whom (IIF-4).
pub fn seizure(case: &Case, head: &Head<'_>, exhibits: &[Exhibit]) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::seizure(case, head));
    }
    let form = Form::root("PropertySeizure", |form| {
        form.head(case, head).case(case);
        form.within("Memo", |memo| {
            memo.leaf("MEMO_NO", &format!("SM/{}/{YEAR}", case.serial)).leaf("MEMO_TYPE_CD", "4");
            memo.leaf("DATE_DT", "20/11/2026");
        });
        form.offence(case);
        form.within("SeizedFrom", |from| {
            from.leaf("FROM_TYPE_CD", "1").leaf("ACCUSED_CODE", "A1");
            if let Some(person) = case.accused.first() {
                from.person(person);
            }
        });
        form.within("PropertyList", |list| {
            for (place, exhibit) in exhibits.iter().enumerate() {
                list.within("Property", |one| {
                    one.leaf("PROPERTY_SRNO", &(place + 1).to_string()).leaf("EXHIBIT_MARK", &exhibit.mark);
                    one.leaf("EXHIBIT_QR", &exhibit.qr).leaf("PROPERTY_CATEGORY_CD", "11");
                });
            }
        });
    });
    form.document(case.station)
}

/// What the prosecution is asked: `kind` is a code of the police's master, `reference` joins the answer.
pub fn scrutiny(case: &Case, head: &Head<'_>, kind: Scrutiny, reference: &str) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::scrutiny(case, head, kind.word(), reference));
    }
    let form = Form::root("ScrutinyRequest", |form| {
        form.head(case, head).case(case);
        form.within("Scrutiny", |block| {
            block.leaf("REFERENCE", reference).leaf("SCRUTINY_TYPE_CD", kind.code());
            block.leaf("SCRUTINY_DT", "20/11/2026");
        });
        form.offence(case);
        form.within("AccusedList", |list| {
            for (place, person) in case.accused.iter().enumerate() {
                list.within("Accused", |block| {
                    block.leaf("ACCUSED_CODE", &format!("A{}", place + 1)).person(person);
                });
            }
        });
    });
    // The variant sends it as its base does.
    Document::xml(form.xml())
}

/// What the prosecution is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrutiny {
    /// The draft of a charge sheet.
    Draft,
    /// Sanction to prosecute a public servant (BNSS s.218).
    Sanction,
}

impl Scrutiny {
    fn code(self) -> &'static str {
        match self {
            Self::Draft => "1",
            Self::Sanction => "5",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft-charge-sheet",
            Self::Sanction => "sanction",
        }
    }
}

/// What a laboratory is asked: each exhibit for the division that examines it.
pub fn requisition(case: &Case, head: &Head<'_>, reference: &str, exhibits: &[Exhibit]) -> Document {
    let form = Form::root("ForensicRequisition", |form| {
        form.head(case, head).case(case);
        form.within("Requisition", |block| {
            block.leaf("FSL_REQUEST_ID", reference).leaf("LETTER_DT", "20/11/2026");
            block.leaf("REQUISITION_TYPE_CD", "1").leaf("STATUS_CD", "1");
        });
        form.offence(case);
        form.within("AccusedList", |list| {
            for (place, person) in case.accused.iter().enumerate() {
                list.within("Accused", |block| {
                    block.leaf("ACCUSED_CODE", &format!("A{}", place + 1)).leaf("FULL_NAME", &person.name);
                });
            }
        });
        form.within("ExhibitList", |list| {
            for (place, exhibit) in exhibits.iter().enumerate() {
                list.within("Exhibit", |one| {
                    one.leaf("SERIAL", &(place + 1).to_string()).leaf("EXHIBIT_MARK", &exhibit.mark);
                    one.leaf("EXHIBIT_QR", &exhibit.qr).leaf("EXPERT_TYPE_CD", exhibit.division.code());
                });
            }
        });
    });
    Document::xml(form.xml())
}

/// Where exhibits went: `kind` is a code of the master of movements.
pub fn movement(case: &Case, head: &Head<'_>, kind: &str, reference: &str, exhibits: &[Exhibit]) -> Document {
    let form = Form::root("ExhibitMovement", |form| {
        form.leaf("EVENT_NO", head.event).leaf("SENDER_OFFICE", &case.office()).addressed(head);
        form.leaf("OCCURRED_ON", &slashed(&head.times.occurred)).case(case);
        form.within("Movement", |block| {
            block.leaf("MOVEMENT_DT", &slashed(&head.times.occurred)).leaf("MOVEMENT_TYPE_CD", kind);
            block.leaf("FSL_REQUEST_ID", reference);
        });
        form.within("ExhibitList", |list| {
            for (place, exhibit) in exhibits.iter().enumerate() {
                list.within("Exhibit", |one| {
                    one.leaf("SERIAL", &(place + 1).to_string()).leaf("EXHIBIT_MARK", &exhibit.mark);
                    one.leaf("EXHIBIT_QR", &exhibit.qr);
                });
            }
        });
    });
    Document::xml(form.xml())
}

/// What became of a summons or warrant: `status` is a code of the master.
pub fn process_report(station: &str, head: &Head<'_>, process: &str, status: &str) -> Document {
    let form = Form::root("ProcessReport", |form| {
        form.leaf("EVENT_NO", head.event).leaf("SENDER_PS_CD", station);
        form.leaf("OCCURRED_ON", &slashed(&head.times.occurred));
        form.within("Process", |block| {
            block.leaf("PROCESS_ID", process);
        });
        form.within("Result", |block| {
            block.leaf("STATUS_CD", status).leaf("ACTION_DT", "21/11/2026");
        });
    });
    Document::xml(form.xml())
}
