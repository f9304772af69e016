//! What a police station writes: integrated forms, element by element in the order that the schema gives, dates dd/MM/yyyy, codes
//! of the State's own masters; and the answer to a push. An agency writes the same records in the shared form (`agency`).

use serde_json::json;

use super::form::Form;
use super::{Case, Head, Origin, YEAR, agency};
use crate::demo::link::Document;
use crate::demo::people::Person;

/// What many forms have in them.
impl Form {
    /// A person's particulars.
    pub fn person(&mut self, person: &Person) -> &mut Self {
        self.leaf("FULL_NAME", &person.name).leaf("FULL_NAME_ENG", &person.latin);
        self.leaf("RELATION_TYPE_CD", "1").leaf("RELATIVE_NAME", &person.father);
        self.leaf("AGE_YEARS", &person.age.to_string()).leaf("GENDER_CD", if person.woman { "2" } else { "1" })
    }

    /// Number, sender, receivers and times.
    pub fn head(&mut self, case: &Case, head: &Head<'_>) -> &mut Self {
        self.leaf("EVENT_NO", head.event).leaf("SENDER_PS_CD", case.station.code);
        self.addressed(head);
        self.leaf("RECORD_CREATED_ON", &slashed(&head.times.recorded))
            .leaf("OCCURRED_ON", &slashed(&head.times.occurred));
        self.leaf("ENTRY_MODE", head.times.mode)
    }

    /// Whom the document itself names as receivers.
    pub fn addressed(&mut self, head: &Head<'_>) -> &mut Self {
        if !head.to.is_empty() {
            self.within("SendToList", |list| {
                for to in head.to {
                    list.leaf("SEND_TO", to);
                }
            });
        }
        self
    }

    /// The numbers of the case.
    pub fn case(&mut self, case: &Case) -> &mut Self {
        let numbers = case.numbers();
        if let Some((station, serial)) = numbers.fir {
            self.leaf("PS_CD", station).leaf("REG_YEAR", &YEAR.to_string()).leaf("FIR_SRNO", &serial.to_string());
        }
        if let Some((station, serial)) = numbers.zero_fir {
            self.leaf("ZERO_FIR_PS_CD", station).leaf("ZERO_FIR_YEAR", &YEAR.to_string());
            self.leaf("ZERO_FIR_SRNO", &serial.to_string());
        }
        if let Some(cnr) = numbers.cnr {
            self.leaf("CNR_NUM", &cnr);
        }
        self
    }

    /// The offence.
    pub fn offence(&mut self, case: &Case) -> &mut Self {
        self.within("ActSectionList", |list| {
            list.within("ActSection", |act| {
                act.leaf("ACT_CD", "451").leaf("SECTION", case.offence.0).leaf("SECTION_DESC", case.offence.1);
            });
        })
    }
}

/// These systems write dates with slashes.
pub fn slashed(date: &str) -> String {
    date.replace('-', "/")
}

/// A First Information Report (IIF-1).
pub fn fir(case: &Case, head: &Head<'_>, version: u32) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::fir(case, head));
    }
    let form = Form::root("FirstInformationReport", |form| {
        opening(form, case, head);
        if let (Origin::ZeroFir, Some(to)) = (&case.origin, head.to.first()) {
            form.within("ZeroFir", |zero| {
                zero.leaf("IS_ZERO_FIR", "Y").leaf("ORIGIN_PS_CD", case.station.code);
                zero.leaf("TRANSFERRED_TO_PS_CD", to.trim_start_matches("ps:"));
            });
        }
        parties(form, case, |_| ());
        if version > 1 {
            form.leaf("DELAY_REASON", "नाम में सुधार / name corrected");
        }
        contents(form, &case.story);
    });
    form.document(case.station)
}

/// What both forms begin with.
fn opening(form: &mut Form, case: &Case, head: &Head<'_>) {
    form.head(case, head).leaf("CAS_VERSION", "5.0.3").case(case);
    form.leaf("PS_NAME", case.station.name).leaf("FIR_NO", &format!("{:04}/{YEAR}", case.serial));
    form.leaf("FIR_DT", "20/11/2026");
}

/// The offence, who complains, and the accused, each with what the form says of them besides.
fn parties(form: &mut Form, case: &Case, besides: impl Fn(&mut Form)) {
    form.offence(case);
    form.within("Complainant", |block| {
        block.person(&case.complainant);
    });
    form.within("AccusedList", |list| {
        for (place, person) in case.accused.iter().enumerate() {
            list.within("Accused", |block| {
                block.leaf("ACCUSED_CODE", &format!("A{}", place + 1)).person(person);
                besides(block);
            });
        }
    });
}

fn contents(form: &mut Form, story: &str) {
    form.within("FirContentsList", |list| {
        list.within("FirContents", |one| {
            one.leaf("LANG_CD", "6").leaf("TEXT", story);
        });
    });
}

/// Which final report of a case it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// The first, with or without what the court will miss.
    First {
        /// The list of witnesses is there.
        complete: bool,
    },
    /// The first, which closes the investigation for want of evidence.
    Closure,
    /// Supplementary report number so many.
    Supplementary(u8),
}

/// A final report (IIF-5).
pub fn charge_sheet(case: &Case, head: &Head<'_>, series: Series, cnr: Option<&str>) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::charge_sheet(case, head, series, cnr));
    }
    let (code, number) = match series {
        Series::First { .. } | Series::Closure => ("1".to_owned(), 1),
        Series::Supplementary(number) => (format!("S{number}"), number + 1),
    };
    let complete = series != Series::First { complete: false };
    let form = Form::root("FinalReport", |form| {
        opening(form, case, head);
        if let Some(cnr) = cnr {
            form.leaf("CNR_NUM", cnr);
        }
        form.leaf("FR_NUM", &format!("{}-{number}/{YEAR}", case.serial)).leaf("CS_DT", "21/11/2026");
        form.leaf("FR_SERIES_CD", &code).leaf("FR_TYPE_CD", if series == Series::Closure { "2" } else { "1" });
        parties(form, case, |block| charged(block, case));
        if complete {
            form.within("WitnessList", |list| {
                list.within("Witness", |block| {
                    block.leaf("WITNESS_SRNO", "1").person(&case.complainant);
                });
            });
        }
        form.within("BriefFactsList", |list| {
            list.within("BriefFacts", |one| {
                one.leaf("LANG_CD", "6").leaf("TEXT", &case.story);
            });
        });
    });
    form.document(case.station)
}

fn charged(block: &mut Form, case: &Case) {
    block.within("Custody", |custody| {
        custody.leaf("ACCUSED_STATUS_CD", "1");
    });
    block.within("ChargeList", |list| {
        list.within("Charge", |charge| {
            charge.leaf("ACT_CD", "451").leaf("SECTION", case.offence.0).leaf("CHARGE_STATUS_CD", "1");
        });
    });
}

/// An arrest memo (IIF-3): one person, forwarded to the court in custody.
pub fn arrest(case: &Case, head: &Head<'_>, code: &str, person: &Person) -> Document {
    if case.station.is_agency() {
        return Document::json(&agency::arrest(case, head, code, person));
    }
    let form = Form::root("ArrestMemo", |form| {
        form.head(case, head).case(case);
        form.within("Memo", |memo| {
            memo.leaf("MEMO_NO", &format!("ARR/{}/{YEAR}", case.serial)).leaf("MEMO_TYPE_CD", "1");
            memo.leaf("MEMO_STATUS_CD", "1").leaf("MEMO_DT", "20/11/2026");
        });
        form.within("Fir", |fir| {
            if matches!(case.origin, Origin::Complaint(_)) {
                return;
            }
            fir.leaf("FIR_NO", &format!("{:04}/{YEAR}", case.serial)).leaf("FIR_DT", "20/11/2026");
            fir.leaf("PS_NAME", case.station.name);
        });
        form.offence(case);
        form.within("Accused", |block| {
            block.leaf("ACCUSED_CODE", code).person(person);
        });
        form.within("ArrestDetail", |detail| {
            detail.leaf("ARREST_DT", &slashed(&head.times.occurred)).leaf("BASIS_CD", "2");
            detail.leaf("GROUNDS_TOLD", "Y").leaf("BAIL_RIGHT_TOLD", "Y");
        });
    });
    form.document(case.station)
}

/// The answer of the variant.
pub fn variant_acknowledgement(status: &str, number: &str) -> String {
    json!({ "Ack": { "STATUS": status, "REF_NO": number } }).to_string()
}

/// The XML answer to a push: what became of it, and the system's own number for it.
pub fn acknowledgement(status: &str, number: &str) -> String {
    let form = Form::root("Ack", |ack| {
        ack.leaf("STATUS", status).leaf("REF_NO", number);
    });
    form.xml()
}
