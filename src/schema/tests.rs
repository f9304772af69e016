//! Tests of the schema subset, references, words of violations, and the generator.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn load(documents: &[(&str, Value)]) -> Result<Schemas, Vec<(String, String)>> {
    Schemas::load(documents.iter().map(|(name, document)| ((*name).to_owned(), document.clone())).collect())
}

fn common() -> (&'static str, Value) {
    (
        "common/person",
        json!({"$defs": {
            "name": {"type": "string", "minLength": 1, "maxLength": 40, "title": "Name", "x-title-hi": "नाम"},
            "coded": {"type": "object", "properties": {"code": {"type": ["string", "null"], "maxLength": 9}}, "required": ["code"],
                      "unevaluatedProperties": false},
            "header": {"type": "object", "properties": {"office": {"type": "string", "pattern": "^[a-z]+:[0-9]{1,8}$", "maxLength": 20},
                       "extensions": {"type": "object", "x-open": true}}, "required": ["office"]},
            "person": {"type": "object", "x-sensitivity": "victim", "properties": {
                "name": {"$ref": "#/$defs/name", "title": "Full name"}, "gender": {"$ref": "#/$defs/coded"}},
                "unevaluatedProperties": false}
        }}),
    )
}

fn record() -> (&'static str, Value) {
    (
        "records/test",
        json!({"$id": "urn:icjs:records:test:3", "type": "object",
        "allOf": [{"$ref": "urn:icjs:common:person#/$defs/header"}],
        "properties": {
            "accused": {"type": "array", "minItems": 1, "maxItems": 5, "items": {"$ref": "urn:icjs:common:person#/$defs/person"}},
            "date": {"type": "string", "format": "date"},
            "count": {"type": "integer", "minimum": 1, "maximum": 9},
            "series": {"enum": ["first", "further"]},
            "order": {"type": "object", "oneOf": [
                {"type": "object", "properties": {"kind": {"const": "bail"}, "bond": {"type": "integer"}}, "required": ["kind", "bond"]},
                {"type": "object", "properties": {"kind": {"const": "remand"}, "days": {"type": "integer"}}, "required": ["kind"]}],
                "unevaluatedProperties": false}
        }, "required": ["accused"], "unevaluatedProperties": false}),
    )
}

fn schema() -> Schema {
    load(&[common(), record()]).unwrap().compile("records/test").unwrap()
}

#[test]
fn references_are_written_in_place_and_allof_is_merged() {
    let schema = schema();
    assert_eq!(schema.titles("accused[].name"), ("Full name".to_owned(), "नाम".to_owned()));
    assert_eq!(schema.sensitivity("accused[].gender.code").as_deref(), Some("victim"));
    assert_eq!(schema.sensitivity("date"), None);
    assert_eq!(schema.version(), 3);
    assert_eq!(schema.resolved()["required"], json!(["office", "accused"]));
    let tree = schema.resolved();
    let there = |path: &str| Path::shared(path).unwrap().schema_in(&tree).is_some();
    assert!(there("office") && there("order.days") && !there("accused[].nme"));
    drop(tree);
    assert_eq!(schema.resolved().to_string().as_bytes(), schema.text(), "read again as it was");
    assert!(!schema.resolved().to_string().contains("$ref"));
}

fn check(tree: &Value, expected: &[(&str, &str, &str)]) {
    let found = schema().violations(tree);
    let plain: Vec<_> =
        found.iter().map(|one| (one.pointer.as_str(), one.rule.as_str(), one.message.as_str())).collect();
    assert_eq!(plain, expected, "{tree}");
}

#[test]
fn every_violation_is_named_with_what_would_be_right_and_without_the_value() {
    let person = json!([{"name": "x"}]);
    check(&json!({"office": "ps:1", "accused": person}), &[]);
    check(&json!({"accused": person}), &[("/office", "required", "`office` is missing")]);
    check(
        &json!({"office": "PS", "accused": [{"nam": "x", "name": ""}], "date": "01/02/2026", "count": 10, "series": "last"}),
        &[
            ("/office", "pattern", "must match the pattern `^[a-z]+:[0-9]{1,8}$`"),
            ("/accused/0/name", "minLength", "must have at least 1 characters"),
            ("/accused/0/nam", "unevaluatedProperties", "there is no such field here; did you mean `name`?"),
            ("/date", "format", "must be a date, `yyyy-MM-dd`"),
            ("/count", "maximum", "must be at most 9"),
            ("/series", "enum", "must be one of `first`, `further`"),
        ],
    );
    check(
        &json!({"office": "ps:1", "accused": person, "order": {"kind": "bail"}}),
        &[("/order/bond", "required", "`bond` is missing")],
    );
    check(
        &json!({"office": "ps:1", "accused": person, "order": {"kind": "stay"}}),
        &[("/order", "oneOf", "must be of one of the kinds `bail`, `remand`")],
    );
    check(&json!({"office": "ps:1", "accused": "secret"}), &[("/accused", "type", "must be of type array")]);
}

fn refused(schema: Value) -> String {
    load(&[("cctns/x", schema)]).unwrap_err().into_iter().map(|(_, error)| error).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_is_outside_the_subset_is_refused_at_load() {
    assert!(refused(json!({"not": {}})).contains("outside the subset"));
    assert!(refused(json!({"type": "string"})).contains("has `maxLength`"));
    assert!(refused(json!({"type": "array", "items": {"type": "integer"}})).contains("`maxItems`"));
    assert!(refused(json!({"type": "object", "properties": {"a": {"type": "integer"}}})).contains("not closed"));
    assert!(
        refused(json!({"type": "object", "x-open": true, "oneOf": [{"properties": {"a": {"type": "integer"}}}]}))
            .contains("`const`")
    );
    assert!(refused(json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})).contains("refers to itself"));
    assert!(refused(json!({"$ref": "urn:icjs:cctns:y"})).contains("did you mean `cctns/x`?"));
    assert!(
        refused(json!({"$ref": "#/$defs/nam", "$defs": {"name": {"type": "integer"}}}))
            .contains("did you mean `name`?")
    );
    assert!(refused(json!({"$ref": "https://example.org/x"})).contains("a reference is"));
    let record = load(&[("records/x", json!({"type": "object", "x-open": true}))]).unwrap_err();
    assert!(record[0].1.contains("urn:icjs:records:x:1"));
    let linear = Schema::from_resolved("x", Arc::new(json!({"type": "string", "pattern": "^(?=a)b$"})));
    assert!(linear.is_err());
}

#[test]
fn generated_records_are_valid_and_repeatable() {
    let schema = schema();
    for seed in 0..300 {
        let tree = generate::record(&schema.resolved(), seed, generate::Taste::default());
        assert_eq!(schema.violations(&tree), [], "{tree}");
        assert_eq!(tree, generate::record(&schema.resolved(), seed, generate::Taste::default()));
    }
    for pattern in
        ["^[A-Z]{4}[0-9]{12}$", r"^\d{1,3}(\.\d{2})?$", "^(ps|court):[^/]+$", r"^[\p{L} .'-]{1,9}$", "^a*b+c?$"]
    {
        let compiled = Schema::from_resolved("x", Arc::new(json!({"type": "string", "pattern": pattern}))).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let text = generate::text_like(pattern, &mut random);
            assert!(compiled.is_valid(&json!(text)), "{pattern}: {text}");
        }
    }
    assert_eq!(Schemas::load(BTreeMap::new()).unwrap().names().count(), 0);
}

#[test]
fn paths_are_read_and_lead_somewhere() {
    let path = Path::shared("accused[].gender.code").unwrap();
    assert_eq!((path.to_string().as_str(), path.depth()), ("accused[].gender.code", 1));
    let tree = json!({"accused": [{"gender": {"code": "m"}}, {}, {"gender": {"code": "f"}}]});
    assert_eq!(path.values_in(&tree), [&json!("m"), &json!("f")]);
    assert!(Path::shared("a..b").is_err() && Path::native("a//b").is_err());
    assert_eq!(path::nearest("gendr", ["age", "gender"]), Some("gender"));
    assert_eq!(path::nearest("xyz", ["age", "gender"]), None);
}

#[test]
fn what_stands_several_times_is_compiled_once_and_judged_the_same() {
    let person = json!({"$ref": "urn:icjs:common:person#/$defs/person", "title": "Another title each"});
    let document = json!({"$id": "urn:icjs:records:two:1", "type": "object", "properties": {
        "informant": person, "victim": person, "properties": {"type": "integer", "maximum": 9},
        "others": {"type": "array", "items": person, "maxItems": 3}},
        "required": ["informant"], "unevaluatedProperties": false});
    let schemas = load(&[common(), ("records/two", document)]).unwrap();
    let tree = schemas.resolved("records/two").unwrap();
    let compact = compact::document(&tree);
    assert_eq!(compact["properties"]["informant"], compact["properties"]["others"]["items"]);
    assert!(compact.to_string().len() * 2 < tree.to_string().len(), "{compact}");
    assert!(!compact.to_string().contains("title"));
    let (whole, shared) = (validator(&tree).unwrap(), validator(&compact).unwrap());
    let schema = schemas.compile("records/two").unwrap();
    for seed in 0..200 {
        let mut record = generate::record(&tree, seed, generate::Taste::default());
        for spoil in 0..4 {
            match spoil {
                1 => record["properties"] = json!(10),
                2 => record["informant"]["nme"] = json!("x"),
                3 => record["others"] = json!([{"name": "", "gender": {"code": 7}}]),
                _ => {}
            }
            assert_eq!(whole.is_valid(&record), shared.is_valid(&record));
            let places = |validator: &Validator| {
                let errors = validator.iter_errors(&record);
                errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect::<Vec<_>>()
            };
            assert_eq!(places(&whole), places(&shared));
        }
        let told = schema.violations(&record);
        let unknown = told.iter().find(|violation| violation.pointer == "/informant/nme").unwrap();
        assert!(unknown.message.contains("did you mean `name`?"), "{unknown:?}");
    }
}
