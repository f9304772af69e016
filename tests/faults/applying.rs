//! The gateway is killed in the middle of a change of its configuration: what is live afterwards is the old state or the new
//! one, whole, and the gateway works by it.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::report;
use crate::administrators::{Centre, administrators};
use crate::harness::folder::paper;
use crate::harness::http::written;
use crate::harness::scene::SOON;
use crate::harness::{Client, Folder, Gateway, Party};

const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";

fn revisions(folder: &Folder) -> serde_json::Value {
    let output = Gateway::command(folder).args(["history", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The number of the newest revision, and whether the file that it holds says `title`.
fn newest(folder: &Folder, title: &str) -> (u64, bool) {
    let list = revisions(folder);
    let numbers = list.as_array().or_else(|| list["revisions"].as_array()).unwrap().iter();
    let number = numbers.filter_map(|row| row["number"].as_u64()).max().unwrap();
    let to = tempfile::tempdir().unwrap();
    let output = Gateway::command(folder).arg("export").arg(to.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(to.path().join("config/routes.toml")).unwrap();
    (number, text.contains(title))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_change_leaves_the_old_configuration_or_the_new_one() {
    let folder =
        Folder::with(&[Party::pulling("police-a", "police", &[POLICE]), Party::pulling("court-a", "courts", &[COURT])]);
    let routes = std::fs::read_to_string(folder.path("config/routes.toml")).unwrap();
    let seed = report::seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let rounds = report::either(4, 60);
    let (mut old, mut new) = (0, 0);
    let mut number = 1;
    for round in 0..rounds {
        let points = format!("commit::{}={}*off->return(abort)", ["before", "after"][rng.usize(0..2)], rng.u32(0..3));
        let mut gateway = match rng.bool() {
            true => Gateway::start_with(&folder, &[("FAILPOINTS", points.as_str())]).await,
            false => Gateway::start(&folder).await,
        };
        let title = format!("# change {round}\n");
        folder.file("config/routes.toml", &format!("{title}{routes}"));
        let mut apply =
            Gateway::command(&folder).arg("apply").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(rng.u64(20..1_500))).await;
        gateway.kill();
        let _ = apply.wait();
        let gateway = Gateway::start(&folder).await;
        let (now, changed) = newest(&folder, &title);
        assert_eq!(changed, now > number, "revision {now} after {number}: its file has the change: {changed}");
        (old, new) = (old + u64::from(!changed), new + u64::from(changed));
        number = now;
        let police = Client::connect(&folder, gateway.exchange, "police-a").await;
        police.accepted("paper", &format!("after-{round}"), &paper(POLICE, &[COURT], 1, "works")).await;
    }
    let said = format!("{old} times the old configuration, {new} times the new one, never another");
    report::done("killed while a change is applied", rounds, "kills", seed, &said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_caller_hangs_up_is_live_once_it_is_stored() {
    let people = administrators(&[], &[("asha", "administrator")]);
    let mut centre = Centre::with(&people).await;
    centre.gateway.kill();
    // Between what is written and what is told there is time enough to hang up.
    centre.gateway = Gateway::start_with(&centre.folder, &[("FAILPOINTS", "commit::after=sleep(1000)")]).await;
    let revision = centre.revision(&format!("{people}# one\n"), "a remark").to_string();
    let bearer = format!("Bearer {}", crate::administrators::token("asha"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let call = written(centre.gateway.admin, "POST", "/admin/v1/revisions", &headers, revision.as_bytes());
    let mut line = std::net::TcpStream::connect(centre.gateway.admin).unwrap();
    line.write_all(&call).unwrap();
    let stored = || newest_stored(&centre.folder);
    let began = std::time::Instant::now();
    while stored() < 2 {
        assert!(began.elapsed() < SOON, "it was never stored");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(line);
    let began = std::time::Instant::now();
    loop {
        let history = centre.by("asha", "GET", "/admin/v1/revisions", &serde_json::Value::Null).await;
        let history = history.expect(200).json();
        if history["live"] == 2 {
            break;
        }
        let live = &history["live"];
        assert!(began.elapsed() < SOON, "it is stored, and {live} is live");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report::done("a change whose caller hangs up", 1, "changes", 0, "stored and live");
}

/// The newest revision that lies in the store, whatever the gateway has told anybody.
fn newest_stored(folder: &Folder) -> i64 {
    let path = folder.path("data/journal.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    conn.query_row("SELECT max(number) FROM revision", [], |row| row.get(0)).unwrap()
}
