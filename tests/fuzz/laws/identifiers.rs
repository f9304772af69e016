//! The law of names, numbers and dates that come from outside: any text is answered; what is read is written in one form, and
//! that form is read as the same; what is built from parts gives the parts back.

use icjs::clock::Timestamp;
use icjs::config::document::{meant, parse_duration, parse_size};
use icjs::config::facts;
use icjs::exchange::request::pairs;
use icjs::identifiers::{CASE_SCHEMES, CaseKey, DeliveryId, MessageId, OfficeId, cnr, person_key, thread_key};
use icjs::seal::{hex, unbase64, unhex};
use serde_json::json;

/// The text as every name that there is; its parts, where it is cut at line feeds, as the parts of keys.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    offices_and_messages(text);
    cases(text);
    moments(text);
    for (name, value) in pairs(text) {
        assert!(name.len() + value.len() <= 3 * text.len(), "a query grows");
    }
    if let Some(bytes) = unhex(text) {
        assert_eq!(hex(&bytes), text.to_ascii_lowercase());
    }
    assert!(unbase64(text).is_none_or(|bytes| bytes.len() <= text.len()));
    assert!(meant(text, ["release", "remand"].into_iter()).len() < 200, "a hint grows with what was sent");
    if let Ok(path) = facts::Path::parse(text) {
        assert!(path.values(&json!({"a": [1]})).len() < 2);
    }
    let jwks = json!({"keys": [{"kid": "1", "crv": "Ed25519", "x": "AAAA"}]});
    assert!(icjs::evidence::receipt::verify(text, &jwks, None).is_err(), "a receipt that nobody signed is good");
}

fn offices_and_messages(text: &str) {
    if let Ok(office) = OfficeId::parse(text) {
        assert_eq!(format!("{}:{}", office.class(), office.code()), text);
        assert_eq!(OfficeId::parse(&office.to_string()).as_ref(), Ok(&office));
    }
    if let Some(id) = MessageId::parse(text) {
        assert_eq!(MessageId::parse(&id.to_string()), Some(id));
        assert_eq!(MessageId::from_bytes(id.bytes()), id);
        assert_eq!(id.delivery(7).message(), id);
    }
    if let Some(id) = DeliveryId::parse(text) {
        assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
        assert_eq!(id.message().delivery(id.ordinal()), id);
    }
}

fn cases(text: &str) {
    if let Some(number) = cnr(text) {
        assert_eq!((number.len(), cnr(&number)), (16, Some(number)), "a CNR has one form");
    }
    for key in [CaseKey::parse(text), CaseKey::read(text)].into_iter().flatten() {
        assert_eq!(CaseKey::parse(key.as_str()).as_ref(), Some(&key));
        assert_eq!(format!("{}/{}", key.scheme(), key.value()), key.as_str());
        assert!(!key.parts().is_empty());
    }
    let parts: Vec<&str> = text.split('\n').collect();
    for scheme in CASE_SCHEMES {
        if let Some(key) = CaseKey::of(scheme, &parts) {
            assert_eq!(key.parts(), parts, "{key}");
            assert!(key.as_str().len() > 200 || CaseKey::parse(key.as_str()).as_ref() == Some(&key), "{key}");
        }
    }
    assert_eq!(person_key("pid", &parts).is_some(), parts.iter().all(|part| !part.is_empty()));
    if let Some(thread) = thread_key("requisition", text) {
        let item = CaseKey::item(&thread);
        assert!(item.is_item_of("requisition") && CaseKey::parse(item.as_str()) == Some(item), "{thread}");
    }
}

fn moments(text: &str) {
    for moment in [Timestamp::parse(text), Timestamp::parse_http(text)].into_iter().flatten() {
        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment), "{text} is written as {moment}");
    }
    // A unit is known by its letters alone: every length of time and size has a number in front.
    let digit = text.starts_with(|first: char| first.is_ascii_digit());
    assert!(digit || (parse_duration(text).is_none() && parse_size(text).is_none()), "{text}");
}
