//! Fingerprint transactions on the shipped kinds, through the socket: what a police station or a prison hands in arrives at the
//! fingerprint system byte for byte, what it answers goes to whoever asked in his own format, a late hit to every asker, and a
//! damaged transaction is refused with the number of its field. Reference transactions are read where the corpus is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::harness::http::Answer;
use crate::harness::receiver::Push;
use crate::harness::scene::SOON;
use crate::harness::{Client, Folder, Gateway, Party, Receiver, Reply};

const NIST: &str = "application/x-ansi-nist";
const STATION: &str = "ps:38101004";
const OTHER: &str = "ps:38101005";
const PRISON: &str = "prison:DL01";
const BUREAU: &str = "nafis:NCRB";
const COURT: &str = "court:DLCT01";

const ENROL: &[u8] = include_bytes!("../../adapters/cctns/examples/in/fingerprint-search-1.an2");
const LATENT: &[u8] = include_bytes!("../../adapters/cctns/examples/in/fingerprint-search-2.an2");
const ADMISSION: &[u8] = include_bytes!("../../adapters/eprisons/examples/in/fingerprint-search-1.an2");
const CANDIDATES: &[u8] = include_bytes!("../../adapters/nafis/examples/in/fingerprint-result-1.an2");
const LATE_HIT: &[u8] = include_bytes!("../../adapters/nafis/examples/in/fingerprint-result-4.an2");

struct World {
    folder: Folder,
    gateway: Gateway,
    bureau: Receiver,
    police: Client,
}

impl World {
    /// Police, a prison and a court that pull, and a fingerprint system that is pushed to.
    async fn new(mend: impl Fn(&Folder)) -> Self {
        let taken = Reply::status(200).with("application/json", r#"{"status": "RECEIVED", "tcn": "NF-1"}"#);
        let bureau = Receiver::start(move |_: &Push| taken.clone()).await;
        let (search, result) = ("fingerprint-search", "fingerprint-result");
        let nafis = Party::pushed("nafis", "fingerprints", &[BUREAU], &bureau.url());
        let folder = Folder::shipped(&[
            Party::pulling("police", "police", &[STATION, OTHER]).speaking("cctns", &[search], &[result]),
            Party::pulling("jail", "prisons", &[PRISON]).speaking("eprisons", &[search], &[result]),
            Party::pulling("court", "courts", &[COURT]).speaking("ecourts", &["court-order"], &[]),
            nafis.speaking("nafis", &[result], &[search, "court-order"]),
        ]);
        mend(&folder);
        let gateway = Gateway::start(&folder).await;
        let police = Client::connect(&folder, gateway.exchange, "police").await;
        Self { folder, gateway, bureau, police }
    }

    async fn client(&self, system: &str) -> Client {
        Client::connect(&self.folder, self.gateway.exchange, system).await
    }

    /// What the fingerprint system got, once it has so many.
    async fn arrived(&self, count: usize) -> Vec<Push> {
        self.bureau.until(SOON, |seen| seen.len() >= count).await
    }
}

async fn send(client: &Client, kind: &str, office: &str, bytes: &[u8]) -> Answer {
    let headers = [("content-type", NIST), ("icjs-office", office)];
    client.call("POST", &format!("/v1/records/{kind}"), &headers, bytes).await.unwrap()
}

async fn search(client: &Client, office: &str, bytes: &[u8]) -> Value {
    send(client, "fingerprint-search", office, bytes).await.expect(202).json()
}

async fn result(world: &World, bytes: &[u8]) -> Value {
    send(&world.client("nafis").await, "fingerprint-result", BUREAU, bytes).await.expect(202).json()
}

/// The first item of a kind in somebody's feed.
async fn next(client: &Client, query: &str) -> Value {
    let page = client.feed(&format!("kind=fingerprint-result&wait=20&{query}")).await.unwrap().expect(200).json();
    page["items"].get(0).cloned().unwrap_or_else(|| panic!("nothing came: {page}"))
}

/// The same transaction under another control number of the same length.
fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stay right");
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not in it");
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to.as_bytes()));
    bytes
}

/// The corpus, and what is written here in any case.
fn transactions() -> Vec<(String, Vec<u8>)> {
    let mut all = vec![
        ("enrol".to_owned(), ENROL.to_vec()),
        ("latent".to_owned(), LATENT.to_vec()),
        ("admission".to_owned(), ADMISSION.to_vec()),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/an2");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: no corpus at {}", folder.display());
        return all;
    };
    for path in files.map(|file| file.unwrap().path()) {
        all.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transaction_arrives_at_the_fingerprint_system_byte_for_byte() {
    let world = World::new(|_| {}).await;
    let all = transactions();
    for (name, bytes) in &all {
        let answer = send(&world.police, "fingerprint-search", STATION, bytes).await;
        assert_eq!(answer.status, 202, "{name}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.json()["deliveries"][0]["office"], BUREAU, "{name}");
    }
    let seen = world.arrived(all.len()).await;
    for (name, bytes) in &all {
        let push =
            seen.iter().find(|push| push.body == *bytes).unwrap_or_else(|| panic!("{name} did not come as it was"));
        assert_eq!(push.header("content-type"), Some(NIST), "{name}");
        assert_eq!(push.header("ce-icjswithheld"), Some(""), "{name}");
    }
    // The same transaction again is the same record: its control number names it.
    let again = send(&world.police, "fingerprint-search", STATION, &all[0].1).await.expect(202);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fingerprint_system_that_pulls_gets_the_same_bytes() {
    let folder = Folder::shipped(&[
        Party::pulling("police", "police", &[STATION]).speaking("cctns", &["fingerprint-search"], &[]),
        Party::pulling("nafis", "fingerprints", &[BUREAU]).speaking("nafis", &[], &["fingerprint-search"]),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    search(&police, STATION, ENROL).await;
    let bureau = Client::connect(&folder, gateway.exchange, "nafis").await;
    let page = bureau.feed("wait=20").await.unwrap().expect(200).json();
    let data = page["items"][0]["data_base64"].as_str().unwrap_or_else(|| panic!("{page}"));
    assert_eq!(STANDARD.decode(data).unwrap(), ENROL);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_goes_to_whoever_asked_in_his_own_format() {
    let world = World::new(|_| {}).await;
    let jail = world.client("jail").await;
    search(&world.police, OTHER, ENROL).await;
    search(&jail, PRISON, ADMISSION).await;
    let told = result(&world, CANDIDATES).await;
    let deliveries = told["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 1, "the prison did not ask this: {told}");
    assert_eq!(deliveries[0]["office"], OTHER, "{told}");
    let xml = next(&world.police, &format!("office={OTHER}")).await["data"].as_str().unwrap().to_owned();
    for part in ["<SEARCH_NO>DL2026-000123</SEARCH_NO>", "<NFN>0712345678</NFN>", "<RESULT_TYPE_CD>1</RESULT_TYPE_CD>"]
    {
        assert!(xml.contains(part), "{part} is not in {xml}");
    }
    // One that nobody asked for waits, and goes when it is asked for: to a prison with the number, without the candidates.
    let own = renamed(&renamed(CANDIDATES, "NF2026-88001", "NF2026-88009"), "DL2026-000123", "DL2026-000999");
    let unasked = result(&world, &own).await;
    assert_eq!(unasked["deliveries"][0]["reason"], "no-office", "{unasked}");
    assert_eq!(unasked["status"], "attention");
    search(&jail, PRISON, &renamed(ENROL, "DL2026-000123", "DL2026-000999")).await;
    let item = next(&jail, "").await;
    assert_eq!(
        (&item["data"]["resultType"], &item["data"]["searchNo"]),
        (&"CANDIDATES".into(), &"DL2026-000999".into())
    );
    assert!(
        item["icjswithheld"].to_string().contains("candidates[]") && !item.to_string().contains("0998100043"),
        "{item}"
    );
    let settled = world.client("nafis").await.message(unasked["id"].as_str().unwrap()).await;
    let open = settled["deliveries"].as_array().unwrap().iter().filter(|one| one["state"] == "parked").count();
    assert_eq!(open, 0, "nobody else is looked for any more: {settled}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_hit_goes_to_every_asker_whose_search_it_matches() {
    let world = World::new(|_| {}).await;
    let jail = world.client("jail").await;
    search(&world.police, STATION, LATENT).await;
    search(&jail, PRISON, ADMISSION).await;
    search(&world.police, OTHER, ENROL).await;
    let told = result(&world, LATE_HIT).await;
    let mut offices: Vec<&str> =
        told["deliveries"].as_array().unwrap().iter().map(|one| one["office"].as_str().unwrap()).collect();
    offices.sort_unstable();
    assert_eq!(offices, [PRISON, STATION], "{told}");
    let xml = next(&world.police, &format!("office={STATION}")).await["data"].as_str().unwrap().to_owned();
    assert!(xml.contains("<RESULT_TYPE_CD>4</RESULT_TYPE_CD>"), "{xml}");
    let item = next(&jail, "").await;
    assert_eq!(item["data"]["resultType"], "LATE_HIT", "{item}");
    assert_eq!(item["data"]["nfn"], "0712345678");
    assert_eq!(item["data"]["matchedSearches"][1]["searchNo"], "DL01-2026-0009", "which of its searches it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_transaction_is_refused_with_the_number_of_its_field() {
    let world = World::new(|_| {}).await;
    let text = |from: &str, to: &str| renamed(ENROL, from, to);
    let last = [&ENROL[..ENROL.len() - 1], b"\0".as_slice()].concat();
    for (name, bytes, pointer) in [
        ("a separator that became a letter", text("\u{1d}2.018:", "x2.018:"), "2.018"),
        ("a record too few in the content list", text("1\u{1f}5\u{1e}2", "1\u{1f}4\u{1e}2"), "1.003"),
        ("a length that leads elsewhere", text("14.001:", "14.001;"), "14.001"),
        ("no end", last, "14.001"),
        ("cut in the midst of an image", ENROL[..700].to_vec(), "4.001"),
        ("cut after two records", ENROL[..250].to_vec(), "2.001"),
        ("nothing", Vec::new(), "1.001"),
    ] {
        let answer = send(&world.police, "fingerprint-search", STATION, &bytes).await;
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 400, "{name}: {told}");
        assert_eq!(answer.code(), "malformed-nist", "{name}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{name}: {told}");
    }
    // Well-formed, and not what the kind needs: the place is a field too.
    let answer =
        send(&world.police, "fingerprint-search", STATION, &text("\u{1e}Raju\u{1d}", "\u{1f}Raju\u{1d}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "schema-invalid"));
    assert_eq!(answer.json()["errors"][0]["pointer"], "2.019");
    assert!(world.bureau.seen().is_empty(), "nothing of it went on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sharing_line_would_cut_does_not_go_at_all() {
    let world = World::new(|folder| {
        let shipped = include_str!("../../config/sharing.toml");
        let line = "kind = \"fingerprint-search\"\nto = \"fingerprints\"\ngive = \"whole\"";
        assert!(shipped.contains(line));
        let cut = format!("{line}\nwithhold = [\"subject.person.physical\"]");
        folder.file("config/sharing.toml", &shipped.replace(line, &cut));
    })
    .await;
    let refused = search(&world.police, STATION, ENROL).await;
    search(&world.police, STATION, LATENT).await;
    world.arrived(1).await;
    assert_eq!(world.bureau.seen()[0].body, LATENT, "what holds nothing of that goes");
    let id = refused["id"].as_str().unwrap();
    for _ in 0..200 {
        let message = world.police.message(id).await;
        if message["deliveries"][0]["state"] == "parked" {
            assert_eq!(message["deliveries"][0]["reason"], "not-permitted", "{message}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it was never parked: {}", world.police.message(id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prints_of_a_child_and_of_a_victim_do_not_go_to_the_fingerprint_system() {
    let world = World::new(|_| {}).await;
    for (field, code, number) in
        [("2.902:", "child-never-to-nafis", "DL2026-000901"), ("2.903:", "victim-never-to-nafis", "DL2026-000902")]
    {
        let marked = renamed(ENROL, &format!("{field}N"), &format!("{field}Y"));
        let told = search(&world.police, STATION, &renamed(&marked, "DL2026-000123", number)).await;
        assert_eq!(
            (&told["deliveries"][0]["state"], &told["deliveries"][0]["reason"]),
            (&"parked".into(), &code.into())
        );
    }
    // Later ones of the case wait for a person to look at it; others do not.
    search(&world.client("jail").await, PRISON, ADMISSION).await;
    assert_eq!(world.arrived(1).await[0].body, ADMISSION);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_may_be_larger_than_other_records_up_to_their_own_limit() {
    let world = World::new(|_| {}).await;
    let large = with_image(6 << 20);
    search(&world.police, STATION, &large).await;
    assert!(world.arrived(1).await[0].body == large);
    let answer = send(&world.police, "fingerprint-search", STATION, &with_image(33 << 20)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "too-large"));
}

/// A transaction with one image of so many bytes.
fn with_image(size: usize) -> Vec<u8> {
    let end = ENROL.iter().position(|byte| *byte == 0x1C).unwrap() + 1;
    let head = String::from_utf8(ENROL[..end].to_vec()).unwrap();
    let (listed, rest) = head.split_once("1.003:").unwrap();
    let after = &rest[rest.find('\u{1d}').unwrap()..];
    let (_, version) = listed.split_once('\u{1d}').unwrap();
    let body = format!("\u{1d}{version}1.003:1\u{1f}1\u{1e}4\u{1f}01{after}");
    let length = "1.001:".len() + 3 + body.len();
    let image: Vec<u8> = (0..size).map(|n| (n * 31 / 8).to_be_bytes()[7]).collect();
    let four = u32::try_from(18 + size).unwrap().to_be_bytes();
    let binary = [1, 3, 1, 255, 255, 255, 255, 255, 1, 3, 32, 3, 32, 1];
    [format!("1.001:{length}").as_bytes(), body.as_bytes(), &four, &binary, &image].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_courts_order_to_destroy_what_is_kept_reaches_the_fingerprint_system_without_the_case() {
    let world = World::new(|_| {}).await;
    let court = world.client("court").await;
    let order = serde_json::json!({
        "event_no": "ORD-D-1", "court_office": "DLCT01", "occurred_at": "28-10-2026 10:00:00", "cino": "DLCT010001232026",
        "interim_order": {"order_no": "CC/123/2026", "order_date": "28-10-2026", "order_type": "O53"},
        "persons": [{"serial": 1, "name": "Imran", "nfn": "0712345678"}],
    });
    let told = court.accepted("court-order", "", &order).await;
    let deliveries = told["deliveries"].as_array().unwrap();
    assert!(deliveries.iter().any(|one| one["office"] == BUREAU), "{told}");
    let push = world.arrived(1).await.remove(0);
    let body = push.json();
    assert_eq!((&body["orderType"], &body["persons"][0]["nfn"]), (&"DESTROY".into(), &"0712345678".into()), "{body}");
}
