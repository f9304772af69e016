//! The demo's world: two police systems, two court systems, two prison systems, a prosecution that waits, their offices,
//! which court each station belongs to, and which prison each court sends to.
//! Also writes the gateway's folder for it. One station belongs to no court: what it sends must stop, visibly.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::RwLock;

use crate::config::Folder;
use crate::shell::exit::Failure;
use crate::shell::starter::{NewSystem, Reached, Starter};

/// A police station.
#[derive(Debug, Clone)]
pub struct Station {
    /// The police system that serves it.
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

/// A court system and the courts that it serves, in groups that are pulled together. An office without a number is the
/// registry of its establishment: papers that name a CNR go there.
#[derive(Debug, Clone)]
pub struct CourtSystem {
    /// Its name.
    pub name: &'static str,
    /// Each puller's offices.
    pub pullers: &'static [&'static [&'static str]],
}

/// The police systems.
pub const POLICE: &[&str] = &["cctns-dl", "cctns-tn"];

/// The court systems.
pub const COURTS: &[CourtSystem] = &[
    CourtSystem {
        name: "ecourts-dl",
        pullers: &[
            &["court:DLCT01/1", "court:DLCT01/3", "court:DLCT01/4", "court:DLCT01"],
            &["court:DLST02/1", "court:DLST02"],
        ],
    },
    CourtSystem { name: "ecourts-tn", pullers: &[&["court:TNCH01/1", "court:TNCH01/2", "court:TNCH01"]] },
];

/// A prison system and the prisons that it serves.
#[derive(Debug, Clone)]
pub struct PrisonSystem {
    /// Its name.
    pub name: &'static str,
    /// Its prisons.
    pub prisons: &'static [&'static str],
}

/// The prison systems.
pub const PRISONS: &[PrisonSystem] = &[
    PrisonSystem { name: "eprisons-dl", prisons: &["prison:DL01", "prison:DL02", "prison:DL03"] },
    PrisonSystem { name: "eprisons-tn", prisons: &["prison:TN01", "prison:TN02"] },
];

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

/// The prosecution office; its copies are held.
pub const PROSECUTION: &str = "pp:DLCT01";

/// A route of the demo's own in the place of those shipped: the prosecution gets a charge sheet that names it, once the case
/// has a pre-trial number; in the demo no case ever gets one.
const ROUTE: &str = "
[[route]]
name = \"charge-sheet-to-prosecution\"
kind = \"charge-sheet\"
to = \"prosecution\"
office = [\"addressee\"]
hold_until = \"has(case.ptn)\"
hold_for = \"30d\"
";

const fn station(
    system: &'static str,
    code: &'static str,
    name: &'static str,
    court: Option<&'static str>,
    state: &'static str,
) -> Station {
    Station { system, code, name, court, state }
}

/// The stations.
pub const STATIONS: [Station; 8] = [
    station("cctns-dl", "38101001", "दरियागंज कलाँ", Some("court:DLCT01/3"), "07"),
    station("cctns-dl", "38101002", "कमला बाज़ार", Some("court:DLCT01/3"), "07"),
    station("cctns-dl", "38101003", "चाँदनी महल चौक", Some("court:DLCT01/4"), "07"),
    station("cctns-dl", "38101004", "सिविल लाइन्स पुरानी", Some("court:DLST02/1"), "07"),
    station("cctns-dl", "38101099", "नई चौकी", None, "07"),
    station("cctns-tn", "29501001", "மயிலாப்பூர் கிழக்கு", Some("court:TNCH01/1"), "33"),
    station("cctns-tn", "29501002", "அடையாறு மேற்கு", Some("court:TNCH01/1"), "33"),
    station("cctns-tn", "29501003", "தாம்பரம் பழைய", Some("court:TNCH01/2"), "33"),
];

/// Kamla Bazar, whose cases go to the Magistrate `court:DLCT01/3`.
pub const KAMLA: &Station = &STATIONS[1];

/// Civil Lines, whose cases go to another establishment: `court:DLST02/1`.
pub const CIVIL: &Station = &STATIONS[3];

/// The outpost that belongs to no court.
pub const OUTPOST: &Station = &STATIONS[4];

/// The system that serves an office.
pub fn system_of(office: &str) -> Option<&'static str> {
    let station = STATIONS.iter().find(|station| office.strip_prefix("ps:") == Some(station.code));
    let court = COURTS.iter().find(|system| system.pullers.iter().any(|group| group.contains(&office)));
    let prison = PRISONS.iter().find(|system| system.prisons.contains(&office));
    station.map(|station| station.system).or(court.map(|court| court.name)).or(prison.map(|prison| prison.name))
}

/// Every system that has a line of its own.
pub fn systems() -> impl Iterator<Item = &'static str> {
    let courts = COURTS.iter().map(|system| system.name);
    let prisons = PRISONS.iter().map(|system| system.name);
    POLICE.iter().copied().chain(courts).chain(prisons)
}

/// A door for each system: while somebody holds it shut, the system takes nothing.
#[derive(Debug, Clone)]
pub struct Doors(Arc<HashMap<&'static str, Arc<RwLock<()>>>>);

impl Doors {
    /// All open.
    pub fn new() -> Self {
        Self(Arc::new(systems().map(|system| (system, Arc::default())).collect()))
    }

    /// The door of a system.
    pub fn of(&self, system: &str) -> Arc<RwLock<()>> {
        self.0.get(system).map(Arc::clone).unwrap_or_default()
    }
}

/// What the demo changes of the gateway's defaults: free ports, and pauses that suit a demo of seconds.
const GATEWAY_TOML: &str = "\
[exchange]
listen = \"0\"

[admin]
listen = \"0\"

[ops]
listen = \"0\"

[dispatch]
retry_base = \"60ms\"
retry_cap = \"1s\"
breaker_pause = \"300ms\"
poll = \"100ms\"
lease = \"3s\"
";

/// Writes the gateway's folder: systems with keys, offices, which station belongs to which court.
/// `inboxes` are the URLs at which police and prison systems are pushed to.
pub fn write(dir: &Path, inboxes: &[(String, String)]) -> Result<(), Failure> {
    let starter = Starter::begin(dir)?;
    starter.file("config/gateway.toml", GATEWAY_TOML.as_bytes())?;
    for (name, url) in inboxes {
        let prison = PRISONS.iter().any(|system| system.name == name);
        starter.system(&if prison { prison_system(name, url) } else { police(name, url) })?;
    }
    for courts in COURTS {
        starter.system(&court_system(courts))?;
    }
    starter.system(&prosecution())?;
    let shipped = Folder::embedded().files;
    let routes = shipped.get("config/routes.toml").map(|contents| String::from_utf8_lossy(contents).into_owned());
    starter.file("config/routes.toml", own_routes(&routes.unwrap_or_default()).as_bytes())?;
    starter.file("config/reference/police_stations.csv", stations_table().as_bytes())?;
    starter.file("config/reference/courts.csv", courts_table().as_bytes())?;
    starter.file("config/reference/ps_court.csv", ps_court_table().as_bytes())?;
    starter.file("config/reference/prisons.csv", prisons_table().as_bytes())?;
    starter.file("config/reference/court_prison.csv", court_prison_table().as_bytes())?;
    starter.file("config/reference/prosecution_offices.csv", prosecution_table().as_bytes())?;
    starter.file("config/reference/court_prosecution.csv", court_prosecution_table().as_bytes())?;
    // Offices of the shipped tables are not in the demo's world: of those that it does not write, the head alone.
    for (path, contents) in shipped.iter().filter(|(path, _)| path.starts_with("config/reference/")) {
        if !dir.join(path).exists() {
            let head = contents.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            starter.file(path, head)?;
        }
    }
    Ok(())
}

/// The shipped routes, but to the prosecution the demo's own alone: its prosecution takes part in one thing, and only waits.
fn own_routes(shipped: &str) -> String {
    let blocks = shipped.split("[[route]]").enumerate();
    let kept = blocks.filter(|(_, block)| !block.contains("to = \"prosecution\""));
    let kept: String =
        kept.map(|(nth, block)| if nth == 0 { block.to_owned() } else { format!("[[route]]{block}") }).collect();
    format!("{kept}{ROUTE}")
}

fn police(name: &str, url: &str) -> NewSystem {
    let own = STATIONS.iter().filter(|station| station.system == name);
    NewSystem {
        name: name.to_owned(),
        adapter: "cctns",
        pillar: "police",
        offices: own.map(|station| format!("ps:{}", station.code)).collect(),
        send: &["fir", "arrest", "charge-sheet"],
        receive: &["fir", "case-registration", "court-order", "custody-update"],
        reached: Reached::Push(url.to_owned(), "700ms"),
        per_second: 2000,
    }
}

fn prosecution() -> NewSystem {
    NewSystem {
        name: "eprosecution-dl".to_owned(),
        adapter: "shared",
        pillar: "prosecution",
        offices: vec![PROSECUTION.to_owned()],
        send: &[],
        receive: &["charge-sheet"],
        reached: Reached::Feed,
        per_second: 100,
    }
}

fn prison_system(name: &str, url: &str) -> NewSystem {
    let own = PRISONS.iter().filter(|system| system.name == name).flat_map(|system| system.prisons.iter());
    NewSystem {
        name: name.to_owned(),
        adapter: "eprisons",
        pillar: "prisons",
        offices: own.map(|prison| (*prison).to_owned()).collect(),
        send: &["custody-update"],
        receive: &["court-order", "custody-update"],
        reached: Reached::Push(url.to_owned(), "700ms"),
        per_second: 2000,
    }
}

fn court_system(courts: &CourtSystem) -> NewSystem {
    NewSystem {
        name: courts.name.to_owned(),
        adapter: "ecourts",
        pillar: "courts",
        offices: courts.pullers.iter().flat_map(|offices| offices.iter()).map(|office| (*office).to_owned()).collect(),
        send: &["case-registration", "court-order"],
        receive: &["fir", "arrest", "charge-sheet", "custody-update"],
        reached: Reached::Feed,
        per_second: 2000,
    }
}

/// The columns that tables of offices have after their first, which holds the office's code.
const COLUMNS: &str = "name,name_hi,state,district,lgd,local,valid_from,valid_to,successor,source,kind\n";

fn stations_table() -> String {
    let rows = STATIONS.iter().map(|station| {
        format!(
            "{code},{name},{name},{state},{state},{state},{code},2001-01-01,,,demo,station\n",
            code = station.code,
            name = station.name,
            state = station.state
        )
    });
    format!("national,{COLUMNS}{}", rows.collect::<String>())
}

fn courts_table() -> String {
    let offices = COURTS.iter().flat_map(|system| system.pullers.iter()).flat_map(|offices| offices.iter());
    let rows = offices.map(|office| {
        let state = if office.contains(":TN") { "33" } else { "07" };
        let code = office.trim_start_matches("court:");
        format!("{code},Court {code},न्यायालय {code},{state},{state},{state},{code},2001-01-01,,,demo,magistrate\n")
    });
    format!("establishment,{COLUMNS}{}", rows.collect::<String>())
}

fn ps_court_table() -> String {
    let rows = STATIONS.iter().filter_map(|station| {
        let court = station.court?.trim_start_matches("court:");
        Some(format!("{},magistrate,{court},2001-01-01,,,demo\n", station.code))
    });
    format!("station,class,court,valid_from,valid_to,successor,source\n{}", rows.collect::<String>())
}

fn prisons_table() -> String {
    let prisons = PRISONS.iter().flat_map(|system| system.prisons.iter());
    let rows = prisons.map(|prison| {
        let code = prison.trim_start_matches("prison:");
        let state = if code.starts_with("TN") { "33" } else { "07" };
        format!("{code},Prison {code},कारागार {code},{state},{state},{state},{code},2001-01-01,,,demo,central\n")
    });
    format!("prison,{COLUMNS}{}", rows.collect::<String>())
}

fn prosecution_table() -> String {
    let code = PROSECUTION.trim_start_matches("pp:");
    format!("office,{COLUMNS}{code},Prosecution {code},अभियोजन {code},07,07,07,{code},2001-01-01,,,demo,district\n")
}

/// One office prosecutes before every court.
fn court_prosecution_table() -> String {
    let offices = COURTS.iter().flat_map(|system| system.pullers.iter()).flat_map(|offices| offices.iter());
    let code = PROSECUTION.trim_start_matches("pp:");
    let rows = offices.map(|office| format!("{},{code},2001-01-01,,,demo\n", office.trim_start_matches("court:")));
    format!("court,office,valid_from,valid_to,successor,source\n{}", rows.collect::<String>())
}

fn court_prison_table() -> String {
    let offices = COURTS.iter().flat_map(|system| system.pullers.iter()).flat_map(|offices| offices.iter());
    let rows = offices.flat_map(|office| {
        let court = office.trim_start_matches("court:");
        [("men", false), ("women", true)].map(|(class, woman)| {
            let prison = prison_of(office, woman).trim_start_matches("prison:");
            format!("{court},{class},{prison},2001-01-01,,,demo\n")
        })
    });
    format!("court,class,prison,valid_from,valid_to,successor,source\n{}", rows.collect::<String>())
}
