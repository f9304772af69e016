//! The sharing matrix, written down a second time: by kind, receiver and class, from its text and not from the configuration.
//! A record with something in every field of its schema is cut by the shipped lines, and every field is looked for.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::Folder;
use super::*;
use crate::schema::path::{properties, property};

/// Kind, receiver, variant, what of the fields without a class (`all`, or the blocks that are given), then the classes: `+`
/// full, `-` withheld, `c` a code, `x` not looked at because single paths are given. V victim, C child, W witness, K other contact,
/// B biometric, N national id, R narrative, M medical, P privileged.
const MATRIX: &str = "
fir               courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
fir               prosecution  unfiled  all                                            Vc C- W- K- B- N- R+ M- P-
fir               prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
fir               jjb          unfiled  all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
fir               prisons      unfiled  registration,zero_fir,acts,heads,accused       V- C- W- K- B- N- R- M- P-
fir               police       zero     all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
fir               police       known    registration,acts,heads,action                 V- C- W- K- B- N- R- M- P-
arrest            courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
arrest            prosecution  filed    all-intimations                                V+ C- W+ K+ B- N- R+ M+ P-
arrest            jjb          filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
arrest            prisons      filed    memo,fir,acts,court,accused,flags,previous_convictions,production,intimations V- C- W- Kx Bx N- R- M+ P-
arrest            police       filed    memo,fir                                       V- C- W- K- B- N- R- M- P-
charge-sheet      courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
charge-sheet      prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
charge-sheet      prosecution  unfiled  all                                            V+ C- W+ K+ B+ N- R+ M+ P-
charge-sheet      jjb          filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
charge-sheet      prisons      filed    report,court,fir,acts,accused                  V- C- W- K- B- N- R- M- P-
charge-sheet      police       filed    report,court,fir,acts                          V- C- W- K- B- N- R- M- P-
crime-details     courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
crime-details     prosecution  unfiled  all                                            Vc C- W- K- B- N- R+ M- P-
crime-details     prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
seizure           courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
seizure           jjb          filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
seizure           prosecution  unfiled  all                                            Vc C- W- K- B- N- R+ M- P-
seizure           prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
scrutiny-request  prosecution  unfiled  all                                            Vc C- W+ K+ B+ N- R+ M+ P+
prosecution-opinion police     filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
prosecution-opinion agency     filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
case-registration courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
case-registration prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
case-registration police       filed    all                                            V- C+ W- K+ B+ N- R+ M+ P+
case-registration agency       filed    all                                            V- C+ W- K+ B+ N- R+ M+ P+
case-registration prisons      filed    court,filing,registration,previous_numbers,case_type,cognizance,fir_reference,listing,parties V- C- W- K- B- N- R- M- P-
case-registration forensics    filed    court                                          V- C- W- K- B- N- R- M- P-
court-order       courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
court-order       prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
court-order       prosecution  camera   order,court,fir,case_number,listing            V- C- W- K- B- N- R- M- P-
court-order       police       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
court-order       prisons      filed    all-reasons-property-persons[].summons                           V- C+ W- K+ B+ N- Rx M+ P-
court-order       forensics    filed    order,court,fir,case_number,directions,listing,persons V- C- W- K- B- N- Rx M- P-
court-order       fingerprints filed    order,court,fir,case_number,persons            V- C- W- K- Bx N- R- M- P-
court-order       agency       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
court-order       jjb          filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
court-order       child-home   filed    all-reasons-property-persons[].summons                           V- C+ W- K+ B+ N- Rx M+ P-
court-disposal    police       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
court-disposal    agency       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
court-disposal    prisons      filed    all-reasons-remarks-compensation-property-trial-charge_sheet-accused[].reason V- C+ W- K+ B+ N- Rx M- P-
court-disposal    prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
court-disposal    prosecution  camera   disposal,court,fir,case_number                 V- C- W- K- B- N- R- M- P-
appeal            courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
appeal            police       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
appeal            agency       filed    all-reasons                                    V- C+ W- Kx B- N- Rx M- P-
appeal            prisons      filed    all-reasons-compensation-property              V- C+ W- K+ B+ N- Rx M- P-
appeal            prosecution  filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
appeal            prosecution  camera   appeal,lower_case,court,fir,case_number,listing V- C- W- K- B- N- R- M- P-
custody-update    courts       filed    all-admission.relative                         V+ C+ W+ Kx Bx N- R+ Mx P+
custody-update    prosecution  filed    all-admission-leave-orders_received            V- C- W- K- B- N- R- M- P-
custody-update    police       filed    all                                            V- C+ W- K- B- N- R- M- P-
custody-update    prisons      filed    all                                            V+ C- W+ K+ B+ N- R+ M+ P-
custody-update    agency       filed    all                                            V- C+ W- K- B- N- R- M- P-
custody-update    jjb          filed    all-admission.relative                         V+ C+ W+ Kx Bx N- R+ Mx P+
custody-update    child-home   filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
process-report    courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
process-report    prosecution  filed    process,court,addressee,result,execution,attempts V- C- W- K- B- N- R- M- P-
forensic-requisition forensics filed    all-offence.place-exhibits[].source.place-accused[].name      Vx Cc W- K+ B+ N- R+ M+ P-
forensic-requisition forensics kinship  all-offence.place-exhibits[].source.place      V+ Cc W- K+ B+ N- R+ M+ P-
forensic-requisition courts    filed    requisition,fir                                V- C- W- K- B- N- R- M- P-
forensic-requisition prosecution filed  requisition,fir                                V- C- W- K- B- N- R- M- P-
exhibit-movement  police       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
exhibit-movement  courts       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P-
exhibit-movement  forensics    filed    all                                            V- C- W- K+ B+ N- R+ M+ P-
exhibit-movement  prosecution  filed    movement,fir,handed_by,taken_by,exhibits       V- C- W- K- B- N- R- M- P-
forensic-report   police       filed    all                                            V+ C+ W+ K+ B+ N- R+ M+ P+
forensic-report   courts       filed    all-dna_profiles                               V+ C+ W+ K+ B+ N- R+ M+ P+
forensic-report   prosecution  filed    all-dna_profiles                               V+ C- W+ K+ B+ N- R+ M+ P-
fingerprint-search fingerprints filed   all                                            Vx Cx W- K- B+ N- R+ M- P-
fingerprint-result police      filed    all                                            V- C- W- K- B+ N- R+ M- P-
fingerprint-result prisons     filed    result,search,matched_searches,subject         V- C- W- K- Bx N- R- M- P-
";

const PILLARS: [(&str, &str); 9] = [
    ("police", "ps:38101004"),
    ("courts", "court:DLCT01"),
    ("prisons", "prison:DL01"),
    ("forensics", "lab:DL01"),
    ("prosecution", "pp:DLCT"),
    ("fingerprints", "nafis:DL"),
    ("jjb", "jjb:DL01"),
    ("child-home", "home:DL01"),
    ("agency", "agency:X1"),
];

const CLASSES: [(&str, &str); 9] = [
    ("V", "victim"),
    ("C", "child"),
    ("W", "witness"),
    ("K", "contact"),
    ("B", "biometric"),
    ("N", "national-id"),
    ("R", "narrative"),
    ("M", "medical"),
    ("P", "privileged"),
];

struct Row {
    kind: String,
    to: String,
    variant: String,
    plain: String,
    cells: BTreeMap<&'static str, char>,
}

fn rows() -> Vec<Row> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, to, variant, plain, cells @ ..] = words.as_slice() else { panic!("{line}") };
        assert_eq!(cells.len(), CLASSES.len(), "{line}");
        let cell = |(letter, class): &(&str, &'static str)| {
            let cell = cells.iter().find(|cell| cell.starts_with(letter)).unwrap();
            (*class, cell.chars().last().unwrap())
        };
        Row {
            kind: (*kind).to_owned(),
            to: (*to).to_owned(),
            variant: (*variant).to_owned(),
            plain: (*plain).to_owned(),
            cells: CLASSES.iter().map(cell).collect(),
        }
    };
    MATRIX.lines().filter(|line| !line.is_empty()).map(row).collect()
}

/// The shipped configuration with one system of each pillar.
fn revision() -> Revision {
    revision_with("")
}

/// The same with more lines for sharing.
fn revision_with(more: &str) -> Revision {
    let mut folder = Folder::default();
    folder.put(FILE, &format!("{}\n{more}", include_str!("../../../config/sharing.toml")));
    for (pillar, office) in PILLARS {
        let text = format!(
            "name = \"x-{pillar}\"\nadapter = \"shared\"\npillar = \"{pillar}\"\noffices = [\"{office}\"]\nsend = []\n\
             receive = []\n\n[keys]\njwks_file = \"keys/x.jwks.json\"\n\n[feed]\n"
        );
        folder.put(&format!("config/systems/x-{pillar}.toml"), &text);
    }
    folder.put("keys/x.jwks.json", r#"{"keys": [{"kty": "OKP"}]}"#);
    let mut revision = Revision::compile(1, folder).unwrap();
    revision.sharing.pseudonyms = Some(MacKey::new(&[9; 32]));
    revision
}

/// A field: its path, and every class that it and what it lies in have.
struct Field {
    path: String,
    classes: Vec<String>,
}

/// A record with something in every field, and the list of them.
fn full(schema: &Value) -> (Value, Vec<Field>) {
    let mut fields = Vec::new();
    let record = fill(schema, "", &[], &mut fields);
    (record, fields)
}

fn fill(part: &Value, path: &str, above: &[String], fields: &mut Vec<Field>) -> Value {
    let mut classes = above.to_vec();
    classes.extend(part.get("x-sensitivity").and_then(Value::as_str).map(str::to_owned));
    if let Some(items) = part.get("items") {
        return json!([fill(items, &format!("{path}[]"), &classes, fields)]);
    }
    let names = properties(part);
    if !names.is_empty() {
        let mut object = Map::new();
        for name in names.into_iter().filter(|name| !path.is_empty() || !["extensions", "attachments"].contains(name)) {
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            object.insert(name.to_owned(), fill(property(part, name).unwrap(), &below, &classes, fields));
        }
        return Value::Object(object);
    }
    fields.push(Field { path: path.to_owned(), classes });
    value(part, path)
}

/// What stands in a field: text that names the field itself, unless a case key is read there.
fn value(part: &Value, path: &str) -> Value {
    let last = path.rsplit('.').next().unwrap_or_default();
    let above = path.rsplit('.').nth(1).unwrap_or_default();
    match (above, last, crate::schema::path::type_of(part)) {
        (_, _, "boolean") => json!(false),
        (_, _, "integer" | "number") => json!(40),
        ("cnr", "value", _) => json!("DLCT010001232026"),
        (_, "cnr", _) => json!("DLCT010001232026"),
        (_, "station", _) => json!("38101004"),
        _ => json!(format!("<{path}> हस्ताक्षर")),
    }
}

fn variant(record: &mut Value, name: &str) {
    let case = record.get_mut("case").and_then(Value::as_object_mut);
    if let Some(case) = case {
        let gone: &[&str] = match name {
            "unfiled" => &["cnr", "filing", "zero_fir"],
            "zero" => &["cnr", "filing"],
            _ => &["zero_fir"],
        };
        case.retain(|key, _| !gone.contains(&key.as_str()));
    }
    match name {
        "camera" => {
            for block in ["order", "disposal", "appeal"] {
                if let Some(block) = record.get_mut(block) {
                    block["in_camera"] = json!(true);
                }
            }
        }
        // Whoever else is a party may be the victim.
        _ if record.get("parties").is_some() => record["parties"][0]["side"]["code"] = json!("accused"),
        "kinship" => record["requisition"]["kinship_test"] = json!(true),
        _ => {}
    }
}

fn cut(revision: &Revision, row: &Row, record: &Value) -> Permitted {
    let system = &revision.systems[&format!("x-{}", row.to)];
    let own = revision.facts(&row.kind, record).cases;
    let seen = revision.permit(&row.kind, system, "sender", &own, record.clone());
    seen.unwrap_or_else(|| panic!("{} to {} is not given", row.kind, row.to))
}

/// Whether a field of no class is among what the row gives; `None` where the row speaks of the block as a whole only.
fn plain(row: &Row, path: &str) -> Option<bool> {
    let block = path.split(['.', '[']).next().unwrap_or_default();
    if ["office", "to", "event", "case"].contains(&block) {
        return Some(true);
    }
    match row.plain.strip_prefix("all") {
        Some(but) => (!but.split('-').any(|out| !out.is_empty() && path.starts_with(out))).then_some(true),
        None if row.plain.split(',').any(|given| given == block) => None,
        None => Some(false),
    }
}

#[test]
fn every_cell_of_the_matrix_is_what_the_shipped_lines_do() {
    let revision = revision();
    let mut wrong = Vec::new();
    let mut cells = BTreeSet::new();
    for row in rows() {
        let (mut record, fields) = full(&revision.kinds[&row.kind].schema.resolved());
        variant(&mut record, &row.variant);
        let seen = cut(&revision, &row, &record);
        let text = seen.tree.to_string();
        for field in fields {
            let path = Path::parse(&field.path).unwrap();
            if path.values(&record).is_empty() {
                continue;
            }
            let there = !path.values(&seen.tree).is_empty();
            let told = text.contains(&format!("<{}>", field.path));
            let at = format!("{} to {} ({}): `{}` {:?}", row.kind, row.to, row.variant, field.path, field.classes);
            let least = field.classes.iter().map(|class| row.cells[class.as_str()]);
            let least = least.min_by_key(|cell| "-cx+".find(*cell));
            cells.extend(field.classes.iter().map(|class| (row.kind.clone(), row.to.clone(), class.clone())));
            let held = plain(&row, &field.path);
            match least {
                _ if told && !there => wrong.push(format!("{at} stands elsewhere")),
                Some('-') if there || told => wrong.push(format!("{at} must be withheld")),
                Some('c') if told => wrong.push(format!("{at} must be a code")),
                Some('c') if there && !text.contains("person-") => wrong.push(format!("{at} has no code")),
                Some('+') if !there && !row.plain.contains('-') => wrong.push(format!("{at} must be given")),
                None if held == Some(true) && !there => wrong.push(format!("{at} must be given: it has no class")),
                None if held == Some(false) && there => wrong.push(format!("{at} must not be given")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells.len() > 100, "{} cells", cells.len());
}

#[test]
fn whom_no_row_names_gets_nothing() {
    let revision = revision();
    let rows = rows();
    for kind in rows.iter().map(|row| &row.kind) {
        for (pillar, _) in PILLARS {
            let named = rows.iter().any(|row| row.kind == *kind && row.to == pillar);
            let system = &revision.systems[&format!("x-{pillar}")];
            assert_eq!(revision.sharing.gives(kind, system), named, "{kind} to {pillar}");
        }
    }
}

#[test]
fn a_child_is_shown_to_those_only_who_may_know_of_children() {
    let revision = revision();
    let who = [
        ("fir", "/accused/0/child", "accused[].person.name.full"),
        ("fir", "/victims/0/child", "victims[].person.name.full"),
        ("arrest", "/accused/child", "accused.person.name.full"),
        ("charge-sheet", "/accused/0/child", "accused[].person.name.full"),
        ("charge-sheet", "/victims/0/child", "victims[].person.name.full"),
        ("court-order", "/persons/0/child", "persons[].person.name.full"),
        ("custody-update", "/prisoner/child", "prisoner.person.name.full"),
        ("scrutiny-request", "/accused/0/child", "accused[].person.name.full"),
        ("crime-details", "/victims/0/child", "victims[].person.name.full"),
        ("seizure", "/seized_from/child", "seized_from.person.name.full"),
        ("court-disposal", "/accused/0/child", "accused[].person.name.full"),
        ("appeal", "/persons/0/child", "persons[].person.name.full"),
        ("forensic-requisition", "/accused/0/child", "accused[].name.full"),
        ("forensic-requisition", "/victims/0/child", "victims[].name.full"),
        ("fingerprint-search", "/subject/child", "subject.person.name.full"),
    ];
    let mut looked = 0;
    for (kind, flag, path) in who {
        for row in rows().into_iter().filter(|row| row.kind == kind) {
            let (mut record, _) = full(&revision.kinds[&row.kind].schema.resolved());
            variant(&mut record, &row.variant);
            *record.pointer_mut(flag).unwrap() = json!(true);
            let seen = cut(&revision, &row, &record).tree;
            let victims = seen.get("victims").map(ToString::to_string).unwrap_or_default();
            let coded = path.starts_with("victims") && victims.contains("person-") && row.cells["child"] != 'c';
            let told = seen.to_string().contains(&format!("<{path}>")) || coded;
            let may = row.cells["child"] == '+';
            assert!(may || !told, "{kind} to {} ({}): {path}", row.to, row.variant);
            looked += usize::from(!may);
        }
    }
    assert!(looked > 15, "{looked}");
}

#[test]
fn a_case_with_a_protected_witness_shows_its_witnesses_to_court_and_board_only() {
    let revision = revision();
    for row in rows().into_iter().filter(|row| row.kind == "charge-sheet") {
        let (mut record, _) = full(&revision.kinds["charge-sheet"].schema.resolved());
        variant(&mut record, &row.variant);
        record["witnesses"][0]["protected"] = json!(true);
        let seen = cut(&revision, &row, &record).tree;
        let may = ["courts", "jjb"].contains(&row.to.as_str());
        assert_eq!(seen.get("witnesses").is_some(), may, "{} ({})", row.to, row.variant);
    }
    let (mut record, _) = full(&revision.kinds["process-report"].schema.resolved());
    record["addressee"]["protected_witness"] = json!(true);
    for row in rows().into_iter().filter(|row| row.kind == "process-report") {
        let seen = cut(&revision, &row, &record).tree.to_string();
        for path in ["addressee.person.phones[]", "result.place", "attempts[].place"] {
            assert!(!seen.contains(&format!("<{path}>")), "{}: {path}", row.to);
        }
    }
}

#[test]
fn a_statement_in_a_sexual_offence_reaches_the_prosecution_after_filing() {
    let revision = revision();
    let given = |section: &str, act: &str, filed: &str| {
        let (mut record, _) = full(&revision.kinds["charge-sheet"].schema.resolved());
        variant(&mut record, filed);
        record["acts"] = json!([{"act": {"code": act}, "section": section}]);
        let system = &revision.systems["x-prosecution"];
        let seen = revision.permit("charge-sheet", system, "sender", &[], record).unwrap().tree;
        seen["witnesses"][0].get("statement").is_some()
    };
    let (bns, ipc, pocso) = ("20230450099001", "18600450099001", "20120320099001");
    for (section, act, sexual) in [
        ("64(1)", bns, true),
        ("70(2)", bns, true),
        ("303(2)", bns, false),
        ("164", bns, false),
        ("376D", ipc, true),
        ("379", ipc, false),
        ("4", pocso, true),
    ] {
        assert_eq!(given(section, act, "unfiled"), !sexual, "{section} {act}");
        assert!(given(section, act, "filed"), "{section} {act} after filing");
    }
}

#[test]
fn a_laboratory_knows_persons_by_their_codes_unless_the_test_is_of_a_relationship_or_a_body() {
    let revision = revision();
    let system = &revision.systems["x-forensics"];
    for (test, open) in [("none", false), ("kinship_test", true), ("medical_test", true)] {
        let (mut record, _) = full(&revision.kinds["forensic-requisition"].schema.resolved());
        variant(&mut record, "filed");
        record["requisition"][test] = json!(true);
        record["exhibits"][0]["source"]["person"] = record["victims"][0]["name"]["full"].clone();
        let seen = revision.permit("forensic-requisition", system, "sender", &[], record).unwrap().tree;
        let code = |name: &Value| name.as_str().unwrap().starts_with("person-");
        let (accused, victim) = (&seen["accused"][0]["name"]["full"], &seen["victims"][0]["name"]["full"]);
        assert_eq!((code(accused), code(victim)), (!open, !open), "{test}: {seen:#}");
        assert_eq!(seen["exhibits"][0]["source"]["person"], *victim, "{test}: the sample is known to be the victim's");
        assert!(accused != victim && seen["victims"][0].get("serial").is_some(), "{test}");
    }
}

#[test]
fn candidates_and_prints_go_to_whoever_asked_and_a_prison_gets_the_number_of_its_inmate() {
    let revision = revision();
    let given = |to: &str| {
        let (record, _) = full(&revision.kinds["fingerprint-result"].schema.resolved());
        revision.permit("fingerprint-result", &revision.systems[to], "sender", &[], record).unwrap().tree
    };
    let (police, prison) = (given("x-police"), given("x-prisons"));
    assert!(police.get("candidates").is_some() && police.get("prints").is_some());
    assert!(prison.get("candidates").is_none() && prison.get("prints").is_none());
    let kept: BTreeSet<&String> = prison["subject"]["person"].as_object().unwrap().keys().collect();
    assert!(kept.iter().all(|key| ["pid", "nfn"].contains(&key.as_str())) && kept.len() == 2, "{prison:#}");
}

#[test]
fn a_station_learns_of_the_accused_in_a_registration_and_of_no_other_party() {
    let revision = revision();
    for side in ["accused", "complainant", "unheard"] {
        let (mut record, _) = full(&revision.kinds["case-registration"].schema.resolved());
        record["parties"][0]["side"]["code"] = json!(side);
        let seen = revision.permit("case-registration", &revision.systems["x-police"], "sender", &[], record).unwrap();
        assert_eq!(seen.tree.get("parties").is_some(), side == "accused", "{side}");
    }
}

#[test]
fn what_a_court_ordered_reaches_whoever_carries_it_out_and_its_reasons_do_not() {
    let revision = revision();
    for (kind, persons) in [("court-order", "persons"), ("court-disposal", "accused"), ("appeal", "persons")] {
        for to in ["x-police", "x-agency", "x-prisons"] {
            let (record, _) = full(&revision.kinds[kind].schema.resolved());
            let seen = revision.permit(kind, &revision.systems[to], "sender", &[], record).unwrap().tree;
            let said = [&seen["operative"][0]["text"], &seen[persons][0]["operative"], &seen["directions"][0]["text"]];
            assert!(said.iter().all(|text| text.is_string()), "{kind} to {to}: {said:?}");
            assert!(seen.get("reasons").is_none(), "{kind} to {to}");
        }
    }
}

#[test]
fn the_manuals_example_does_what_the_manual_says() {
    let manual = include_str!("../../../docs/configuration.md");
    let (_, from) = manual.split_once("<!-- example: sharing -->\n```toml\n").unwrap();
    let (example, _) = from.split_once("```").unwrap();
    let revision = revision_with(example);
    let (mut record, _) = full(&revision.kinds["fir"].schema.resolved());
    variant(&mut record, "unfiled");
    let system = &revision.systems["x-agency"];
    let seen = revision.permit("fir", system, "sender", &[], record).unwrap();
    let text = seen.tree.to_string();
    assert!(text.contains("<contents[].text>") && text.contains("<acts[].section>"), "{text}");
    assert!(seen.tree["victims"][0]["person"]["name"]["full"].as_str().unwrap().starts_with("person-"), "{text}");
    assert!(seen.tree.get("accused").is_none() && !text.contains("<place"), "{text}");
    assert!(seen.withheld.contains(&"accused[]".to_owned()), "{:?}", seen.withheld);
    let told: Vec<String> = revision.warnings.iter().map(ToString::to_string).collect();
    let fields = "`fir` to `agency` says nothing of `delay_reason`, `place`: withheld";
    assert!(told.len() == 1 && told[0].contains(fields) && manual.contains(fields), "{told:?}");
}
