//! Writes the gateway's folder for the demo's world: systems with keys, and the tables of offices that say which court, prison,
//! prosecution, laboratory, Board and home each station and court belongs to.

use std::path::Path;

use super::{
    AGENCY, BOARD, DIVISIONS, HOME, LABORATORIES, PROCESS_DESK, PROSECUTION, STATIONS, SYSTEMS, System, Wire,
    laboratory_of, prison_of, state_of,
};
use crate::config::Folder;
use crate::shell::authority;
use crate::shell::exit::Failure;
use crate::shell::starter::{NewSystem, Reached, Starter};

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

/// The columns that tables of offices have after their first, which holds the office's code.
const COLUMNS: &str = "name,name_hi,state,district,lgd,local,valid_from,valid_to,successor,source,kind";

/// The columns at the end of tables that lead from one office to another.
const SPAN: &str = "valid_from,valid_to,successor,source";

/// Writes the gateway's folder. `inboxes` are the URLs at which systems that are pushed to take their deliveries; `tls` says
/// that the exchange speaks TLS.
pub fn write(dir: &Path, inboxes: &[(String, String)], tls: bool) -> Result<(), Failure> {
    let starter = Starter::begin(dir)?;
    let settings = if tls { format!("{GATEWAY_TOML}\n{}", authority::SETTINGS) } else { GATEWAY_TOML.to_owned() };
    starter.file("config/gateway.toml", settings.as_bytes())?;
    for system in SYSTEMS {
        let inbox = inboxes.iter().find(|(name, _)| name == system.name).map(|(_, url)| url.as_str());
        starter.system(&new(system, inbox))?;
    }
    for (name, text) in tables() {
        starter.file(&format!("config/reference/{name}.csv"), text.as_bytes())?;
    }
    // Offices of the shipped tables are not in the demo's world: of those that it does not write, the head alone.
    let shipped = Folder::embedded().files;
    for (path, contents) in shipped.iter().filter(|(path, _)| path.starts_with("config/reference/")) {
        if !dir.join(path).exists() {
            let head = contents.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            starter.file(path, head)?;
        }
    }
    Ok(())
}

fn new(system: &System, inbox: Option<&str>) -> NewSystem {
    let reached = match (system.wire, inbox) {
        (Wire::Push, Some(url)) => Reached::Push(url.to_owned(), "700ms"),
        _ => Reached::Feed,
    };
    NewSystem {
        name: system.name.to_owned(),
        adapter: system.adapter,
        pillar: system.pillar,
        offices: system.offices().map(str::to_owned).collect(),
        send: system.send,
        receive: system.receive,
        reached,
        per_second: 2000,
    }
}

/// An office's line in the table of its pillar.
fn office(code: &str, name: &str, kind: &str) -> String {
    let state = state_of(code);
    format!("{code},{name} {code},{name} {code},{state},{state},{state},{code},2001-01-01,,,demo,{kind}")
}

/// A table: its head, and its lines.
fn table(head: &str, lines: impl Iterator<Item = String>) -> String {
    std::iter::once(head.to_owned()).chain(lines).map(|line| format!("{line}\n")).collect()
}

/// A line from one office to another: what stands before it, and the other's code.
fn leads(from: &str, to: &str) -> String {
    format!("{from},{to},2001-01-01,,,demo")
}

/// The code of an office: what stands behind its scheme.
fn code(office: &str) -> &str {
    office.split_once(':').map_or(office, |(_, code)| code)
}

fn offices(pillar: &str) -> impl Iterator<Item = &'static str> {
    SYSTEMS.iter().filter(move |system| system.pillar == pillar).flat_map(System::offices)
}

fn tables() -> Vec<(&'static str, String)> {
    let mut all = places();
    all.extend(ways());
    all
}

/// The tables of offices.
fn places() -> Vec<(&'static str, String)> {
    let plain = |first: &str, pillar: &'static str, name: &'static str, kind: &'static str| {
        table(&format!("{first},{COLUMNS}"), offices(pillar).map(|one| office(code(one), name, kind)))
    };
    let stations = STATIONS.iter().filter(|station| station.code != AGENCY).map(|station| {
        let (code, name, state) = (station.code, station.name, station.state);
        format!("{code},{name},{name},{state},{state},{state},{code},2001-01-01,,,demo,station")
    });
    let desk = std::iter::once(office(code(PROCESS_DESK), "Process desk", "desk"));
    let laboratories = LABORATORIES.iter().map(|name| format!("{},", office(name, "Laboratory", "state")));
    let divisions = LABORATORIES.iter().flat_map(|name| {
        DIVISIONS.iter().map(move |(short, known)| {
            format!("{},{known}", office(&format!("{name}/{short}"), "Division", "division"))
        })
    });
    vec![
        ("police_stations", table(&format!("national,{COLUMNS}"), stations.chain(desk))),
        ("courts", plain("establishment", "courts", "Court", "magistrate")),
        ("prisons", plain("prison", "prisons", "Prison", "central")),
        ("prosecution_offices", plain("office", "prosecution", "Prosecution", "district")),
        ("agencies", plain("agency", "agency", "Bureau", "central")),
        ("boards", plain("board", "jjb", "Board", "board")),
        ("homes", plain("home", "child-home", "Observation home", "observation")),
        ("laboratories", table(&format!("laboratory,{COLUMNS},division"), laboratories.chain(divisions))),
    ]
}

/// The tables that lead from one office to another.
fn ways() -> Vec<(&'static str, String)> {
    let of_court = STATIONS
        .iter()
        .filter_map(|station| Some(leads(&format!("{},magistrate", station.code), code(station.court?))));
    let of_prison = offices("courts").flat_map(|court| {
        [("male", false), ("female|transgender", true)]
            .map(|(sex, woman)| leads(&format!("{},{sex},,", code(court)), code(prison_of(court, woman))))
    });
    // One office prosecutes before every court.
    let of_prosecution = offices("courts").map(|court| leads(code(court), code(PROSECUTION)));
    let of_laboratory = STATIONS.iter().flat_map(|station| {
        DIVISIONS.iter().map(|(short, known)| {
            leads(&format!("{},{known}", station.code), &format!("{}/{short}", laboratory_of(station.state)))
        })
    });
    let delhi = STATIONS.iter().filter(|station| station.state == "07");
    let of_board = delhi.map(|station| leads(station.code, code(BOARD)));
    let of_home = std::iter::once(leads(&format!("{},,,", code(BOARD)), code(HOME)));
    let desks = ["07", "33"].into_iter().map(|state| leads(&format!("{state},fingerprints"), "nafis:NCRB"));
    vec![
        ("ps_court", table(&format!("station,class,court,{SPAN}"), of_court)),
        ("court_prison", table(&format!("court,sex,age,category,prison,{SPAN}"), of_prison)),
        ("court_prosecution", table(&format!("court,office,{SPAN}"), of_prosecution)),
        ("ps_laboratory", table(&format!("station,division,laboratory,{SPAN}"), of_laboratory)),
        ("ps_board", table(&format!("station,board,{SPAN}"), of_board)),
        ("board_home", table(&format!("board,sex,age,category,home,{SPAN}"), of_home)),
        ("desks", table(&format!("state,pillar,office,{SPAN}"), desks)),
    ]
}
