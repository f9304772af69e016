//! No withheld value in any byte that leaves. Every kind's published example is filled by its schema until every field holds
//! a text of its own; it goes to a system of every pillar, in the shared form and in the pillar's own format; then all that each
//! of them gets (pushes, feed pages, headers, files, what it may ask, refusals, previews) and the gateway's log are searched for
//! what `config/sharing.toml` withholds from it, as `oracle` reads those lines by itself.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icjs::config::Revision;
use icjs::schema::path::{properties, property};
use serde_json::{Map, Value, json};

use super::harness::{Client, Folder, Gateway, Party, Receiver};

mod hunt;
mod oracle;
use oracle::Oracle;

/// A pillar: its name, an office, and the adapters of its own formats.
type Pillar = (&'static str, &'static str, &'static [&'static str]);
const PILLARS: [Pillar; 9] = [
    ("police", "ps:38199001", &["cctns", "icops"]),
    ("courts", "court:DLCT09", &["ecourts"]),
    ("prisons", "prison:DL09", &["eprisons"]),
    ("forensics", "lab:DL09", &["eforensics"]),
    ("prosecution", "pp:DLCT09", &["eprosecution"]),
    ("fingerprints", "nafis:DL09", &["nafis"]),
    ("agency", "agency:CBI", &[]),
    ("jjb", "jjb:DL09", &[]),
    ("child-home", "home:DL09", &[]),
];

/// Sensitivities of the files of every record; the first is no secret.
const FILES: [&str; 4] = ["none", "victim", "medical", "privileged"];

/// A record with texts of its own, and where each stands.
struct Laid {
    kind: String,
    /// Of all fields, not only of those of the example.
    all: bool,
    record: Value,
    /// By text: the field, and every class that it and what it lies in have, each with the place that has it.
    texts: BTreeMap<String, Field>,
    files: Vec<String>,
}

struct Field {
    path: String,
    classes: Vec<(String, String)>,
    /// Of a file: its sensitivity.
    file: Option<&'static str>,
}

/// Gives texts that stand nowhere else.
#[derive(Default)]
struct Mint(usize);

impl Mint {
    fn text(&mut self) -> String {
        self.0 += 1;
        format!("Q{:05}X", self.0)
    }
}

/// Fills what the example leaves open, and puts a text of its own into every field that takes one.
struct Fill<'m> {
    mint: &'m mut Mint,
    texts: BTreeMap<String, Field>,
    /// Also fields that the example does not have.
    all: bool,
}

impl Fill<'_> {
    fn value(&mut self, schema: &Value, base: Option<&Value>, path: &str, above: &[(String, String)]) -> Option<Value> {
        let mut classes = above.to_vec();
        let class = schema.get("x-sensitivity").and_then(Value::as_str);
        classes.extend(class.map(|class| (class.to_owned(), path.to_owned())));
        if let Some(items) = schema.get("items") {
            let path = format!("{path}[]");
            let given = base.and_then(Value::as_array).cloned().unwrap_or_default();
            let mut made: Vec<Value> =
                given.iter().filter_map(|item| self.value(items, Some(item), &path, &classes)).collect();
            if given.is_empty() && self.all {
                made.extend(self.value(items, None, &path, &classes));
            }
            return Some(Value::Array(made));
        }
        let names = properties(schema);
        if names.is_empty() {
            return self.leaf(schema, base, path, classes);
        }
        let mut object = Map::new();
        for name in names {
            // Case numbers and addresses are what a record is known by; files and extensions are added by hand.
            if path.is_empty() && ["office", "to", "case", "attachments", "extensions"].contains(&name) {
                continue;
            }
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let given = base.and_then(|base| base.get(name));
            if given.is_some() || self.all {
                let part = property(schema, name)?;
                object.extend(self.value(part, given, &below, &classes).map(|value| (name.to_owned(), value)));
            }
        }
        Some(Value::Object(object))
    }

    fn leaf(
        &mut self,
        schema: &Value,
        base: Option<&Value>,
        path: &str,
        classes: Vec<(String, String)>,
    ) -> Option<Value> {
        let bound = |key: &str| schema.get(key).is_some();
        let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(0);
        let kind = icjs::schema::path::type_of(schema);
        if kind == "string" && !bound("pattern") && !bound("format") && !bound("enum") && !bound("const") && most >= 7 {
            // A code is what a format is chosen by: only its label and its spelling are anybody's.
            if path.ends_with(".code") {
                return base.cloned().or(Some(Value::Null));
            }
            let text = self.mint.text();
            self.texts.insert(text.clone(), Field { path: path.to_owned(), classes, file: None });
            return Some(Value::String(text));
        }
        base.cloned().or_else(|| match (kind, schema.get("format").and_then(Value::as_str)) {
            ("boolean", _) => Some(json!(false)),
            ("integer" | "number", _) => Some(json!(40)),
            (_, Some("date")) => Some(json!("1980-01-01")),
            (_, Some("date-time")) => Some(json!("2026-09-30T10:00:00+05:30")),
            _ => None,
        })
    }
}

/// Puts the example's own value, or nothing, where something is that the schema refuses.
fn mend(record: &mut Value, base: &Value, pointer: &str) {
    if let (Some(here), Some(there)) = (record.pointer_mut(pointer), base.pointer(pointer))
        && here != there
    {
        *here = there.clone();
        return;
    }
    let Some((above, _)) = pointer.rsplit_once('/') else { return };
    if record.pointer(pointer).is_none() && !above.is_empty() {
        // What lacks something that it must have goes with it.
        return match base.pointer(above) {
            Some(there) => *record.pointer_mut(above).unwrap() = there.clone(),
            None => remove(record, above),
        };
    }
    remove(record, pointer);
}

fn remove(record: &mut Value, pointer: &str) {
    let Some((above, last)) = pointer.rsplit_once('/') else { return };
    match record.pointer_mut(above) {
        Some(Value::Object(fields)) => {
            fields.shift_remove(last);
        }
        Some(Value::Array(items)) => items.clear(),
        _ => {}
    }
}

/// One example made ready: of all fields, or only of those that it has.
fn lay(revision: &Revision, kind: &str, all: bool, mint: &mut Mint, offices: &[&str]) -> Laid {
    let path = format!("{}/schemas/examples/{kind}-1.json", env!("CARGO_MANIFEST_DIR"));
    let mut base: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let schema = &revision.kinds[kind].schema;
    if !all && kind == "court-order" {
        // A process desk gets its file inside the document; with all fields there is a child, and no file goes anywhere.
        base["order"]["kind"] = json!({"code": "summons"});
        base["persons"][0]["summons"] = json!({"process": "PDLCT010001232026_13_2"});
    }
    let mut fill = Fill { mint, texts: BTreeMap::new(), all };
    let mut record = fill.value(&schema.resolved(), Some(&base), "", &[]).unwrap();
    let mut texts = std::mem::take(&mut fill.texts);
    record["office"] = base.get("office").cloned().unwrap_or_else(|| json!(STATION));
    if let Some(case) = base.get("case") {
        record["case"] = case.clone();
    }
    record["to"] = json!(offices);
    record["attachments"] = json!([]);
    let mut files = Vec::new();
    for (nth, class) in FILES.into_iter().enumerate() {
        let (name, body) = (mint.text(), mint.text());
        let sensitive = json!({"sha256": digest(&body), "size": body.len(), "media_type": "application/pdf", "name": name,
            "role": format!("paper-{nth}"), "sensitivity": class});
        record["attachments"].as_array_mut().unwrap().push(sensitive);
        for text in [name, body.clone()] {
            texts.insert(text, Field { path: "attachments[]".to_owned(), classes: Vec::new(), file: Some(class) });
        }
        files.push(body);
    }
    let beyond = mint.text();
    record["extensions"] = json!({"shared": {"beyond": beyond}});
    texts.insert(beyond, Field { path: "extensions.shared.beyond".to_owned(), classes: Vec::new(), file: None });
    for _ in 0..40 {
        let wrong = schema.violations(&record);
        if wrong.is_empty() {
            break;
        }
        wrong.iter().for_each(|wrong| mend(&mut record, &base, &wrong.pointer));
    }
    assert_eq!(schema.violations(&record), [], "{kind}: {record:#}");
    Laid { kind: kind.to_owned(), all, record, texts, files }
}

/// Who takes part: one who sends, and of each pillar one that pulls the shared form and one that is pushed its own format.
struct Stage {
    folder: Folder,
    gateway: Gateway,
    inboxes: Vec<(&'static str, Receiver)>,
}

const STATION: &str = "ps:38101001";

fn scheme(office: &str) -> &str {
    office.split(':').next().unwrap()
}

/// The office of each system of a pillar that is pushed its own format, and its adapter.
fn natives(office: &str, adapters: &'static [&'static str]) -> impl Iterator<Item = (String, &'static str)> {
    adapters.iter().enumerate().map(move |(nth, adapter)| (format!("{office}{}", 9 - nth), *adapter))
}

fn pushed(pillar: &str, adapter: &str) -> String {
    format!("{pillar}-pushed-{adapter}")
}

/// The system that sends for an office.
fn source_of(office: &str) -> String {
    format!("source-{}", scheme(office))
}

impl Stage {
    async fn of(kinds: &[String], senders: &[String], oracle: &Oracle) -> Self {
        let mut inboxes = Vec::new();
        let mut parties = Vec::new();
        for (pillar, office, adapters) in PILLARS {
            let own: Vec<&str> =
                senders.iter().map(String::as_str).filter(|sender| scheme(sender) == scheme(office)).collect();
            let all: Vec<&str> = kinds.iter().map(String::as_str).collect();
            if !own.is_empty() {
                parties.push(Party::pulling(&source_of(office), pillar, &own).speaking("shared", &all, &[]));
            }
            let given: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| oracle.gives(kind, pillar)).collect();
            let name = format!("{pillar}-pulls");
            parties.push(Party::pulling(&name, pillar, &[office]).speaking("shared", &given, &given));
            for (native, adapter) in natives(office, adapters) {
                let spoken = oracle::received(adapter);
                let given: Vec<&str> = given.iter().copied().filter(|kind| spoken.contains(*kind)).collect();
                let inbox = Receiver::friendly().await;
                let party = Party::pushed(&pushed(pillar, adapter), pillar, &[&native], &inbox.url());
                parties.push(party.speaking(adapter, &[], &given));
                inboxes.push((pillar, inbox));
            }
        }
        let folder = Folder::shipped(&parties);
        folder.file("config/routes.toml", &oracle.routes());
        let gateway = Gateway::start(&folder).await;
        Self { folder, gateway, inboxes }
    }

    /// The offices that a kind may be addressed to.
    fn offices(kind: &str, oracle: &Oracle) -> Vec<String> {
        let there = PILLARS.iter().filter(|(pillar, ..)| oracle.gives(kind, pillar));
        there
            .flat_map(|(_, office, adapters)| {
                let native = natives(office, adapters).filter(|(_, adapter)| oracle::received(adapter).contains(kind));
                [(*office).to_owned()].into_iter().chain(native.map(|(office, _)| office))
            })
            .collect()
    }
}

/// All bytes of an answer, its headers among them.
fn bytes(answer: &super::harness::http::Answer) -> String {
    format!("{:?}\n{}\n", answer.headers, String::from_utf8_lossy(&answer.body))
}

/// All that a pillar's system gets when it reads its feed of so many items and asks what it may ask about its records and one
/// that it was not sent.
async fn asked(client: &Client, messages: &[&(String, Laid)], due: usize) -> String {
    let (mut all, mut came) = (String::new(), 0);
    let mut after = String::new();
    while came < due {
        let page = client.feed(&format!("limit=50&wait=30{after}")).await.unwrap().expect(200);
        all += &bytes(&page);
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        let Some(last) = items.last() else { break };
        came += items.len();
        after = format!("&after={}", last["icjscursor"].as_str().unwrap());
    }
    for (id, laid) in messages.iter().filter(|(_, laid)| laid.all) {
        all += &bytes(&client.get(&format!("/v1/messages/{id}")).await.unwrap());
        for body in &laid.files {
            all += &bytes(&client.get(&format!("/v1/attachments/{}", digest(body))).await.unwrap());
        }
        // What is refused is said without a word of the record that it would replace.
        let headers = [("icjs-action", "correct"), ("icjs-replaces", id.as_str()), ("icjs-reason", "looking")];
        all += &bytes(&client.submit(&laid.kind, id, &headers, b"{}").await.unwrap());
    }
    all += &bytes(&client.get("/v1/messages?limit=100").await.unwrap());
    for case in ["fir/38101004-2026-45", "cnr/DLCT010001232026"] {
        all += &bytes(&client.get(&format!("/v1/cases/{case}?purpose=hearing&ground=BNSS%20s.193")).await.unwrap());
    }
    let wrong = json!([{"id": "01a2ea45-0000-7000-8000-000000000000", "outcome": "accepted"}]);
    all + &bytes(&client.answer(wrong).await.unwrap())
}

fn digest(body: &str) -> String {
    icjs::seal::hex(&icjs::seal::sha256(body.as_bytes()))
}

/// Every text that a mint may have made and that stands in these bytes.
fn told(got: &str) -> BTreeSet<&str> {
    let made =
        |at: &usize| got.get(*at..at + 7).is_some_and(|text| text.ends_with('X') && text[1..6].parse::<u32>().is_ok());
    got.match_indices('Q').map(|(at, _)| at).filter(made).map(|at| &got[at..at + 7]).collect()
}

/// What stands in these bytes as base64: files inside a document, records of other formats.
fn inside(got: &str) -> String {
    let encoded = got.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))).filter(|run| run.len() >= 12);
    let decoded = encoded.filter_map(|run| STANDARD.decode(run).ok());
    decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Which of a record's withheld texts stand in what a pillar got.
fn leaks(oracle: &Oracle, pillar: &str, messages: &[(String, Laid)], got: &str, how: &str) -> Vec<String> {
    let got = format!("{got}\n{}", inside(got));
    let (mut found, told) = (Vec::new(), told(&got));
    for (_, laid) in messages {
        let withheld = laid.texts.iter().filter(|(_, field)| match field.file {
            Some(class) => oracle.withholds_file(&laid.kind, pillar, class),
            None => oracle.withholds(&laid.kind, pillar, &field.path, &field.classes),
        });
        for (_, field) in withheld.filter(|(text, _)| told.contains(text.as_str())) {
            found.push(format!("{} to {pillar} ({how}): `{}` {:?}", laid.kind, field.path, field.classes));
        }
    }
    found
}

/// Sends one record with its files; what it would look like to each receiver, by system.
async fn send(stage: &Stage, laid: &Laid) -> (String, BTreeMap<String, String>) {
    let office = laid.record["office"].as_str().unwrap();
    let source = Client::connect(&stage.folder, stage.gateway.exchange, &source_of(office)).await;
    for body in &laid.files {
        let headers = [("content-type", "application/octet-stream")];
        let put =
            source.call("PUT", &format!("/v1/attachments/{}", digest(body)), &headers, body.as_bytes()).await.unwrap();
        put.expect(201);
    }
    let text = laid.record.to_string();
    let headers = [("content-type", "application/json"), ("icjs-office", office)];
    let target = format!("/v1/validate/{}", laid.kind);
    let preview = source.call("POST", &target, &headers, text.as_bytes()).await.unwrap().expect(200).json();
    let mut shown = BTreeMap::new();
    for delivery in preview["deliveries"].as_array().unwrap() {
        let system = delivery["system"].as_str().unwrap().to_owned();
        shown.insert(system, delivery.to_string());
    }
    let headers = [("icjs-office", office)];
    let accepted =
        source.submit(&laid.kind, &laid.files[0], &headers, text.as_bytes()).await.unwrap().expect(202).json();
    (accepted["id"].as_str().unwrap().to_owned(), shown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_withheld_value_is_in_any_byte_that_leaves() {
    let revision = Revision::compile(1, icjs::config::Folder::default()).unwrap();
    let oracle = Oracle::read();
    let kinds: Vec<String> = revision.kinds.keys().cloned().collect();
    let mut mint = Mint::default();
    let mut laid = Vec::new();
    for kind in &kinds {
        let offices = Stage::offices(kind, &oracle);
        let offices: Vec<&str> = offices.iter().map(String::as_str).collect();
        laid.extend([true, false].map(|all| lay(&revision, kind, all, &mut mint, &offices)));
    }
    let senders: BTreeSet<String> =
        laid.iter().filter_map(|laid| laid.record["office"].as_str()).map(str::to_owned).collect();
    let stage = Stage::of(&kinds, &senders.into_iter().collect::<Vec<_>>(), &oracle).await;
    let (mut messages, mut previews) = (Vec::new(), BTreeMap::<String, String>::new());
    for laid in laid {
        let (id, shown) = send(&stage, &laid).await;
        shown.into_iter().for_each(|(system, text)| previews.entry(system).or_default().push_str(&text));
        messages.push((id, laid));
    }
    let mut found = Vec::new();
    let log = std::fs::read_to_string(stage.folder.path("gateway.log")).unwrap();
    found.extend(told(&log).iter().map(|text| format!("`{text}` in the log")));
    let mut seen = BTreeMap::new();
    for (pillar, _, adapters) in PILLARS {
        let system = format!("{pillar}-pulls");
        let client = Client::connect(&stage.folder, stage.gateway.exchange, &system).await;
        let given = |laid: &Laid| oracle.gives(&laid.kind, pillar);
        let due = messages.iter().filter(|(_, laid)| given(laid)).count();
        let other = messages.iter().find(|(_, laid)| !given(laid));
        let about: Vec<_> = messages.iter().filter(|(_, laid)| given(laid)).chain(other).collect();
        let got = asked(&client, &about, due).await;
        found.extend(leaks(&oracle, pillar, &messages, &got, "feed and questions"));
        let came = told(&got);
        for kind in kinds.iter().filter(|kind| oracle.gives(kind, pillar)) {
            let of = messages.iter().filter(|(_, laid)| laid.kind == *kind);
            let texts = of.flat_map(|(_, laid)| laid.texts.keys()).filter(|text| came.contains(text.as_str()));
            seen.insert(format!("{kind} to {pillar}"), texts.count());
        }
        let natives = adapters.iter().map(|adapter| pushed(pillar, adapter));
        for system in natives.chain([format!("{pillar}-pulls")]) {
            let shown = previews.get(&system).map_or("", String::as_str);
            found.extend(leaks(&oracle, pillar, &messages, shown, "preview"));
        }
    }
    let (mut pushes, mut within) = (0, 0);
    for (pillar, inbox) in &stage.inboxes {
        let book = inbox.seen();
        pushes += book.len();
        let got: String =
            book.iter().map(|push| format!("{:?}\n{}\n", push.headers, String::from_utf8_lossy(&push.body))).collect();
        within += told(&inside(&got)).len();
        found.extend(leaks(&oracle, pillar, &messages, &got, "push"));
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    // Nothing is proved by what never came.
    let silent: Vec<&String> = seen.iter().filter(|(_, seen)| **seen == 0).map(|(pair, _)| pair).collect();
    assert!(silent.is_empty() && pushes >= 20, "nothing arrived of {silent:?}; {pushes} pushes");
    assert!(within > 0, "no file came inside a document");
    let secret: usize = messages.iter().map(|(_, laid)| laid.texts.len()).sum();
    assert!(secret > 2000, "{secret} texts");
}
