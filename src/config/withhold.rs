//! Lines of `config/sharing.toml` that give a part: paths that are withheld, and lists of cases of which a court sees its
//! own. Pure over a record's shared form. What was taken out and held something is listed, path by path.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::document::Section;
use super::facts::{CasePath, Path};
use super::kinds::case_path;
use crate::identifiers::CaseKey;

/// What one line takes out of a kind's records.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// Nothing below these is given.
    paths: Vec<Path>,
    /// Lists whose items are of one case each.
    own: Vec<OwnCases>,
}

/// A list of which the receiver sees those items whose case is its own, and of the others only some fields.
#[derive(Debug)]
struct OwnCases {
    list: Path,
    /// Where an item says its case.
    cases: Vec<CasePath>,
    /// What stays of another court's case: its number, say.
    keep: BTreeSet<String>,
}

impl Cut {
    /// Reads `withhold` and `own` of one line; `None` where it has neither. `shape` is the kind's resolved schema.
    pub(super) fn read(section: &mut Section<'_, '_>, shape: Option<&Value>) -> Option<Self> {
        let mut cut = Self::default();
        for said in section.texts("withhold") {
            match path(&said.value, shape) {
                Ok(path) if shape.is_some_and(|shape| path.required(shape)) => {
                    section.error(said.line, format!("every record has `{path}`; withhold what it lies in"));
                }
                Ok(path) => cut.paths.push(path),
                Err(message) => section.error(said.line, message),
            }
        }
        for mut own in section.sections("own") {
            let list = own.required("list").and_then(|said| match path(&said.value, shape) {
                Ok(path) if path.repeats() => Some(path),
                Ok(path) => {
                    own.error(said.line, format!("`{path}` is no list; write `{path}[]`"));
                    None
                }
                Err(message) => {
                    own.error(said.line, message);
                    None
                }
            });
            let item = list.as_ref().and_then(|list| shape.and_then(|shape| below(shape, &list.steps)));
            let mut cases = Vec::new();
            for said in own.texts("cases") {
                let found = case_path(&own, &said, &said.value, item);
                cases.extend(found.map(|(scheme, path)| CasePath { scheme, path }));
            }
            if cases.is_empty() {
                own.error(own.line, "`cases` is missing: it says where an item has its case, such as `cnr:cnr`");
            }
            let mut keep = BTreeSet::new();
            for said in own.texts("keep") {
                if let Err(message) = path(&said.value, item) {
                    own.error(said.line, message);
                }
                keep.insert(said.value);
            }
            let needed = item.and_then(|item| item.get("required")).and_then(Value::as_array);
            for name in needed.into_iter().flatten().filter_map(Value::as_str).filter(|name| !keep.contains(*name)) {
                own.error(own.line, format!("every item has `{name}`: add it to `keep`"));
            }
            own.finish();
            cut.own.extend(list.map(|list| OwnCases { list, cases, keep }));
        }
        (!cut.paths.is_empty() || !cut.own.is_empty()).then_some(cut)
    }

    /// Takes out of a record what its receiver may not see. `own`: the cases for which the receiver gets it.
    pub(super) fn apply(&self, tree: &mut Value, own: &[CaseKey]) -> Vec<String> {
        let mut withheld = Vec::new();
        for path in &self.paths {
            if path.remove(tree) {
                withheld.push(path.to_string());
            }
        }
        for list in &self.own {
            list.apply(tree, own, &mut withheld);
        }
        withheld
    }
}

impl OwnCases {
    fn apply(&self, tree: &mut Value, own: &[CaseKey], withheld: &mut Vec<String>) {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        self.list.change(tree, &mut |items| {
            items.retain_mut(|item| {
                // Whose case an item is, nobody may guess: one that names none is not the receiver's.
                if self.cases.iter().flat_map(|at| at.keys(item)).any(|key| own.contains(&key)) {
                    return true;
                }
                let Value::Object(fields) = item else { return false };
                let gone = fields.iter().filter(|(name, value)| !self.keep.contains(*name) && !empty(value));
                taken.extend(gone.map(|(name, _)| name.clone()));
                fields.retain(|name, _| self.keep.contains(name));
                !fields.values().all(empty)
            });
        });
        withheld.extend(taken.into_iter().map(|name| format!("{}.{name}", self.list)));
    }
}

impl Path {
    /// The schema's word for whether every record has this: then it cannot be taken out alone.
    fn required(&self, schema: &Value) -> bool {
        let Some(((last, _), above)) = self.steps.split_last() else { return false };
        let parent = below(schema, above);
        let named = parent.and_then(|parent| parent.get("required")).and_then(Value::as_array);
        named.is_some_and(|names| names.iter().any(|name| name == last))
    }

    /// Ends in a list.
    fn repeats(&self) -> bool {
        self.steps.last().is_some_and(|(_, repeats)| *repeats)
    }

    /// Removes what lies here; whether there was anything.
    fn remove(&self, tree: &mut Value) -> bool {
        let Some(((last, _), above)) = self.steps.split_last() else { return false };
        let mut held = false;
        within(tree, above, &mut |fields| {
            held |= fields.shift_remove(last).is_some_and(|value| !empty(&value));
        });
        held
    }

    /// Changes every list at this path.
    fn change(&self, tree: &mut Value, change: &mut impl FnMut(&mut Vec<Value>)) {
        let Some(((last, _), above)) = self.steps.split_last() else { return };
        within(tree, above, &mut |fields| {
            if let Some(Value::Array(items)) = fields.get_mut(last) {
                change(items);
                if items.is_empty() {
                    fields.shift_remove(last);
                }
            }
        });
    }
}

/// The schema of what lies at a path, where the schema says it.
fn below<'s>(schema: &'s Value, steps: &[(String, bool)]) -> Option<&'s Value> {
    steps.iter().try_fold(schema, |here, (name, repeats)| {
        let below = here.get("properties")?.get(name)?;
        if *repeats { below.get("items") } else { Some(below) }
    })
}

/// Visits every object to which the steps lead.
fn within(tree: &mut Value, steps: &[(String, bool)], visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(fields) = tree else { return };
    let Some(((name, repeats), rest)) = steps.split_first() else { return visit(fields) };
    match fields.get_mut(name) {
        Some(Value::Array(items)) if *repeats => items.iter_mut().for_each(|item| within(item, rest, visit)),
        Some(below) if !*repeats => within(below, rest, visit),
        _ => {}
    }
}

fn path(text: &str, shape: Option<&Value>) -> Result<Path, String> {
    let path = Path::parse(text).map_err(|message| format!("`{text}` {message}"))?;
    shape.map_or(Ok(()), |shape| path.check(shape)).map_err(|message| format!("path `{path}`: {message}"))?;
    Ok(path)
}

/// Holds nothing that somebody could miss.
pub(super) fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::document::{Document, Findings};
    use super::*;

    fn shape() -> Value {
        let text = json!({"type": "string"});
        json!({"type": "object", "required": ["who"], "properties": {
            "who": {"type": "object", "properties": {"name": text, "photo": text}},
            "health": {"type": "object", "properties": {"summary": text, "weight": text}},
            "wards": {"type": "array", "items": {"type": "object", "properties": {"beds": {"type": "array", "items": text}}}},
            "cases": {"type": "array", "items": {"type": "object", "required": ["id"], "properties": {
                "id": text, "cnr": {"type": "object", "properties": {"value": text}}, "warrant": text, "status": text}}},
        }})
    }

    fn read(line: &str) -> (Option<Cut>, Vec<String>) {
        let findings = Findings::default();
        let text = format!("[[share]]\n{line}");
        let document = Document::parse("sharing.toml", text.as_bytes(), &findings).unwrap();
        let mut root = document.section("this file", &findings);
        let mut section = root.sections("share").remove(0);
        let cut = Cut::read(&mut section, Some(&shape()));
        section.finish();
        root.finish();
        (cut, findings.into_parts().0.iter().map(ToString::to_string).collect())
    }

    fn cut(line: &str) -> Cut {
        let (cut, errors) = read(line);
        assert_eq!(errors, Vec::<String>::new());
        cut.unwrap()
    }

    const OWN: &str = r#"own = [{ list = "cases[]", cases = ["cnr:cnr"], keep = ["id", "cnr"] }]"#;

    #[test]
    fn what_is_withheld_is_gone_and_named_where_it_held_something() {
        let cut = cut(r#"withhold = ["who.photo", "health", "wards[].beds[]"]"#);
        let mut record = json!({"who": {"name": "x", "photo": "y"}, "wards": [{"beds": ["a"]}, {"beds": []}]});
        assert_eq!(cut.apply(&mut record, &[]), ["who.photo", "wards[].beds[]"]);
        assert_eq!(record, json!({"who": {"name": "x"}, "wards": [{}, {}]}));
    }

    #[test]
    fn of_a_list_of_cases_a_court_sees_its_own_and_of_the_others_what_is_kept() {
        let cut = cut(OWN);
        let case = |id: &str, cnr: &str| json!({"id": id, "cnr": {"value": cnr}, "warrant": "w", "status": "s"});
        let (one, two) = ("DLCT010001232026", "DLST010001232026");
        let mut record =
            json!({"cases": [case("1", one), case("2", two), {"id": "3", "warrant": "no court's"}, {"warrant": "x"}]});
        let own = [CaseKey::parse(&format!("cnr/{one}")).unwrap()];
        assert_eq!(cut.apply(&mut record, &own), ["cases[].status", "cases[].warrant"]);
        let others = [json!({"id": "2", "cnr": {"value": two}}), json!({"id": "3"})];
        assert_eq!(
            record,
            json!({"cases": [case("1", one), others[0], others[1]]}),
            "and nothing is left of the fourth"
        );
        // Nobody's case is everybody's: without one of its own it sees numbers only.
        let mut record = json!({"cases": [case("1", one)]});
        cut.apply(&mut record, &[]);
        assert_eq!(record, json!({"cases": [{"id": "1", "cnr": {"value": one}}]}));
    }

    #[test]
    fn mistakes_in_a_line_are_found_at_their_place() {
        let found = |line: &str, words: &str| {
            let (_, errors) = read(line);
            assert!(errors.iter().any(|error| error.contains(words)), "no `{words}` in {errors:#?}");
        };
        found(r#"withhold = ["who.fotograf"]"#, "sharing.toml:2: path `who.fotograf`");
        found(r#"withhold = ["who"]"#, "every record has `who`");
        found(r#"own = [{ list = "health", cases = ["cnr:cnr"] }]"#, "`health` is no list");
        found(r#"own = [{ list = "cases[]", keep = ["id"] }]"#, "`cases` is missing");
        found(r#"own = [{ list = "cases[]", cases = ["cnr:cnr"], keep = ["cnr"] }]"#, "every item has `id`");
        found(r#"own = [{ list = "cases[]", cases = ["cnr:cnx"], keep = ["id"] }]"#, "path `cnx`");
        found(
            r#"own = [{ list = "cases[]", cases = ["cnr:cnr"], keep = ["id", "warant"] }]"#,
            "did you mean `warrant`",
        );
    }
}
