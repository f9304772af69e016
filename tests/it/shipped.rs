//! What is shipped as content, held to its own rules: every schema is in the stated subset, every property has a title in
//! English and Hindi, every published example fits its schema, every code table that a schema names is there, and every
//! golden pair of every adapter comes out as written, in both directions. Nothing here talks to a gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use icjs::codes::Codes;
use icjs::journal::Lane;
use icjs::schema::Schemas;
use serde_json::Value;

/// Every shipped kind: those of `config/kinds.toml`, and the one that the gateway knows by itself.
fn kinds() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("config/kinds.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let named = table["kind"].as_array().unwrap().iter().map(|kind| kind["name"].as_str().unwrap().to_owned());
    named.chain(["outcome".to_owned()]).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, extension));
        } else if entry.extension().is_some_and(|had| had == extension) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every shipped schema by name; examples are none.
fn documents() -> BTreeMap<String, Value> {
    let dir = root().join("schemas");
    let mut documents = BTreeMap::new();
    for path in files(&dir, "json") {
        let name = path.strip_prefix(&dir).unwrap().with_extension("").to_str().unwrap().to_owned();
        if !name.starts_with("examples/") {
            documents.insert(name, json(&path));
        }
    }
    documents
}

fn schemas() -> Schemas {
    Schemas::load(documents()).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(|(name, error)| format!("{name}: {error}")).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn walk<'v>(value: &'v Value, pointer: String, visit: &mut impl FnMut(&str, &'v Value)) {
    visit(&pointer, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, part)| walk(part, format!("{pointer}/{key}"), visit)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, part)| walk(part, format!("{pointer}/{at}"), visit));
        }
        _ => {}
    }
}

#[test]
fn every_shipped_schema_is_in_the_subset_and_compiles() {
    let schemas = schemas();
    let names: Vec<&str> = schemas.names().collect();
    for kind in kinds() {
        assert!(names.contains(&format!("records/{kind}").as_str()), "records/{kind} is not shipped");
    }
    for name in names {
        schemas.compile(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_property_of_the_shared_model_has_a_title_in_english_and_hindi() {
    let mut lacking = Vec::new();
    for (name, document) in
        documents().iter().filter(|(name, _)| name.starts_with("common/") || name.starts_with("records/"))
    {
        walk(document, String::new(), &mut |pointer, value| {
            let Some(properties) = value.get("properties").and_then(Value::as_object) else { return };
            for (key, property) in properties {
                let hindi = property.get("x-title-hi").and_then(Value::as_str).unwrap_or_default();
                let devanagari = hindi.chars().any(|c| ('\u{900}'..='\u{97f}').contains(&c));
                if property.get("title").and_then(Value::as_str).is_none_or(str::is_empty) || !devanagari {
                    lacking.push(format!("{name}: {pointer}/properties/{key}"));
                }
            }
        });
    }
    assert!(lacking.is_empty(), "give these a `title` and an `x-title-hi` in Devanagari:\n{}", lacking.join("\n"));
}

#[test]
fn every_published_example_fits_its_schema_and_each_kind_has_two() {
    let schemas = schemas();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&root().join("schemas/examples"), "json") {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let (kind, _) = stem.rsplit_once('-').unwrap();
        let schema = schemas.compile(&format!("records/{kind}")).unwrap();
        let found = schema.violations(&json(&path));
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
        *count.entry(kind.to_owned()).or_default() += 1;
    }
    for kind in kinds() {
        assert!(count.get(&kind).is_some_and(|examples| *examples >= 2), "{kind} needs two complete examples");
    }
}

#[test]
fn every_code_table_is_well_formed_names_its_sources_and_is_there_where_a_schema_asks_for_it() {
    let mut codes = Codes::default();
    for path in files(&root().join("mappings/codes"), "csv") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = codes.add(&name, &std::fs::read(&path).unwrap());
        assert!(found.is_ok(), "{}: {found:?}", path.display());
        let table = codes.table(&name).unwrap();
        for row in &table.rows {
            assert!(!row.source.is_empty(), "{name}: `{}` does not say where it is from", row.shared);
            assert!(!row.label_hi.is_empty(), "{name}: `{}` has no label in Hindi", row.shared);
        }
    }
    let there: BTreeSet<&str> = codes.names().collect();
    let mut missing = BTreeSet::new();
    for (name, document) in &documents() {
        walk(document, String::new(), &mut |_, value| {
            if let Some(table) = value.get("x-code-table").and_then(Value::as_str)
                && !there.contains(table)
            {
                missing.insert(format!("{name} asks for `{table}`"));
            }
        });
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_shipped_configuration_compiles_as_it_is() {
    let revision = icjs::config::Revision::compile(1, icjs::config::Folder::default());
    let errors = revision.err().unwrap_or_default();
    let lines: Vec<String> =
        errors.iter().map(|error| format!("{}:{}: {}", error.file, error.line, error.message)).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

/// The limits of one document, as the gateway has them.
const LIMITS: icjs_kit::Limits = icjs_kit::Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

/// Every golden pair of every shipped adapter: the native example and the shared form beside it, which is written anew where
/// `ICJS_WRITE_EXAMPLES` is set (then look at what changed before you keep it).
#[test]
fn every_golden_pair_comes_out_as_written_fits_its_schemas_and_goes_back() {
    let revision = icjs::config::Revision::compile_all(icjs::config::Folder::default()).unwrap_or_else(|errors| {
        let lines: Vec<String> =
            errors.iter().map(|error| format!("{}:{}: {}", error.file, error.line, error.message)).collect();
        panic!("{}", lines.join("\n"))
    });
    let mut faults: Vec<String> = Vec::new();
    let mut pairs: BTreeMap<String, usize> = BTreeMap::new();
    for adapter in revision.adapters.values() {
        for (kind, dialect) in &adapter.dialects {
            let (Some(native_schema), Some(plan)) = (&dialect.native, &dialect.plan) else { continue };
            let shared_schema = schemas().compile(&format!("records/{kind}")).unwrap();
            for example in &dialect.examples {
                *pairs.entry(format!("{} {kind}", adapter.name)).or_default() += 1;
                let native = dialect.codec.read(&std::fs::read(root().join(example)).unwrap(), &LIMITS).unwrap();
                faults.extend(native_schema.violations(&native).iter().map(|one| format!("{example}: native {one:?}")));
                let shared = match plan.decode(&native) {
                    Ok(decoded) => decoded.shared,
                    Err(violations) => {
                        faults.extend(violations.iter().map(|one| format!("{example}: {one:?}")));
                        continue;
                    }
                };
                faults.extend(shared_schema.violations(&shared).iter().map(|one| format!("{example}: shared {one:?}")));
                let beside = root().join(example.replace("/in/", "/out/")).with_extension("json");
                if std::env::var_os("ICJS_WRITE_EXAMPLES").is_some() {
                    std::fs::write(&beside, format!("{}\n", serde_json::to_string_pretty(&shared).unwrap())).unwrap();
                }
                if !beside.exists() || json(&beside) != shared {
                    faults.push(format!("{example}: {} says something else", beside.display()));
                }
                match plan.encode(&shared) {
                    Ok(encoded) if encoded.native == plan.with_links(&native) => {}
                    Ok(_) => faults.push(format!("{example}: does not come back as it was")),
                    Err((code, violations)) => faults.push(format!("{example}: way back: {code} {violations:?}")),
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // A variant has pairs of its own where it says something of its own.
    for adapter in revision.adapters.values() {
        let file = std::fs::read_to_string(root().join(format!("adapters/{}/adapter.toml", adapter.name))).unwrap();
        let table: toml::Table = file.parse().unwrap();
        let said = |kind: &str| table.get("kind").and_then(|kinds| kinds.get(kind)).is_some();
        for kind in
            adapter.dialects.iter().filter(|(kind, dialect)| dialect.plan.is_some() && said(kind)).map(|one| one.0)
        {
            let count = pairs.get(&format!("{} {kind}", adapter.name)).copied().unwrap_or_default();
            assert!(count >= 2, "{} {kind} has {count} golden pairs; two at least", adapter.name);
        }
    }
}

/// The kinds of order that the design names as liberty, each by a code of the shipped table; and some that are not.
#[test]
fn an_order_about_liberty_goes_in_its_lane_and_so_does_one_that_nobody_knows() {
    let revision = icjs::config::Revision::compile(1, icjs::config::Folder::default()).unwrap();
    let mut order = json(&root().join("schemas/examples/court-order-1.json"));
    let mut lane = |code: Value| {
        order["order"]["kind"]["code"] = code;
        revision.facts("court-order", &order).lane.unwrap()
    };
    for code in [
        "release-order",
        "bail-granted",
        "bail-cancelled",
        "bond-accepted",
        "stay",
        "order-recalled",
        "sentence-suspended",
        "acquittal",
        "discharge",
        "remand-judicial",
        "production-physical",
        "production-video",
        "warrant-recalled",
        "custody-transfer",
    ] {
        assert_eq!(lane(code.into()), Lane::Liberty, "{code}");
    }
    for code in ["summons", "charge-framed", "conviction", "property-disposal", "adjourned", "case-transferred"] {
        assert_eq!(lane(code.into()), Lane::Papers, "{code}");
    }
    assert_eq!(lane(Value::Null), Lane::Liberty, "a code that the sender's table does not know");
    assert_eq!(lane("release-on-the-moon".into()), Lane::Liberty, "a code of no row");
}

/// A custody update is about every case in which the person is held, and about the person under each number.
#[test]
fn a_custody_update_names_every_case_and_the_person() {
    let revision = icjs::config::Revision::compile(1, icjs::config::Folder::default()).unwrap();
    let update = json(&root().join("schemas/examples/custody-update-2.json"));
    let facts = revision.facts("custody-update", &update);
    let cases: Vec<&str> = facts.cases.iter().map(|key| key.as_str()).collect();
    for key in ["cnr/DLCT010001232026", "fir/38101004-2026-45", "cnr/DLCT010051182025", "fir/38101002-2025-412"] {
        assert!(cases.contains(&key), "{key} is not among {cases:?}");
    }
    assert_eq!(facts.persons.first().map(String::as_str), Some("pid/DL01-2026%2F00318"));
    assert_eq!(facts.lane, Some(Lane::Liberty));
}

/// What a record is about may be a code that nobody here knows: it travels all the same, marked as unknown.
#[test]
fn an_order_or_an_event_of_an_unknown_kind_can_be_written_for_every_receiver() {
    let revision = icjs::config::Revision::compile_all(icjs::config::Folder::default()).unwrap();
    for (adapter, kind, block) in [
        ("cctns", "court-order", "order"),
        ("eprisons", "court-order", "order"),
        ("eprosecution", "court-order", "order"),
        ("eprosecution", "custody-update", "update"),
        ("cctns", "custody-update", "update"),
        ("ecourts", "custody-update", "update"),
        ("eprisons", "custody-update", "update"),
        ("ecourts", "arrest", "memo"),
    ] {
        let mut record = json(&root().join(format!("schemas/examples/{kind}-1.json")));
        record[block]["kind"] = serde_json::json!({"code": null, "raw": {"table": "elsewhere.kind", "value": "Q99"}});
        let dialect = &revision.adapters[adapter].dialects[kind];
        let native = dialect.plan.as_ref().unwrap().encode(&record).unwrap_or_else(|refused| {
            panic!("{adapter} {kind}: {refused:?}");
        });
        let found = dialect.native.as_ref().unwrap().violations(&native.native);
        assert!(found.is_empty(), "{adapter} {kind}: {found:?}");
    }
}
