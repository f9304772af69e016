//! Tests of the JSON door.

use super::*;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };
const BAD_REQUEST: [&str; 3] = ["malformed-json", "encoding-refused", "too-deep"];

fn check(text: &str, code: &str, pointer: &str, line: u32, column: u32) {
    let refused = JsonCodec.read(text.as_bytes(), &LIMITS).expect_err(text);
    assert_eq!(refused.code, code, "{text}: {refused:?}");
    let first = &refused.violations[0];
    assert_eq!((first.pointer.as_str(), first.line, first.column), (pointer, Some(line), Some(column)), "{text}");
}

#[test]
fn what_would_change_in_silence_is_refused_with_its_place() {
    check("{\"a\": 1,\n \"a\": 2}", "duplicate-key", "/a", 2, 7);
    check(r#"{"a": {"b/c": ["x", "y\u0000"]}}"#, "nul-character", "/a/b~1c/1", 1, 21);
    check(r#"["\u0001"]"#, "character-not-portable", "/0", 1, 2);
    check("[\"\u{ffff}\"]", "character-not-portable", "/0", 1, 2);
    check("[1, 12345678901234567890123]", "schema-invalid", "/1", 1, 5);
    check("[1.000000000000000005]", "schema-invalid", "/0", 1, 2);
    check("[-9223372036854775809]", "schema-invalid", "/0", 1, 2);
    check("{\"n\": [1e400]}", "schema-invalid", "", 1, 12);
    check("{\"a\": }", "malformed-json", "", 1, 7);
}

#[test]
fn every_duplicate_key_is_listed() {
    let refused = JsonCodec.read(br#"{"a":1,"a":2,"b":{"c":1,"c":2}}"#, &LIMITS).unwrap_err();
    let pointers: Vec<_> = refused.violations.iter().map(|found| found.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a", "/b/c"]);
}

#[test]
fn numbers_that_are_kept_pass() {
    for text in
        ["1.5", "0.1", "1e2", "-0", "-1.50", "18446744073709551615", "1E-5", "123456789.123", "100000000000000000000"]
    {
        JsonCodec.read(text.as_bytes(), &LIMITS).expect(text);
    }
}

/// The parser's quick way with long or small numbers gave a neighbour of the number that was sent.
#[test]
fn a_number_is_read_as_the_very_one_that_was_sent() {
    for text in [
        "1e-50",
        "-0.00000000000000000000000000000000000000000000000001",
        "7.0e-45",
        "5e-324",
        "1.7976931348623157e308",
    ] {
        let tree = JsonCodec.read(text.as_bytes(), &LIMITS).expect(text);
        assert_eq!(tree.as_f64(), text.parse().ok(), "{text}");
    }
    let read = JsonCodec.read(b"[1.5e-9223372036854775808]", &LIMITS);
    assert!(read.is_err_and(|refused| refused.code == "schema-invalid"), "a power of ten beyond all bounds");
}

#[test]
fn limits_hold_without_work() {
    let deep = "[".repeat(100_000);
    assert_eq!(JsonCodec.read(deep.as_bytes(), &LIMITS).unwrap_err().code, "too-deep");
    let many = format!("[{}1]", "1,".repeat(200_000));
    assert_eq!(JsonCodec.read(many.as_bytes(), &LIMITS).unwrap_err().code, "too-large");
    let key = format!("{{\"{}\":1}}", "k".repeat(1_001));
    assert_eq!(JsonCodec.read(key.as_bytes(), &LIMITS).unwrap_err().code, "too-large");
    let large = vec![b' '; LIMITS.bytes + 1];
    assert_eq!(JsonCodec.read(&large, &LIMITS).unwrap_err().code, "too-large");
    assert!(JsonCodec.read(("[".repeat(64) + &"]".repeat(64)).as_bytes(), &LIMITS).is_ok());
}

#[test]
fn a_pointer_is_located_in_the_text() {
    let text = "{\"क\": [1, {\"b\\u0063\": true}],\n  \"x\": {}}";
    for (pointer, line, column) in [("/क/1/bc", 1, 23), ("/x", 2, 8), ("/x/missing", 2, 8), ("", 1, 1), ("/क/7", 1, 7)]
    {
        let place = JsonCodec.locate(text.as_bytes(), pointer);
        assert_eq!((place.line, place.column), (Some(line), Some(column)), "{pointer}");
    }
}

#[test]
fn the_json_test_suite_is_judged_as_it_says() {
    crate::each_corpus_file("json", |name, bytes| {
        let read = JsonCodec.read(bytes, &LIMITS);
        let bad_request = read.as_ref().err().is_some_and(|refused| BAD_REQUEST.contains(&refused.code));
        if name.starts_with("n_") {
            assert!(bad_request, "{name}: {read:?}");
        } else if name.starts_with("y_") {
            assert!(!bad_request, "{name}: {read:?}");
        }
    });
}

/// What the suite leaves to each implementation: frozen, so that a newer parser changes nothing in silence.
#[test]
fn what_json_leaves_open_is_decided_once() {
    let decided: std::collections::BTreeMap<&str, &str> =
        include_str!("decided.txt").lines().filter_map(|line| line.split_once(' ')).collect();
    let count = crate::each_corpus_file("json", |name, bytes| {
        if name.starts_with("i_") {
            let read = JsonCodec.read(bytes, &LIMITS);
            let said = read.as_ref().map_or_else(|refused| refused.code, |_| "accepted");
            assert_eq!(decided.get(name).copied(), Some(said), "{name}: {read:?}");
        }
    });
    assert!(count == 0 || decided.len() > 30);
}

#[test]
fn zeros_without_end_are_no_number_here() {
    assert!(JsonCodec.read(format!("[1{}]", "0".repeat(300)).as_bytes(), &LIMITS).is_ok());
    for text in [format!("[1.{}]", "0".repeat(500)), format!("[0.{}1]", "0".repeat(300_000))] {
        let read = JsonCodec.read(text.as_bytes(), &LIMITS);
        assert!(read.is_err_and(|refused| refused.code == "schema-invalid"));
    }
}

#[test]
fn naughty_strings_survive_byte_for_byte_or_are_refused_by_name() {
    crate::each_corpus_file(".", |name, bytes| {
        if name != "blns.json" {
            return;
        }
        let strings: Vec<String> = serde_json::from_slice(bytes).unwrap();
        assert!(strings.len() > 400);
        for text in strings {
            let sent = JsonCodec.write(&serde_json::json!({ "name": text })).unwrap();
            match JsonCodec.read(&sent, &LIMITS) {
                Ok(tree) => assert_eq!(tree["name"], text),
                Err(refused) => {
                    assert!(["nul-character", "character-not-portable"].contains(&refused.code), "{text:?}");
                }
            }
        }
    });
}

#[test]
fn many_places_of_one_document_cost_one_walk_through_it() {
    let text: String = (0..90_000).map(|n| format!("\"k{n}\":\n{n},")).collect();
    let text = format!("{{{text}\"z\":[1,2]}}");
    let pointers: Vec<String> = (0..90_000).map(|n| format!("/k{n}")).collect();
    let began = std::time::Instant::now();
    let places = JsonCodec.locate_all(text.as_bytes(), &pointers);
    // One by one they took twenty seconds.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert!(places.iter().zip(2..).all(|(place, line)| (place.line, place.column) == (Some(line), Some(1))));
}
