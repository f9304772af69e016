//! `init FOLDER`: a development folder with which everything can be tried at once: six systems with keys, the shipped
//! routes, sharing lines, kinds and reference tables as files to change. Nothing in it is fit for production keys.

use std::path::Path;

use serde_json::json;

use crate::config::Folder;
use crate::keys::Keys;
use crate::shell::authority;
use crate::shell::exchanged::{COURTS, Exchanged, FINGERPRINTS, FORENSICS, POLICE, PRISONS, PROSECUTION};
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;
use crate::shell::starter::{NewSystem, Reached, Starter};

/// The head of the new `gateway.toml`: every option has a default, so that a folder says only what differs.
const GATEWAY_TOML: &str = "\
# What differs from the defaults on this machine; a change needs a restart. Every option with its default and its
# meaning is printed by the documentation of `config/gateway.toml`. \"0\" takes any free port.

[exchange]
listen = \"127.0.0.1:8080\"

[admin]
listen = \"127.0.0.1:8081\"

[ops]
listen = \"127.0.0.1:9464\"
";

/// Makes the folder and says what to do next.
pub(super) fn init(folder: &Path, tls: bool, output: Output) -> Done {
    let starter = Starter::begin(folder)?;
    starter.file("config/gateway.toml", settings(tls).as_bytes())?;
    let shipped = Folder::embedded().files;
    for (path, contents) in
        shipped.iter().filter(|(path, _)| path.starts_with("config/") && !path.starts_with("config/systems/"))
    {
        starter.file(path, contents)?;
    }
    for (path, contents) in &shipped {
        if let Some((adapter, name)) = path.strip_prefix("adapters/").and_then(|rest| rest.split_once("/examples/in/"))
        {
            starter.file(&format!("examples/{adapter}/{name}"), contents)?;
        }
    }
    for system in systems() {
        starter.system(&system)?;
    }
    Keys::open(folder)
        .map_err(|error| Failure::new(Exit::Storage, error.to_string(), "check the disk and its permissions"))?;
    if output.json {
        let names: Vec<String> = systems().into_iter().map(|system| system.name).collect();
        output.document(&json!({ "folder": folder, "systems": names }));
        return Ok(());
    }
    let shown = folder.display();
    output.line(format!("{} {shown}", output.good("made")));
    let rows: Vec<Vec<String>> = systems()
        .into_iter()
        .map(|system| vec![system.name, system.adapter.to_owned(), system.offices.join(" ")])
        .collect();
    output.table(&["system", "speaks", "offices"], &rows);
    output.line("next:");
    output.line(format!("  icjs serve --dir {shown}                                  # in one terminal"));
    output.line(format!("  export ICJS_DIR={shown}                                   # in another"));
    output.line(format!("  icjs send {shown}/examples/cctns/fir-1.xml --kind fir --as cctns-dl"));
    output.line("  icjs feed --as ecourts-dl --ack");
    output.line("  icjs feed --as cctns-dl                                     # what the court's machine answered");
    Ok(())
}

/// The options of the new folder. Without TLS they say how to turn it on: the certificates are there.
fn settings(tls: bool) -> String {
    if tls {
        return format!("{GATEWAY_TOML}\n{}", authority::SETTINGS);
    }
    let off: String = authority::SETTINGS.lines().map(|line| format!("# {line}\n")).collect();
    format!(
        "{GATEWAY_TOML}\n# Take the # from the lines below, and the exchange speaks TLS and asks every system for its certificate (keys/dev/tls).\n{off}"
    )
}

/// A system of every pillar; all pull, so that nobody needs a server to try it.
fn systems() -> Vec<NewSystem> {
    let stations = ["ps:38101001", "ps:38101002", "ps:38101003", "ps:38101004"];
    let courts = ["court:DLCT01", "court:DLCT01/1", "court:DLCT01/2", "court:DLCT01/3", "court:DLCT01/4"];
    let prisons = ["prison:DL01", "prison:DL02", "prison:DL03"];
    let prosecution = ["pp:DLCT", "pp:DLST", "pp:DLHQ"];
    let divisions = ["lab:DLFSL", "lab:DLFSL/BIO", "lab:DLFSL/CHEM", "lab:DLFSL/TOX", "lab:DLFSL/CYB"];
    vec![
        system(("cctns-dl", "cctns", "police"), &stations, POLICE),
        system(("ecourts-dl", "ecourts", "courts"), &courts, COURTS),
        system(("eprisons-dl", "eprisons", "prisons"), &prisons, PRISONS),
        system(("nafis", "nafis", "fingerprints"), &["nafis:NCRB"], FINGERPRINTS),
        system(("eprosecution-dl", "eprosecution", "prosecution"), &prosecution, PROSECUTION),
        system(("eforensics-dl", "eforensics", "forensics"), &divisions, FORENSICS),
    ]
}

fn system(
    (name, adapter, pillar): (&str, &'static str, &'static str),
    offices: &[&str],
    Exchanged { send, receive }: Exchanged,
) -> NewSystem {
    let offices = offices.iter().map(|name| (*name).to_owned()).collect();
    NewSystem {
        name: name.to_owned(),
        adapter,
        pillar,
        offices,
        send,
        receive,
        reached: Reached::Feed,
        per_second: 200,
    }
}
