//! `[0]` in a shared path: a format that has room for one item of a list. What comes is that item, what goes is the first,
//! and who is left out is named.

use serde_json::json;

use super::*;
use crate::codes::Codes;

const ROWS: &str = r#"
adapter = "desk"
kind = "process"
[[row]]
native = "WHO"
shared = "people[0].name"
[[row]]
native = "ALIAS"
shared = "people[0].aliases[0]"
[[row]]
native = "AGE"
shared = "people[0].age"
as = "integer"
when = "note == 'grown up'"
[[row]]
native = "NOTE"
shared = "note"
[[row]]
shared = "people[0].role"
as = 'const "party"'
when = "people"
"#;

fn compiled(rows: &str) -> Result<Compiled, Vec<Fault>> {
    let text = json!({"type": "string", "maxLength": 40});
    let object = |properties: Value| json!({"type": "object", "additionalProperties": false, "properties": properties});
    let native = object(json!({"WHO": text, "AGE": text, "ALIAS": text, "NOTE": text,
        "List": {"type": "array", "maxItems": 9, "items": text}}));
    let aliases = json!({"type": "array", "maxItems": 9, "items": text});
    let person = object(json!({"name": text, "age": {"type": "integer"}, "role": text, "aliases": aliases}));
    let people = json!({"type": "array", "maxItems": 9, "items": person});
    let shared = object(json!({"people": people, "note": text}));
    Compiled::compile(Source {
        adapter: "desk",
        kind: "process",
        layers: &[("desk.toml".to_owned(), rows.as_bytes())],
        native: &native,
        shared: &shared,
        codes: &Codes::default(),
        bases: &[],
        sends: true,
        receives: true,
    })
}

#[test]
fn the_first_of_a_list_comes_and_goes_and_the_others_are_named() {
    let plan = compiled(ROWS).unwrap();
    let native = json!({"WHO": "Imran", "ALIAS": "Raju", "AGE": "24", "NOTE": "grown up"});
    let shared = plan.decode(&native).unwrap().shared;
    let person = json!({"name": "Imran", "aliases": ["Raju"], "age": 24, "role": "party"});
    assert_eq!(shared, json!({"people": [person], "note": "grown up"}));
    assert_eq!(plan.encode(&shared).unwrap().native, native);
    assert_eq!(plan.decode(&json!({"NOTE": "x"})).unwrap().shared, json!({"note": "x"}), "nobody is made up");

    let two = json!({"people": [{"name": "A", "aliases": ["B", "C"]}, {"name": "D"}], "note": "x"});
    let encoded = plan.encode(&two).unwrap();
    assert_eq!(encoded.native, json!({"WHO": "A", "ALIAS": "B", "NOTE": "x"}));
    assert_eq!(encoded.lost, ["people[0].aliases[]", "people[]"]);
    assert_eq!(plan.native_pointer("/people/0/name").as_deref(), Some("/WHO"));
    assert_eq!(plan.native_pointer("/people/1/name"), None);
    assert_eq!(plan.loss().uncarried, ["people[] after the first"]);
}

#[test]
fn a_list_is_named_by_its_first_or_by_every_item_and_a_native_list_by_every_one() {
    let told = |from: &str, to: &str| {
        let faults = compiled(&ROWS.replace(from, to)).unwrap_err();
        faults.into_iter().map(|fault| fault.message).collect::<Vec<_>>().join("; ")
    };
    let both = told("native = \"NOTE\"\nshared = \"note\"", "native = \"List[]\"\nshared = \"people[].name\"");
    assert!(both.contains("names the first item of a list of which `people[].name` names every item"), "{both}");
    let native = told("native = \"NOTE\"", "native = \"List[0]\"");
    assert!(native.contains("`[0]` is for the shared side"), "{native}");
}
