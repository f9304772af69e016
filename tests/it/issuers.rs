//! Keys that others publish: outside issuers whose tokens open the exchange, and systems whose keys lie at an address. What
//! they open, how keys change, and what becomes of everybody when the address fails, lies or is flooded with questions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icjs::clock::{Clock, WallClock};
use serde_json::{Value, json};

use crate::harness::folder::Party;
use crate::harness::gateway::tail;
use crate::harness::http::{Answer, request};
use crate::harness::keys::Key;
use crate::harness::{Client, Folder, Gateway, Receiver, Reply};

const ISSUER: &str = "https://sso.state.example";
const POLICE: &str = "ps:38101004";
const COURT: &str = "court:DLND01";
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// An issuer: a server of keys whose answer a test changes.
struct Issuer {
    server: Receiver,
    says: Arc<Mutex<Reply>>,
}

impl Issuer {
    async fn publishing(keys: &[&Key]) -> Self {
        let says = Arc::new(Mutex::new(set(keys)));
        let answer = Arc::clone(&says);
        let server = Receiver::start(move |_| answer.lock().unwrap().clone()).await;
        Self { server, says }
    }

    fn says(&self, reply: Reply) {
        *self.says.lock().unwrap() = reply;
    }

    /// Waits for so many more looks.
    async fn looked_at(&self, times: usize) {
        let before = self.server.count();
        self.server.until_count(SEEN_WITHIN, before + times).await;
    }

    /// A folder in which the police are known by this issuer's tokens, and a court is not.
    fn folder(&self) -> Folder {
        let mut police = Party::pulling("police-a", "police", &[POLICE]);
        police.more += &format!(
            "[issuer]\nurl = \"{ISSUER}\"\njwks_url = \"http://{}/jwks\"\nclient_id = \"state-7\"\n",
            self.server.address
        );
        Folder::with(&[police, Party::pulling("court-a", "courts", &[COURT])])
    }
}

fn set(keys: &[&Key]) -> Reply {
    let all: Vec<Value> = keys.iter().flat_map(|key| key.jwks()["keys"].as_array().unwrap().clone()).collect();
    Reply::status(200).with("application/json", &json!({"keys": all}).to_string())
}

fn header(kid: &str) -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid})
}

/// The claims of a good token, by a clock that is so many seconds ahead.
fn claims(gateway: &Gateway, ahead: i64) -> Value {
    let now = WallClock.now().seconds() + ahead;
    json!({"iss": ISSUER, "aud": format!("http://{}", gateway.exchange), "client_id": "state-7", "sub": "service-7",
        "jti": "1", "iat": now, "exp": now + 300, "scope": "send:paper read send:charge-sheet admin"})
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

async fn me(gateway: &Gateway, token: &str) -> Answer {
    let headers = [("authorization", format!("Bearer {token}"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    request(gateway.exchange, "GET", "/v1/me", &headers, b"").await.unwrap()
}

/// What a header may say that makes a token or an assertion worthless, whoever signed it.
fn wrong_headers(elsewhere: &str, stranger: &Key) -> Vec<(&'static str, Value)> {
    vec![
        ("alg", json!("none")),
        ("alg", json!("nOnE")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("kid", json!("../../keys/tokens.ed25519")),
        ("kid", json!("x' UNION SELECT 1 --")),
        ("jku", json!(elsewhere)),
        ("x5u", json!(elsewhere)),
        ("jwk", stranger.jwks()["keys"][0].clone()),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ]
}

const FAST: [(&str, &str); 1] = [("ICJS_TOKENS__KEYS_REFRESH", "1s")];
const ONCE: [(&str, &str); 1] = [("ICJS_TOKENS__KEYS_REFRESH", "1h")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outside_issuer_speaks_for_the_system_that_names_it_and_opens_what_that_may() {
    let key = Key::new("i-1");
    let issuer = Issuer::publishing(&[&key]).await;
    let folder = issuer.folder();
    let gateway = Gateway::start_with(&folder, &ONCE).await;
    let token = key.sign(&header("i-1"), &claims(&gateway, 0));
    let known = me(&gateway, &token).await.expect(200).json();
    assert_eq!(known["system"], "police-a");
    let police = Client { system: "police-a".to_owned(), gateway: gateway.exchange, token };
    let paper = crate::harness::folder::paper(POLICE, &[COURT], 1, "by a token of the State's");
    police.accepted("paper", "one", &paper).await;
    // Its scopes are those of the token that the system has here: no feed was asked for, and no order.
    police.feed("limit=1").await.unwrap().expect(403);
    let order = crate::harness::folder::order(POLICE, &[COURT], 1, 1, "release", "not allowed");
    police.submit("order", "two", &[], order.to_string().as_bytes()).await.unwrap().expect(403);
    // The system's own key is as good as it was.
    let own = Client::connect(&folder, gateway.exchange, "police-a").await;
    own.feed("limit=1").await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_token_is_refused_in_the_same_words_and_nothing_is_fetched_or_logged_for_it() {
    let (key, stranger) = (Key::new("i-1"), Key::new("i-1"));
    let issuer = Issuer::publishing(&[&key]).await;
    let trap = Receiver::friendly().await;
    let folder = issuer.folder();
    let gateway = Gateway::start_with(&folder, &ONCE).await;
    let good = claims(&gateway, 0);
    me(&gateway, &key.sign(&header("i-1"), &good)).await.expect(200);
    let now = good["iat"].as_i64().unwrap();
    let mut wrong = vec![stranger.sign(&header("i-1"), &good), "e30.e30.e30".to_owned(), "...".to_owned()];
    for (name, value) in [
        ("iss", json!(format!("{ISSUER}.evil.example"))),
        ("iss", json!(format!("{ISSUER}/"))),
        ("iss", json!("police-a")),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!([good["aud"], "https://elsewhere.example"])),
        ("aud", json!([])),
        ("client_id", json!("state-8")),
        ("client_id", json!("court-a")),
        ("client_id", json!(null)),
        ("sub", json!("")),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("exp", json!(now + 3601)),
        ("exp", json!(1e300)),
        ("exp", json!(now as f64 + 60.5)),
        ("exp", json!((now + 60).to_string())),
        ("exp", json!(now)),
        ("iat", json!(null)),
        ("nbf", json!(now + 3600)),
        ("cnf", json!({"x5t#S256": "A".repeat(43)})),
        ("cnf", json!({"jkt": "A".repeat(43)})),
    ] {
        wrong.push(key.sign(&header("i-1"), &with(good.clone(), name, value)));
    }
    let own = [("typ", json!("JWT")), ("typ", json!(null)), ("kid", json!(null))];
    for (name, value) in wrong_headers(&trap.url(), &stranger).into_iter().chain(own) {
        wrong.push(key.sign(&with(header("i-1"), name, value.clone()), &good));
        wrong.push(stranger.sign(&with(header("i-1"), name, value), &good));
    }
    let unsigned =
        |header: &str, claims: &str| format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    for alg in ["none", "None", "NONE", "nOnE"] {
        wrong.push(unsigned(&with(header("i-1"), "alg", json!(alg)).to_string(), &good.to_string()));
    }
    // A name that stands twice is read by some as its first and by others as its last.
    let doubled = good.to_string().replacen('{', &format!("{{\"client_id\":\"{}\",", "state-7"), 1);
    wrong.push(key.sign_text(&header("i-1").to_string(), &doubled));
    let doubled = header("i-1").to_string().replacen('{', "{\"alg\":\"EdDSA\",", 1);
    wrong.push(key.sign_text(&doubled, &good.to_string()));
    let words = me(&gateway, "e30.e30.e30").await.expect(401).json();
    for token in &wrong {
        let refused = me(&gateway, token).await;
        let said = refused.json();
        let alike = ["detail", "code", "title", "type"].iter().all(|name| said[name] == words[name]);
        assert!(refused.status == 401 && alike, "{token}: {said}");
    }
    // One look at the start; one more, because some named a key that is not known.
    assert!(issuer.server.count() <= 2 && trap.count() == 0, "{} and {}", issuer.server.count(), trap.count());
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    for secret in ["state-8", "UNION", "eyJ", "service-7"] {
        assert!(!log.contains(secret), "the log holds {secret}: {}", tail(&folder));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_an_issuer_change_under_load_and_nobody_with_a_good_token_is_turned_away() {
    let mut keys = vec![Arc::new(Key::new("i-0"))];
    let issuer = Issuer::publishing(&[&keys[0]]).await;
    let folder = issuer.folder();
    let gateway = Arc::new(Gateway::start_with(&folder, &FAST).await);
    let current = Arc::new(Mutex::new(Arc::clone(&keys[0])));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (gateway, current, done) = (Arc::clone(&gateway), Arc::clone(&current), Arc::clone(&done));
            tokio::spawn(async move {
                let mut calls = 0_u32;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let key = Arc::clone(&current.lock().unwrap());
                    let token = key.sign(&header(key.id()), &claims(&gateway, 0));
                    let answer = me(&gateway, &token).await;
                    assert_eq!(answer.status, 200, "{}: {}", key.id(), answer.text());
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut old = String::new();
    for turn in 1..=4 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        old = keys[turn - 1].sign(&header(keys[turn - 1].id()), &claims(&gateway, 0));
        keys.push(Arc::new(Key::new(&format!("i-{turn}"))));
        // Published with the one before it, and used at once.
        issuer.says(set(&[&keys[turn - 1], &keys[turn]]));
        *current.lock().unwrap() = Arc::clone(&keys[turn]);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.expect("no false 401");
    }
    assert!(calls > 20, "{calls} calls");
    // What is withdrawn is good for nothing from the next look on, though it had been good and has not ended.
    me(&gateway, &old).await.expect(200);
    issuer.says(set(&[&keys[4]]));
    issuer.looked_at(3).await;
    me(&gateway, &old).await.expect(401);
    me(&gateway, &keys[4].sign(&header("i-4"), &claims(&gateway, 0))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_fails_locks_nobody_out_until_its_keys_are_stale() {
    let key = Key::new("i-1");
    let issuer = Issuer::publishing(&[&key]).await;
    let inside = Receiver::start({
        let reply = set(&[]);
        move |_| reply.clone()
    })
    .await;
    let folder = issuer.folder();
    folder.file("clock", "0");
    let clock = folder.path("clock").display().to_string();
    let variables = [FAST[0], ("ICJS_TEST_CLOCK", clock.as_str())];
    let mut gateway = Gateway::start_with(&folder, &variables).await;
    let token = |gateway: &Gateway, ahead: i64| key.sign(&header("i-1"), &claims(gateway, ahead));
    me(&gateway, &token(&gateway, 0)).await.expect(200);
    let mut away = Reply::status(302);
    away.headers.push(("location".to_owned(), inside.url()));
    let mut metadata = Reply::status(302);
    metadata.headers.push(("location".to_owned(), "http://169.254.169.254/latest/meta-data/".to_owned()));
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(70_000));
    for bad in [
        Reply::status(500),
        away,
        metadata,
        Reply::hang_up(),
        Reply::status(200).with("application/json", &huge),
        Reply::status(200).with("application/json", "{\"keys\":[],\"keys\":[]}"),
        Reply::status(200).with("text/html", "<html>maintenance</html>"),
        Reply::status(200).with("application/json", "[]"),
    ] {
        issuer.says(bad);
        issuer.looked_at(2).await;
        me(&gateway, &token(&gateway, 0)).await.expect(200);
    }
    assert_eq!(inside.count(), 0, "a redirect is not followed");
    let ready = request(gateway.ops, "GET", "/readyz", &[], b"").await.unwrap().expect(200).json();
    assert_eq!(ready["status"], "warn", "{ready}");
    assert!(tail(&folder).contains("published keys cannot be had"), "{}", tail(&folder));
    // What is known outlives the process, not its time.
    gateway.kill();
    let gateway = Gateway::start_with(&folder, &variables).await;
    me(&gateway, &token(&gateway, 0)).await.expect(200);
    let day = 25 * 3600;
    folder.file("clock", &format!("{}", day * 1000));
    me(&gateway, &token(&gateway, day)).await.expect(401);
    let ready = request(gateway.ops, "GET", "/readyz", &[], b"").await.unwrap().expect(200).text();
    assert!(ready.contains("nobody gets in by them"), "{ready}");
    issuer.says(set(&[&key]));
    issuer.looked_at(2).await;
    me(&gateway, &token(&gateway, day)).await.expect(200);
    let metrics = request(gateway.ops, "GET", "/metrics", &[], b"").await.unwrap().text();
    assert!(metrics.contains("icjs_published_keys_looks_total{result=\"taken\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_key_ids_makes_one_look_and_a_slow_issuer_holds_nobody_for_long() {
    let key = Key::new("i-1");
    let issuer = Issuer::publishing(&[&key]).await;
    let folder = issuer.folder();
    let gateway = Arc::new(Gateway::start_with(&folder, &ONCE).await);
    me(&gateway, &key.sign(&header("i-1"), &claims(&gateway, 0))).await.expect(200);
    let looks = issuer.server.count();
    issuer.says(set(&[&key]).after(Duration::from_secs(600)));
    let began = std::time::Instant::now();
    let flood: Vec<_> = (0..200)
        .map(|number| {
            let token = key.sign(&header(&format!("unknown-{number}")), &claims(&gateway, 0));
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { me(&gateway, &token).await.status })
        })
        .collect();
    for one in flood {
        assert_eq!(one.await.unwrap(), 401);
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    for number in 0..3 {
        me(&gateway, &key.sign(&header(&format!("later-{number}")), &claims(&gateway, 0))).await.expect(401);
    }
    assert_eq!(issuer.server.count(), looks + 1, "one look for two hundred, and none for those who come later");
    me(&gateway, &key.sign(&header("i-1"), &claims(&gateway, 0))).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_publishes_its_keys_changes_them_by_itself_and_an_old_one_takes_its_tokens_along() {
    let (first, second) = (Key::new("p-1"), Key::new("p-2"));
    let issuer = Issuer::publishing(&[&first]).await;
    let folder = Folder::with(&[Party::pulling("police-a", "police", &[POLICE])]);
    let file = std::fs::read_to_string(folder.path("config/systems/police-a.toml")).unwrap();
    let elsewhere = format!("jwks_url = \"http://{}/jwks\"", issuer.server.address);
    let file = file.replace("jwks_file = \"keys/police-a.jwks.json\"", &elsewhere);
    folder.file("config/systems/police-a.toml", &file);
    let gateway = Gateway::start_with(&folder, &FAST).await;
    let ask = async |key: &Key| {
        let assertion = key.assertion("police-a", &format!("http://{}/oauth2/token", gateway.exchange));
        Client::exchange(gateway.exchange, "police-a", &assertion).await.unwrap()
    };
    let token = |answer: Answer| answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    let old = token(ask(&first).await);
    me(&gateway, &old).await.expect(200);
    ask(&second).await.expect(401);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    issuer.says(set(&[&first, &second]));
    let new = token(ask(&second).await);
    me(&gateway, &old).await.expect(200);
    issuer.says(set(&[&second]));
    issuer.looked_at(3).await;
    me(&gateway, &old).await.expect(401);
    ask(&first).await.expect(401);
    let known = me(&gateway, &new).await.expect(200).json();
    assert_eq!(known["keys"], json!(["p-2"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wrong_assertion_gets_one_answer_and_nothing_is_fetched_or_logged_for_it() {
    let stranger = Key::new("police-a-1");
    let trap = Receiver::friendly().await;
    let mut folder = Folder::with(&[Party::pulling("police-a", "police", &[POLICE])]);
    folder.join(&Party::pulling("court-a", "courts", &[COURT]));
    let gateway = Gateway::start(&folder).await;
    let (key, other) = (folder.key("police-a"), folder.key("court-a"));
    let audience = format!("http://{}/oauth2/token", gateway.exchange);
    let head = json!({"alg": "EdDSA", "typ": "JWT", "kid": key.id()});
    let now = WallClock.now().seconds();
    let good = |jti: &str| json!({"iss": "police-a", "sub": "police-a", "aud": audience, "jti": jti, "iat": now, "nbf": now - 1, "exp": now + 60});
    let ask = async |assertion: &str| Client::exchange(gateway.exchange, "police-a", assertion).await.unwrap();
    ask(&key.sign(&head, &good("first"))).await.expect(200);
    let mut wrong = vec![
        key.sign(&head, &good("first")),
        stranger.sign(&head, &good("stolen-name")),
        other.sign(&head, &good("other-key")),
        String::from("e30.e30.e30"),
    ];
    let far = now + 100_000;
    for (at, (name, value)) in [
        ("aud", json!("https://elsewhere.example/oauth2/token")),
        ("aud", json!(format!("{audience}/evil"))),
        ("aud", json!([audience, "https://elsewhere.example"])),
        ("iss", json!("police-a.evil")),
        ("sub", json!("court-a")),
        ("exp", json!(far)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
        ("exp", json!(now as f64 + 60.5)),
        ("exp", json!((now + 60).to_string())),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("jti", json!("")),
        ("jti", json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        wrong.push(key.sign(&head, &with(good(&format!("claim-{at}")), name, value)));
    }
    let own = [("typ", json!("at+jwt"))];
    for (at, (name, value)) in wrong_headers(&trap.url(), &stranger).into_iter().chain(own).enumerate() {
        wrong.push(key.sign(&with(head.clone(), name, value.clone()), &good(&format!("header-{at}"))));
        wrong.push(stranger.sign(&with(head.clone(), name, value), &good(&format!("forged-{at}"))));
    }
    let doubled = good("doubled").to_string().replacen('{', "{\"sub\":\"police-a\",", 1);
    wrong.push(key.sign_text(&head.to_string(), &doubled));
    let words = ask("e30.e30.e30").await.expect(401).text();
    for assertion in &wrong {
        let refused = ask(assertion).await;
        assert!(refused.status == 401 && refused.text() == words, "{assertion}: {}", refused.text());
    }
    assert_eq!(trap.count(), 0, "nothing that an assertion names is fetched");
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(!log.contains("UNION") && !log.contains("eyJ"), "{}", tail(&folder));
}
