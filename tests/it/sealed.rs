//! One case: an office that is entitled to more of it, with a ground and days; a case that is sealed after its records went
//! out, and taken back from whoever may not have them any more.

use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const UPDATE: &str = include_str!("../../schemas/examples/custody-update-2.json");
const POLICE: &str = "ps:38101004";
/// The case of the example that the other station investigates.
const OTHER_CASE: &str = "cnr/DLCT010051182025";

struct Stage {
    folder: Folder,
    gateway: Gateway,
    prison: Client,
    court: Client,
    police: Client,
    other: Client,
}

impl Stage {
    async fn started(by_case: &str) -> Self {
        let kinds = ["custody-update"];
        let pulling =
            |name, pillar, offices: &[&str]| Party::pulling(name, pillar, offices).speaking("shared", &[], &kinds);
        let folder = Folder::shipped(&[
            Party::pulling("prison", "prisons", &["prison:DL01"]).speaking("shared", &kinds, &kinds),
            pulling("court", "courts", &["court:DLCT01"]),
            pulling("police", "police", &[POLICE]),
            pulling("other", "police", &["ps:38101002"]),
        ]);
        folder.file("config/entitlements.toml", by_case);
        let rules = include_str!("../../config/rules.toml");
        folder.file("config/rules.toml", &rules.replace("cause = \"recall\"\nafter = \"72h\"", "cause = \"recall\""));
        let gateway = Gateway::start(&folder).await;
        let client = |system| Client::connect(&folder, gateway.exchange, system);
        let (prison, court) = (client("prison").await, client("court").await);
        let (police, other) = (client("police").await, client("other").await);
        Self { folder, gateway, prison, court, police, other }
    }

    /// Sends the example of a prisoner with two cases; gives the answer and the case of the first police station.
    async fn update(&self, event: &str) -> Value {
        let mut update: Value = serde_json::from_str(UPDATE).unwrap();
        update["event"]["number"] = json!(event);
        update["health"] = json!({"summary": "fit", "blood_group": "B+"});
        self.prison.accepted("custody-update", event, &update).await
    }

    fn icjs(&self, words: &[&str]) -> String {
        let output = Gateway::command(&self.folder).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until so many recalls are open that nobody has answered; gives their deliveries.
    async fn unanswered(&self, count: usize) -> Vec<Value> {
        let began = std::time::Instant::now();
        while began.elapsed() < super::harness::scene::SOON {
            let alerts: Value = serde_json::from_str(&self.icjs(&["alerts", "--json"])).unwrap();
            let alerts = alerts["alerts"].as_array().unwrap().iter().filter(|one| one["rule"] == "recall-no-answer");
            let found: Vec<Value> = alerts.map(|one| one["delivery"].clone()).collect();
            if found.len() == count {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("there were never {count} recalls without an answer");
    }

    fn apply(&self, by_case: &str) {
        self.folder.file("config/entitlements.toml", by_case);
        self.icjs(&["apply", "--reason", "order of court:DLCT01"]);
    }
}

/// The items of a feed, once one of them fits.
async fn item(client: &Client, query: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    while began.elapsed() < super::harness::scene::SOON {
        let page = client.feed(query).await.unwrap().expect(200).json();
        if let Some(item) = page["items"].as_array().unwrap().iter().find(|item| fits(item)) {
            return item.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no such item came");
}

/// The case of the record that the station investigates.
fn case_of(item: &Value) -> String {
    item["subject"].as_str().unwrap().to_owned()
}

/// The station is entitled to these cases.
fn entitled(cases: &[&str], until: &str) -> String {
    format!(
        "[[entitlement]]\nname = \"medical-2026-17\"\noffice = \"{POLICE}\"\nofficer = \"IO-7; Investigating Officer\"\n\
         cases = {cases:?}\nclasses = [\"medical\"]\nground = \"order of court:DLCT01 of 2026-01-02, BNSS s.51\"\n\
         from = \"2026-01-02\"\nuntil = \"{until}\"\n"
    )
}

fn sealed(case: &str) -> String {
    format!(
        "[[seal]]\nflag = \"expunged\"\ncases = [\"{case}\"]\nkeep = [\"courts\"]\nground = \"JJ Act 2015, s.24\"\n\
         from = \"2026-01-02\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitled_office_is_given_its_case_and_nobody_else_and_no_longer_than_it_is_entitled() {
    let stage = Stage::started("").await;
    let first = stage.update("u-1").await;
    let seen = item(&stage.police, "wait=5", |item| item["icjsmessage"] == first["id"]).await;
    assert_eq!(seen["data"]["health"], Value::Null, "what its line withholds: {seen}");
    let case = case_of(&seen);
    // The other station's case is named too, and that station is not.
    let both = [case.as_str(), OTHER_CASE];

    stage.apply(&entitled(&both, "2999-01-01"));
    let second = stage.update("u-2").await;
    let seen = item(&stage.police, "wait=5", |item| item["icjsmessage"] == second["id"]).await;
    assert_eq!(seen["data"]["health"], json!({"summary": "fit", "blood_group": "B+"}), "{seen}");
    let others = item(&stage.other, "wait=5", |item| item["icjsmessage"] == second["id"]).await;
    assert_eq!(others["data"]["health"], Value::Null, "the other station is not entitled: {others}");
    let view = stage.prison.message(second["id"].as_str().unwrap()).await;
    let by = |office: &str| {
        let one = view["deliveries"].as_array().unwrap().iter().find(|one| one["office"] == office);
        one.unwrap_or_else(|| panic!("{office}: {view}"))["entitlement"].clone()
    };
    assert_eq!((by(POLICE), by("ps:38101002")), (json!("medical-2026-17"), Value::Null), "{view}");
    // What the station had before stays as it was; by an order it comes whole.
    let before = item(&stage.police, "", |item| item["icjsmessage"] == first["id"]).await;
    assert_eq!(before["data"]["health"], Value::Null);
    stage.icjs(&["deliveries", "replay", before["id"].as_str().unwrap(), "--force", "--reason", "entitled"]);
    item(&stage.police, "wait=1", |item| item["icjsmessage"] == first["id"] && !item["data"]["health"].is_null()).await;

    // No revision says that the day is over: it ends by itself, and what is in the feed is not shown.
    stage.apply(&entitled(&both, "2026-01-03"));
    let page = stage.police.feed("").await.unwrap().expect(200).json();
    assert_eq!(page["items"], json!([]), "{page}");
    let view = stage.prison.message(second["id"].as_str().unwrap()).await;
    let one = view["deliveries"].as_array().unwrap().iter().find(|one| one["office"] == POLICE).unwrap();
    assert_eq!(one["reason"], "permission-changed", "{view}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_case_is_taken_back_from_everybody_who_may_not_have_it_and_each_answers() {
    let stage = Stage::started("").await;
    let first = stage.update("u-1").await;
    let id = first["id"].as_str().unwrap();
    let had = item(&stage.police, "wait=5", |item| item["icjsmessage"] == id).await;
    item(&stage.other, "wait=5", |item| item["icjsmessage"] == id).await;
    item(&stage.court, "wait=5", |item| item["icjsmessage"] == id).await;
    let cursor = had["icjscursor"].as_str().unwrap().to_owned();
    let page = stage.police.feed("").await.unwrap().expect(200).json();
    stage.police.ack(page["next"].as_str().unwrap(), &[]).await.unwrap().expect(200);

    let case = case_of(&had);
    assert!(stage.icjs(&["case", "recall", &case, "--reason", "too early"]).contains("nobody has a record"));
    stage.apply(&sealed(&case));
    let told =
        stage.icjs(&["case", "recall", &case, "--reason", "order of court:DLCT01, JJ Act s.24", "--by", "a person"]);
    assert!(told.contains(POLICE) && !told.contains("court:DLCT01 ") && !told.contains("ps:38101002"), "{told}");

    let taken = item(&stage.police, "wait=5", |item| item["icjsaction"] == "withdraw").await;
    assert_eq!(taken["icjsmessage"], id, "{taken}");
    assert_eq!(stage.unanswered(1).await, [taken["id"].clone()]);
    let answer = json!([{ "id": taken["id"], "outcome": "not-executed", "code": "retained",
        "reason": "evidence in a departmental inquiry" }]);
    let said = stage.police.answer(answer).await.unwrap().expect(200).json();
    assert_eq!(said["settled"], 1, "{said}");
    stage.unanswered(0).await;
    let outcome = item(&stage.prison, "kind=outcome&wait=5", |item| item["data"]["code"] == "retained").await;
    assert_eq!(outcome["data"]["delivery"], taken["id"], "{outcome}");
    let view = stage.prison.message(id).await;
    let answers: Vec<&Value> =
        view["deliveries"].as_array().unwrap().iter().filter(|one| one["office"] == POLICE).collect();
    assert_eq!(answers.len(), 2, "{view}");
    assert_eq!((&answers[1]["action"], &answers[1]["outcomes"][0]["code"]), (&json!("withdraw"), &json!("retained")));

    // Whoever had it is shown it no more, whatever cursor he holds; the court and the station of the other case see theirs.
    let start = stage.police.feed(&format!("after={cursor}")).await.unwrap().expect(200).json();
    let shown: Vec<&Value> = start["items"].as_array().unwrap().iter().map(|item| &item["icjsaction"]).collect();
    assert!(shown.iter().all(|action| **action == "withdraw"), "{start}");
    item(&stage.court, "", |item| item["icjsmessage"] == id).await;
    item(&stage.other, "", |item| item["icjsmessage"] == id).await;
    // What comes now goes to the court, and stops before the station, where a person sees why.
    let second = stage.update("u-2").await;
    let second = second["id"].as_str().unwrap();
    item(&stage.court, "wait=5", |item| item["icjsmessage"] == second).await;
    for _ in 0..200 {
        let view = stage.prison.message(second).await;
        let one = view["deliveries"].as_array().unwrap().iter().find(|one| one["office"] == POLICE).unwrap().clone();
        if one["state"] == "parked" {
            assert_eq!(one["reason"], "not-permitted", "{one}");
            let told = stage.icjs(&["case", "recall", &case, "--reason", "again"]);
            assert!(told.contains(second) || told.contains("custody-update"), "what stopped is ended too: {told}");
            assert!(stage.icjs(&["case", "recall", &case, "--reason", "once more"]).contains("nobody has a record"));
            drop(stage.gateway);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the station was never kept from it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_record_is_taken_back_from_every_office_under_any_number_and_only_who_had_it_answers() {
    let stage = Stage::started("").await;
    let first = stage.update("u-1").await;
    let id = first["id"].as_str().unwrap();
    let receivers = [("ps:38101004", &stage.police), ("ps:38101002", &stage.other), ("court:DLCT01", &stage.court)];
    let mut case = String::new();
    for (_, client) in receivers {
        case = case_of(&item(client, "wait=5", |item| item["icjsmessage"] == id).await);
    }
    let cases = [case.as_str(), OTHER_CASE];
    stage.apply(&format!(
        "[[seal]]\nflag = \"sealed\"\ncases = {cases:?}\nkeep = []\nground = \"JJ Act 2015, s.24\"\nfrom = \"2026-01-02\"\n"
    ));
    // A number that no record has, and that a person joined to one that has.
    let number = "fir/38101004-2026-777";
    stage.icjs(&["case", "link", number, "same", cases[0], "--reason", "registered twice"]);
    let told = stage.icjs(&["case", "recall", number, "--reason", "order of court:DLCT01", "--by", "a person"]);
    let mut taken = Vec::new();
    for (office, client) in receivers {
        assert!(told.contains(office), "{office}: {told}");
        let item = item(client, "wait=5", |item| item["icjsaction"] == "withdraw").await;
        taken.push(item["id"].as_str().unwrap().to_owned());
    }
    // What is sent to one office is answered by its system and by no other that had the record too.
    let destroyed = |id: &str| json!([{"id": id, "outcome": "executed", "code": "destroyed"}]);
    for (nth, (_, client)) in receivers.iter().enumerate() {
        let other = &taken[(nth + 1) % taken.len()];
        let said = client.answer(destroyed(other)).await.unwrap().expect(200).json();
        assert_eq!((&said["settled"], &said["refused"][0]["code"]), (&json!(0), &json!("not-found")), "{said}");
    }
    let answers = async || {
        let view = stage.prison.message(id).await;
        let withdrawn = view["deliveries"].as_array().unwrap().clone().into_iter();
        let withdrawn = withdrawn.filter(|one| one["action"] == "withdraw");
        withdrawn.map(|one| one["outcomes"].as_array().map_or(0, Vec::len)).collect::<Vec<_>>()
    };
    assert_eq!(answers().await, [0, 0, 0], "nobody has answered for himself yet");
    for (nth, (_, client)) in receivers.iter().enumerate() {
        let said = client.answer(destroyed(&taken[nth])).await.unwrap().expect(200).json();
        assert_eq!(said["settled"], 1, "{said}");
    }
    assert_eq!(answers().await, [1, 1, 1]);
}
