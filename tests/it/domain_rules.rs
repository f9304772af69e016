//! What does not go together in the papers of a case, through the socket, by the shipped `[[check]]`s: each marked in whichever
//! order the papers come, each accepted, and each with the court all the same.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const SENT: [&str; 4] = ["fir", "arrest", "seizure", "charge-sheet"];

struct Case {
    police: Client,
    court: Client,
    _gateway: Gateway,
    folder: Folder,
}

impl Case {
    async fn begin() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(mend: impl Fn(&Folder)) -> Self {
        let police = Party::pulling("police", "police", &[STATION]).speaking("shared", &SENT, &["court-order"]);
        let court = Party::pulling("court", "courts", &["court:DLCT01/3"]).speaking("shared", &["court-order"], &SENT);
        let folder = Folder::shipped(&[police, court]);
        mend(&folder);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police").await;
        let court = Client::connect(&folder, gateway.exchange, "court").await;
        Self { police, court, _gateway: gateway, folder }
    }

    /// Accepted by the police's word, and in the court's feed; the names of the rules that warned, and the answer.
    async fn sent(&self, kind: &str, record: &Value) -> (Vec<String>, Value) {
        let key = record["event"]["number"].as_str().unwrap();
        let answer = self.police.submit(kind, key, &[], record.to_string().as_bytes()).await.unwrap();
        let accepted = answer.expect(202).json();
        let id = accepted["id"].as_str().unwrap();
        self.there(id).await;
        (rules(&accepted), accepted)
    }

    async fn marked(&self, kind: &str, record: &Value) -> Vec<String> {
        self.sent(kind, record).await.0
    }

    /// The item of a message in the court's feed: it is there all the same.
    async fn there(&self, id: &str) -> Value {
        for _ in 0..200 {
            let feed = self.court.feed("limit=100").await.unwrap().expect(200).json();
            if let Some(item) = feed["items"].as_array().unwrap().iter().find(|item| item["icjsmessage"] == id) {
                return item.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{id} never came to the court");
    }

    /// A correction of what the police sent.
    async fn corrected(&self, kind: &str, replaces: &Value, record: &Value) -> (Vec<String>, Value) {
        let key = record["event"]["number"].as_str().unwrap();
        let replaces = replaces["id"].as_str().unwrap();
        let more = [("icjs-action", "correct"), ("icjs-replaces", replaces), ("icjs-reason", "a slip")];
        let answer = self.police.submit(kind, key, &more, record.to_string().as_bytes()).await.unwrap();
        let accepted = answer.expect(202).json();
        (rules(&accepted), accepted)
    }

    /// What the command prints with `--json`.
    fn quality(&self, arguments: &[&str]) -> Value {
        let output = Gateway::command(&self.folder).arg("quality").args(arguments).arg("--json").output().unwrap();
        let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said} {complaint}"))
    }

    /// Ids of the messages that stand on the list of a rule.
    fn standing(&self, rule: &str) -> Vec<String> {
        let list = self.quality(&["list", rule]);
        list["marks"].as_array().unwrap().iter().map(|mark| mark["message"].as_str().unwrap().to_owned()).collect()
    }
}

fn rules(accepted: &Value) -> Vec<String> {
    let known = ["provisional-case", "section-unknown", "thread-unknown"];
    let all = accepted["warnings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap().to_owned());
    all.filter(|rule| !known.contains(&rule.as_str())).collect()
}

fn example(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/examples/{name}.json"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for key in ["attachments", "to"] {
        record.as_object_mut().unwrap().remove(key);
    }
    record["to"] = json!(["court:DLCT01/3"]);
    record
}

fn fir() -> Value {
    example("fir-1")
}

fn arrest(at: &str) -> Value {
    let mut arrest = example("arrest-1");
    arrest["arrest"]["at"] = json!(at);
    arrest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arrest_or_seizure_before_its_fir_is_marked_with_its_basis_and_goes_to_the_court() {
    let case = Case::begin().await;
    assert_eq!(case.marked("fir", &fir()).await, [""; 0], "registered at 19:20");
    assert_eq!(case.marked("arrest", &arrest("2026-01-15T21:40:00+05:30")).await, [""; 0]);

    let mut early = arrest("2026-01-14T13:49:00Z");
    early["event"]["number"] = json!("early");
    let (found, accepted) = case.sent("arrest", &early).await;
    assert_eq!(found, ["arrest-before-fir"], "19:19 in India: {accepted}");
    let told = accepted["warnings"].as_array().unwrap().iter().find(|one| one["rule"] == "arrest-before-fir").unwrap();
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("2026-01-14T19:19:00.000+05:30") && text.contains("2026-01-14T19:20:00.000+05:30"), "{text}");
    let basis = early["arrest"]["basis"]["label"].as_str().unwrap();
    assert!(text.contains(basis), "with its basis: {text}");
    assert_eq!(told["places"], json!(["arrest.at"]));
    assert_eq!(told["against"].as_array().unwrap().len(), 1, "the FIR is a record of the same sender: {told}");
    let state = case.police.message(accepted["id"].as_str().unwrap()).await;
    assert!(state.to_string().contains("arrest-before-fir"), "whoever looks later sees it as well: {state}");

    let mut search = example("seizure-1");
    assert_eq!(case.marked("seizure", &search).await, [""; 0]);
    search["event"]["number"] = json!("early-search");
    search["search"]["from"] = json!("2026-01-14T19:00:00+05:30");
    assert_eq!(case.marked("seizure", &search).await, ["seizure-before-fir"]);

    assert_eq!(case.standing("arrest-before-fir"), [accepted["id"].as_str().unwrap()]);
    let mut right = early.clone();
    right["arrest"]["at"] = json!("2026-01-14T19:21:00+05:30");
    assert_eq!(case.corrected("arrest", &accepted, &right).await.0, [""; 0], "a correction is looked at anew");
    assert_eq!(case.standing("arrest-before-fir"), [""; 0], "and what it corrects is done with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arrest_before_its_fir_is_marked_when_the_fir_comes_second() {
    let case = Case::begin().await;
    assert_eq!(case.marked("arrest", &arrest("2026-01-14T19:19:00+05:30")).await, [""; 0], "there is no FIR yet");
    let (found, accepted) = case.sent("fir", &fir()).await;
    assert_eq!(found, ["arrest-before-fir"], "{accepted}");

    let case = Case::begin().await;
    let first = case.sent("arrest", &arrest("2026-01-14T19:19:00+05:30")).await.1;
    case.corrected("arrest", &first, &arrest("2026-01-14T19:30:00+05:30")).await;
    assert_eq!(case.marked("fir", &fir()).await, [""; 0], "the arrest as it stands now was later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_papers_that_come_in_the_same_instant_one_sees_the_other() {
    let case = Case::begin().await;
    for serial in 100..140 {
        let of = |mut record: Value| {
            record["case"]["fir"]["serial"] = json!(serial);
            record["case"]["fir"].as_object_mut().unwrap().remove("raw");
            record["event"]["number"] = json!(serial.to_string());
            record.to_string().into_bytes()
        };
        let (fir, memo) = (of(fir()), of(arrest("2026-01-14T19:00:00+05:30")));
        let key = serial.to_string();
        let (fir, memo) =
            tokio::join!(case.police.submit("fir", &key, &[], &fir), case.police.submit("arrest", &key, &[], &memo));
        let (fir, memo) = (fir.unwrap().expect(202).json(), memo.unwrap().expect(202).json());
        let marks = [rules(&fir), rules(&memo)].concat();
        assert_eq!(marks, ["arrest-before-fir"], "one of them, and only one: {fir} {memo}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_without_an_hour_is_before_the_fir_only_where_all_of_it_is() {
    let case = Case::begin().await;
    let mut fir = fir();
    fir["registration"].as_object_mut().unwrap().remove("registered_at");
    fir["registration"].as_object_mut().unwrap().remove("diary");
    assert_eq!(case.marked("fir", &fir).await, [""; 0], "of the 14th, at an hour that nobody says");
    assert_eq!(case.marked("arrest", &arrest("2026-01-14T00:01:00+05:30")).await, [""; 0], "of the same day");
    let mut early = arrest("2026-01-13T23:59:00+05:30");
    early["event"]["number"] = json!("early");
    assert_eq!(case.marked("arrest", &early).await, ["arrest-before-fir"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fir_before_the_diary_entry_that_it_names_is_marked_and_a_check_can_be_switched_off() {
    let mut odd = fir();
    odd["registration"]["diary"]["at"] = json!("2026-01-14T19:20:01+05:30");
    let case = Case::begin().await;
    assert_eq!(case.marked("fir", &odd).await, ["fir-before-diary"]);

    let case = Case::with(|folder| {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/rules.toml")).unwrap();
        folder.file(
            "config/rules.toml",
            &text.replace("rule = \"fir-before-diary\"\n", "rule = \"fir-before-diary\"\non = false\n"),
        );
    })
    .await;
    assert_eq!(case.marked("fir", &odd).await, [""; 0]);
}

/// A report as `who` submits it, and nobody else has signed.
fn report(number: &str, who: &Value) -> Value {
    let mut report = example("charge-sheet-1");
    report["event"]["number"] = json!(number);
    report.as_object_mut().unwrap().remove("forwarding_officer");
    report["submitting_officer"] = who.clone();
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_sheet_that_nobody_signed_who_could_is_marked_and_goes_to_the_court() {
    let case = Case::begin().await;
    case.marked("fir", &fir()).await;
    let stranger = json!({"name": "A Stranger", "number": "D-9999"});
    let (found, accepted) = case.sent("charge-sheet", &report("1", &stranger)).await;
    assert_eq!(found, ["charge-sheet-unsigned"], "though it calls somebody its investigator: {accepted}");
    let words = accepted["warnings"].to_string();
    assert!(!words.contains("Stranger") && !words.contains("D-9999") && !words.contains("D-1180"), "{words}");

    let in_charge = json!({"name": "written in another way", "number": " d-1180 "});
    assert_eq!(case.marked("charge-sheet", &report("2", &in_charge)).await, [""; 0], "the FIR's officer in charge");
    let by_name = json!({"name": fir()["officer_in_charge"]["name"]});
    assert_eq!(case.marked("charge-sheet", &report("3", &by_name)).await, [""; 0], "by name, where there is no number");
    let other_number = json!({"name": fir()["officer_in_charge"]["name"], "number": "D-1"});
    assert_eq!(case.marked("charge-sheet", &report("4", &other_number)).await, ["charge-sheet-unsigned"]);
    let superior = json!({"name": "A Superior", "number": "D-8888"});
    let mut above = report("5", &superior);
    above["superior_officer"] = superior.clone();
    assert_eq!(case.marked("charge-sheet", &above).await, [""; 0], "the superior through whom it goes");
    let mut nobody = report("6", &stranger);
    nobody.as_object_mut().unwrap().remove("submitting_officer");
    assert_eq!(case.marked("charge-sheet", &nobody).await, ["charge-sheet-unsigned"]);

    assert_eq!(case.standing("charge-sheet-unsigned").len(), 3);
    let mut memo = arrest("2026-01-15T21:40:00+05:30");
    memo["investigating_officer"] = stranger.clone();
    assert_eq!(case.marked("arrest", &memo).await, [""; 0]);
    assert_eq!(case.standing("charge-sheet-unsigned").len(), 2, "he has investigated by an arrest memo: one is mended");
    assert_eq!(case.marked("charge-sheet", &report("7", &stranger)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_sheet_that_came_before_its_fir_is_marked_when_the_fir_names_other_officers() {
    let stranger = json!({"name": "A Stranger", "number": "D-9999"});
    let case = Case::begin().await;
    assert_eq!(case.marked("charge-sheet", &report("1", &stranger)).await, [""; 0], "nobody can say yet");
    assert_eq!(case.marked("fir", &fir()).await, ["charge-sheet-unsigned"]);
    let memo = arrest("2026-01-15T21:40:00+05:30");
    assert_eq!(case.marked("arrest", &memo).await, [""; 0], "it is said once");

    let case = Case::begin().await;
    let in_charge = json!({"number": "D-1180"});
    assert_eq!(case.marked("charge-sheet", &report("1", &in_charge)).await, [""; 0]);
    assert_eq!(case.marked("fir", &fir()).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_charge_sheeted_only_with_the_courts_receipt_else_it_stands_on_a_list_until_there_is_one() {
    let case = Case::begin().await;
    let rule = "status-without-receipt";
    let (found, first) = case.sent("fir", &fir()).await;
    assert_eq!(found, [""; 0], "under investigation");
    let mut closed = fir();
    closed["registration"]["status"]["code"] = json!("PT");
    let (found, closing) = case.corrected("fir", &first, &closed).await;
    assert_eq!(found, [rule], "there is no report at all");
    let closing = closing["id"].as_str().unwrap();
    assert_eq!(case.standing(rule), [closing]);

    let in_charge = json!({"number": "D-1180"});
    let report = case.sent("charge-sheet", &report("1", &in_charge)).await.1;
    assert_eq!(case.standing(rule), [closing], "sent is not received");
    let item = case.there(report["id"].as_str().unwrap()).await;
    let outcome = |word: &str| json!([{"id": item["id"], "outcome": word, "reason": "a reason"}]);
    case.court.answer(outcome("received")).await.unwrap().expect(200);
    assert_eq!(case.standing(rule), [""; 0], "the court has it");

    closed["registration"]["status"]["code"] = json!("DI");
    let replaces = json!({"id": closing});
    assert_eq!(case.corrected("fir", &replaces, &closed).await.0, [""; 0], "with the receipt it may say so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_the_court_rejected_is_no_receipt_and_a_legacy_case_needs_none() {
    let case = Case::begin().await;
    let first = case.sent("fir", &fir()).await.1;
    let report = case.sent("charge-sheet", &report("1", &json!({"number": "D-1180"}))).await.1;
    let item = case.there(report["id"].as_str().unwrap()).await;
    let outcome = json!([{"id": item["id"], "outcome": "rejected", "reason": "no list of witnesses"}]);
    case.court.answer(outcome).await.unwrap().expect(200);
    let mut closed = fir();
    closed["registration"]["status"]["code"] = json!("FR");
    let (found, closing) = case.corrected("fir", &first, &closed).await;
    assert_eq!(found, ["status-without-receipt"]);
    closed["event"]["entry"] = json!("legacy");
    assert_eq!(case.corrected("fir", &closing, &closed).await.0, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_numbers_for_one_person_in_a_case_are_proposed_as_one_and_nothing_is_joined() {
    let case = Case::begin().await;
    let of = |number: &str, code: &str| {
        let mut memo = arrest("2026-01-15T21:40:00+05:30");
        memo["event"]["number"] = json!(number);
        memo["accused"]["code"] = json!(code);
        memo
    };
    let first = case.sent("arrest", &of("1", "A1")).await;
    assert_eq!(first.0, [""; 0]);
    let (found, second) = case.sent("arrest", &of("2", "A3")).await;
    assert_eq!(found, ["person-twice"], "the same name and father, another number: {second}");
    let told = second["warnings"].as_array().unwrap().iter().find(|one| one["rule"] == "person-twice").unwrap();
    assert_eq!(told["against"], json!([first.1["id"]]));
    let name = of("1", "A1")["accused"]["person"]["name"]["full"].as_str().unwrap().to_owned();
    assert!(!told.to_string().contains(&name) && !told.to_string().contains("A3"), "no person in a warning: {told}");
    assert_eq!(case.standing("person-twice"), [second["id"].as_str().unwrap()]);
    assert_eq!(case.there(first.1["id"].as_str().unwrap()).await["data"]["accused"]["code"], "A1", "each stays itself");
    assert_eq!(case.there(second["id"].as_str().unwrap()).await["data"]["accused"]["code"], "A3");

    let mut brother = of("3", "A4");
    brother["accused"]["person"]["name"] = json!({"full": "Imran's brother"});
    brother["accused"]["person"].as_object_mut().unwrap().remove("other_names");
    assert_eq!(case.marked("arrest", &brother).await, [""; 0], "the same father, another name");
    assert_eq!(
        case.marked("arrest", &of("4", "a1 ")).await,
        ["person-twice"],
        "A1 again, of whom A3 is another number"
    );

    let (found, _) = case.corrected("arrest", &second, &of("2", "A1")).await;
    assert_eq!(found, [""; 0], "the sender says that they are one");
    assert_eq!(case.standing("person-twice"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_many_records_of_each_system_had_which_warning_is_counted_over_a_period() {
    let case = Case::begin().await;
    case.marked("fir", &fir()).await;
    for (number, at) in
        [("1", "2026-01-14T19:00:00+05:30"), ("2", "2026-01-14T19:01:00+05:30"), ("3", "2026-01-16T10:00:00+05:30")]
    {
        let mut memo = arrest(at);
        memo["event"]["number"] = json!(number);
        case.marked("arrest", &memo).await;
        // The same record again is not another one.
        case.police.submit("arrest", number, &[], memo.to_string().as_bytes()).await.unwrap().expect(202);
    }
    let counts = case.quality(&[]);
    let row = |counts: &Value, kind: &str| {
        let rows = counts["rows"].as_array().unwrap();
        rows.iter().find(|row| row["kind"] == kind).cloned().unwrap_or_default()
    };
    let arrests = row(&counts, "arrest");
    assert_eq!((&arrests["system"], &arrests["records"]), (&json!("police"), &json!(3)), "{counts}");
    assert_eq!(arrests["rules"]["arrest-before-fir"], 2, "{counts}");
    assert_eq!(row(&counts, "fir")["records"], 1, "{counts}");
    assert_eq!(case.quality(&["--system", "court"])["rows"], json!([]));
    assert_eq!(case.quality(&["--until", "2020-01-01T00:00:00Z"])["rows"], json!([]), "before there was anything");
    let since = case.quality(&["--since", "2020-01-01T00:00:00Z"]);
    assert_eq!(row(&since, "arrest")["records"], 3, "{since}");
    let page = case.quality(&["list", "arrest-before-fir", "--limit", "1"]);
    assert_eq!(page["marks"].as_array().unwrap().len(), 1, "{page}");
    let next = case.quality(&["list", "arrest-before-fir", "--limit", "1", "--after", page["next"].as_str().unwrap()]);
    assert_eq!(next["marks"].as_array().unwrap().len(), 1, "{next}");
    assert_ne!(page["marks"][0]["message"], next["marks"][0]["message"]);
}
