//! The shipped configuration, and a system of another format beside it.

use super::*;

/// The third system of `tests/it/configuration`, without a gateway.
#[test]
fn a_third_system_with_a_format_of_its_own_compiles_and_translates_both_ways() {
    let mut folder = folder();
    folder.put("adapters/tahsil/adapter.toml", include_str!("../../../tests/it/configuration/adapter.toml"));
    folder.put("schemas/tahsil/paper.json", include_str!("../../../tests/it/configuration/paper.schema.json"));
    folder.put("mappings/tahsil/paper.toml", include_str!("../../../tests/it/configuration/paper.mapping.toml"));
    let mut schema = paper_schema();
    schema["properties"]["case"]["properties"]["fir"]["properties"]["serial"] = json!({"type": "integer"});
    folder.put("schemas/records/paper.json", &schema.to_string());
    let system = system("desk", "courts", "[\"court:DLCT07\"]", "[feed]")
        .replace("\"shared\"", "\"tahsil\"")
        .replace(", \"order\"", "");
    folder.put("config/systems/desk.toml", &system);
    folder.put("keys/desk.jwks.json", r#"{"keys": [{"kty": "OKP"}]}"#);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    let dialect = revision.dialect(&revision.systems["desk"], "paper").unwrap();
    assert_eq!(dialect.event_number.as_deref(), Some("/evt"));
    let native = json!({"evt": "T/1", "sender": "court:DLCT07", "on": "22/11/2026 11:00:00",
        "fir": {"thana": "38101004", "saal": "2026", "kramank": "2"}, "words": "x"});
    let plan = dialect.plan.as_ref().unwrap();
    let shared = plan.decode(&native).unwrap().shared;
    let facts = revision.facts("paper", &shared);
    assert_eq!(facts.cases[0].as_str(), "fir/38101004-2026-2");
    assert_eq!(plan.encode(&shared).unwrap().native, native);
}

#[test]
fn the_shipped_configuration_compiles_with_every_shipped_adapter_in_use() {
    let mut folder = Folder::default();
    let shipped = Folder::embedded();
    let names = shipped.files.keys().filter_map(|path| path.strip_prefix("adapters/")?.strip_suffix("/adapter.toml"));
    for (at, name) in names.enumerate() {
        let text = format!(
            "name = \"x-{name}\"\nadapter = \"{name}\"\npillar = \"agency\"\noffices = [\"agency:{at}\"]\n[feed]\n[keys]\njwks_file = \"keys/x.jwks.json\"\n"
        );
        folder.put(&format!("config/systems/x-{name}.toml"), &text);
    }
    folder.put("keys/x.jwks.json", r#"{"keys": [{"kty": "OKP"}]}"#);
    let revision = Revision::compile(1, folder).unwrap_or_else(|errors| panic!("{}", shown(&errors)));
    assert_eq!(shown(&revision.warnings), "");
    assert!(revision.adapters.contains_key("shared"));
}
