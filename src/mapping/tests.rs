//! Tests of the mapping engine: conversions in both directions, laws A and B, what is refused at load.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::codes::Codes;
use crate::schema::Schema;
use crate::schema::generate::{Taste, record};

const GENDER: &str = "shared,label_en,label_hi,valid_from,valid_to,source,pol,pol_canonical,jail,jail_canonical\n\
    male,Male,पुरुष,,,x,1,y,M,\nmale,Male,पुरुष,,,x,01,,,\nfemale,Female,स्त्री,,,x,2,,F,\nunknown,,,,,x,,,U,\n";
const SERIES: &str = "shared,label_en,label_hi,valid_from,valid_to,source,pol,pol_canonical\n\
    first,First,प्रथम,,,x,1,y\nfirst,First,प्रथम,,,x,0,\nfurther,Further,आगे,,,x,F,\n";

fn codes() -> Codes {
    let mut codes = Codes::default();
    codes.add("gender", GENDER.as_bytes()).unwrap();
    codes.add("series", SERIES.as_bytes()).unwrap();
    codes
}

fn native() -> Value {
    let text = json!({"type": "string", "maxLength": 40});
    let accused = json!({
        "NAME": text, "GENDER": {"type": "string", "pattern": "^[0-9]{0,2}$", "maxLength": 2},
        "YN": {"enum": ["Y", "N", ""]}, "STRANGE": text, "AGE": {"type": "integer", "minimum": 0, "maximum": 99},
        "Alias": {"type": "array", "maxItems": 3, "items": text}
    });
    let accused = json!({"type": "array", "maxItems": 9, "items": {"type": "object", "additionalProperties": false, "properties": accused}});
    let report = json!({
        "NO": {"type": "string", "pattern": "^[0-9]{1,8}$", "maxLength": 8},
        "DT": {"type": "string", "pattern": "^([012][1-8]/(0[1-9]|1[0-2])/20[0-9]{2})?$", "maxLength": 10},
        "TM": {"type": "string", "pattern": "^[012][1-8]/(0[1-9]|1[0-2])/20[0-9]{2} [01][0-9]:[0-5][0-9]$", "maxLength": 16},
        "PAGES": {"type": "string", "pattern": "^[0-9]{0,6}$", "maxLength": 6},
        "FINE": {"type": "string", "pattern": "^([0-9]{1,6}([.][0-9]{1,2})?)?$", "maxLength": 10},
        "SERIES": {"type": "string", "enum": ["0", "1", "F"]},
        "CUSTODY": text, "OTHER": text, "KEPT": text, "VERSION": {"const": "2.0"},
        "TAGS": {"type": "string", "pattern": "^[a-z ,]{0,12}$", "maxLength": 12},
        "List": {"type": "object", "additionalProperties": false, "properties": {"Accused": accused}}
    });
    json!({"type": "object", "required": ["Report"], "additionalProperties": false, "properties": {"Report": {
        "type": "object", "additionalProperties": false, "required": ["NO", "SERIES"], "properties": report}}})
}

fn shared() -> Value {
    let coded = json!({"type": "object", "additionalProperties": false, "required": ["code"], "properties": {
        "code": {"type": ["string", "null"], "maxLength": 20}, "label": {"type": "string", "maxLength": 90},
        "raw": {"type": "object", "additionalProperties": false, "properties": {
            "table": {"type": "string", "maxLength": 90}, "value": {"type": "string", "maxLength": 90}}}}});
    json!({"type": "object", "additionalProperties": false, "required": ["office", "report"], "properties": {
        "office": {"type": "string", "pattern": "^ps:[0-9]{1,8}$", "maxLength": 12},
        "report": {"type": "object", "additionalProperties": false, "required": ["series"], "properties": {
            "series": {"type": "string", "enum": ["first", "further"]}, "date": {"type": "string", "format": "date"},
            "at": {"type": "string", "format": "date-time"}, "pages": {"type": "integer"}, "fine": {"type": "number"},
            "custody": {"type": "string", "maxLength": 40}, "tags": {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 40}},
            "entry": {"type": "string", "enum": ["live", "late"]}, "unmapped": {"type": "string", "maxLength": 9}}},
        "accused": {"type": "array", "maxItems": 9, "items": {"type": "object", "additionalProperties": false, "properties": {
            "name": {"type": "string", "maxLength": 40}, "gender": coded, "held": {"type": "boolean"}, "age": {"type": "integer"},
            "alias": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 40}}}}},
        "extensions": {"type": "object", "x-open": true}
    }})
}

const ROWS: &str = r#"
adapter = "pol"
kind = "report"
[[row]]
native = "Report/NO"
shared = "office"
as = "prefix ps:"
[[row]]
native = "Report/DT"
shared = "report.date"
as = "date dd/MM/yyyy"
[[row]]
native = "Report/TM"
shared = "report.at"
as = "datetime dd/MM/yyyy HH:mm"
[[row]]
native = "Report/PAGES"
shared = "report.pages"
as = "integer"
[[row]]
native = "Report/FINE"
shared = "report.fine"
as = "number"
[[row]]
native = "Report/SERIES"
shared = "report.series"
as = "code series"
[[row]]
native = "Report/CUSTODY"
shared = "report.custody"
when = "report.series == 'first'"
[[row]]
native = "Report/OTHER"
shared = "report.custody"
when = "report.series == 'further'"
[[row]]
native = "Report/TAGS"
shared = "report.tags"
as = "split ,"
[[row]]
shared = "report.entry"
as = 'const "live"'
[[row]]
native = "Report/VERSION"
as = 'const "2.0"'
[[row]]
native = "Report/List/Accused[]/NAME"
shared = "accused[].name"
[[row]]
native = "Report/List/Accused[]/GENDER"
shared = "accused[].gender"
as = "code gender"
[[row]]
native = "Report/List/Accused[]/YN"
shared = "accused[].held"
as = "boolean Y/N"
default = false
[[row]]
native = "Report/List/Accused[]/AGE"
shared = "accused[].age"
[[row]]
native = "Report/List/Accused[]/Alias[]"
shared = "accused[].alias[]"
"#;

fn compiled(rows: &str, adapter: &str) -> Result<Compiled, Vec<Fault>> {
    let layers = [("mappings/pol/report.toml".to_owned(), rows.as_bytes())];
    let (native, shared, codes) = (native(), shared(), codes());
    Compiled::compile(Source {
        adapter,
        kind: "report",
        layers: &layers,
        native: &native,
        shared: &shared,
        codes: &codes,
        bases: &[],
        sends: true,
        receives: true,
    })
}

fn plan() -> Compiled {
    compiled(ROWS, "pol").unwrap_or_else(|faults| panic!("{faults:#?}"))
}

#[test]
fn a_record_goes_there_and_back() {
    let native = json!({"Report": {"NO": "38101004", "DT": "05/11/2026", "TM": "05/11/2026 09:07", "PAGES": "007", "FINE": "1.50",
        "SERIES": "0", "CUSTODY": "judicial", "OTHER": "kept", "KEPT": "x", "TAGS": "a, b,c",
        "List": {"Accused": [{"NAME": "", "GENDER": "01", "YN": "Y", "AGE": 20, "Alias": ["राम", ""]}, {"GENDER": "77", "STRANGE": "?"}, {}]}}});
    let decoded = plan().decode(&native).unwrap();
    assert_eq!(
        decoded.shared,
        json!({"office": "ps:38101004",
        "report": {"series": "first", "date": "2026-11-05", "at": "2026-11-05T09:07:00+05:30", "pages": 7, "fine": 1.5,
            "custody": "judicial", "tags": ["a", "b", "c"], "entry": "live"},
        "accused": [
            {"name": "", "gender": {"code": "male", "label": "Male", "raw": {"table": "pol.gender", "value": "01"}}, "held": true, "age": 20, "alias": ["राम", ""]},
            {"gender": {"code": null, "raw": {"table": "pol.gender", "value": "77"}}, "held": false}, {"held": false}],
        "extensions": {"pol": {
            "raw": {
                "/report/pages": {"at": "/Report/PAGES", "value": "007", "parsed": 7},
                "/report/fine": {"at": "/Report/FINE", "value": "1.50", "parsed": 1.5},
                "/report/series": {"at": "/Report/SERIES", "value": "0", "parsed": "first"},
                "/report/tags": {"at": "/Report/TAGS", "value": "a, b,c", "parsed": ["a", "b", "c"]},
                "/accused/1/held": {"at": "/Report/List/Accused/1/YN", "parsed": false},
                "/accused/2/held": {"at": "/Report/List/Accused/2/YN", "parsed": false}},
            "rest": {"/Report/OTHER": "kept", "/Report/KEPT": "x", "/Report/List/Accused/1/STRANGE": "?"},
            "absent": ["/Report/VERSION"]}}})
    );
    assert_eq!(decoded.warnings.len(), 1);
    assert_eq!(
        (decoded.warnings[0].pointer.as_str(), decoded.warnings[0].rule.as_str()),
        ("/Report/List/Accused/1/GENDER", "code-unknown")
    );
    assert_eq!(plan().encode(&decoded.shared).unwrap().native, native);
}

#[test]
fn a_raw_value_is_used_only_while_its_parsed_value_is_unchanged() {
    let native = json!({"Report": {"NO": "1", "SERIES": "0", "PAGES": "007", "FINE": "", "List": {"Accused": [{}]}}});
    let mut shared = plan().decode(&native).unwrap().shared;
    shared["report"]["pages"] = json!(8);
    shared["report"]["fine"] = json!(2);
    shared["accused"][0]["held"] = json!(true);
    let back = plan().encode(&shared).unwrap().native;
    assert_eq!(
        back,
        json!({"Report": {"NO": "1", "SERIES": "0", "PAGES": "8", "FINE": "2", "List": {"Accused": [{"YN": "Y"}]}}})
    );
}

#[test]
fn another_system_gets_its_own_values_and_is_told_what_it_cannot_carry() {
    let shared = json!({"office": "ps:1", "report": {"series": "further", "at": "2026-11-05T09:07:33+05:30", "unmapped": "x", "entry": "late"},
        "accused": [{"gender": {"code": "male", "raw": {"table": "jail.gender", "value": "M"}}}, {"gender": {"code": "other"}}, {"gender": {"code": null}}],
        "extensions": {"jail": {"rest": {"/x": 1}}}});
    let encoded = plan().encode(&shared).unwrap();
    assert_eq!(
        encoded.native,
        json!({"Report": {"NO": "1", "TM": "05/11/2026 09:07", "SERIES": "F", "VERSION": "2.0", "List": {"Accused": [{"GENDER": "1"}, {}, {}]}}})
    );
    assert_eq!(encoded.lost, ["accused[].gender", "report.at", "report.entry", "report.unmapped"]);
    let rows =
        ROWS.replace("[[row]]\nnative = \"Report/SERIES\"\nshared = \"report.series\"\nas = \"code series\"\n", "");
    let rows: String = rows.split("[[row]]").filter(|row| !row.contains("when =")).collect::<Vec<_>>().join("[[row]]");
    let jail = format!(
        "{rows}\n[[row]]\nshared = \"report.series\"\nas = 'const \"first\"'\n[[row]]\nnative = \"Report/SERIES\"\nas = 'const \"1\"'\n"
    );
    let jail = compiled(&jail, "jail").unwrap_or_else(|faults| panic!("{faults:#?}"));
    let encoded = jail.encode(&shared).unwrap();
    assert_eq!(encoded.native["Report"]["List"]["Accused"], json!([{"GENDER": "M"}, {"GENDER": "U"}, {"GENDER": "U"}]));
}

#[test]
fn a_code_that_the_receiver_requires_and_does_not_know_parks() {
    let shared = json!({"office": "ps:1", "report": {"series": "last"}});
    let (code, violations) = plan().encode(&shared).unwrap_err();
    assert_eq!((code.as_str(), violations[0].shared_pointer.as_deref()), ("code-unknown", Some("/report/series")));
}

#[test]
fn what_is_no_value_of_its_form_is_kept_with_a_warning_or_refused_where_it_is_due() {
    let native = json!({"Report": {"NO": "1", "SERIES": "1", "DT": "31/02/2026", "PAGES": "x", "List": {"Accused": [{"YN": "Q"}]}}});
    let decoded = plan().decode(&native).unwrap();
    assert_eq!(decoded.shared["accused"], json!([{}]));
    let plain: Vec<_> = decoded
        .warnings
        .iter()
        .map(|one| (one.pointer.as_str(), one.shared_pointer.as_deref().unwrap(), one.rule.as_str()))
        .collect();
    assert_eq!(
        plain,
        [
            ("/Report/DT", "/report/date", "value-unreadable"),
            ("/Report/PAGES", "/report/pages", "value-unreadable"),
            ("/Report/List/Accused/0/YN", "/accused/0/held", "value-unreadable"),
        ]
    );
    assert!(decoded.warnings[0].message.starts_with("must be a date, `dd/MM/yyyy`"));
    assert_eq!(plan().encode(&decoded.shared).unwrap().native, native);
    let rows =
        ROWS.replace("shared = \"office\"\nas = \"prefix ps:\"", "shared = \"office\"\nas = \"date dd/MM/yyyy\"");
    let found = compiled(&rows, "pol").unwrap().decode(&native).unwrap_err();
    assert_eq!(
        (found[0].pointer.as_str(), found[0].rule.as_str(), found[0].message.as_str()),
        ("/Report/NO", "mapping-failed", "must be a date, `dd/MM/yyyy`")
    );
}

/// A place on the map as devices give it has sixteen digits: it was written, and then not read.
#[test]
fn a_number_that_is_written_is_read_however_many_digits_it_has() {
    for number in [json!(9.857_142_857_142_858), json!(1e-7), json!(-0.1), json!(500)] {
        let native = json!({"Report": {"NO": "1", "SERIES": "1", "FINE": number.to_string()}});
        let decoded = plan().decode(&native).unwrap();
        assert_eq!((&decoded.shared["report"]["fine"], decoded.warnings.len()), (&number, 0), "{number}");
        assert_eq!(plan().encode(&decoded.shared).unwrap().native, native);
    }
    for text in ["9.8571428571428580", "1e400", "NaN", "1E-7", "inf"] {
        let native = json!({"Report": {"NO": "1", "SERIES": "1", "FINE": text}});
        assert_eq!(plan().decode(&native).unwrap().warnings.len(), 1, "{text}");
    }
}

#[test]
fn a_shared_place_is_found_in_the_native_form() {
    let plan = plan();
    for (shared, native) in [
        ("/accused/1/gender/code", Some("/Report/List/Accused/1/GENDER")),
        ("/accused/1/name", Some("/Report/List/Accused/1/NAME")),
        ("/accused/0/alias/2", Some("/Report/List/Accused/0/Alias/2")),
        ("/accused/1", Some("/Report/List/Accused/1")),
        ("/accused", Some("/Report/List/Accused")),
        ("/report/unmapped", None),
        ("/report", Some("/Report")),
    ] {
        assert_eq!(plan.native_pointer(shared).as_deref(), native, "{shared}");
    }
    assert_eq!(plan.loss().unread, ["Report/KEPT", "Report/List/Accused[]/STRANGE"]);
    assert_eq!(plan.loss().uncarried, ["report.unmapped"]);
}

fn refused(change: impl Fn(&str) -> String, expected: &[(usize, &str)]) {
    let faults = compiled(&change(ROWS), "pol").unwrap_err();
    let plain: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
    assert_eq!(plain.len(), expected.len(), "{plain:#?}");
    for ((line, message), (wanted, words)) in plain.iter().zip(expected) {
        assert!(line == wanted && message.contains(words), "{line} {message:?} is not {wanted} {words:?}");
    }
}

#[test]
fn every_fault_of_a_mapping_is_listed_with_its_line() {
    refused(
        |rows| rows.replace("Report/DT", "Report/D").replace("accused[].name", "accused[].nam"),
        &[
            (8, "native path `Report/D` is not in the schema: there is no `D` in `Report`; did you mean `DT`?"),
            (46, "did you mean `name`?"),
        ],
    );
    refused(|rows| rows.replace("accused[].name", "accused.name"), &[(46, "`accused` is a list: write `accused[]`")]);
    refused(|rows| rows.replace("as = \"integer\"", "as = \"intger\""), &[(16, "did you mean `integer`?")]);
    refused(
        |rows| rows.replace("as = \"integer\"", ""),
        &[(16, "`text` does not go between the native string and the shared integer")],
    );
    refused(
        |rows| rows.replace("code gender", "code gendre"),
        &[(49, "there is no code table `gendre`; did you mean `gender`?")],
    );
    refused(
        |rows| rows.replace("'further'", "'first'"),
        &[(32, "two rows on one target need `when`s that exclude each other")],
    );
    refused(
        |rows| rows.replace("report.series == 'first'", "report.serie == 'first'"),
        &[(28, "did you mean `series`?")],
    );
    refused(
        |rows| rows.replace("report.series == 'first'", "report.custody == 'first'"),
        &[(28, "no row without a `when` fills `report.custody`"), (32, "two rows on one target")],
    );
    refused(
        |rows| rows.replace("shared = \"office\"", "shared = \"report.unmapped\""),
        &[(0, "the shared schema requires `office`")],
    );
    refused(
        |rows| rows.replace("native = \"Report/NO\"", "native = \"Report/KEPT\""),
        &[(0, "the native schema requires `Report/NO`")],
    );
    refused(|rows| rows.replace("as = \"prefix ps:\"", "ass = \"prefix ps:\""), &[(7, "did you mean `as`?")]);
    refused(|rows| rows.replace("date dd/MM/yyyy", "date dd/MM/yy"), &[(8, "made of `yyyy MM dd HH mm ss`")]);
    refused(
        |rows| rows.replace("Report/List/Accused[]/Alias[]", "Report/List/Accused[]/NAME"),
        &[(61, "as many `[]`")],
    );
    refused(
        |rows| rows.replace("const \"live\"", "const \"lve\""),
        &[(40, "the constant `\"lve\"` is not valid there")],
    );
    refused(|rows| rows.replace("kind = \"report\"", "kind = \"fir\""), &[(3, "`kind` is `fir`")]);
    refused(|rows| format!("{rows}[row"), &[(64, "")]);
}

#[test]
fn a_variant_replaces_and_drops_rows_of_its_base() {
    let variant = "adapter = \"pol-x\"\nkind = \"report\"\n[[row]]\nnative = \"Report/KEPT\"\nshared = \"accused[].nme\"\ndrop = true\n";
    let (base, wrong) = (ROWS.as_bytes(), variant.as_bytes());
    let right = "kind = \"report\"\n[[row]]\nshared = \"report.fine\"\ndrop = true\n[[row]]\nnative = \"Report/FINE\"\nshared = \"report.pages\"\nas = \"integer\"\n";
    let run = |variant: &[u8]| {
        let layers = [("base".to_owned(), base), ("variant".to_owned(), variant)];
        let (native, shared, codes) = (native(), shared(), codes());
        Compiled::compile(Source {
            adapter: "pol-x",
            kind: "report",
            layers: &layers,
            native: &native,
            shared: &shared,
            codes: &codes,
            bases: &["pol".to_owned()],
            sends: true,
            receives: true,
        })
    };
    let plan = run(right.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let decoded =
        plan.decode(&json!({"Report": {"NO": "1", "SERIES": "1", "FINE": "5", "PAGES": "6"}})).unwrap().shared;
    assert_eq!(decoded["report"], json!({"series": "first", "pages": 5, "entry": "live"}));
    assert_eq!(decoded["extensions"]["pol-x"]["rest"], json!({"/Report/PAGES": "6"}));
    let faults = run(wrong).unwrap_err();
    assert_eq!((faults[0].file.as_str(), faults[0].line), ("variant", 3));
    assert!(faults[0].message.contains("did you mean `accused[].name`?"));
}

/// JSON without the root element of the base's XML, days in another order, stations by numbers of its own.
const INSTEAD: &str = r#"
kind = "report"
[[instead]]
native = "Report"
with = ""
[[instead]]
native = "List/Accused[]"
with = "people[]"
[[instead]]
as = "prefix ps:"
with = "code station prefix ps: else 99"
"#;

#[test]
fn a_variant_says_once_what_it_writes_instead_and_a_value_of_no_row_has_a_place() {
    let run = |variant: &str| {
        let mut native = native()["properties"]["Report"].clone();
        let people = native["properties"].as_object_mut().unwrap().remove("List").unwrap();
        native["properties"]["people"] = people["properties"]["Accused"].clone();
        let (shared, mut codes) = (shared(), codes());
        let head = "shared,label_en,label_hi,valid_from,valid_to,source,pol-x,pol-x_canonical\n";
        codes.add("station", format!("{head}3810,One,एक,,,x,77,\n").as_bytes()).unwrap();
        let layers = [("base".to_owned(), ROWS.as_bytes()), ("variant".to_owned(), variant.as_bytes())];
        let (native, shared, bases) = (&native, &shared, &["pol".to_owned()]);
        let (adapter, kind, codes, layers) = ("pol-x", "report", &codes, &layers);
        Compiled::compile(Source { adapter, kind, layers, native, shared, codes, bases, sends: true, receives: true })
    };
    let plan = run(INSTEAD).unwrap_or_else(|faults| panic!("{faults:#?}"));
    for (station, office) in [("77", "ps:3810"), ("12", "ps:9912")] {
        let sent = json!({"NO": station, "SERIES": "1", "VERSION": "2.0", "people": [{"NAME": "x"}]});
        let decoded = plan.decode(&sent).unwrap().shared;
        assert_eq!((&decoded["office"], &decoded["accused"]), (&json!(office), &json!([{"name": "x", "held": false}])));
        assert_eq!(plan.encode(&decoded).unwrap().native, sent);
    }
    let faults = run(&INSTEAD.replace("\"List/", "\"Lost/")).unwrap_err();
    assert!(faults[0].line == 6 && faults[0].message.contains("no row of the mapping underneath"), "{faults:?}");
}

#[test]
fn a_condition_that_cannot_be_judged_refuses_at_decode_and_fails_at_encode() {
    let plan = plan();
    let found = plan.decode(&json!({"Report": {"NO": "1", "CUSTODY": "x"}})).unwrap_err();
    assert_eq!((found[0].rule.as_str(), found[0].pointer.as_str()), ("mapping-failed", "/Report/CUSTODY"));
    assert_eq!(plan.encode(&json!({"report": {}})).unwrap_err().0, "mapping-failed");
}

#[test]
fn the_example_of_the_manual_is_true() {
    let manual = include_str!("../../docs/mapping.md");
    let block = |language: &str, place: usize| {
        let open = format!("```{language}\n");
        let text = manual.split(&open).nth(place).unwrap().split("```").next().unwrap();
        text.to_owned()
    };
    let plan = compiled(&block("toml", 1), "pol").unwrap_or_else(|faults| panic!("{faults:#?}"));
    let native: Value = serde_json::from_str(&block("json", 1)).unwrap();
    let shared: Value = serde_json::from_str(&block("json", 2)).unwrap();
    assert_eq!(plan.decode(&native).unwrap().shared, shared);
    assert_eq!(plan.encode(&shared).unwrap().native, native);
}

/// Law A: `encode(decode(n)) = n`. What decoding refuses (a day that no calendar has) is outside it.
/// The values that are refused are taken out, so that the rest of the record is judged.
pub(crate) fn law_a(plan: &Compiled, native: &Value) -> Result<(), TestCaseError> {
    let mut native = native.clone();
    let decoded = loop {
        match plan.decode(&native) {
            Ok(decoded) => break decoded,
            Err(violations) => {
                for violation in violations {
                    let (parent, last) = violation.pointer.rsplit_once('/').unwrap();
                    match native.pointer_mut(parent) {
                        Some(Value::Object(object)) => drop(object.remove(last)),
                        Some(Value::Array(items)) => drop(items.pop()),
                        other => panic!("{} is not in the record: {other:?}", violation.pointer),
                    }
                }
            }
        }
    };
    let encoded = plan.encode(&decoded.shared).map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    prop_assert_eq!(&encoded.native, &plan.with_links(&native), "by way of {}", decoded.shared);
    Ok(())
}

/// Law B: `decode(encode(s))` equals `s` on the paths that the pair carries; a coded field is its code.
pub(crate) fn law_b(plan: &Compiled, shared: &Value) -> Result<(), TestCaseError> {
    let Ok(encoded) = plan.encode(shared) else {
        return Ok(());
    };
    let again = plan
        .decode(&encoded.native)
        .map_err(|error| TestCaseError::fail(format!("{error:?} of {}", encoded.native)))?;
    let beside = |path: &str| BESIDE.iter().any(|name| path == *name || path.starts_with(&format!("{name}[")));
    for path in plan.carried().iter().filter(|path| !encoded.lost.contains(path) && !beside(path)) {
        let of = |tree: &Value| -> Vec<Value> {
            let values = Path::shared(path).unwrap().values_in(tree).into_iter();
            let plain = |value: &Value| value.get("code").unwrap_or(value).clone();
            values.map(plain).filter(|value| !value.is_null()).collect()
        };
        let (before, after) = (of(shared), of(&again.shared));
        if !before.is_empty() && before.iter().all(|value| *value != json!("") && *value != json!([])) {
            prop_assert_eq!(before, after, "{} of {} by way of {}", path, shared, encoded.native);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn law_a_holds_for_generated_native_records(seed in any::<u64>(), optional in 20u8..100) {
        let native = record(&native(), seed, Taste { optional, items: 3 });
        law_a(&plan(), &native)?;
    }

    #[test]
    fn law_b_holds_for_generated_shared_records(seed in any::<u64>(), optional in 20u8..100) {
        let schema = shared();
        let mut tree = record(&schema, seed, Taste { optional, items: 3 });
        tree.as_object_mut().unwrap().remove("extensions");
        law_b(&plan(), &tree)?;
    }
}

#[test]
fn the_schemas_of_these_tests_are_of_the_subset() {
    for schema in [native(), shared()] {
        let compiled = Schema::from_resolved("test", std::sync::Arc::new(schema.clone())).unwrap();
        for seed in 0..50 {
            let tree = record(&schema, seed, Taste::default());
            assert_eq!(compiled.violations(&tree), [], "{tree}");
        }
    }
}
