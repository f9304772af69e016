//! The documents that the simulated systems write, each in its own format: integrated forms as XML for the police,
//! rows in the shape of CIS for the courts. Written by hand, as such systems do, with no help from the gateway's code.

use std::fmt::Write;

use serde_json::{Value, json};

use super::people::Person;
use super::world::Station;

/// A case as its station knows it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The station of the FIR.
    pub station: &'static Station,
    /// Its FIR's serial number of the year.
    pub serial: u32,
    /// Who complains.
    pub complainant: Person,
    /// Who is accused.
    pub accused: Vec<Person>,
    /// Section of the Bharatiya Nyaya Sanhita and its short name.
    pub offence: (&'static str, &'static str),
    /// What happened.
    pub story: String,
}

/// The year of every case in the demo.
pub const YEAR: u32 = 2026;

impl Case {
    /// The one text by which the demo names the case.
    pub fn name(&self) -> String {
        format!("fir/{}-{YEAR}-{}", self.station.code, self.serial)
    }

    /// The office of the station.
    pub fn office(&self) -> String {
        format!("ps:{}", self.station.code)
    }

    /// The name that must reach every receiver byte for byte.
    pub fn watched(&self) -> String {
        self.accused.first().map(|person| person.name.clone()).unwrap_or_default()
    }
}

/// Text in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// XML that is written element by element.
struct Xml(String);

impl Xml {
    fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "<{name}>{}</{name}>", escaped(text));
        self
    }

    fn within(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = writeln!(self.0, "<{name}>");
        fill(self);
        let _ = writeln!(self.0, "</{name}>");
        self
    }

    fn person(&mut self, person: &Person) -> &mut Self {
        self.leaf("FULL_NAME", &person.name).leaf("FULL_NAME_ENG", &person.latin);
        self.leaf("RELATION_TYPE_CD", "1").leaf("RELATIVE_NAME", &person.father);
        self.leaf("AGE_YEARS", &person.age.to_string()).leaf("GENDER_CD", if person.woman { "2" } else { "1" })
    }

    fn head(&mut self, case: &Case, event: &str, to: Option<&str>) -> &mut Self {
        self.leaf("EVENT_NO", event).leaf("SENDER_PS_CD", case.station.code);
        if let Some(to) = to {
            self.within("SendToList", |list| {
                list.leaf("SEND_TO", to);
            });
        }
        self.leaf("RECORD_CREATED_ON", "20/11/2026 18:05:00").leaf("OCCURRED_ON", "20/11/2026 17:30:00");
        self.leaf("ENTRY_MODE", "live").leaf("CAS_VERSION", "5.0.3")
    }

    fn case(&mut self, case: &Case) -> &mut Self {
        self.leaf("PS_CD", case.station.code)
            .leaf("REG_YEAR", &YEAR.to_string())
            .leaf("FIR_SRNO", &case.serial.to_string())
    }

    fn offence(&mut self, case: &Case) -> &mut Self {
        self.within("ActSectionList", |list| {
            list.within("ActSection", |act| {
                act.leaf("ACT_CD", "451").leaf("SECTION", case.offence.0).leaf("SECTION_DESC", case.offence.1);
            });
        })
    }
}

/// A First Information Report (IIF-1).
pub fn fir(case: &Case, event: &str, version: u32) -> String {
    let mut xml = Xml::new();
    xml.within("FirstInformationReport", |form| {
        form.head(case, event, None).case(case);
        form.leaf("PS_NAME", case.station.name).leaf("FIR_NO", &format!("{:04}/{YEAR}", case.serial));
        form.leaf("FIR_DT", "20/11/2026").offence(case);
        form.within("Complainant", |block| {
            block.person(&case.complainant);
        });
        form.within("AccusedList", |list| {
            for (place, person) in case.accused.iter().enumerate() {
                list.within("Accused", |block| {
                    block.leaf("ACCUSED_CODE", &format!("A{}", place + 1)).person(person);
                });
            }
        });
        if version > 1 {
            form.leaf("DELAY_REASON", "नाम में सुधार / name corrected");
        }
        contents(form, &case.story);
    });
    xml.0
}

fn contents(form: &mut Xml, story: &str) {
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
    /// Supplementary report number so many.
    Supplementary(u8),
}

/// A final report (IIF-5).
pub fn charge_sheet(case: &Case, event: &str, series: Series, cnr: Option<&str>, to: Option<&str>) -> String {
    let (code, number) = match series {
        Series::First { .. } => ("1".to_owned(), 1),
        Series::Supplementary(number) => (format!("S{number}"), number + 1),
    };
    let complete = series != Series::First { complete: false };
    let mut xml = Xml::new();
    xml.within("FinalReport", |form| {
        form.head(case, event, to).case(case);
        form.leaf("PS_NAME", case.station.name).leaf("FIR_NO", &format!("{:04}/{YEAR}", case.serial));
        form.leaf("FIR_DT", "20/11/2026");
        if let Some(cnr) = cnr {
            form.leaf("CNR_NUM", cnr);
        }
        form.leaf("FR_NUM", &format!("{}-{number}/{YEAR}", case.serial)).leaf("CS_DT", "21/11/2026");
        form.leaf("FR_SERIES_CD", &code).leaf("FR_TYPE_CD", "1").offence(case);
        form.within("Complainant", |block| {
            block.person(&case.complainant);
        });
        form.within("AccusedList", |list| {
            for (place, person) in case.accused.iter().enumerate() {
                list.within("Accused", |block| {
                    block.leaf("ACCUSED_CODE", &format!("A{}", place + 1)).person(person);
                    charged(block, case);
                });
            }
        });
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
    xml.0
}

fn charged(block: &mut Xml, case: &Case) {
    block.within("Custody", |custody| {
        custody.leaf("ACCUSED_STATUS_CD", "1");
    });
    block.within("ChargeList", |list| {
        list.within("Charge", |charge| {
            charge.leaf("ACT_CD", "451").leaf("SECTION", case.offence.0).leaf("CHARGE_STATUS_CD", "1");
        });
    });
}

/// The XML acknowledgement of a police system.
pub fn acknowledgement(status: &str, number: &str) -> String {
    let mut xml = Xml::new();
    xml.within("Ack", |ack| {
        ack.leaf("STATUS", status).leaf("REF_NO", number);
    });
    xml.0
}

/// A case registration as CIS writes its rows.
pub fn registration(case: &Case, event: &str, court: &str, cnr: &str, number: u32) -> Value {
    let code = court.trim_start_matches("court:");
    let (establishment, court_no) = code.split_once('/').unwrap_or((code, "0"));
    let parties: Vec<Value> = case.accused.iter().enumerate().map(|(place, person)| party(place + 1, person)).collect();
    json!({
        "event_no": event,
        "court": code,
        "occurred_at": "2026-11-21 15:10:00",
        "recorded_at": "2026-11-21 15:12:00",
        "entry_mode": "live",
        "cases": {
            "cino": cnr,
            "est_code": establishment,
            "court_no": court_no.parse::<u32>().unwrap_or(0),
            "case_type": "59",
            "reg_no": number,
            "reg_year": YEAR,
            "dt_regis": "2026-11-21",
            "sr_no": format!("SR/{number}/{YEAR}"),
            "cognizance_taken": "Y",
            "police_ncode": case.station.code,
            "fir_year": YEAR,
            "fir_no": case.serial,
            "police_station": case.station.name,
            "pend_disp": "P",
        },
        "acts": [{ "act_code": "1123", "act_section": case.offence.0 }],
        "extra_parties": parties,
    })
}

fn party(number: usize, person: &Person) -> Value {
    json!({ "type": "RES", "party_no": number, "name": person.name, "age": person.age, "sex": if person.woman { "2" } else { "1" } })
}
