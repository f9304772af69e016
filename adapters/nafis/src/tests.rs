//! The codec held to its promises over reference transactions that nobody here wrote and over synthetic ones: every byte comes
//! back, every cut is refused, every damaged separator, length or count is named by its field, and nothing panics.

use icjs_kit::{Codec, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::NistCodec;

const LIMITS: Limits = Limits { bytes: 32 << 20, depth: 64, keys: 100_000 };

fn codec() -> NistCodec {
    let item = |name: &str| json!({name: {"type": "string"}});
    let text = json!({"type": "string"});
    NistCodec::new(&json!({"type": "object", "properties": {
        "T1": {"type": "object", "properties": {"F004": text, "DIGITS": {"type": "integer"},
            "F013": {"type": "object", "properties": {"NAME": text, "VERSION": text}}}},
        "T2": {"type": "object", "properties": {
            "F018": text,
            "F019": {"type": "array", "items": text},
            "F064": {"type": "array", "items": {"type": "object", "properties": {"NFN": text, "SCORE": text}}},
            "F070": {"type": "object", "properties": item("ONLY")}}}
    }}))
    .unwrap()
}

/// One record of numbered fields, its length counted.
fn tagged(kind: u8, digits: usize, fields: &[(u16, &[u8])]) -> Vec<u8> {
    let mut rest = Vec::new();
    for (number, value) in fields {
        rest.extend_from_slice(format!("\u{1d}{kind}.{number:0digits$}:").as_bytes());
        rest.extend_from_slice(value);
    }
    rest.push(0x1C);
    let tag = format!("{kind}.{:0digits$}:", 1);
    let mut length = tag.len() + rest.len() + 1;
    while tag.len() + length.to_string().len() + rest.len() != length {
        length += 1;
    }
    [format!("{tag}{length}").into_bytes(), rest].concat()
}

fn binary(kind: u8, idc: u8, image: &[u8]) -> Vec<u8> {
    let mut head = vec![idc, 3, 1, 255, 255, 255, 255, 255, 0, 3, 36, 2, 240, 1];
    if kind == 8 {
        head = vec![idc, 0, 1, 1, 0, 200, 0, 60];
    }
    let length = u32::try_from(4 + head.len() + image.len()).unwrap();
    [length.to_be_bytes().to_vec(), head, image.to_vec()].concat()
}

fn image(length: usize, seed: u64) -> Vec<u8> {
    // Every separator, every tag-like byte, in any order.
    (0..length)
        .map(|n| (seed | 1).wrapping_mul(n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0])
        .collect()
}

fn head(digits: usize, listed: &[(u8, u8)], more: &[(u16, &[u8])]) -> Vec<u8> {
    let content: String = listed.iter().map(|(kind, idc)| format!("\u{1e}{kind}\u{1f}{idc:02}")).collect();
    let content = format!("1\u{1f}{}{content}", listed.len());
    let mut fields: Vec<(u16, &[u8])> = vec![
        (2, b"0502"),
        (3, content.as_bytes()),
        (4, b"TPIS"),
        (5, b"20260512"),
        (6, b"4"),
        (7, b"NAFIS0000"),
        (8, b"DLPS01004"),
        (9, b"DL2026-000123"),
        (11, b"19.69"),
        (12, b"19.69"),
        (13, b"NORAM\x1f"),
    ];
    fields.retain(|(number, _)| more.iter().all(|(other, _)| other != number));
    fields.extend(more);
    fields.sort_by_key(|(number, _)| *number);
    tagged(1, digits, &fields)
}

/// Everything that a transaction may hold.
fn every_kind() -> Vec<u8> {
    let listed = [
        (2, 0),
        (4, 1),
        (14, 2),
        (9, 1),
        (10, 3),
        (13, 4),
        (15, 5),
        (16, 6),
        (17, 7),
        (8, 8),
        (7, 9),
        (5, 10),
        (99, 11),
    ];
    let data = image(300, 7);
    [
        head(3, &listed, &[(14, b"20260512093000Z"), (15, b"003\x1fUTF-8\x1f4.0")]),
        tagged(
            2,
            3,
            &[
                (2, b"00"),
                (18, "KUMAR, रवि".as_bytes()),
                (19, b"RAVI\x1eRAVINDER"),
                (64, b"0712345678\x1f98\x1e0712345679\x1f"),
                (70, b"x"),
                (80, b"a\x1fb\x1ec"),
                (81, b""),
            ],
        ),
        binary(4, 1, &image(500, 3)),
        tagged(
            14,
            3,
            &[
                (2, b"02"),
                (3, b"2"),
                (6, b"804"),
                (7, b"1000"),
                (11, b"WSQ20"),
                (13, b"15"),
                (22, b"6\x1f3\x1e1\x1f3"),
                (999, &data),
            ],
        ),
        tagged(9, 3, &[(2, b"01"), (3, b"0"), (4, b"S"), (12, b"001\x1f21952030101\x1f00\x1fD\x1f033,04")]),
        tagged(10, 3, &[(2, b"03"), (3, b"FACE"), (6, b"480"), (7, b"600"), (11, b"JPEGB"), (20, b"F"), (999, &data)]),
        tagged(
            13,
            3,
            &[(2, b"04"), (3, b"4"), (6, b"344"), (7, b"370"), (11, b"WSQ20"), (13, b"7\x1e8"), (999, &data)],
        ),
        tagged(15, 3, &[(2, b"05"), (3, b"10"), (6, b"900"), (7, b"900"), (11, b"NONE"), (13, b"21"), (999, b"")]),
        tagged(16, 3, &[(2, b"06"), (11, b"PNG"), (999, &data)]),
        tagged(17, 3, &[(2, b"07"), (3, b"1"), (11, b"PNG"), (999, &data)]),
        binary(8, 8, &data),
        vec![0, 0, 0, 7, 9, 1, 2],
        binary(5, 10, &data),
        tagged(99, 3, &[(2, b"11"), (4, b"CBEFF"), (999, &data)]),
    ]
    .concat()
}

/// As older systems number their fields.
fn two_digits() -> Vec<u8> {
    let head = head(2, &[(2, 0)], &[]);
    [head, tagged(2, 3, &[(2, b"00"), (18, b"SINGH, ASHA")])].concat()
}

fn texts_only() -> Vec<u8> {
    [head(3, &[(2, 0)], &[]), tagged(2, 3, &[(2, b"00"), (18, b"SINGH, ASHA"), (19, b"A")])].concat()
}

fn refusal(bytes: &[u8]) -> (String, &'static str) {
    let refused = codec().read(bytes, &LIMITS).expect_err("must be refused");
    (refused.violations[0].pointer.clone(), refused.code)
}

#[track_caller]
fn back(name: &str, bytes: &[u8]) -> Value {
    let tree = codec().read(bytes, &LIMITS).unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
    let written = codec().rewrite(&tree, bytes).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    assert!(written == bytes, "{name}: {} bytes came back as {}", bytes.len(), written.len());
    tree
}

#[track_caller]
fn corpus(mut test: impl FnMut(&str, &[u8])) -> usize {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/an2");
    let Ok(files) = std::fs::read_dir(&folder) else {
        println!("skipped: no corpus at {}", folder.display());
        return 0;
    };
    let files = files.map(|file| file.unwrap().path());
    files.map(|path| test(&path.file_name().unwrap().to_string_lossy(), &std::fs::read(&path).unwrap())).count()
}

#[test]
fn every_reference_transaction_comes_back_byte_for_byte() {
    let count = corpus(|name, bytes| {
        let tree = back(name, bytes);
        let described =
            tree["Records"].as_array().unwrap().iter().map(|one| one["BYTES"].as_u64().unwrap()).sum::<u64>();
        let text = serde_json::to_vec(&tree).unwrap().len() as u64;
        assert!(described > 400, "{name}: images are described");
        assert!(text < 8_000, "{name}: a tree of {text} bytes holds an image");
    });
    println!("{count} reference transactions");
}

#[test]
fn every_kind_of_record_comes_back_byte_for_byte_and_says_what_it_is() {
    let bytes = every_kind();
    let tree = back("every kind", &bytes);
    assert_eq!(tree["T1"]["F009"], "DL2026-000123");
    assert_eq!(tree["T1"]["F013"], json!({"NAME": "NORAM", "VERSION": ""}));
    assert_eq!(tree["T2"]["F018"], "KUMAR, रवि");
    assert_eq!(tree["T2"]["F019"], json!(["RAVI", "RAVINDER"]));
    assert_eq!(tree["T2"]["F064"], json!([{"NFN": "0712345678", "SCORE": "98"}, {"NFN": "0712345679", "SCORE": ""}]));
    assert_eq!(tree["T2"]["F080"], json!([["a", "b"], ["c"]]), "what the schema does not describe");
    let kinds: Vec<&str> =
        tree["Records"].as_array().unwrap().iter().map(|one| one["TYPE"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["4", "14", "9", "10", "13", "15", "16", "17", "8", "7", "5", "99"]);
    let first = &tree["Records"][0];
    assert_eq!(
        (&first["IMP"], &first["FGP"], &first["HLL"], &first["VLL"]),
        (&json!("3"), &json!(["1"]), &json!("804"), &json!("752"))
    );
    assert_eq!(tree["Records"][4]["FGP"], json!(["7", "8"]));
    let at = usize::try_from(first["AT"].as_u64().unwrap()).unwrap();
    assert_eq!(bytes[at + 4], 1, "the character of the first image stands where the tree says");
    back("two digits", &two_digits());
}

#[test]
fn a_transaction_of_texts_is_written_from_its_tree_alone() {
    let tree = json!({"T1": {"F002": "0502", "F004": "SRE", "F005": "20260513", "F007": "DLPS01004", "F008": "NAFIS0000",
        "F009": "N-1", "F011": "00.00", "F012": "00.00"}, "T2": {"F018": "SINGH, ASHA", "F064": [{"NFN": "0712345678"}]}});
    let bytes = codec().write(&tree).unwrap();
    let read = codec().read(&bytes, &LIMITS).unwrap();
    assert_eq!(read["T1"]["F003"], json!([["1", "1"], ["2", "00"]]));
    assert_eq!(read["T2"]["F064"], json!([{"NFN": "0712345678"}]));
    assert!(bytes.starts_with(format!("1.001:{}\u{1d}", read["T1"]["F001"].as_str().unwrap()).as_bytes()));
}

#[test]
fn an_image_is_never_taken_from_another_transaction() {
    let bytes = every_kind();
    let mut tree = codec().read(&bytes, &LIMITS).unwrap();
    assert!(codec().write(&tree).unwrap_err().contains("original"), "without the original there are no images");
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(codec().rewrite(&tree, &other).unwrap_err().contains("digests"));
    tree["Records"].as_array_mut().unwrap().pop();
    assert!(codec().rewrite(&tree, &bytes).unwrap_err().contains("1.003"), "the content list names it still");
    tree["Records"][0]["AT"] = json!(u64::MAX);
    assert!(codec().rewrite(&tree, &bytes).is_err());
}

#[test]
fn a_text_that_holds_a_separator_is_not_written() {
    let mut tree = codec().read(&texts_only(), &LIMITS).unwrap();
    tree["T2"]["F018"] = json!("SINGH\u{1d}2.020:DELHI");
    assert!(codec().write(&tree).unwrap_err().contains("2.018"));
    tree["T2"]["F018"] = json!("रवि");
    assert!(codec().write(&tree).unwrap_err().contains("2.018"), "7-bit ASCII, for 1.015 says nothing else");
}

/// What is damaged, and the number of the field that the refusal names.
#[test]
fn damage_is_named_by_the_number_of_its_field() {
    let good = texts_only();
    let damaged = |from: &str, to: &str| {
        let text = String::from_utf8(good.clone()).unwrap();
        assert!(text.contains(from), "{from:?}");
        refusal(text.replacen(from, to, 1).as_bytes())
    };
    let malformed = |pointer: &str| (pointer.to_owned(), "malformed-nist");
    // Separators: lost to a letter, to one another, to a control character.
    assert_eq!(damaged("\u{1d}2.018:", "x2.018:"), malformed("2.018"));
    assert_eq!(damaged("\u{1d}2.018:", "\u{1e}2.018:"), malformed("2.018"));
    assert_eq!(damaged("\u{1d}2.018:", "\u{1c}2.018:"), malformed("2.002"));
    assert_eq!(damaged("\u{1d}2.019:", "\u{2}2.019:"), ("2.018".to_owned(), "character-not-portable"));
    assert_eq!(damaged("\u{1d}1.005:", "-1.005:"), malformed("1.005"));
    assert_eq!(damaged("2.018:", "2.018;"), malformed("2.018"));
    assert_eq!(damaged("2.018:", "3.018:"), malformed("2.002"));
    assert_eq!(damaged("ASHA\u{1d}2.019:A", "ASHA\u{1d}2.018:A"), malformed("2.018"));
    // Counts.
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "1\u{1f}2\u{1e}2\u{1f}00"), malformed("1.003"));
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "2\u{1f}1\u{1e}2\u{1f}00"), malformed("1.003"));
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "1\u{1f}1\u{1f}2\u{1f}00"), malformed("1.003"));
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "1\u{1f}1\u{1e}2x00"), malformed("1.003"));
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "1\u{1f}1\u{1e}9\u{1f}00"), malformed("1.003"));
    assert_eq!(damaged("1\u{1f}1\u{1e}2\u{1f}00", "1\u{1f}1\u{1e}2\u{1f}01"), malformed("2.002"));
    // Lengths.
    let length = |kind: u8, by: &str| damaged(&format!("{kind}.001:"), &format!("{kind}.001:{by}"));
    assert_eq!(length(1, "1"), malformed("1.001"));
    assert_eq!(length(1, "-"), malformed("1.001"));
    assert_eq!(length(2, "1"), malformed("2.001"));
    // A field that must be there, a byte that no text may hold, a character set that nobody announced.
    assert_eq!(damaged("1.009:DL2026-000123", "1.009:"), malformed("1.001"), "the length is wrong then");
    assert_eq!(damaged("ASHA", "A\0HA"), ("2.018".to_owned(), "nul-character"));
    let mut latin = good.clone();
    let at = latin.windows(4).position(|window| window == b"ASHA").unwrap();
    latin[at] = 0xC4;
    assert_eq!(refusal(&latin), ("2.018".to_owned(), "encoding-refused"));
    assert_eq!(refusal(&[good.clone(), b"2.001:7\x1c".to_vec()].concat()), malformed("1.003"));
    assert_eq!(refusal(b"<Transaction/>"), malformed("1.001"));
    assert_eq!(refusal(b""), malformed("1.001"));
    assert!(codec().read(&good, &Limits { bytes: 100, ..LIMITS }).is_err_and(|refused| refused.code == "too-large"));
    assert!(codec().read(&good, &Limits { keys: 5, ..LIMITS }).is_err_and(|refused| refused.code == "too-large"));
}

#[test]
fn the_length_and_the_character_of_an_image_record_are_checked() {
    let good = [
        head(3, &[(4, 1), (14, 2), (4, 3)], &[]),
        binary(4, 1, &image(90, 3)),
        tagged(14, 3, &[(2, b"02"), (999, &image(90, 5))]),
        binary(4, 3, &image(90, 9)),
    ];
    back("three images", &good.concat());
    let with = |place: usize, change: &dyn Fn(&mut Vec<u8>)| {
        let mut parts = good.clone();
        change(&mut parts[place]);
        refusal(&parts.concat()).0
    };
    assert_eq!(with(1, &|part| part[3] += 1), "4.001");
    assert_eq!(with(1, &|part| part[0] = 0x7f), "4.001");
    assert_eq!(with(3, &|part| part[3] -= 1), "4.001");
    assert_eq!(with(3, &|part| part[3] += 1), "4.001");
    assert_eq!(with(1, &|part| part[4] = 2), "4.002");
    assert_eq!(with(1, &|part| part[12] = 7), "4.005");
    assert_eq!(with(2, &|part| part[7] ^= 1), "14.001");
    assert_eq!(with(2, &|part| *part.last_mut().unwrap() = 0), "14.001");
    assert_eq!(with(2, &|part| part[6] = b';'), "14.001", "its own tag is damaged");
    assert_eq!(with(2, &|part| part[1] = b'x'), "4.001", "no record of type 14 is where the one before ends");
    assert_eq!(with(2, &|part| part[1] = b'5'), "1.003", "a record of type 15 is");
    let swapped = [good[0].clone(), good[2].clone(), good[1].clone(), good[3].clone()].concat();
    assert!(["4.001", "1.003"].contains(&refusal(&swapped).0.as_str()));
    let announced = [head(3, &[(14, 2)], &[]), tagged(15, 3, &[(2, b"02"), (999, b"")])].concat();
    assert_eq!(refusal(&announced).0, "1.003");
}

#[test]
fn utf_8_must_be_announced_and_utf_16_is_refused() {
    let with =
        |set: &[u8], name: &[u8]| [head(3, &[(2, 0)], &[(15, set)]), tagged(2, 3, &[(2, b"00"), (18, name)])].concat();
    back("utf-8", &with(b"003\x1fUTF-8\x1f4.0", "आशा".as_bytes()));
    assert_eq!(refusal(&with(b"002\x1fUTF-16\x1f4.0", b"A")), ("1.015".to_owned(), "encoding-refused"));
    assert_eq!(refusal(&with(b"003\x1fUTF-8\x1f4.0", &[0xE0, 0xA4])), ("2.018".to_owned(), "encoding-refused"));
    assert_eq!(refusal(&with(b"000", "आशा".as_bytes())), ("2.018".to_owned(), "encoding-refused"));
}

#[test]
fn more_items_than_the_schema_names_come_back_as_they_were() {
    for value in [b"\x1fORAM\x1f" as &[u8], b"NORAM\x1f1\x1f2", b"\x1f\x1f\x1f", b"A\x1f1\x1f2\x1eB"] {
        back("an object", &[head(3, &[(2, 0)], &[(13, value)]), tagged(2, 3, &[(2, b"00")])].concat());
        for field in [18, 19, 64, 70, 80] {
            back("any shape", &[head(3, &[(2, 0)], &[]), tagged(2, 3, &[(2, b"00"), (field, value)])].concat());
        }
    }
}

#[test]
fn a_place_in_the_tree_is_a_field_of_the_transaction() {
    let bytes = every_kind();
    let at = |pointer: &str| codec().locate(&bytes, pointer).pointer;
    assert_eq!(at("/T2/F018"), "2.018");
    assert_eq!(at("/T2/F064/1/NFN"), "2.064");
    assert_eq!(at("/T1/F003/0/0"), "1.003");
    assert_eq!(at("/Records/1/IMP"), "14.003");
    assert_eq!(at("/Records/0/FGP/0"), "4.004");
    assert_eq!(at("/Records/3"), "10.001");
    assert_eq!(at("/Records/99"), "1.003");
    assert_eq!(at("/T2"), "2");
}

#[test]
fn many_violations_in_a_large_transaction_do_not_read_it_once_each() {
    let comment = vec![b'x'; 8 << 20];
    let bytes = [head(3, &[(14, 1)], &[]), tagged(14, 3, &[(2, b"01"), (20, &comment)])].concat();
    codec().read(&bytes, &LIMITS).unwrap();
    let began = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(codec().locate(&bytes, "/Records/0/IMP").pointer, "14.003");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn the_texts_that_enter_the_tree_are_bounded_as_one() {
    let half = vec![b'x'; 600 << 10];
    let of = |fields: &[(u16, &[u8])]| {
        [head(3, &[(2, 0)], &[]), tagged(2, 3, &[&[(2, b"00" as &[u8])], fields].concat())].concat()
    };
    codec().read(&of(&[(18, &half)]), &LIMITS).unwrap();
    assert_eq!(refusal(&of(&[(18, &half), (19, &half)])), ("2.001".to_owned(), "too-large"));
}

#[test]
fn a_transaction_cut_at_any_byte_is_refused() {
    let every_cut = |name: &str, bytes: &[u8], step: usize| {
        for end in (0..bytes.len().min(700)).chain((0..bytes.len()).step_by(step)) {
            let Err(refused) = codec().read(&bytes[..end], &LIMITS) else { panic!("{name} cut at {end} is taken") };
            let pointer = &refused.violations[0].pointer;
            assert!(
                pointer.contains('.') && !refused.violations[0].message.is_empty(),
                "{name} cut at {end}: {pointer}"
            );
        }
    };
    every_cut("every kind", &every_kind(), 1);
    every_cut("texts", &texts_only(), 1);
    // Of the large ones every byte of the texts, and some of every image.
    corpus(|name, bytes| every_cut(name, bytes, if bytes.len() < 5_000 { 1 } else { bytes.len() / 400 }));
}

fn one_of_all() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(every_kind()), Just(two_digits()), Just(texts_only())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whatever is flipped, the bytes are refused at a place, or they are a transaction that comes back as it is.
    #[test]
    fn flipped_bytes_are_refused_or_kept(bytes in one_of_all(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = bytes;
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        match codec().read(&bytes, &LIMITS) {
            Ok(tree) => prop_assert_eq!(codec().rewrite(&tree, &bytes).map_err(TestCaseError::fail)?, bytes),
            Err(refused) => prop_assert!(!refused.violations.is_empty()),
        }
    }

    /// Separators are worth more than chance gives them.
    #[test]
    fn flipped_separators_are_refused_or_kept(bytes in one_of_all(), which in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = bytes;
        let places: Vec<usize> = (0..bytes.len()).filter(|place| (0x1C..=0x1F).contains(&bytes[*place])).collect();
        bytes[places[which.index(places.len())]] = value;
        if let Ok(tree) = codec().read(&bytes, &LIMITS) {
            prop_assert_eq!(codec().rewrite(&tree, &bytes).map_err(TestCaseError::fail)?, bytes);
        }
    }

    #[test]
    fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x1c_u8..0x20, b'0'..b':', Just(b'.')], 0..300)) {
        let _ = codec().read(&bytes, &LIMITS);
        let _ = codec().read(&[b"1.001:40\x1d1.002:0502\x1d1.003:".to_vec(), bytes].concat(), &LIMITS);
    }

    /// Any texts: written, read, the same.
    #[test]
    fn texts_are_written_and_read(name in "[ -~]{0,40}", aliases in prop::collection::vec("[ -~]{0,9}", 1..4), length in 0_usize..3000) {
        prop_assume!(!name.contains("2.") && !aliases.iter().any(|alias| alias.contains("2.")));
        let mut tree = codec().read(&texts_only(), &LIMITS).unwrap();
        tree["T2"]["F018"] = json!(name);
        tree["T2"]["F019"] = json!(aliases);
        tree["T2"]["F090"] = json!("x".repeat(length));
        let written = codec().write(&tree).map_err(TestCaseError::fail)?;
        let mut read = codec().read(&written, &LIMITS).unwrap();
        // Lengths were counted anew.
        read["T2"]["F001"] = tree["T2"]["F001"].clone();
        prop_assert_eq!(read, tree);
    }
}
