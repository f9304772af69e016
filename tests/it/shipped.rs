//! What is shipped as content, held to its own rules: every schema is in the stated subset, every property has a title in
//! English and Hindi, every published example fits its schema, every code table that a schema names is there, and every
//! golden pair of every adapter comes out as written, in both directions. Nothing here talks to a gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use icjs::codes::Codes;
use icjs::schema::Schemas;
use serde_json::Value;

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
    for kind in ["fir", "charge-sheet", "case-registration", "outcome"] {
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
    for kind in ["fir", "charge-sheet", "case-registration", "outcome"] {
        assert!(count.get(kind).is_some_and(|examples| *examples >= 2), "{kind} needs two complete examples");
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
            if let Some(table) = value.get("x-code-table").and_then(Value::as_str) {
                if !there.contains(table) {
                    missing.insert(format!("{name} asks for `{table}`"));
                }
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
