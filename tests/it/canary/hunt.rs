//! The hunt: ten thousand cases (a few dozen in a short run), with a text of its own in every field, file and file name of
//! each, in Latin, Devanagari and Tamil letters. Then every byte that leaves is searched: feeds, pushes, previews, refusals,
//! what people of the centre are shown, logs, metrics, the store's files and a backup. Found where a sharing line does not give it
//! is a failure; so is a text found in what is kept. A text says of which record and field it is, so nothing is looked up.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icjs::config::Revision;
use serde_json::{Value, json};

use super::{Client, Gateway, Laid, Mint, Oracle, PILLARS, Stage, bytes, digest, lay, pushed, source_of};
use crate::faults::report;
use crate::harness::http::request;

/// What begins a text of a script, what it is counted with, and what ends it.
struct Script {
    begin: char,
    letters: [char; 32],
    end: char,
}

/// Letters of one code point that stay what they are under normalisation, and that no format takes for its own.
const SCRIPTS: [Script; 3] = [
    Script {
        begin: 'ß',
        letters: [
            'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'R', 'S', 'T', 'U', 'V',
            'W', 'Y', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i',
        ],
        end: 'þ',
    },
    Script {
        begin: 'ॐ',
        letters: [
            'क', 'ख', 'ग', 'घ', 'ङ', 'च', 'छ', 'ज', 'झ', 'ञ', 'ट', 'ठ', 'ड', 'ढ', 'ण', 'त', 'थ', 'द', 'ध', 'न', 'प',
            'फ', 'ब', 'भ', 'म', 'य', 'र', 'ल', 'ळ', 'व', 'श', 'ष',
        ],
        end: 'ऽ',
    },
    Script {
        begin: 'ஃ',
        letters: [
            'க', 'ங', 'ச', 'ஜ', 'ஞ', 'ட', 'ண', 'த', 'ந', 'ன', 'ப', 'ம', 'ய', 'ர', 'ற', 'ல', 'ள', 'ழ', 'வ', 'ஷ', 'ஸ',
            'ஹ', 'அ', 'ஆ', 'இ', 'ஈ', 'உ', 'ஊ', 'எ', 'ஏ', 'ஐ', 'ஒ',
        ],
        end: 'ௐ',
    },
];
/// Letters of a text between its ends.
const LETTERS: usize = 5;
/// Fields of one record at most.
const FIELDS: u32 = 1 << 11;

/// The text of one field of one record.
fn text(record: u32, field: u32) -> String {
    let script = &SCRIPTS[record as usize % SCRIPTS.len()];
    let number = record * FIELDS + field;
    let letter = |place: usize| script.letters[(number >> (5 * place)) as usize & 31];
    [script.begin].into_iter().chain((0..LETTERS).map(letter)).chain([script.end]).collect()
}

/// Every text in these characters, as record and field.
fn texts(got: &str) -> BTreeSet<(u32, u32)> {
    let mut found = BTreeSet::new();
    for script in &SCRIPTS {
        for (at, _) in got.match_indices(script.begin) {
            let mut after = got[at..].chars().skip(1);
            let digit = |letter| script.letters.iter().position(|known| *known == letter);
            let digits: Option<Vec<usize>> = after.by_ref().take(LETTERS).map(digit).collect();
            let Some(digits) = digits.filter(|digits| digits.len() == LETTERS) else { continue };
            if after.next() == Some(script.end) {
                let number = digits.iter().rev().fold(0, |number, digit| number << 5 | u32::try_from(*digit).unwrap());
                found.insert((number / FIELDS, number % FIELDS));
            }
        }
    }
    found
}

/// The same in bytes of any kind, and in what they spell: JSON's and XML's numbers of characters, percent signs, base64.
fn anywhere(bytes: &[u8]) -> BTreeSet<(u32, u32)> {
    let plain = String::from_utf8_lossy(bytes);
    let mut found = texts(&plain);
    found.extend(texts(&String::from_utf8_lossy(&percent_encoding::percent_decode(bytes).collect::<Vec<u8>>())));
    let runs = plain.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c))).filter(|run| run.len() >= 16);
    found
        .extend(runs.filter_map(|run| STANDARD.decode(run).ok()).flat_map(|run| texts(&String::from_utf8_lossy(&run))));
    for (begin, end, radix) in [("\\u", None, 16), ("&#x", Some(';'), 16), ("&#", Some(';'), 10)] {
        if plain.contains(begin) {
            found.extend(texts(&spelled(&plain, begin, end, radix)));
        }
    }
    found
}

/// A text with its characters in the place of their numbers.
fn spelled(text: &str, begin: &str, end: Option<char>, radix: u32) -> String {
    let mut parts = text.split(begin);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let length = end.map_or(Some(4), |end| part.find(end));
        let number =
            length.and_then(|length| part.get(..length)).and_then(|digits| u32::from_str_radix(digits, radix).ok());
        match number.and_then(char::from_u32) {
            Some(letter) => {
                plain.push(letter);
                plain.push_str(&part[length.unwrap() + end.map_or(0, char::len_utf8)..]);
            }
            None => {
                plain.push_str(begin);
                plain.push_str(part);
            }
        }
    }
    plain
}

/// One kind's record, whose texts are put anew for each case, and which of them each pillar may not have.
struct Template {
    laid: Laid,
    /// Texts of the template, in the order of their fields' numbers.
    fields: Vec<String>,
    /// By pillar, as `PILLARS` has them: whether a field is withheld.
    withheld: Vec<Vec<bool>>,
    /// By pillar: whether it gets the kind at all.
    given: Vec<bool>,
    /// Of which somebody could be known.
    personal: Vec<bool>,
}

impl Template {
    fn new(laid: Laid, oracle: &Oracle) -> Self {
        let withheld = PILLARS.iter().map(|(pillar, ..)| {
            let hidden = |field: &super::Field| match field.file {
                Some(class) => oracle.withholds_file(&laid.kind, pillar, class),
                None => oracle.withholds(&laid.kind, pillar, &field.path, &field.classes),
            };
            laid.texts.values().map(|field| !oracle.gives(&laid.kind, pillar) || hidden(field)).collect()
        });
        let withheld = withheld.collect();
        let of_somebody =
            |field: &super::Field| !field.classes.is_empty() || field.file.is_some_and(|class| class != "none");
        let personal = laid.texts.values().map(of_somebody).collect();
        let fields: Vec<String> = laid.texts.keys().cloned().collect();
        assert!(fields.len() < FIELDS as usize, "{}: {} fields", laid.kind, fields.len());
        let given = PILLARS.iter().map(|(pillar, ..)| oracle.gives(&laid.kind, pillar)).collect();
        Self { laid, fields, withheld, given, personal }
    }

    /// The record of a case of its own, and its files.
    fn of(&self, record: u32) -> (Value, Vec<String>) {
        let mut made = self.laid.record.clone();
        self.put(&mut made, record);
        let fresh = |old: &String| self.fresh(old, record).unwrap_or_else(|| old.clone());
        let files: Vec<String> = self.laid.files.iter().map(fresh).collect();
        for (nth, body) in files.iter().enumerate() {
            made["attachments"][nth]["sha256"] = json!(digest(body));
            made["attachments"][nth]["size"] = json!(body.len());
        }
        if made["case"]["fir"]["serial"].is_u64() {
            made["case"]["fir"]["serial"] = json!(record + 1);
        }
        if made["case"]["cnr"]["value"].is_string() {
            made["case"]["cnr"]["value"] = json!(format!("DLCT01{:06}2026", record + 1));
        }
        // What it is known by is no secret, and stands in the store's index.
        if made["event"]["number"].is_string() {
            made["event"]["number"] = json!(format!("EV-{record}"));
        }
        (made, files)
    }

    fn path(&self, field: usize) -> &str {
        &self.laid.texts[&self.fields[field]].path
    }

    fn fresh(&self, old: &str, record: u32) -> Option<String> {
        let field = self.fields.binary_search_by(|known| known.as_str().cmp(old)).ok()?;
        Some(text(record, u32::try_from(field).unwrap()))
    }

    fn put(&self, value: &mut Value, record: u32) {
        match value {
            Value::String(old) => {
                if let Some(new) = self.fresh(old, record) {
                    *old = new;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.put(item, record)),
            Value::Object(members) => members.values_mut().for_each(|member| self.put(member, record)),
            _ => {}
        }
    }
}

/// All that was sent, and what was found where it must not be.
struct Hunt {
    stage: Stage,
    templates: Vec<Template>,
    cases: u32,
}

impl Hunt {
    fn template(&self, record: u32) -> &Template {
        &self.templates[record as usize % self.templates.len()]
    }

    /// Which texts that a pillar may not have stand in what it got.
    fn leaks(&self, pillar: usize, got: &BTreeSet<(u32, u32)>, how: &str) -> Vec<String> {
        let hidden = |(record, field): &&(u32, u32)| self.template(*record).withheld[pillar][*field as usize];
        let (name, ..) = PILLARS[pillar];
        got.iter()
            .filter(|one| *record_of(one) < self.cases)
            .filter(hidden)
            .map(|one| self.named(*one, &format!("{how} of {name}")))
            .collect()
    }

    /// Texts where there may be none, but for those that `except` lets be.
    fn none(&self, got: &BTreeSet<(u32, u32)>, place: &str, except: fn(&Template, usize) -> bool) -> Vec<String> {
        let counts = |(record, field): &&(u32, u32)| !except(self.template(*record), *field as usize);
        got.iter()
            .filter(|one| *record_of(one) < self.cases)
            .filter(counts)
            .map(|one| self.named(*one, place))
            .collect()
    }

    fn named(&self, (record, field): (u32, u32), place: &str) -> String {
        let template = self.template(record);
        let known = &template.laid.texts[&template.fields[field as usize]];
        format!("{}: `{}` {:?} in {place}", template.laid.kind, known.path, known.classes)
    }

    /// Sends one case; what its sender is shown of what others would get, and how its mistakes are refused.
    async fn send(&self, record: u32) -> (String, Vec<(String, String)>, String) {
        let template = self.template(record);
        let (made, files) = template.of(record);
        let office = made["office"].as_str().unwrap();
        let source = Client::connect(&self.stage.folder, self.stage.gateway.exchange, &source_of(office)).await;
        for body in &files {
            let kind = [("content-type", "application/octet-stream")];
            source
                .call("PUT", &format!("/v1/attachments/{}", digest(body)), &kind, body.as_bytes())
                .await
                .unwrap()
                .expect(201);
        }
        let sent = made.to_string();
        let headers = [("content-type", "application/json"), ("icjs-office", office)];
        let (mut shown, mut refused) = (Vec::new(), String::new());
        if record.is_multiple_of(LOOKED_AT) {
            let target = format!("/v1/validate/{}", template.laid.kind);
            let preview = source.call("POST", &target, &headers, sent.as_bytes()).await.unwrap().expect(200).json();
            let one = |delivery: &Value| (delivery["system"].as_str().unwrap().to_owned(), delivery.to_string());
            shown.extend(preview["deliveries"].as_array().unwrap().iter().map(one));
            for wrong in wronged(&sent) {
                let answer = source.call("POST", &target, &headers, wrong.as_bytes()).await.unwrap();
                assert!((400..500).contains(&answer.status), "{}", answer.text());
                refused += &bytes(&answer);
            }
        }
        let key = format!("hunt-{record}");
        let answer =
            source.submit(&template.laid.kind, &key, &[("icjs-office", office)], sent.as_bytes()).await.unwrap();
        (answer.expect(202).json()["id"].as_str().unwrap().to_owned(), shown, refused)
    }
}

/// No exception.
fn nothing(_: &Template, _: usize) -> bool {
    false
}

fn record_of(one: &(u32, u32)) -> &u32 {
    &one.0
}

/// Numbers of cases: a record is found by them, so they stand in the store's index as they are (docs/security.md).
const CASE_NUMBERS: [&str; 4] =
    ["cases[].fir.station", "cases[].ptn.value", "cases[].filing.number", "cases[].filing.establishment"];

/// Each so many-th case is asked about by everybody, previewed and sent with mistakes.
const LOOKED_AT: u32 = 20;

/// The same record with mistakes: of form, of shape, of kind, and with a member twice.
fn wronged(sent: &str) -> [String; 4] {
    let shapes: Value = serde_json::from_str(sent).unwrap();
    [
        sent[..sent.len() - 2].to_owned(),
        listed(&shapes).to_string(),
        sent.replacen('{', "{\"unheard-of\":\"of\",", 2),
        sent.replacen('{', "{\"office\":\"ps:1\",", 1),
    ]
}

/// Every text in a list of its own, which no schema takes.
fn listed(value: &Value) -> Value {
    match value {
        Value::String(_) => json!([value]),
        Value::Array(items) => items.iter().map(listed).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), listed(member))).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_text_is_found_however_it_is_spelled_and_says_whose_it_is() {
    for one in [(0, 0), (1, 1023), (2, 77), (9_999, 512), (10_001, 1)] {
        let canary = text(one.0, one.1);
        let numbers: String = canary.chars().map(|letter| format!("&#x{:x};", u32::from(letter))).collect();
        let escaped: String = canary.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
        let percent = percent_encoding::utf8_percent_encode(&canary, percent_encoding::NON_ALPHANUMERIC).to_string();
        let within = STANDARD.encode(format!("a file with {canary} in it"));
        for spelling in [canary, numbers, escaped, percent, within] {
            assert_eq!(anywhere(format!("before {spelling} after").as_bytes()), BTreeSet::from([one]), "{spelling}");
        }
    }
    assert_eq!(anywhere("ßABCþ ॐ ஃகஙசஜ ßABCDEf".as_bytes()), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_thousands_of_cases_no_withheld_text_is_in_any_byte_that_leaves_or_is_kept() {
    let cases = u32::try_from(report::either(105, 10_000)).unwrap();
    let hunt = Arc::new(prepared(cases).await);
    let mut found = Vec::new();
    let (ids, previews, refused) = sent(&hunt).await;
    found.extend(hunt.none(&anywhere(refused.as_bytes()), "a refusal", nothing));
    for (system, got) in previews {
        let pillar = PILLARS.iter().position(|(pillar, ..)| system.starts_with(&format!("{pillar}-pu"))).unwrap();
        found.extend(hunt.leaks(pillar, &anywhere(got.as_bytes()), "a preview for a system"));
    }
    let mut arrived = BTreeSet::new();
    for pillar in 0..PILLARS.len() {
        let got = pulled(&hunt, pillar, &ids).await;
        found.extend(hunt.leaks(pillar, &got, "what was asked for"));
        arrived.extend(got);
    }
    settled(&hunt.stage).await;
    let mut pushes = 0;
    for (name, inbox) in &hunt.stage.inboxes {
        let pillar = PILLARS.iter().position(|(pillar, ..)| pillar == name).unwrap();
        for push in inbox.seen() {
            pushes += 1;
            let got = [format!("{:?}", push.headers).as_bytes(), b"\n", &push.body].concat();
            let got = anywhere(&got);
            found.extend(hunt.leaks(pillar, &got, "a push"));
            arrived.extend(got);
        }
    }
    found.extend(kept(&hunt).await);
    found.sort();
    let all = found.len();
    found.dedup();
    assert!(found.is_empty(), "{all} times, {} fields:\n{}", found.len(), found.join("\n"));
    // Nothing is proved by what never came: of each kind in each script something did.
    let came: BTreeSet<(usize, usize)> = arrived
        .iter()
        .map(|(record, _)| (*record as usize % hunt.templates.len(), *record as usize % SCRIPTS.len()))
        .collect();
    assert_eq!(came.len(), hunt.templates.len() * SCRIPTS.len(), "{came:?}");
    let laid: usize = (0..cases).map(|record| hunt.template(record).fields.len()).sum();
    let said = format!(
        "{laid} texts in three scripts; {} of them were given where a sharing line gives them, in feeds and {pushes} pushes; \
         none of the others in anything that left, and none in logs, metrics, the store's files or a backup",
        arrived.len()
    );
    let test = "canary::hunt::of_thousands_of_cases_no_withheld_text_is_in_any_byte_that_leaves_or_is_kept";
    report::done(test, u64::from(cases), "cases", 0, &said);
}

async fn prepared(cases: u32) -> Hunt {
    let revision = Revision::compile(1, icjs::config::Folder::default()).unwrap();
    let oracle = Oracle::read();
    let kinds: Vec<String> = revision.kinds.keys().cloned().collect();
    let mut mint = Mint::default();
    let mut templates = Vec::new();
    for kind in &kinds {
        let offices = Stage::offices(kind, &oracle);
        let offices: Vec<&str> = offices.iter().map(String::as_str).collect();
        templates
            .extend([true, false].map(|all| Template::new(lay(&revision, kind, all, &mut mint, &offices), &oracle)));
    }
    // Every kind comes in every script: as many kinds as scripts would keep them together.
    if templates.len().is_multiple_of(SCRIPTS.len()) {
        templates.pop();
    }
    let senders: BTreeSet<String> =
        templates.iter().filter_map(|one| one.laid.record["office"].as_str()).map(str::to_owned).collect();
    let stage = Stage::of(&kinds, &senders.into_iter().collect::<Vec<_>>(), &oracle).await;
    Hunt { stage, templates, cases: cases.max(1) }
}

type Sent = (Vec<(u32, String)>, Vec<(String, String)>, String);

/// Sends all cases, several at once; ids of those that are looked at, previews by system, refusals.
async fn sent(hunt: &Arc<Hunt>) -> Sent {
    let next = Arc::new(AtomicU32::new(0));
    let hand = |hunt: Arc<Hunt>, next: Arc<AtomicU32>| async move {
        let mut all: Sent = Sent::default();
        loop {
            let record = next.fetch_add(1, Ordering::Relaxed);
            if record >= hunt.cases {
                return all;
            }
            let (id, shown, refused) = hunt.send(record).await;
            if record.is_multiple_of(LOOKED_AT) {
                all.0.push((record, id));
            }
            all.1.extend(shown);
            all.2 += &refused;
        }
    };
    let hands: Vec<_> = (0..6).map(|_| tokio::spawn(hand(Arc::clone(hunt), Arc::clone(&next)))).collect();
    let mut all = Sent::default();
    for hand in hands {
        let (ids, previews, refused) = hand.await.unwrap();
        all.0.extend(ids);
        all.1.extend(previews);
        all.2 += &refused;
    }
    all
}

/// All that a pillar's system gets: its whole feed, and answers to questions about records, its own and others'.
async fn pulled(hunt: &Hunt, pillar: usize, ids: &[(u32, String)]) -> BTreeSet<(u32, u32)> {
    let (name, ..) = PILLARS[pillar];
    let client = Client::connect(&hunt.stage.folder, hunt.stage.gateway.exchange, &format!("{name}-pulls")).await;
    let due = (0..hunt.cases).filter(|record| hunt.template(*record).given[pillar]).count();
    let (mut got, mut came, mut after) = (BTreeSet::new(), 0, String::new());
    while came < due {
        let page = client.feed(&format!("limit=200&wait=30{after}")).await.unwrap().expect(200);
        got.extend(anywhere(bytes(&page).as_bytes()));
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        let Some(last) = items.last() else { break };
        came += items.len();
        after = format!("&after={}", last["icjscursor"].as_str().unwrap());
    }
    assert!(came >= due, "{name} got {came} of {due}");
    for (record, id) in ids {
        let template = hunt.template(*record);
        let (made, files) = template.of(*record);
        let mut answers = bytes(&client.get(&format!("/v1/messages/{id}")).await.unwrap());
        for body in &files {
            answers += &bytes(&client.get(&format!("/v1/attachments/{}", digest(body))).await.unwrap());
        }
        let headers = [("icjs-action", "correct"), ("icjs-replaces", id.as_str()), ("icjs-reason", "looking")];
        answers += &bytes(&client.submit(&template.laid.kind, id, &headers, b"{}").await.unwrap());
        let why = "purpose=hearing&ground=BNSS%20s.193";
        let fir = &made["case"]["fir"];
        let numbers = [fir["station"].as_str(), Some(&fir["year"].to_string()), Some(&fir["serial"].to_string())];
        if let [Some(station), Some(year), Some(serial)] = numbers {
            answers += &bytes(&client.get(&format!("/v1/cases/fir/{station}-{year}-{serial}?{why}")).await.unwrap());
        }
        got.extend(anywhere(answers.as_bytes()));
    }
    got
}

/// Waits until no inbox gets anything new: some of these systems want another answer, and are tried again for ever.
async fn settled(stage: &Stage) {
    let count = || stage.inboxes.iter().map(|(_, inbox)| inbox.ids().len()).sum::<usize>();
    let (mut before, mut quiet) = (count(), 0);
    while quiet < 4 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        quiet = if count() == before { quiet + 1 } else { 0 };
        before = count();
    }
}

/// What stands where no text may: what people of the centre and the machines around are shown, and what is kept.
async fn kept(hunt: &Hunt) -> Vec<String> {
    let (folder, gateway) = (&hunt.stage.folder, &hunt.stage.gateway);
    let mut found = Vec::new();
    for path in ["/metrics", "/readyz", "/livez"] {
        let answer = request(gateway.ops, "GET", path, &[], b"").await.unwrap();
        found.extend(hunt.none(&anywhere(&answer.body), path, nothing));
    }
    let token = format!("Bearer {}", std::fs::read_to_string(folder.path("data/admin.token")).unwrap().trim());
    for path in [
        "/admin/v1/deliveries",
        "/admin/v1/alerts",
        "/admin/v1/counts",
        "/admin/v1/links",
        "/admin/v1/cases/fir/38101004-2026-1",
    ] {
        let answer = request(gateway.admin, "GET", path, &[("authorization", token.as_str())], b"").await.unwrap();
        found.extend(hunt.none(&anywhere(&answer.body), path, |template, field| !template.personal[field]));
    }
    let backup = tempfile::tempdir().unwrap();
    let to = backup.path().join("copy").display().to_string();
    let mut command = Gateway::command(folder);
    let made =
        tokio::task::spawn_blocking(move || command.args(["store", "backup", &to]).output().unwrap()).await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    found.extend(hunt.none(&anywhere(&[made.stdout, made.stderr].concat()), "the words about the backup", nothing));
    found.extend(hunt.none(&in_files(&folder.path("gateway.log")), "the log", nothing));
    for (place, path) in [("the store", folder.path("data")), ("a backup", backup.path().to_owned())] {
        let number = |template: &Template, field: usize| CASE_NUMBERS.contains(&template.path(field));
        found.extend(hunt.none(&in_files(&path), place, number));
    }
    found
}

/// Texts in a file, or in all files below a folder.
fn in_files(path: &Path) -> BTreeSet<(u32, u32)> {
    if path.is_file() {
        return anywhere(&std::fs::read(path).unwrap());
    }
    if !path.is_dir() {
        // The socket of the gateway: nothing is kept in it.
        return BTreeSet::new();
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.flat_map(|entry| in_files(&entry.unwrap().path())).collect()
}
