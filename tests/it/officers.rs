//! A system is not a who: where its file says so, every call names an officer, in plain or signed for by the system. What
//! proves nothing gets one answer, whatever is wrong with it.

use icjs::clock::{Clock, WallClock};
use serde_json::{Value, json};

use super::harness::folder::paper;
use super::harness::http::Answer;
use super::harness::keys::Key;
use super::harness::scene::edit;
use super::harness::{Client, Folder, Gateway, Party};

const STATION: &str = "ps:38101004";
const COURT: &str = "court:DLCT01";
const PLAIN: &str = "SI-1234; Investigating Officer; ps:38101004";
const WHY: &str = "?purpose=hearing&ground=BNSS%20s.193";

struct Stage {
    folder: Folder,
    gateway: Gateway,
    police: Client,
    court: Client,
}

/// Police and a court, both with this `[officers]`.
async fn started(officers: &str) -> Stage {
    let with = |mut party: Party| {
        party.more = format!("{}[officers]\n{officers}\n", party.more);
        party
    };
    let parties = [Party::pulling("police", "police", &[STATION]), Party::pulling("court", "courts", &[COURT])];
    let folder = Folder::with(&parties.map(with));
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let court = Client::connect(&folder, gateway.exchange, "court").await;
    Stage { folder, gateway, police, court }
}

fn record(case: u32) -> String {
    paper(STATION, &[COURT], case, "a note").to_string()
}

/// What must be refused for want of an officer.
fn misses(answer: Answer) {
    let answer = answer.expect(422).json();
    let error = &answer["errors"][0];
    assert_eq!(
        (&answer["code"], &error["pointer"]),
        (&json!("schema-invalid"), &json!("header Icjs-Actor")),
        "{answer}"
    );
    assert_eq!(error["rule"], "header-missing", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_officer_is_required_nothing_is_sent_said_read_or_searched_without_one() {
    let stage = started("required = [\"send\", \"read\", \"search\"]").await;
    let (police, court) = (&stage.police, &stage.court);
    let me = police.get("/v1/me").await.unwrap().expect(200).json();
    assert_eq!(
        me["officers"],
        json!({"required": ["send", "read", "search"], "signed": false, "purpose": false}),
        "{me}"
    );
    let who = [("icjs-actor", PLAIN)];
    let judge = [("icjs-actor", "J-7; Judge; court:DLCT01")];
    let typed = [("content-type", "application/json")];

    misses(police.submit("paper", "a", &[], record(1).as_bytes()).await.unwrap());
    misses(police.call("POST", "/v1/validate/paper", &typed, record(1).as_bytes()).await.unwrap());
    let sent = police.submit("paper", "a", &who, record(1).as_bytes()).await.unwrap().expect(202).json();
    let (message, delivery) = (sent["id"].as_str().unwrap(), sent["deliveries"][0]["id"].as_str().unwrap());
    let line = |headers: Value| json!({"kind": "paper", "headers": headers, "body": paper(STATION, &[COURT], 2, "b")});
    let lines = format!(
        "{}\n{}\n",
        line(json!({"Idempotency-Key": "b"})),
        line(json!({"Idempotency-Key": "c", "Icjs-Actor": PLAIN}))
    );
    let ndjson = [("content-type", "application/x-ndjson")];
    let told = police.call("POST", "/v1/batches", &ndjson, lines.as_bytes()).await.unwrap().expect(200).text();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&told[0]["status"], &told[1]["status"]), (&json!(422), &json!(202)), "{told:?}");
    assert_eq!(told[0]["problem"]["errors"][0]["pointer"], "header Icjs-Actor", "{told:?}");

    let case = format!("/v1/cases/fir/38101004-2026-1{WHY}");
    let reads = ["/v1/feed", "/v1/messages", &format!("/v1/messages/{message}"), &case];
    for read in reads {
        misses(court.get(read).await.unwrap());
        court.call("GET", read, &judge, b"").await.unwrap().expect(200);
    }
    let none = format!("/v1/attachments/{}", "00".repeat(32));
    misses(court.get(&none).await.unwrap());
    court.call("GET", &none, &judge, b"").await.unwrap().expect(404);
    let log = std::fs::read_to_string(stage.folder.path("gateway.log")).unwrap();
    assert!(!log.contains("J-7"), "who reads is kept sealed, and no word in the log: {log}");
    // Refused for want of an officer is refused: it is remembered like any other refusal of a known sender, and nothing
    // is remembered of a trial.
    let store = rusqlite::Connection::open(stage.folder.path("data/journal.db")).unwrap();
    let remembered = "SELECT code FROM refusal WHERE system = 'police' AND code IS NOT NULL";
    let mut rows = store.prepare(remembered).unwrap();
    let codes: Vec<String> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(codes, ["schema-invalid", "schema-invalid"], "one record, and one line of a batch");

    let said = json!({"outcomes": [{"id": delivery, "outcome": "received"}]}).to_string();
    misses(court.call("POST", "/v1/feed/ack", &typed, said.as_bytes()).await.unwrap());
    let path = format!("/v1/messages/{delivery}/outcomes");
    let spoken = json!({"outcome": "accepted"}).to_string();
    misses(court.call("POST", &path, &typed, spoken.as_bytes()).await.unwrap());
    let both = [typed[0], judge[0]];
    court.call("POST", "/v1/feed/ack", &both, said.as_bytes()).await.unwrap().expect(200);
    court.call("POST", &path, &both, spoken.as_bytes()).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_officer_is_named_as_he_must_be_or_the_place_that_is_wrong_is_told() {
    let stage = started("required = [\"send\"]").await;
    let submit = |key: &'static str, who: &'static str| {
        let police = &stage.police;
        async move { police.submit("paper", key, &[("icjs-actor", who)], record(3).as_bytes()).await.unwrap() }
    };
    for who in ["SI-1234", "; SHO", "SI-1; SHO; nowhere", "a; b; ps:38101004; c", "SI-1; \u{202e}OHS"] {
        let answer = submit("wrong", who).await.expect(422).json();
        assert_eq!(
            (&answer["errors"][0]["rule"], &answer["code"]),
            (&json!("format"), &json!("schema-invalid")),
            "{who}"
        );
        assert!(!answer.to_string().contains(who), "a refusal shows no value: {answer}");
    }
    let other = submit("wrong", "SI-1; SHO; court:DLCT01").await.expect(403);
    assert_eq!(other.code(), "office-not-yours");
    let twice = [("icjs-actor", PLAIN), ("icjs-actor", "SI-2; SHO")];
    let answer = stage.police.submit("paper", "wrong", &twice, record(3).as_bytes()).await.unwrap().expect(422).json();
    assert_eq!(answer["errors"][0]["rule"], "header-repeated", "{answer}");
    submit("right", "SI-1234; थाना प्रभारी").await.expect(202);
    // Where nothing is required, nobody need be named; what is named must be right.
    stage.police.feed("").await.unwrap().expect(200);
    stage.police.call("GET", "/v1/feed", &[("icjs-actor", "x")], b"").await.unwrap().expect(422);
}

/// A claim that is right, and the clock's second.
fn claim(stage: &Stage) -> (Value, Value, i64) {
    let now = WallClock.now().seconds();
    let header = json!({"alg": "EdDSA", "typ": "icjs-actor+jwt", "kid": "police-1"});
    let claims = json!({"iss": "police", "sub": "SI-1234", "aud": format!("http://{}", stage.gateway.exchange),
        "iat": now, "exp": now + 600, "designation": "Investigating Officer", "office": STATION});
    (header, claims, now)
}

fn with(mut value: Value, key: &str, to: Value) -> Value {
    value[key] = to;
    value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_names_an_officer_only_as_the_system_signed_it_and_every_other_gets_one_answer() {
    let stage = started("required = [\"send\", \"read\", \"search\"]\nsigned = true").await;
    let (header, claims, now) = claim(&stage);
    let key = stage.folder.key("police");
    let good = key.sign(&header, &claims);
    let submit = |key: String, who: String| {
        let police = &stage.police;
        async move { police.submit("paper", &key, &[("icjs-actor", &who)], record(4).as_bytes()).await.unwrap() }
    };
    submit("good".to_owned(), good.clone()).await.expect(202);
    let lasting = with(claims.clone(), "exp", json!(now + 12 * 3600));
    submit("shift".to_owned(), key.sign(&header, &lasting)).await.expect(202);
    let aud = json!([claims["aud"]]);
    submit("good".to_owned(), key.sign(&header, &with(claims.clone(), "aud", aud))).await.expect(202);
    stage.police.call("GET", "/v1/feed", &[("icjs-actor", &good)], b"").await.unwrap().expect(200);
    misses(stage.police.feed("").await.unwrap());

    let changed = |name: &str, to: Value| key.sign(&header, &with(claims.clone(), name, to));
    let headed = |name: &str, to: Value| key.sign(&with(header.clone(), name, to), &claims);
    let parts: Vec<&str> = good.split('.').collect();
    let bare = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let twice = claims.to_string().replacen('{', "{\"sub\":\"DGP-1\",", 1);
    let forged = [
        ("in plain", PLAIN.to_owned()),
        ("another key", Key::new("police-1").sign(&header, &claims)),
        (
            "another system's key",
            stage.folder.key("court").sign(&with(header.clone(), "kid", json!("court-1")), &claims),
        ),
        ("no signature", format!("{}.{}.", bare(r#"{"alg":"none","typ":"icjs-actor+jwt"}"#), parts[1])),
        (
            "signature of another",
            format!("{}.{}.{}", parts[0], bare(&with(claims.clone(), "sub", json!("DGP-1")).to_string()), parts[2]),
        ),
        ("doubled name", format!("{}.{}.{}", parts[0], bare(&twice), parts[2])),
        ("an assertion", key.assertion("police", &format!("http://{}", stage.gateway.exchange))),
        ("another typ", headed("typ", json!("JWT"))),
        ("another algorithm", headed("alg", json!("HS256"))),
        ("jku", headed("jku", json!("https://evil.example/keys"))),
        ("x5u", headed("x5u", json!("https://evil.example/cert"))),
        ("jwk", headed("jwk", key.jwks()["keys"][0].clone())),
        ("crit", headed("crit", json!(["exp"]))),
        ("another kid", headed("kid", json!("police-2"))),
        ("another issuer", changed("iss", json!("court"))),
        ("another audience", changed("aud", json!("https://other.example"))),
        ("two audiences", changed("aud", json!([claims["aud"], "https://other.example"]))),
        ("over", with_times(key, &header, &claims, now - 700, now - 60)),
        ("longer than a shift", with_times(key, &header, &claims, now, now + 12 * 3600 + 1)),
        ("of the future", with_times(key, &header, &claims, now + 60, now + 600)),
        ("no designation", changed("designation", json!(""))),
        ("another's office", changed("office", json!(COURT))),
        ("no office", changed("office", json!("nowhere"))),
        ("text for a number", changed("exp", json!((now + 600).to_string()))),
        ("dots", "..".to_owned()),
    ];
    let mut answers = Vec::new();
    for (what, claim) in forged {
        let mut answer = submit("forged".to_owned(), claim).await.expect(403).json();
        answer["instance"] = Value::Null;
        answers.push((what, answer));
    }
    assert_eq!(answers[0].1["code"], "not-allowed");
    for (what, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{what} is answered in words of its own");
    }
}

fn with_times(key: &Key, header: &Value, claims: &Value, from: i64, to: i64) -> String {
    key.sign(header, &with(with(claims.clone(), "iat", json!(from)), "exp", json!(to)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_of_files_names_its_officer_in_the_file_of_headers() {
    let stage = super::folder::Stage::started().await;
    let section = "[officers]\nrequired = [\"send\"]\n[limits]\n";
    edit(&stage.folder, "old", "[limits]\n", section);
    let apply = Gateway::command(&stage.folder).args(["apply", "--reason", "officers"]).output().unwrap();
    assert!(apply.status.success(), "{apply:?}");
    let named = stage.path("drop/papers/named.json.headers.json");
    std::fs::create_dir_all(named.parent().unwrap()).unwrap();
    std::fs::write(&named, json!({"Icjs-Actor": PLAIN}).to_string()).unwrap();
    stage.drop("papers/nobody.json", record(5).as_bytes());
    stage.drop("papers/named.json", record(6).as_bytes());
    let problem = stage.result("failed/papers/nobody.json.problem.json").await;
    assert_eq!(problem["errors"][0]["pointer"], "header Icjs-Actor", "{problem}");
    let answer = stage.result("done/papers/named.json.answer.json").await;
    assert_eq!(answer["kind"], "paper", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_names_the_officer_and_a_wrong_section_is_told_at_its_line() {
    let stage = started("required = [\"send\", \"read\", \"search\"]").await;
    let key = stage.folder.path("police.pem");
    std::fs::write(&key, stage.folder.key("police").pem()).unwrap();
    let icjs = |words: &[&str]| Gateway::command(&stage.folder).args(words).output().unwrap();
    let key = key.to_str().unwrap();
    // The command line signs under the key's thumbprint, the folder of the test calls the key otherwise.
    let mut jwks = stage.folder.key("police").jwks();
    jwks["keys"][0].as_object_mut().unwrap().remove("kid");
    stage.folder.file("keys/police.jwks.json", &jwks.to_string());
    assert!(icjs(&["apply", "--reason", "a key without a name"]).status.success());
    let refused = icjs(&["feed", "--as", "police", "--key", key]);
    assert_eq!(refused.status.code(), Some(65), "{refused:?}");
    let read = icjs(&["feed", "--as", "police", "--key", key, "--actor", PLAIN]);
    assert!(read.status.success(), "{read:?}");
    edit(&stage.folder, "police", "required = [\"send\", \"read\", \"search\"]", "required = [\"send\", \"raed\"]");
    let check = icjs(&["check"]);
    let said = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert!(!check.status.success() && said.contains("police.toml:") && said.contains("`read`"), "{said}");
}

/// What `icjs reads` tells, oldest first.
fn readings(folder: &Folder, more: &[&str]) -> Vec<Value> {
    let words = [&["reads", "--json"], more].concat();
    let shown = Gateway::command(folder).args(&words).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let told: Value = serde_json::from_slice(&shown.stdout).unwrap();
    told["readings"].as_array().unwrap().iter().rev().cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reading_is_recorded_with_officer_purpose_and_what_was_given_and_outlives_a_kill() {
    let stage = started("required = [\"read\", \"search\"]\npurpose = true").await;
    let (police, court) = (&stage.police, &stage.court);
    let bytes = b"a photograph";
    let digest = icjs::seal::hex(&icjs::seal::sha256(bytes));
    let file = format!("/v1/attachments/{digest}");
    court.call("PUT", &file, &[], bytes).await.unwrap().expect(201);
    let sent = police.submit("paper", "a", &[], record(1).as_bytes()).await.unwrap().expect(202).json();
    let message = sent["id"].as_str().unwrap();
    let judge = ("icjs-actor", "J-7; Judge; court:DLCT01");
    let why = [judge, ("icjs-purpose", "remand hearing"), ("icjs-ground", "BNSS s.187")];
    let lacking = court.call("GET", "/v1/feed", &[judge], b"").await.unwrap().expect(422).json();
    assert_eq!(lacking["errors"][0]["pointer"], "header Icjs-Purpose", "{lacking}");
    assert_eq!(readings(&stage.folder, &[]), [] as [Value; 0], "nothing was given yet");

    let page = court.call("GET", "/v1/feed?wait=20", &why, b"").await.unwrap().expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    court.call("GET", &format!("/v1/messages/{message}"), &why, b"").await.unwrap().expect(200);
    court.call("GET", "/v1/messages", &why, b"").await.unwrap().expect(200);
    court.call("GET", &file, &why, b"").await.unwrap().expect(200);
    let case = "/v1/cases/fir/38101004-2026-1";
    court.call("GET", &format!("{case}{WHY}"), &[("icjs-actor", "J-8; Judge")], b"").await.unwrap().expect(200);
    court.call("GET", &format!("/v1/cases/fir/38101004-2026-9{WHY}"), &[judge], b"").await.unwrap().expect(404);
    court.call("GET", "/v1/messages?record=none", &why, b"").await.unwrap().expect(200);
    let shown = Gateway::command(&stage.folder).args(["case", "fir", "38101004-2026-1"]).output().unwrap();
    assert!(shown.status.success(), "{shown:?}");

    let told = readings(&stage.folder, &[]);
    let calls: Vec<&str> = told.iter().map(|one| one["call"].as_str().unwrap()).collect();
    assert_eq!(calls, ["feed", "message", "messages", "attachment", "case", "case"], "{told:?}");
    for one in &told[..4] {
        assert_eq!(one["officer"], "J-7; Judge; court:DLCT01", "{one}");
        assert_eq!((&one["purpose"], &one["ground"]), (&json!("remand hearing"), &json!("BNSS s.187")), "{one}");
        assert_eq!(one["system"], "court", "{one}");
    }
    for one in [&told[0], &told[1], &told[2], &told[4], &told[5]] {
        assert_eq!(one["messages"], json!([message]), "{one}");
    }
    assert_eq!(told[3]["attachment"], json!(digest), "{}", told[3]);
    assert_eq!((&told[4]["case"], &told[4]["purpose"]), (&json!("fir/38101004-2026-1"), &json!("hearing")));
    assert_eq!((&told[5]["system"], &told[5]["officer"]), (&json!(""), &json!("owner")), "people of the centre");

    let Stage { folder, mut gateway, .. } = stage;
    gateway.kill();
    let _gateway = Gateway::start(&folder).await;
    assert_eq!(readings(&folder, &[]), told, "what was answered is on record");
    assert_eq!(readings(&folder, &["--officer", "J-8"]).len(), 1);
    assert_eq!(readings(&folder, &["--officer", "J-7", "--system", "court"]).len(), 4);
    assert_eq!(readings(&folder, &["--system", "police"]).len(), 0);
    assert_eq!(readings(&folder, &["--case", "fir", "38101004-2026-1"]).len(), 2);
    assert_eq!(readings(&folder, &["--since", "2099-01-01T00:00:00Z"]).len(), 0);
    let store =
        ["data/journal.db", "data/journal.db-wal"].map(|name| std::fs::read(folder.path(name)).unwrap_or_default());
    for secret in ["J-7; Judge", "remand hearing"] {
        let found = store.iter().any(|bytes| bytes.windows(secret.len()).any(|some| some == secret.as_bytes()));
        assert!(!found, "`{secret}` lies in the store as it is");
    }
}
