//! The laws over every shipped mapping: what comes with the gateway compiles, and loses nothing on the way.

use icjs_kit::Limits;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::tests::{law_a, law_b};
use crate::config::{Folder, Revision};
use crate::schema::generate::{Taste, record};

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, keys: 100_000 };

fn shipped() -> Revision {
    Revision::compile_all(Folder::default()).unwrap_or_else(|errors| {
        let lines: Vec<String> =
            errors.iter().map(|error| format!("{}:{}: {}", error.file, error.line, error.message)).collect();
        panic!("{} errors\n{}", lines.len(), lines.join("\n"))
    })
}

#[test]
fn the_laws_hold_for_every_shipped_mapping() {
    let revision = shipped();
    let mut plans = 0;
    let mut wrong: Vec<String> = Vec::new();
    for (name, adapter) in &revision.adapters {
        for (kind, dialect) in &adapter.dialects {
            let (Some(plan), Some(native)) = (&dialect.plan, &dialect.native) else {
                continue;
            };
            plans += 1;
            let Some(shared) = revision.kinds.get(kind).map(|kind| &kind.schema) else {
                continue;
            };
            // Held, or each look would unpack them again.
            let (native, shared) = (native.resolved(), shared.resolved());
            let mut refused = 0;
            for seed in 0..15 {
                let taste = Taste { optional: [5, 40, 90][usize::try_from(seed % 3).unwrap()], items: 2 };
                let tree = record(&native, seed, taste);
                refused += u64::from(plan.decode(&tree).is_err());
                // A receiver may want one shared value in two places. Were it to send, they could differ.
                if dialect.sends || !says_twice(plan) {
                    note(&mut wrong, name, kind, "A", law_a(plan, &tree));
                }
                let mut tree = record(&shared, seed, taste);
                tree.as_object_mut().unwrap().remove("extensions");
                note(&mut wrong, name, kind, "B", law_b(plan, &tree));
            }
            println!("{name} {kind}: {refused} of 15 generated native records are refused");
        }
    }
    assert!(plans > 0, "no mapping is shipped");
    assert!(wrong.is_empty(), "{} failures, the first: {}", wrong.len(), wrong[0]);
}

/// Some shared path is written to two native ones, whatever the record says.
fn says_twice(plan: &super::Plan) -> bool {
    let always = plan.rows.iter().filter(|rule| rule.condition.is_none()).filter_map(|rule| rule.shared.as_ref());
    let mut paths: Vec<String> = always.map(ToString::to_string).collect();
    let all = paths.len();
    paths.sort();
    paths.dedup();
    paths.len() < all
}

fn note(
    wrong: &mut Vec<String>,
    name: &str,
    kind: &crate::identifiers::KindName,
    law: &str,
    result: Result<(), TestCaseError>,
) {
    if let Err(error) = result {
        wrong.push(format!("{name} {kind:?}: law {law}: {error}"));
    }
}

#[test]
fn every_example_goes_to_the_shared_form_and_back() {
    let revision = shipped();
    let mut examples = 0;
    for (name, adapter) in &revision.adapters {
        for dialect in adapter.dialects.values() {
            let Some(plan) = &dialect.plan else {
                continue;
            };
            for path in &dialect.examples {
                let bytes = revision.folder.files.get(path).unwrap_or_else(|| panic!("{path}"));
                let native: Value =
                    dialect.codec.read(bytes, &LIMITS).unwrap_or_else(|error| panic!("{path}: {error:?}"));
                let violations = dialect.native.as_ref().map(|schema| schema.violations(&native)).unwrap_or_default();
                assert_eq!(violations, [], "{name} {path}");
                let decoded = plan.decode(&native).unwrap_or_else(|violations| panic!("{path}: {violations:#?}"));
                assert_eq!(plan.encode(&decoded.shared).unwrap().native, plan.with_links(&native), "{path}");
                let written = dialect.codec.rewrite(&native, bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(dialect.codec.read(&written, &LIMITS).unwrap(), native, "{path}");
                assert!(dialect.codec.tree_is_whole() || written == *bytes, "{path} does not come back byte for byte");
                examples += 1;
            }
        }
    }
    assert!(examples > 0, "no example is shipped");
}
