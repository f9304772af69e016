//! Tests of the XML door.

use serde_json::json;

use super::*;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

fn codec() -> XmlCodec {
    XmlCodec::new(&json!({
        "type": "object", "required": ["Report"],
        "properties": {"Report": {"type": "object", "properties": {
            "id": {"type": "string", "xml": {"attribute": true}},
            "No": {"type": "integer"},
            "Urgent": {"type": "boolean"},
            "List": {"type": "object", "properties": {"Accused": {"type": "array", "items": {"type": "object", "properties": {
                "Name": {"type": "string"}, "Alias": {"type": "array", "items": {"type": "string"}}}}}}},
            "acts": {"type": "array", "xml": {"wrapped": true, "name": "Acts"}, "items": {"type": "string", "xml": {"name": "Act"}}},
            "Fine": {"type": "object", "properties": {
                "unit": {"type": "string", "xml": {"attribute": true}}, "amount": {"type": "integer", "x-xml-text": true}}},
            "Facts": {"type": "string", "x-xml-mixed": true}
        }}}
    }))
    .unwrap()
}

fn both_ways(text: &str, tree: &Value) {
    assert_eq!(&codec().read(text.as_bytes(), &LIMITS).unwrap(), tree);
    let written = codec().write(tree).unwrap();
    assert_eq!(&codec().read(&written, &LIMITS).unwrap(), tree, "{}", String::from_utf8_lossy(&written));
}

#[test]
fn the_schema_decides_lists_numbers_attributes_and_inner_xml() {
    both_ways(
        r#"<Report id="a&#10;b"><No>7</No><Urgent>true</Urgent><List><Accused><Name> राम &amp; Co </Name><Alias>x</Alias></Accused></List>
           <Acts><Act>BNS</Act><Act/></Acts><Fine unit="INR">500</Fine><Facts>He said <b>no</b> &lt; twice</Facts></Report>"#,
        &json!({"Report": {"id": "a\nb", "No": 7, "Urgent": true, "List": {"Accused": [{"Name": " राम & Co ", "Alias": ["x"]}]},
            "acts": ["BNS", ""], "Fine": {"unit": "INR", "amount": 500}, "Facts": "He said <b>no</b> &lt; twice"}}),
    );
    both_ways("<Report/>", &json!({"Report": {}}));
    both_ways("<Report><No>007</No><List/></Report>", &json!({"Report": {"No": "007", "List": {}}}));
    let written = codec().write(&json!({"Report": {"No": 1, "id": "x", "List": {"Accused": []}}})).unwrap();
    assert_eq!(written, b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Report id=\"x\"><No>1</No><List/></Report>");
}

#[test]
fn what_the_schema_does_not_expect_is_kept_for_validation_to_name_or_refused() {
    let read = |text: &str| codec().read(text.as_bytes(), &LIMITS);
    assert_eq!(read("<Other><a>1</a></Other>").unwrap(), json!({"Other": {"a": "1"}}));
    assert_eq!(read("<Report><X>1</X><X>2</X></Report>").unwrap(), json!({"Report": {"X": ["1", "2"]}}));
    assert_eq!(read("<Report><No>1</No><No>2</No></Report>").unwrap(), json!({"Report": {"No": [1, 2]}}));
    assert_eq!(read("<Report><No u='1'>1</No></Report>").unwrap(), json!({"Report": {"No": {"u": "1", "#text": "1"}}}));
    let refused = read("<Report>\n<List>text<Accused/><Accused>more</Accused></List></Report>").unwrap_err();
    let found: Vec<_> = refused.violations.iter().map(|one| (one.pointer.as_str(), one.line)).collect();
    assert_eq!(refused.code, "schema-invalid");
    assert_eq!(found, [("/Report/List/Accused[2]", Some(2)), ("/Report/List", Some(2))]);
    assert_eq!(read("<Report xmlns='urn:x'/>").unwrap_err().violations[0].rule, "namespace");
    assert!(codec().write(&json!({"Report": {"Unknown": 1}})).is_err());
    assert!(codec().write(&json!({"Report": {"Facts": "a < b"}})).is_err());
    assert!(codec().write(&json!({"Report": {"id": "\u{1}"}})).is_err());
}

#[test]
fn hostile_documents_are_refused_by_name() {
    let code = |text: &str| codec().read(text.as_bytes(), &LIMITS).unwrap_err().code;
    assert_eq!(code("<!DOCTYPE x [<!ENTITY a 'b'>]><Report>&a;</Report>"), "doctype-refused");
    assert_eq!(code(&"<a>".repeat(100_000)), "too-deep");
    assert_eq!(code(&format!("<Report>{}</Report>", "<a/>".repeat(100_001))), "too-large");
    let attributes: String = (0..257).map(|n| format!(" a{n}='1'")).collect();
    assert_eq!(code(&format!("<Report{attributes}/>")), "too-large");
    let namespaces: String = (0..65).map(|n| format!("<a xmlns:n{n}='u:{n}'/>")).collect();
    assert_eq!(code(&format!("<Report>{namespaces}</Report>")), "too-large");
    assert_eq!(code(&format!("<{}/>", "x".repeat(1_001))), "too-large");
    assert_eq!(code(&format!("<Report {}='1'/>", "x".repeat(1_001))), "too-large");
    assert!(codec().read(format!("<Report id='{}'/>", "x".repeat(5_000)).as_bytes(), &LIMITS).is_ok());
    assert_eq!(code("<?xml version='1.0' encoding='ISO-8859-1'?><Report/>"), "encoding-refused");
    assert_eq!(code("<Report>&nbsp;</Report>"), "malformed-xml");
    assert_eq!(codec().read(b"<Report>\xff</Report>", &LIMITS).unwrap_err().code, "encoding-refused");
    assert_eq!(codec().read(&vec![b' '; LIMITS.bytes + 1], &LIMITS).unwrap_err().code, "too-large");
    assert!(codec().read("\u{feff}<Report/>".as_bytes(), &LIMITS).is_ok());
}

/// The tree parser took an empty prefix for none, and `</:No>` for the end of `<No>`.
#[test]
fn a_name_that_begins_with_a_colon_is_refused() {
    for text in [
        "<Report><No>1</:No></Report>",
        "<:Report/>",
        "<Report><:No>1</No></Report>",
        "<Report :id='1'/>",
        "<Report id='1'\n:a='2'/>",
    ] {
        assert_eq!(codec().read(text.as_bytes(), &LIMITS).unwrap_err().code, "malformed-xml", "{text}");
    }
    assert!(codec().read(b"<Report id=' :a </:b>'><Facts> :a</Facts></Report>", &LIMITS).is_err(), "`<` in a value");
    assert!(codec().read(b"<Report id=' :a'><Facts> :a</Facts></Report>", &LIMITS).is_ok());
}

#[test]
fn a_pointer_becomes_an_xpath_with_line_and_column() {
    let text = "<Report id='1'>\n <List><Accused/>\n  <Accused><Alias>a</Alias></Accused></List>\n<Acts><Act>x</Act></Acts></Report>";
    for (pointer, xpath, line) in [
        ("/Report/List/Accused/1/Alias/0", "/Report/List/Accused[2]/Alias", 3),
        ("/Report/List/Accused/0/Name", "/Report/List/Accused[1]/Name", 2),
        ("/Report/id", "/Report/@id", 1),
        ("/Report/acts/0", "/Report/Acts/Act", 4),
        ("/Report/acts/4", "/Report/Acts/Act", 4),
        ("", "/Report", 1),
    ] {
        let place = codec().locate(text.as_bytes(), pointer);
        assert_eq!((place.pointer.as_str(), place.line), (xpath, Some(line)), "{pointer}");
    }
}

#[test]
fn many_places_of_one_document_are_those_that_are_found_one_by_one() {
    let text = format!("<Report><List>{}</List></Report>", "<Accused><Name>x</Name></Accused>".repeat(400));
    let pointers: Vec<String> = (0..100).map(|n| format!("/Report/List/Accused/{n}/Name")).collect();
    let one_by_one: Vec<Place> = pointers.iter().map(|pointer| codec().locate(text.as_bytes(), pointer)).collect();
    assert_eq!(codec().locate_all(text.as_bytes(), &pointers), one_by_one);
}

#[test]
fn an_answer_without_a_schema_is_read() {
    let tree = XmlCodec::untyped().read(b"<Ack><STATUS>OK</STATUS><E n='1'/><E/></Ack>", &LIMITS).unwrap();
    assert_eq!(tree, json!({"Ack": {"STATUS": "OK", "E": [{"n": "1"}, ""]}}));
}

#[test]
fn the_w3c_documents_are_judged_as_the_suite_says() {
    crate::each_corpus_file("xml/not-wf/sa", |name, bytes| {
        if name.ends_with(".xml") {
            let refused = XmlCodec::untyped().read(bytes, &LIMITS);
            let codes = ["malformed-xml", "doctype-refused", "encoding-refused"];
            assert!(refused.as_ref().err().is_some_and(|error| codes.contains(&error.code)), "{name}: {refused:?}");
        }
    });
    crate::each_corpus_file("xml/valid/sa", |name, bytes| {
        if name.ends_with(".xml") {
            let read = XmlCodec::untyped().read(bytes, &LIMITS);
            if String::from_utf8_lossy(bytes).contains("<!DOCTYPE") {
                assert_eq!(read.unwrap_err().code, "doctype-refused", "{name}");
            } else if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                assert_eq!(read.unwrap_err().code, "encoding-refused", "{name}");
            } else {
                assert!(read.is_ok(), "{name}: {read:?}");
            }
        }
    });
}

#[test]
fn naughty_strings_survive_byte_for_byte_or_are_refused_by_name() {
    crate::each_corpus_file(".", |name, bytes| {
        if name != "blns.json" {
            return;
        }
        for text in serde_json::from_slice::<Vec<String>>(bytes).unwrap() {
            let tree = json!({"Report": {"id": text, "List": {"Accused": [{"Name": text}]}}});
            match codec().write(&tree) {
                Ok(sent) => assert_eq!(codec().read(&sent, &LIMITS).unwrap(), tree),
                Err(error) => assert!(error.contains("XML 1.0 cannot carry"), "{text:?}: {error}"),
            }
        }
    });
}

/// Elements with their attributes, as a lenient streaming parser sees them; `None` where even that one gives up.
fn as_another_reads_it(text: &str) -> Option<Vec<String>> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut seen = Vec::new();
    let note = |seen: &mut Vec<String>, tag: &quick_xml::events::BytesStart| {
        seen.push(format!("<{}", tag.name().as_ref()));
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            seen.push(format!("@{}", attribute.key.as_ref()));
        }
        Some(())
    };
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => note(&mut seen, &tag)?,
            Event::Empty(tag) => {
                note(&mut seen, &tag)?;
                seen.push(">".to_owned());
            }
            Event::End(_) => seen.push(">".to_owned()),
            Event::DocType(_) => return None,
            Event::Eof => return Some(seen),
            _ => {}
        }
    }
}

fn as_the_door_reads_it(node: roxmltree::Node<'_, '_>, seen: &mut Vec<String>) {
    seen.push(format!("<{}", node.tag_name().name()));
    seen.extend(node.attributes().map(|attribute| format!("@{}", attribute.name())));
    node.children().filter(roxmltree::Node::is_element).for_each(|child| as_the_door_reads_it(child, seen));
    seen.push(">".to_owned());
}

/// Whichever parser sits behind: what the door takes has the same elements and attributes for a parser that is much laxer,
/// also where pieces of markup were put together at random.
#[test]
fn what_passes_another_parser_reads_the_same_way() {
    let pieces = [
        "<Report>",
        "</Report>",
        "<a>",
        "</a>",
        "<a/>",
        "<a b='1'>",
        "<a b='<'>",
        "<a b='>' c=\"'\"/>",
        "<!-- -->",
        "<!-- > <a> -->",
        "<!-- - -- -->",
        "<![CDATA[<a>]]>",
        "<![CDATA[]]]]>",
        "]]>",
        "&lt;",
        "&amp",
        "&#65;",
        "&#0;",
        "&nbsp;",
        "<?p <a> ?>",
        "<?xml version='1.0'?>",
        "<a b=1>",
        "<a b>",
        "< a>",
        "</ a>",
        "</a >",
        "<a b='1'c='2'>",
        "<a b='1' b='2'>",
        "text",
        "\u{feff}",
        "<",
        ">",
        "&",
        "<a\n>",
        "<!DOCTYPE a>",
        "<!ELEMENT>",
        "<b:a>",
        "<1>",
    ];
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut taken = 0;
    for round in 0..60_000 {
        let mut inner: String = (0..next(6)).map(|_| pieces[next(pieces.len())]).collect();
        if round % 2 == 0 {
            // Half of them have a chance: what was opened is closed.
            let open = inner.matches("<a>").count() + inner.matches("<a b='1'>").count();
            inner.push_str(&"</a>".repeat(open.saturating_sub(inner.matches("</a").count())));
        }
        let text = format!("<Report>{inner}</Report>");
        if let Ok(document) = checked(text.as_bytes(), &LIMITS) {
            let mut seen = Vec::new();
            as_the_door_reads_it(document.root_element(), &mut seen);
            assert_eq!(as_another_reads_it(&text), Some(seen), "{text}");
            taken += 1;
        }
    }
    assert!(taken > 5_000, "{taken} were taken");
}
