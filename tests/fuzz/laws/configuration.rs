//! The law of configuration: whatever stands in a file, it is taken or every mistake is named, with its file, a line that there is
//! and words; nothing falls over; and what is taken can be packed, unpacked, and asked where a record goes.

use std::sync::OnceLock;

use icjs::config::settings::FILE as SETTINGS;
use icjs::config::{ConfigError, Folder, Revision, Settings};
use icjs::journal::Snapshot;
use serde_json::json;

/// A small folder without a mistake.
const FILES: [(&str, &str); 16] = [
    ("config/kinds.toml", include_str!("folder/kinds.toml")),
    ("config/routes.toml", include_str!("folder/routes.toml")),
    ("config/sharing.toml", include_str!("folder/sharing.toml")),
    ("config/rules.toml", include_str!("folder/rules.toml")),
    ("config/reference/ps_court.csv", include_str!("folder/ps_court.csv")),
    ("config/systems/police-a.toml", include_str!("folder/police-a.toml")),
    ("config/systems/court-a.toml", include_str!("folder/court-a.toml")),
    ("config/systems/prison-a.toml", include_str!("folder/prison-a.toml")),
    ("keys/police-a.jwks.json", include_str!("folder/keys.json")),
    ("keys/court-a.jwks.json", include_str!("folder/keys.json")),
    ("keys/prison-a.jwks.json", include_str!("folder/keys.json")),
    ("schemas/records/paper.json", include_str!("folder/paper.schema.json")),
    ("schemas/tahsil/paper.json", include_str!("../../it/configuration/paper.schema.json")),
    ("mappings/tahsil/paper.toml", include_str!("../../it/configuration/paper.mapping.toml")),
    ("adapters/tahsil/adapter.toml", include_str!("../../it/configuration/adapter.toml")),
    ("adapters/shared/adapter.toml", include_str!("../../../adapters/shared/adapter.toml")),
];

/// The first line names a file, the rest is what stands in it.
pub fn check(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (Ok(name), contents) = (std::str::from_utf8(&bytes[..end]), bytes.get(end + 1..).unwrap_or_default()) else {
        return;
    };
    if name == SETTINGS {
        if let Err(errors) = Settings::layered(Some(contents), []) {
            named(&errors, contents, SETTINGS, |file| file == SETTINGS);
        }
        return;
    }
    let mut folder = small().clone();
    folder.files.insert(name.to_owned(), bytes::Bytes::copy_from_slice(contents));
    let names: Vec<String> = folder.files.keys().cloned().collect();
    match Revision::compile_exactly(1, folder) {
        Ok(revision) => works(&revision),
        Err(errors) => named(&errors, contents, name, |file| file == "." || names.iter().any(|known| known == file)),
    }
}

/// The small folder, which has no mistake in it.
fn small() -> &'static Folder {
    static SMALL: OnceLock<Folder> = OnceLock::new();
    SMALL.get_or_init(|| {
        let mut folder = Folder::default();
        FILES.iter().for_each(|(path, text)| folder.put(path, text));
        if let Err(errors) = Revision::compile_exactly(1, folder.clone()) {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("the small folder has mistakes of its own:\n{}", lines.join("\n"));
        }
        folder
    })
}

fn named(errors: &[ConfigError], contents: &[u8], name: &str, known: impl Fn(&str) -> bool) {
    assert!(!errors.is_empty(), "refused without a word");
    let lines = contents.iter().filter(|byte| **byte == b'\n').count() + 1;
    for error in errors {
        assert!(!error.message.is_empty() && (known(&error.file) || error.line == 0), "{error}");
        assert!(error.file != name || error.line <= lines, "{error}: there are {lines} lines");
        assert!(error.message.len() < 2_000 + contents.len() * 4, "{} bytes about it", error.message.len());
    }
}

fn works(revision: &Revision) {
    let folder = Folder::from_bytes(&revision.folder.to_bytes()).expect("what was packed is unpacked");
    assert_eq!(folder, *revision.folder, "a folder changes when it is packed");
    let record = json!({"office": "ps:38101004", "to": ["court:DLCT01"], "event": {"occurred_at": "2026-05-01T10:30:00+05:30"},
        "case": {"fir": {"station": "38101004", "year": 2026, "serial": 42}}, "persons": [{"pid": {"prison": "DL01", "id": "7"}}],
        "code": "release", "note": "binding", "years": [1990]});
    for kind in revision.kinds.keys() {
        let facts = revision.facts(kind, &record);
        for place in revision.route(kind, &record, &facts, &Snapshot::default()) {
            let system = place.office.as_ref().and_then(|office| revision.serving(office));
            let permitted = system.map(|to| revision.permit(kind, to, "police-a", &facts.cases, record.clone()));
            assert!(permitted.is_none_or(|given| given.is_none_or(|given| given.tree.is_object())));
        }
    }
}
