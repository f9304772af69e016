//! Aadhaar numbers: refused where a national id stands, or sealed for a sender whose file says so. What is sealed is given to
//! nobody, not to a receiver from whom national ids are not withheld either; and a record that was taken can be taken back.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const ARREST: &str = include_str!("../../schemas/examples/arrest-3.json");

/// Made up: the check digit fits (Verhoeff), no authority gave it.
const NUMBER: &str = "234123412346";

/// What is left of it.
fn masked() -> String {
    format!("{0}-{0}-2346", "X".repeat(4))
}

struct Stage {
    folder: Folder,
    gateway: Gateway,
}

/// A station with this line in its file, and a court from which a State withholds no national id.
async fn stage(line: &str) -> Stage {
    let mut police = Party::pulling("police", "police", &["ps:38101004"]).speaking("shared", &["arrest"], &["arrest"]);
    police.more = String::new();
    let court = Party::pulling("court", "courts", &["court:DLCT01", "court:DLCT01/3"]);
    let folder = Folder::shipped(&[police, court.speaking("shared", &["arrest"], &["arrest"])]);
    let sharing = include_str!("../../config/sharing.toml");
    folder.file("config/sharing.toml", &sharing.replace("never = [\"national-id\"]", "never = []"));
    say(&folder, line);
    let gateway = Gateway::start(&folder).await;
    Stage { folder, gateway }
}

/// Puts a line before the first section of the station's file, in the place of an earlier one.
fn say(folder: &Folder, line: &str) {
    let path = folder.path("config/systems/police.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("aadhaar")).collect();
    folder.file("config/systems/police.toml", &format!("{line}\n{}\n", kept.join("\n")));
}

/// An arrest whose accused shows these documents.
fn arrest(number: &str, ids: &[&str]) -> Value {
    let mut record: Value = serde_json::from_str(ARREST).unwrap();
    record["event"]["number"] = number.into();
    for key in ["attachments", "extensions"] {
        record.as_object_mut().unwrap().remove(key);
    }
    record["accused"]["person"]["ids"] = ids.iter().map(|id| json!({"number": id})).collect();
    record
}

async fn client(stage: &Stage, system: &str) -> Client {
    Client::connect(&stage.folder, stage.gateway.exchange, system).await
}

/// The rules and places of an answer's errors or warnings about Aadhaar numbers.
fn about(list: &Value) -> Vec<String> {
    let all = list.as_array().unwrap().iter();
    let mine = all.filter(|one| one["rule"].as_str().unwrap().starts_with("aadhaar"));
    mine.map(|one| format!("{} {}", one["rule"].as_str().unwrap(), one["pointer"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_with_an_aadhaar_number_is_refused_however_it_is_written() {
    let stage = stage("").await;
    let police = client(&stage, "police").await;
    let written = [NUMBER, "2341 2341 2346", "2341-2341-2346", "२३४१२३४१२३४६"];
    let record = arrest("A-1", &[written[0], "DL-0420190000000", written[1], written[2], written[3]]);
    let answer = police.submit("arrest", "a", &[], record.to_string().as_bytes()).await.unwrap().expect(422).json();
    assert_eq!(answer["code"], "aadhaar-number", "{answer}");
    let places = [0, 2, 3, 4].map(|place| format!("aadhaar-number /accused/person/ids/{place}/number"));
    assert_eq!(about(&answer["errors"]), places, "{answer}");
    assert!(!answer.to_string().contains(NUMBER), "{answer}");
    // One digit is another: no Aadhaar number has this check digit.
    police.accepted("arrest", "b", &arrest("A-2", &["234123412345"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_sender_has_them_sealed_nobody_is_given_more_than_four_digits() {
    let stage = stage("aadhaar = \"seal\"").await;
    let (police, court) = (client(&stage, "police").await, client(&stage, "court").await);
    let record = arrest("A-1", &["DL-0420190000000", NUMBER, "२३४१ २३४१ २३४६"]);
    let typed = [("content-type", "application/json")];
    let tried = police.call("POST", "/v1/validate/arrest", &typed, record.to_string().as_bytes()).await.unwrap();
    let tried = tried.expect(200).text();
    assert!(tried.contains(&masked()) && !tried.contains(NUMBER), "{tried}");
    let accepted = police.accepted("arrest", "a", &record).await;
    let places = [1, 2].map(|place| format!("aadhaar-sealed /accused/person/ids/{place}/number"));
    assert_eq!(about(&accepted["warnings"]), places, "{accepted}");

    let page = court.feed("wait=20").await.unwrap().expect(200).text();
    let item = &serde_json::from_str::<Value>(&page).unwrap()["items"][0];
    let ids = item["data"]["accused"]["person"]["ids"].as_array().unwrap();
    let given: Vec<&str> = ids.iter().map(|id| id["number"].as_str().unwrap()).collect();
    let masked = masked();
    assert_eq!(given, ["DL-0420190000000", &masked, &masked]);
    assert!(!page.contains(NUMBER) && !page.contains("२३४६"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_was_sealed_is_withdrawn_after_its_sender_refuses_them_again() {
    let stage = stage("aadhaar = \"seal\"").await;
    let (police, court) = (client(&stage, "police").await, client(&stage, "court").await);
    let accepted = police.accepted("arrest", "a", &arrest("A-1", &[NUMBER])).await;
    let first = court.feed("wait=20").await.unwrap().expect(200).json();
    court.ack(first["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);
    say(&stage.folder, "aadhaar = \"refuse\"");
    let applied =
        Gateway::command(&stage.folder).args(["apply", "--reason", "cleaned at the source"]).output().unwrap();
    assert!(applied.status.success(), "{applied:?}");
    let refused = arrest("A-2", &[NUMBER]).to_string();
    police.submit("arrest", "b", &[], refused.as_bytes()).await.unwrap().expect(422);
    let back =
        [("icjs-action", "withdraw"), ("icjs-replaces", accepted["id"].as_str().unwrap()), ("icjs-reason", "twice")];
    police.submit("arrest", "c", &back, b"").await.unwrap().expect(202);
    let second = court.feed("wait=20").await.unwrap().expect(200).text();
    assert!(second.contains("withdraw") && !second.contains(NUMBER), "{second}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_that_is_neither_is_refused_with_the_file() {
    let folder = Folder::shipped(&[Party::pulling("police", "police", &["ps:38101004"]).speaking(
        "shared",
        &["arrest"],
        &["arrest"],
    )]);
    say(&folder, "aadhaar = \"sael\"");
    let output = Gateway::command(&folder).arg("check").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("did you mean `seal`"), "{said}");
}
