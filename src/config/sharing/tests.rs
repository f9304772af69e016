//! One line at a time over a small schema: what is given, withheld, replaced by a code and listed, and which mistakes are found.

use serde_json::{Value, json};

use super::super::Folder;
use super::super::facts::Path;
use super::*;
use crate::config::ConfigError;

const KINDS: &str = "[[kind]]\nname = \"paper\"\ntitle = \"Paper\"\nlane = \"papers\"\nschema = \"records/paper\"\ncases = [\"fir:case.fir\"]\n";

fn schema() -> Value {
    let text = json!({"type": "string", "maxLength": 99});
    let object =
        |properties: Value| json!({"type": "object", "properties": properties, "unevaluatedProperties": false});
    let of = |class: &str, mut part: Value| {
        part["x-sensitivity"] = json!(class);
        part
    };
    let list = |items: Value| json!({"type": "array", "maxItems": 9, "items": items});
    let mut name = object(json!({"full": text, "latin": text}));
    name["x-pseudonym"] = json!("full");
    let person = object(json!({"name": name, "age": {"type": "integer"}, "child": {"type": "boolean"},
        "phone": of("contact", text.clone()), "ids": of("national-id", text.clone())}));
    let mut item = object(json!({"mark": text, "owner": of("victim", text.clone())}));
    item["required"] = json!(["mark"]);
    let mut schema = object(json!({
        "case": object(json!({"fir": object(json!({"station": text, "year": {"type": "integer"}, "serial": text}))})),
        "number": text,
        "state": object(json!({"secret": {"type": "boolean"}})),
        "facts": of("narrative", list(text.clone())),
        "accused": list(person.clone()),
        "victims": of("victim", list(person)),
        "things": list(item),
        "attachments": list(object(json!({"sha256": text, "role": text, "redacted_twin_of": text,
            "sensitivity": {"type": "string", "maxLength": 20, "enum": ["none", "victim", "narrative"]}}))),
        "extensions": {"type": "object", "x-open": true},
    }));
    schema["$id"] = json!("urn:icjs:records:paper:1");
    schema["required"] = json!(["number"]);
    schema
}

fn compiled(sharing: &str) -> Result<Revision, Vec<ConfigError>> {
    compiled_with(sharing, "")
}

fn compiled_with(sharing: &str, by_case: &str) -> Result<Revision, Vec<ConfigError>> {
    let mut folder = Folder::default();
    folder.put(BY_CASE, by_case);
    folder.put("config/kinds.toml", KINDS);
    folder.put("config/sharing.toml", sharing);
    folder.put("adapters/shared/adapter.toml", include_str!("../../../adapters/shared/adapter.toml"));
    folder.put("schemas/records/paper.json", &schema().to_string());
    for (name, pillar, office) in [("court", "courts", "court:DLCT01"), ("pp", "prosecution", "pp:1")] {
        let text = format!(
            "name = \"{name}\"\nadapter = \"shared\"\npillar = \"{pillar}\"\noffices = [\"{office}\"]\nsend = []\n\
             receive = [\"paper\"]\n\n[keys]\njwks_file = \"keys/{name}.jwks.json\"\n\n[feed]\n"
        );
        folder.put(&format!("config/systems/{name}.toml"), &text);
        folder.put(&format!("keys/{name}.jwks.json"), r#"{"keys": [{"kty": "OKP"}]}"#);
    }
    let mut revision = Revision::compile_exactly(1, folder)?;
    revision.sharing.pseudonyms = Some(MacKey::new(&[5; 32]));
    Ok(revision)
}

/// One line for the prosecution, under what every folder says.
fn line(text: &str) -> String {
    format!("never = [\"national-id\"]\n[[share]]\nkind = \"paper\"\nto = \"prosecution\"\n{text}\n")
}

fn given(sharing: &str, record: Value) -> Permitted {
    let revision = compiled(sharing).unwrap();
    let system = &revision.systems["pp"];
    revision.permit("paper", system, "police", &[], record).unwrap()
}

fn undecided(sharing: &str) -> Vec<String> {
    let revision = compiled(sharing).unwrap();
    let said = revision.warnings.iter().filter(|warning| warning.file == FILE);
    said.map(ToString::to_string).collect()
}

fn wrong(sharing: &str, words: &str) {
    let errors = compiled(sharing).err().unwrap_or_default();
    let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(shown.iter().any(|error| error.contains(words)), "no `{words}` in {shown:#?}");
}

fn record() -> Value {
    json!({
        "case": {"fir": {"station": "38101004", "year": 2026, "serial": "7"}},
        "number": "1", "facts": ["he hit"],
        "accused": [{"name": {"full": "Ram"}, "age": 30, "phone": "98", "ids": "P1"}, {"name": {"full": "Kid"}, "child": true}],
        "victims": [{"name": {"full": "Asha", "latin": "Asha"}, "age": 20, "phone": "99"}],
        "things": [{"mark": "A", "owner": "Asha"}],
    })
}

#[test]
fn a_whole_record_has_no_class_that_nobody_named_and_that_is_told() {
    let seen = given(&line("give = \"whole\""), record());
    assert_eq!(
        seen.tree["accused"],
        json!([{"name": {"full": "Ram"}, "age": 30}, {"name": {"full": "Kid"}, "child": true}])
    );
    assert_eq!((seen.tree.get("victims"), seen.tree.get("facts")), (None, None));
    assert_eq!(seen.withheld, ["facts[]", "accused[].phone", "accused[].ids", "victims[]", "things[].owner"]);
    let told = undecided(&line("give = \"whole\"\nattachments = \"none\""));
    let words = "config/sharing.toml:2: `paper` to `prosecution` says nothing of `accused[].phone`, `facts[]`, `things[].owner`, `victims[]`";
    assert!(told.len() == 1 && told[0].starts_with(words), "{told:#?}");
    assert_eq!(undecided(&line("give = \"whole\"\nclasses = { full = [\"*\"] }")), Vec::<String>::new());
}

#[test]
fn a_part_gives_what_it_names_and_a_new_field_is_withheld_and_told() {
    let part = line(
        "give = \"part\"\npaths = [\"number\", \"accused[].name\"]\nwithhold = [\"case\", \"state\"]\nattachments = \"none\"\nclasses = { withheld = [\"*\"] }",
    );
    let seen = given(&part, record());
    assert_eq!(seen.tree, json!({"number": "1", "accused": [{"name": {"full": "Ram"}}, {"name": {"full": "Kid"}}]}));
    let told = undecided(&part);
    let words = "says nothing of `accused[].age`, `accused[].child`, `things[]`";
    assert!(told.len() == 1 && told[0].contains(words), "{told:#?}");
}

#[test]
fn the_class_that_is_given_least_decides_and_a_path_lifts_the_classes_it_lies_in() {
    let full = line("give = \"whole\"\nclasses = { full = [\"victim\"], withheld = [\"*\"] }");
    let seen = given(&full, record());
    assert_eq!(seen.tree["victims"], json!([{"name": {"full": "Asha", "latin": "Asha"}, "age": 20}]), "no phone");
    let named = line("give = \"whole\"\npaths = [\"victims[]\", \"accused[].ids\"]\nclasses = { withheld = [\"*\"] }");
    let seen = given(&named, record());
    assert_eq!(
        seen.tree["victims"],
        json!([{"name": {"full": "Asha", "latin": "Asha"}, "age": 20}]),
        "named, but no phone"
    );
    assert!(seen.tree["accused"][0].get("ids").is_none(), "what nobody is given no path gives");
}

#[test]
fn a_code_stands_for_a_name_and_all_else_of_the_class_is_withheld() {
    let code = line("give = \"whole\"\nclasses = { code = [\"victim\"], withheld = [\"*\"] }");
    let seen = given(&code, record());
    let shown = seen.tree["victims"][0]["name"]["full"].as_str().unwrap();
    assert!(shown.starts_with("person-"), "{shown}");
    assert_eq!(seen.tree["victims"], json!([{"name": {"full": shown}}]));
    assert!(seen.withheld.contains(&"victims[].name".to_owned()), "{:?}", seen.withheld);
    assert!(seen.tree["things"][0].get("owner").is_none(), "a text that is no name has no code");
    let mut other = record();
    other["case"]["fir"]["serial"] = json!("8");
    assert_ne!(given(&code, other).tree["victims"][0]["name"]["full"], shown);
    // A record of no case, and a gateway without a key, give no code.
    let mut homeless = record();
    homeless.as_object_mut().unwrap().remove("case");
    assert_eq!(given(&code, homeless).tree["victims"], json!([{}]));
    let mut revision = compiled(&code).unwrap();
    revision.sharing.pseudonyms = None;
    let seen = revision.permit("paper", &revision.systems["pp"], "police", &[], record()).unwrap();
    assert_eq!(seen.tree["victims"], json!([{}]));
}

#[test]
fn a_mark_gives_a_class_by_what_the_record_says() {
    let mark = "[[mark]]\nclass = \"child\"\nkind = \"paper\"\nitems = [\"accused[]\"]\nat = [\"name\"]\nmarked = [\"child\"]\nage = [\"age\"]\n";
    let with = |text: &str| line(text).replacen("[[share]]", &format!("{mark}[[share]]"), 1);
    let seen = given(&with("give = \"whole\"\nclasses = { withheld = [\"*\"] }"), record());
    assert_eq!(seen.tree["accused"], json!([{"name": {"full": "Ram"}, "age": 30}, {"child": true}]));
    let mut young = record();
    young["accused"][0]["age"] = json!(17);
    let seen = given(&with("give = \"whole\"\nclasses = { withheld = [\"*\"] }"), young);
    assert_eq!(seen.tree["accused"][0], json!({"age": 17}));
    let seen = given(&with("give = \"whole\"\nclasses = { full = [\"child\"], withheld = [\"*\"] }"), record());
    assert_eq!(seen.tree["accused"][1]["name"]["full"], "Kid");
    // A path does not lift what a mark says.
    let seen =
        given(&with("give = \"whole\"\npaths = [\"accused[].name\"]\nclasses = { withheld = [\"*\"] }"), record());
    assert!(seen.tree["accused"][1].get("name").is_none());
}

#[test]
fn the_first_line_whose_condition_holds_counts_and_what_cannot_be_evaluated_withholds() {
    let lines = |when: &str| {
        let first = line(&format!("give = \"whole\"\nwhen = \"{when}\"\nclasses = {{ full = [\"*\"] }}"));
        format!(
            "{first}[[share]]\nkind = \"paper\"\nto = \"prosecution\"\ngive = \"whole\"\nclasses = {{ full = [\"narrative\"], code = [\"victim\"], withheld = [\"*\"] }}\n"
        )
    };
    let mut secret = record();
    secret["state"] = json!({"secret": true});
    assert_eq!(
        given(&lines("has(state.secret) && !state.secret"), secret.clone()).tree["accused"][0].get("phone"),
        None
    );
    secret["state"] = json!({"secret": false});
    assert_eq!(given(&lines("has(state.secret) && !state.secret"), secret).tree["accused"][0]["phone"], "98");
    let seen = given(&lines("!state.secret"), record());
    assert_eq!((seen.tree["facts"].clone(), seen.tree["accused"][0].get("phone")), (json!(["he hit"]), None));
    assert_eq!(seen.tree["victims"], json!([{}]), "not even a code");
    // Without a line for the other case nothing is given at all.
    let revision = compiled(&line("give = \"whole\"\nwhen = \"!state.secret\"\nclasses = { full = [\"*\"] }")).unwrap();
    assert_eq!(revision.permit("paper", &revision.systems["pp"], "police", &[], record()), None);
}

fn files() -> Value {
    let file = |digit: &str, class: Option<&str>, twin: Option<&str>| {
        let mut file = json!({"sha256": digit.repeat(64), "role": "photo"});
        if let Some(class) = class {
            file["sensitivity"] = json!(class);
        }
        if let Some(twin) = twin {
            file["redacted_twin_of"] = json!(twin.repeat(64));
        }
        file
    };
    json!([
        file("a", Some("none"), None),
        file("b", Some("victim"), None),
        file("c", None, None),
        file("d", Some("none"), Some("b"))
    ])
}

fn digits(seen: &Permitted) -> String {
    let files = seen.tree["attachments"].as_array().cloned().unwrap_or_default();
    files.iter().filter_map(|file| file["sha256"].as_str()?.chars().next()).collect()
}

#[test]
fn files_go_by_their_own_sensitivity_and_in_a_victims_case_only_with_the_whole_record_or_redacted() {
    let mut named = record();
    named["attachments"] = files();
    let mut nobodys = named.clone();
    (nobodys["victims"], nobodys["things"]) = (json!([]), json!([]));
    let all = line("give = \"whole\"\nclasses = { full = [\"*\"] }");
    assert_eq!(digits(&given(&all, named.clone())), "abcd");
    let some = line("give = \"whole\"\nclasses = { code = [\"victim\"], withheld = [\"*\"] }");
    let seen = given(&some, named.clone());
    assert_eq!(digits(&seen), "d", "the redacted twin stands for its original");
    let gone = ["attachments[aaaaaaaaaaaaaaaa]", "attachments[bbbbbbbbbbbbbbbb]", "attachments[cccccccccccccccc]"];
    assert!(gone.iter().all(|path| seen.withheld.contains(&(*path).to_owned())), "{:?}", seen.withheld);
    assert_eq!(digits(&given(&some, nobodys.clone())), "ad", "what is said of none may go where nobody is shown");
    let none = line("give = \"whole\"\nattachments = \"none\"\nclasses = { full = [\"*\"] }");
    let seen = given(&none, named.clone());
    assert_eq!((digits(&seen).as_str(), seen.withheld.contains(&"attachments[]".to_owned())), ("", true));
    let roles =
        line("give = \"whole\"\nattachments = \"by-class\"\nroles = [\"report\"]\nclasses = { full = [\"*\"] }");
    assert_eq!(digits(&given(&roles, nobodys)), "");
}

#[test]
fn extensions_go_to_others_only_where_they_are_named_and_spellings_with_their_field() {
    let mut record = record();
    let raw = json!({"/number": {"value": "01"}, "/accused/0/phone": {"value": "098"}, "/facts/0": {"value": "x"}});
    record["extensions"] = json!({"cctns": {"raw": raw, "Extra": "e", "Inner": {"a": 1, "b": 2}}, "other": {"x": 1}});
    let none = given(&line("give = \"whole\"\nclasses = { full = [\"*\"] }"), record.clone());
    assert!(none.tree.get("extensions").is_none());
    assert!(["extensions.cctns", "extensions.other"].iter().all(|path| none.withheld.contains(&(*path).to_owned())));
    let named = line(
        "give = \"whole\"\npaths = [\"extensions.cctns.raw\", \"extensions.cctns.Inner.a\"]\nclasses = { full = [\"narrative\"], withheld = [\"*\"] }",
    );
    let seen = given(&named, record);
    let wanted = json!({"cctns": {"raw": {"/number": {"value": "01"}, "/facts/0": {"value": "x"}}, "Inner": {"a": 1}}});
    assert_eq!(seen.tree["extensions"], wanted, "no spelling of a number that is withheld");
}

#[test]
fn a_text_that_cannot_hold_anything_withheld_is_given_unread() {
    let revision = compiled(&line("give = \"whole\"\nclasses = { full = [\"*\"] }")).unwrap();
    let as_it_is = |text: &str| revision.gives_as_it_is("paper", &revision.systems["pp"], "police", text.as_bytes());
    assert!(as_it_is(r#"{"number":"1","accused":[{"age":3}]}"#));
    assert!(!as_it_is(r#"{"number":"1","accused":[{"ids":"P1"}]}"#));
    assert!(
        !as_it_is(r#"{"number":"1","extensions":{}}"#) && !as_it_is(r#"{"\u0069ds":"1"}"#),
        "an escape may hide it"
    );
    let revision = compiled(&line("give = \"whole\"\nclasses = { code = [\"victim\"], full = [\"*\"] }")).unwrap();
    assert!(!revision.gives_as_it_is("paper", &revision.systems["pp"], "police", b"{}"), "names must be read");
}

#[test]
fn what_a_stored_record_has_and_its_schema_no_longer_is_withheld() {
    let mut old = record();
    old["accused"][0]["nickname"] = json!("Rocky");
    let seen = given(&line("give = \"whole\"\nclasses = { full = [\"*\"] }"), old);
    assert!(seen.tree["accused"][0].get("nickname").is_none());
    assert!(seen.withheld.contains(&"accused[].nickname".to_owned()));
}

#[test]
fn mistakes_in_lines_views_and_marks_are_found_at_their_place() {
    wrong(&line("give = \"part\""), "`part` of what?");
    wrong(&line("give = \"part\"\nclasses = { full = [\"*\"] }"), "every record has `number`");
    wrong(
        &line("give = \"part\"\npaths = [\"number\", \"things[].owner\"]"),
        "`things[].owner` cannot be given alone: every `things[]` has `mark`",
    );
    wrong(&line("give = \"whole\"\nwithhold = [\"acused[]\"]"), "sharing.toml:6: path `acused[]`");
    wrong(
        &line("give = \"whole\"\nclasses = { full = [\"victims\"] }"),
        "unknown class `victims`; did you mean `victim`?",
    );
    wrong(
        &line("give = \"whole\"\nclasses = { full = [\"*\"], code = [\"victim\"], withheld = [\"victim\"] }"),
        "class `victim` is there twice",
    );
    wrong(&line("give = \"whole\"\nviews = [\"hedder\"]"), "there is no view `hedder`");
    wrong(&line("give = \"whole\"\nroles = [\"photo\"]"), "`roles` are of attachments that are given");
    wrong(
        &format!(
            "{}\n{}",
            line("give = \"whole\""),
            line("give = \"whole\"").replace("never = [\"national-id\"]\n", "")
        ),
        "is there twice",
    );
    let top = |text: &str| {
        line("give = \"whole\"\nclasses = { withheld = [\"*\"] }").replacen(
            "[[share]]",
            &format!("{text}\n[[share]]"),
            1,
        )
    };
    wrong(
        &top("[[view]]\nname = \"v\"\nkind = \"paper\"\npaths = [\"numbr\"]"),
        "the schema has no `numbr` there; did you mean `number`?",
    );
    wrong(&top("[[mark]]\nclass = \"child\"\nkind = \"paper\"\nitems = [\"accused[]\"]"), "a mark without a test");
    wrong(&top("[[mark]]\nclass = \"child\"\nkind = \"paper\"\nwhen = \"state.secret\""), "`at` is missing");
    wrong(
        &top("[[mark]]\nclass = \"child\"\nkind = \"paper\"\nitems = [\"accused[]\"]\nwhich = \"agee < 18\""),
        "`which`:",
    );
    let unused = undecided(&top("[[view]]\nname = \"v\"\npaths = [\"number\"]"));
    assert!(unused[0].contains("no line uses the view `v`"), "{unused:?}");
}

#[test]
fn a_key_is_suspected_however_it_is_written() {
    let may = |text: &str| may_have_key(text.as_bytes(), ["extensions"].into_iter());
    assert!(may(r#"{"extensions":{"cctns":{}}}"#) && may(r#"{"a":[{"extensions":1}]}"#));
    assert!(may(r#"{"\u0065xtensions":{"cctns":{}}}"#), "an escape may hide it");
    assert!(!may(r#"{"office":"ps:38101004"}"#) && !may(""));
    assert!(!may(r#"{"extension":1,"note":"of extensions"}"#));
}

#[test]
fn of_a_list_of_cases_a_receiver_sees_its_own_and_of_the_others_what_is_kept() {
    let own = "own = [{ list = \"accused[]\", cases = [\"fir:name\"], keep = [\"age\"] }]";
    let revision = compiled(&line(&format!("give = \"whole\"\nclasses = {{ full = [\"*\"] }}\n{own}")));
    // `name` is no case: the path is known, and nobody's item is everybody's.
    let seen = revision.unwrap();
    let seen = seen.permit("paper", &seen.systems["pp"], "police", &[], record()).unwrap();
    assert_eq!(seen.tree["accused"], json!([{"age": 30}]), "an item that keeps nothing is gone");
    assert!(seen.withheld.contains(&"accused[].name".to_owned()));
    assert!(Path::parse("accused[]").is_ok());
}

const CASE: &str = "fir/38101004-2026-7";
const ENTITLED: &str = "[[entitlement]]\nname = \"one\"\noffice = \"pp:1\"\nofficer = \"PP-3; Prosecutor\"\n\
    cases = [\"fir/38101004-2026-7\"]\nclasses = [\"victim\"]\nground = \"order of court:DLCT01, BNS s.72(2)(b)\"\n\
    from = \"2026-11-01\"\nuntil = \"2026-12-01\"\n";
const SEALED: &str = "[[seal]]\nflag = \"sealed\"\ncases = [\"fir/38101004-2026-7\"]\nkeep = [\"courts\"]\n\
    ground = \"order of court:DLCT01\"\nfrom = \"2026-11-01\"\n";

/// What the prosecution's office is given of the record on a day.
fn seen_on(day: &str, office: &str, by_case: &str, own: &[&str], joined: &[&str]) -> Option<Permitted> {
    let revision = compiled_with(&line("give = \"whole\"\nattachments = \"none\""), by_case).unwrap();
    let keys = |texts: &[&str]| texts.iter().map(|text| CaseKey::read(text).unwrap()).collect::<Vec<_>>();
    let (own, joined) = (keys(own), keys(joined));
    let office = crate::identifiers::OfficeId::parse(office).unwrap();
    let at = Timestamp::parse(day).unwrap();
    let system = &revision.systems["pp"];
    let sight = Sight { system, office: Some(&office), own: &own, joined: &joined, at, takes_back: false };
    revision.permit_to("paper", &sight, "police", record())
}

#[test]
fn an_entitlement_gives_its_classes_of_its_case_to_its_office_in_its_days_and_nothing_else() {
    const DAY: &str = "2026-11-23T12:00:00+05:30";
    let seen = seen_on(DAY, "pp:1", ENTITLED, &[CASE], &[]).unwrap();
    assert_eq!(seen.entitlement.as_deref(), Some("one"));
    assert_eq!(seen.tree["victims"][0]["name"]["full"], "Asha");
    assert_eq!(seen.tree["things"][0]["owner"], "Asha");
    // Classes that it does not name stay withheld, and so does a class of what it gives.
    assert_eq!(seen.withheld, ["facts[]", "accused[].phone", "accused[].ids", "victims[].phone"]);
    let joined = seen_on(DAY, "pp:1", ENTITLED, &["cnr/DLCT010001232026"], &[CASE]).unwrap();
    assert_eq!(joined.entitlement.as_deref(), Some("one"), "a number that a link joined");
    let others = [
        ("another office", seen_on(DAY, "pp:2", ENTITLED, &[CASE], &[])),
        ("an office whose number goes on", seen_on(DAY, "pp:12", ENTITLED, &[CASE], &[])),
        ("another case", seen_on(DAY, "pp:1", ENTITLED, &["fir/38101004-2026-8"], &[])),
        ("before", seen_on("2026-10-31T23:59:59+05:30", "pp:1", ENTITLED, &[CASE], &[])),
        ("over", seen_on("2026-12-01T00:00:00+05:30", "pp:1", ENTITLED, &[CASE], &[])),
    ];
    for (what, seen) in others {
        let seen = seen.unwrap();
        assert_eq!((seen.entitlement, seen.tree.get("victims")), (None, None), "{what}");
    }
}

#[test]
fn a_sealed_case_goes_to_nobody_but_those_who_are_named() {
    const DAY: &str = "2026-11-23T12:00:00+05:30";
    assert!(seen_on(DAY, "pp:1", SEALED, &[CASE], &[]).is_none());
    assert!(seen_on(DAY, "pp:1", SEALED, &["cnr/DLCT010001232026"], &[CASE]).is_none());
    assert!(seen_on(DAY, "pp:1", SEALED, &["fir/38101004-2026-8"], &[]).is_some());
    assert!(seen_on("2026-10-31T12:00:00+05:30", "pp:1", SEALED, &[CASE], &[]).is_some());
    for keep in ["[\"prosecution\"]", "[\"system:pp\"]", "[\"pp:1\"]"] {
        let kept = SEALED.replace("[\"courts\"]", keep);
        assert!(seen_on(DAY, "pp:1", &kept, &[CASE], &[]).is_some(), "{keep}");
    }
    // An entitlement does not open a seal: whoever shall see it all the same is named in `keep`.
    assert!(seen_on(DAY, "pp:1", &format!("{ENTITLED}{SEALED}"), &[CASE], &[]).is_none());
    let of_kind = format!("{SEALED}kinds = [\"paper\"]\n");
    assert!(seen_on(DAY, "pp:1", &of_kind, &[CASE], &[]).is_none());
}

#[test]
fn without_ground_case_days_or_a_class_that_exists_nothing_is_given_or_sealed() {
    let told = |by_case: String, words: &str| {
        let errors = compiled_with(&line("give = \"whole\""), &by_case).err().unwrap_or_default();
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|error| error.contains(words)), "no `{words}` in {shown:#?}");
    };
    let without = |text: &str, key: &str| {
        text.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect::<String>()
    };
    for (key, words) in [
        ("ground", "`ground` is missing"),
        ("cases", "`cases` is missing"),
        ("classes", "`classes` is missing"),
        ("until", "`until` is missing"),
        ("from", "`from` is missing"),
        ("office", "`office` is missing"),
        ("name", "`name` is missing"),
    ] {
        told(without(ENTITLED, key), words);
    }
    told(
        ENTITLED.replace("victim", "victm"),
        "config/entitlements.toml:6: unknown class `victm`; did you mean `victim`",
    );
    told(ENTITLED.replace("\"victim\"", "\"national-id\""), "nobody is given `national-id`");
    told(ENTITLED.replace("2026-12-01", "2026-10-01"), "`until` is not after `from`");
    told(ENTITLED.replace("2026-12-01", "2026-13-01"), "no day such as");
    told(ENTITLED.replace("fir/38", "fur/38"), "no case number");
    told(ENTITLED.replace("BNS s.72(2)(b)", &"x".repeat(300)), "`ground` has 1 to 300 characters");
    told(format!("{ENTITLED}{}", ENTITLED.replace("\"one\"", "\"two\"")), "`one` and `two` overlap");
    told(without(SEALED, "ground"), "`ground` is missing");
    told(without(SEALED, "keep"), "`keep` is missing");
    told(
        SEALED.replace("[\"courts\"]", "[\"court\"]"),
        "`court` is no pillar, system or office; did you mean `courts`",
    );
    told(SEALED.replace("\"sealed\"", "\"closed\""), "`flag` is `closed`");
}
