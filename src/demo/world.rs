//! The demo's world: the systems of every pillar with their offices and the kinds that they send and receive, the stations, and
//! which court, prison and laboratory each belongs to. One station belongs to no court: what it sends must stop, visibly.
//! `folder` writes the gateway's folder for it.

mod folder;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::RwLock;

use crate::shell::exchanged;

pub use folder::write;

/// A police station, or an agency that registers cases itself.
#[derive(Debug, Clone)]
pub struct Station {
    /// The system that serves it.
    pub system: &'static str,
    /// National code.
    pub code: &'static str,
    /// Its name in the script of its State.
    pub name: &'static str,
    /// The court office that it belongs to; `None` for the one that has none.
    pub court: Option<&'static str>,
    /// LGD code of its State, as the shipped tables have it.
    pub state: &'static str,
}

impl Station {
    /// Its office.
    pub fn office(&self) -> String {
        format!("{}:{}", if self.is_agency() { "agency" } else { "ps" }, self.code)
    }

    /// Whether it is an agency.
    pub fn is_agency(&self) -> bool {
        self.code == AGENCY
    }

    /// Its code in the State's own system: in the variant another than the national one.
    pub fn own_code(&self) -> String {
        if self.system == VARIANT { self.code.replacen("330200", "441010", 1) } else { self.code.to_owned() }
    }
}

/// How a system gets what is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// It is pushed to.
    Push,
    /// It pulls its feed.
    Feed,
}

/// A system that takes part.
#[derive(Debug)]
pub struct System {
    /// Its name.
    pub name: &'static str,
    /// The format that it speaks.
    pub adapter: &'static str,
    /// Its pillar, as the gateway's configuration names it.
    pub pillar: &'static str,
    /// How it gets its deliveries.
    pub wire: Wire,
    /// Its offices, in groups that are pulled together.
    pub groups: &'static [&'static [&'static str]],
    /// Kinds that it sends.
    pub send: &'static [&'static str],
    /// Kinds that it receives.
    pub receive: &'static [&'static str],
}

impl System {
    /// Its offices.
    pub fn offices(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.groups.iter().flat_map(|group| group.iter().copied())
    }
}

const AGENCY_SEND: &[&str] = &["fir", "arrest", "crime-details", "seizure", "charge-sheet", "scrutiny-request"];
const AGENCY_RECEIVE: &[&str] =
    &["case-registration", "court-order", "custody-update", "prosecution-opinion", "court-disposal", "appeal"];

/// A system without kinds and offices.
const fn system(name: &'static str, adapter: &'static str, pillar: &'static str, wire: Wire) -> System {
    System { name, adapter, pillar, wire, groups: &[], send: &[], receive: &[] }
}

/// A police system that is a variant of the others: a State's own.
pub const VARIANT: &str = "cctns-tn";

/// All systems. An office of a court without a number is the registry of its establishment: papers that name a CNR go there.
pub const SYSTEMS: &[System] = &[
    System {
        groups: &[&["ps:38101001", "ps:38101002", "ps:38101003", "ps:38101004", "ps:38101099"]],
        send: exchanged::POLICE.send,
        receive: exchanged::POLICE.receive,
        ..system("cctns-dl", "cctns", "police", Wire::Push)
    },
    System {
        groups: &[&["ps:33020001", "ps:33020002", "ps:33020003"]],
        send: exchanged::POLICE.send,
        receive: exchanged::POLICE.receive,
        ..system(VARIANT, "cctns-tn", "police", Wire::Push)
    },
    System {
        groups: &[&[PROCESS_DESK]],
        send: &["process-report"],
        receive: &["court-order"],
        ..system("icops-dl", "icops", "police", Wire::Push)
    },
    System {
        groups: &[&["agency:CBIACBDL"]],
        send: AGENCY_SEND,
        receive: AGENCY_RECEIVE,
        ..system("agency-cbi", "shared", "agency", Wire::Feed)
    },
    System {
        groups: &[
            &["court:DLCT01/1", "court:DLCT01/3", "court:DLCT01/4", "court:DLCT01"],
            &["court:DLST02/1", "court:DLST02/9", "court:DLST02"],
        ],
        send: exchanged::COURTS.send,
        receive: exchanged::COURTS.receive,
        ..system("ecourts-dl", "ecourts", "courts", Wire::Feed)
    },
    System {
        groups: &[&["court:TNCH01/1", "court:TNCH01/2", "court:TNCH01/9", "court:TNCH01"]],
        send: exchanged::COURTS.send,
        receive: exchanged::COURTS.receive,
        ..system("ecourts-tn", "ecourts", "courts", Wire::Feed)
    },
    System {
        groups: &[&["prison:DL01", "prison:DL02", "prison:DL03"]],
        send: exchanged::PRISONS.send,
        receive: exchanged::PRISONS.receive,
        ..system("eprisons-dl", "eprisons", "prisons", Wire::Push)
    },
    System {
        groups: &[&["prison:TN01", "prison:TN02"]],
        send: exchanged::PRISONS.send,
        receive: exchanged::PRISONS.receive,
        ..system("eprisons-tn", "eprisons", "prisons", Wire::Push)
    },
    System {
        groups: &[&[PROSECUTION]],
        send: exchanged::PROSECUTION.send,
        receive: exchanged::PROSECUTION.receive,
        ..system("eprosecution-dl", "eprosecution", "prosecution", Wire::Feed)
    },
    System {
        groups: &[&["lab:DLFSL", "lab:DLFSL/BIO", "lab:DLFSL/CYB"], &["lab:TNFSL", "lab:TNFSL/BIO", "lab:TNFSL/CYB"]],
        send: exchanged::FORENSICS.send,
        receive: exchanged::FORENSICS.receive,
        ..system("eforensics", "eforensics", "forensics", Wire::Feed)
    },
    System {
        groups: &[&["nafis:NCRB"]],
        send: exchanged::FINGERPRINTS.send,
        receive: exchanged::FINGERPRINTS.receive,
        ..system("nafis", "nafis", "fingerprints", Wire::Push)
    },
    System {
        groups: &[&[BOARD]],
        send: &["court-order"],
        receive: &["fir", "arrest", "seizure", "charge-sheet", "court-order", "custody-update"],
        ..system("jjb-dl", "shared", "jjb", Wire::Feed)
    },
    System {
        groups: &[&[HOME]],
        send: &["custody-update"],
        receive: &["court-order", "custody-update"],
        ..system("home-dl", "shared", "child-home", Wire::Feed)
    },
];

/// The office of the prosecution: one for all courts.
pub const PROSECUTION: &str = "pp:DLCT01";

/// The desk of the police that serves process and does nothing else.
pub const PROCESS_DESK: &str = "ps:38101900";

/// The agency's code.
pub const AGENCY: &str = "CBIACBDL";

/// The Juvenile Justice Board of the Delhi stations.
pub const BOARD: &str = "jjb:DLJB01";

/// The observation home that serves the Board.
pub const HOME: &str = "home:DLOH01";

/// The laboratories.
const LABORATORIES: [&str; 2] = ["DLFSL", "TNFSL"];

/// Their divisions: what stands behind the laboratory's code, and what each examines.
const DIVISIONS: [(&str, &str); 2] = [("BIO", "biology|dna|serology"), ("CYB", "cyber|voice|photo")];

/// The laboratory of a State.
pub fn laboratory_of(state: &str) -> &'static str {
    if state == "33" { "TNFSL" } else { "DLFSL" }
}

/// The State of an office, by its code.
fn state_of(code: &str) -> &'static str {
    if code.starts_with("TN") || code.starts_with("33") { "33" } else { "07" }
}

/// The prison to which a court sends men or women.
pub fn prison_of(court: &str, woman: bool) -> &'static str {
    match (court.trim_start_matches("court:"), woman) {
        (code, false) if code.starts_with("DLST") => "prison:DL03",
        (code, false) if code.starts_with("TN") => "prison:TN01",
        (code, true) if code.starts_with("TN") => "prison:TN02",
        (_, false) => "prison:DL01",
        (_, true) => "prison:DL02",
    }
}

/// Another prison of the same State.
pub fn other_prison(prison: &str) -> &'static str {
    match prison.trim_start_matches("prison:") {
        "TN01" => "prison:TN02",
        "TN02" => "prison:TN01",
        "DL03" => "prison:DL01",
        _ => "prison:DL03",
    }
}

/// The Court of Session to which one appeals from a court.
pub fn sessions_of(court: &str) -> String {
    let establishment = court.split('/').next().unwrap_or_default();
    if establishment == "court:DLCT01" { "court:DLCT01/1".to_owned() } else { format!("{establishment}/9") }
}

const fn station(
    system: &'static str,
    code: &'static str,
    name: &'static str,
    court: Option<&'static str>,
    state: &'static str,
) -> Station {
    Station { system, code, name, court, state }
}

/// The stations, and the agency.
pub const STATIONS: [Station; 9] = [
    station("cctns-dl", "38101001", "दरियागंज कलाँ", Some("court:DLCT01/3"), "07"),
    station("cctns-dl", "38101002", "कमला बाज़ार", Some("court:DLCT01/3"), "07"),
    station("cctns-dl", "38101003", "चाँदनी महल चौक", Some("court:DLCT01/4"), "07"),
    station("cctns-dl", "38101004", "सिविल लाइन्स पुरानी", Some("court:DLST02/1"), "07"),
    station("cctns-dl", "38101099", "नई चौकी", None, "07"),
    station(VARIANT, "33020001", "மெரினா கடல்", Some("court:TNCH01/1"), "33"),
    station(VARIANT, "33020002", "மயிலை நகர்", Some("court:TNCH01/1"), "33"),
    station(VARIANT, "33020003", "அடையாறு கரை", Some("court:TNCH01/2"), "33"),
    station("agency-cbi", AGENCY, "केंद्रीय अन्वेषण ब्यूरो", Some("court:DLST02/1"), "07"),
];

/// Kamla Bazar, whose cases go to the Magistrate `court:DLCT01/3`.
pub const KAMLA: &Station = &STATIONS[1];

/// Civil Lines, whose cases go to another establishment: `court:DLST02/1`.
pub const CIVIL: &Station = &STATIONS[3];

/// The outpost that belongs to no court.
pub const OUTPOST: &Station = &STATIONS[4];

/// The agency, whose cases go to `court:DLST02/1`.
pub const BUREAU: &Station = &STATIONS[8];

/// The system that serves an office.
pub fn system_of(office: &str) -> Option<&'static str> {
    SYSTEMS.iter().find(|system| system.offices().any(|own| own == office)).map(|system| system.name)
}

/// The pillar of a system.
pub fn pillar_of(name: &str) -> &'static str {
    SYSTEMS.iter().find(|system| system.name == name).map_or("", |system| system.pillar)
}

/// A door for each system: while somebody holds it shut, the system takes nothing.
#[derive(Debug, Clone)]
pub struct Doors(Arc<HashMap<&'static str, Arc<RwLock<()>>>>);

impl Doors {
    /// All open.
    pub fn new() -> Self {
        Self(Arc::new(SYSTEMS.iter().map(|system| (system.name, Arc::default())).collect()))
    }

    /// The door of a system.
    pub fn of(&self, system: &str) -> Arc<RwLock<()>> {
        self.0.get(system).map(Arc::clone).unwrap_or_default()
    }
}
