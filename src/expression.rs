//! CEL, the one expression language: `when`, routes, sharing and rules. Bound lazily: only the paths that an expression names
//! are taken from a record. Unknown names, functions and types that cannot agree are refused at load; work is bounded; nothing here panics or has a clock.

mod check;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::{Context, Program, Value as Cel};
use serde_json::{Map, Value};

/// An expression of more characters than this is a program.
const LONGEST: usize = 2_000;
/// Values that one evaluation may bind, and steps (bound values to the power of nested comprehensions).
const MOST_BOUND: usize = 20_000;
const MOST_STEPS: usize = 1_000_000;

/// One compiled expression over a record of one schema.
#[derive(Debug)]
pub struct Expression {
    text: String,
    program: Program,
    facts: check::Facts,
    /// The lists among the names that it reads.
    lists: Vec<String>,
}

impl Expression {
    /// Compiles and checks against `scope`: a resolved object schema whose properties are the names there are. Without one,
    /// names are not checked (the schema has errors of its own, which are told elsewhere).
    pub fn compile(text: &str, scope: Option<&Value>) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("an expression has at most {LONGEST} characters"));
        }
        let program = catch_unwind(|| Program::compile(text)).map_err(|_| "not an expression".to_owned())?;
        let program = program.map_err(|errors| {
            let first = errors.to_string();
            let words: Vec<&str> = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            format!("not an expression: {}", words.first().copied().unwrap_or("syntax"))
        })?;
        let open = serde_json::json!({ "x-open": true });
        let facts = check::facts(program.expression(), scope.unwrap_or(&open))?;
        let part = |name: &str| scope.and_then(|scope| scope.get("properties")).and_then(|all| all.get(name));
        let roots = facts.paths.iter().filter_map(|path| path.first());
        let lists = roots.filter(|name| part(name).is_some_and(|part| part.get("items").is_some())).cloned().collect();
        Ok(Self { text: text.to_owned(), program, facts, lists })
    }

    /// The text it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The record's paths that it reads, names in order.
    pub fn paths(&self) -> &[Vec<String>] {
        &self.facts.paths
    }

    /// Whether it holds for a record. An expression that is only a path to something that is no boolean holds where that is there.
    pub fn holds(&self, record: &Value) -> Result<bool, String> {
        if self.facts.presence {
            let path = self.facts.paths.first().map(Vec::as_slice).unwrap_or_default();
            return Ok(path
                .iter()
                .try_fold(record, |value, name| value.get(name))
                .is_some_and(|found| !found.is_null()));
        }
        match self.evaluate(record)? {
            Cel::Bool(holds) => Ok(holds),
            _ => Err(format!("`{}` gives neither true nor false", self.text)),
        }
    }

    fn evaluate(&self, record: &Value) -> Result<Cel, String> {
        let mut context = Context::default();
        let mut bound = 0;
        for (root, tree) in self.bindings(record) {
            let value = to_cel(&tree, &mut bound)
                .ok_or_else(|| format!("`{}` reads more than {MOST_BOUND} values", self.text))?;
            context.add_variable_from_value(root, value);
        }
        let steps = bound.checked_pow(u32::try_from(self.facts.nesting).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
        if self.facts.nesting > 1 && steps > MOST_STEPS {
            return Err(format!("`{}` would take more than {MOST_STEPS} steps", self.text));
        }
        let run = catch_unwind(AssertUnwindSafe(|| self.program.execute(&context)));
        match run {
            Ok(Ok(value)) => Ok(value),
            // The crate's words may hold values of the record: only the class is told.
            Ok(Err(error)) => Err(format!("`{}`: {}", self.text, class_of(&error))),
            Err(_) => Err(format!("`{}` could not be evaluated", self.text)),
        }
    }

    /// By root name, the part of the record that the expression reads; an object or a list that is not there is an empty one.
    fn bindings(&self, record: &Value) -> BTreeMap<&str, Value> {
        let mut roots: BTreeMap<&str, Value> = BTreeMap::new();
        for path in &self.facts.paths {
            let Some((root, rest)) = path.split_first() else {
                continue;
            };
            let found = record.get(root);
            if rest.is_empty() {
                let empty = || self.lists.contains(root).then(|| Value::Array(Vec::new()));
                if let Some(found) = found.filter(|found| !found.is_null()).cloned().or_else(empty) {
                    roots.insert(root, found);
                }
                continue;
            }
            let slot = roots.entry(root).or_insert_with(|| Value::Object(Map::new()));
            if let Some(found) = found {
                copy(found, rest, slot);
            }
        }
        roots
    }
}

/// Copies what `path` names from one tree to another, where it is there.
fn copy(from: &Value, path: &[String], to: &mut Value) {
    let (Some((name, rest)), Some(object)) = (path.split_first(), to.as_object_mut()) else {
        return;
    };
    match (from.get(name), rest.is_empty()) {
        (Some(found), true) => {
            object.insert(name.clone(), found.clone());
        }
        (Some(found), false) => {
            let inner = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            copy(found, rest, inner);
        }
        (None, _) => {}
    }
}

/// `None` when there are too many values.
fn to_cel(value: &Value, bound: &mut usize) -> Option<Cel> {
    *bound += 1;
    if *bound > MOST_BOUND {
        return None;
    }
    Some(match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Cel::Int(number),
            (None, Some(number)) => Cel::UInt(number),
            _ => Cel::Float(number.as_f64().unwrap_or(0.0)),
        },
        Value::String(text) => Cel::String(text.clone().into()),
        Value::Array(items) => {
            let items: Option<Vec<Cel>> = items.iter().map(|item| to_cel(item, bound)).collect();
            Cel::List(items?.into())
        }
        Value::Object(fields) => {
            let mut map = std::collections::HashMap::with_capacity(fields.len());
            for (name, field) in fields {
                map.insert(name.clone(), to_cel(field, bound)?);
            }
            Cel::Map(map.into())
        }
    })
}

fn class_of(error: &cel::ExecutionError) -> String {
    match error {
        cel::ExecutionError::NoSuchKey(name) => format!("`{name}` is not there (guard it with `has(...)`)"),
        cel::ExecutionError::UndeclaredReference(name) => format!("`{name}` is not there"),
        cel::ExecutionError::NoSuchOverload(_) => "the values' types do not fit".to_owned(),
        _ => "could not be evaluated".to_owned(),
    }
}

/// Whether two conditions can never hold together, as far as their form shows: one path compared with different texts, or
/// a condition and its negation.
pub fn disjoint(left: &Expression, right: &Expression) -> bool {
    check::disjoint(left.program.expression(), right.program.expression())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Value {
        json!({"type": "object", "properties": {
            "report": {"type": "object", "properties": {"series": {"type": "string"}, "number": {"type": "integer"}}},
            "case": {"type": "object", "properties": {"cnr": {"type": "object", "properties": {"value": {"type": "string"}}}}},
            "urgent": {"type": "boolean"},
            "accused": {"type": "array", "items": {"type": "object", "properties": {"age": {"type": "integer"}, "name": {"type": "string"}}}}
        }})
    }

    fn holds(text: &str) -> Result<bool, String> {
        let record =
            json!({"report": {"series": "first", "number": 3}, "accused": [{"age": 17}, {"age": 40, "name": "x"}]});
        Expression::compile(text, Some(&scope()))?.holds(&record)
    }

    #[test]
    fn conditions_hold_or_not_over_the_paths_they_name() {
        assert_eq!(holds("report.series == 'first'"), Ok(true));
        assert_eq!(holds("report.number > 3 || accused.exists(a, a.age < 18)"), Ok(true));
        assert_eq!(holds("has(case.cnr) && case.cnr.value == 'x'"), Ok(false));
        assert_eq!(holds("case.cnr"), Ok(false));
        assert_eq!(holds("report"), Ok(true));
        assert_eq!(holds("accused.all(a, has(a.name))"), Ok(false));
        assert_eq!(holds("report.series in ['first', 'further']"), Ok(true));
        assert_eq!(holds("size(accused) == 2 && accused[0].age == 17"), Ok(true));
    }

    #[test]
    fn a_list_that_is_not_there_is_an_empty_one() {
        let run = |text: &str, record: Value| Expression::compile(text, Some(&scope())).unwrap().holds(&record);
        for record in [json!({}), json!({"accused": null})] {
            assert_eq!(run("accused.exists(a, a.age < 18)", record.clone()), Ok(false));
            assert_eq!(run("accused.all(a, a.age < 18)", record.clone()), Ok(true));
            assert_eq!(run("size(accused) == 0", record), Ok(true));
        }
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused_at_load() {
        let refused = |text: &str| Expression::compile(text, Some(&scope())).unwrap_err();
        assert!(refused("report.serie == 'first'").contains("did you mean `series`?"));
        assert!(refused("reprot.series == 'first'").contains("did you mean `report`?"));
        assert!(refused("accused.exists(a, a.agee < 18)").contains("did you mean `age`?"));
        assert!(refused("report.series == 1").contains("a string with a number"));
        assert!(refused("nosuch(report.series)").contains("no function `nosuch`"));
        assert!(refused("report.series ==").contains("not an expression"));
        assert!(refused(&"x".repeat(3000)).contains("at most"));
        assert!(
            refused("accused.exists(a, accused.exists(b, accused.exists(c, a.age == c.age && b.age == 1)))")
                .contains("nested")
        );
    }

    #[test]
    fn an_error_at_run_time_is_returned_without_values() {
        let record = json!({"accused": [{"name": "secret"}]});
        let run = |text: &str| Expression::compile(text, Some(&scope())).unwrap().holds(&record);
        assert!(run("case.cnr.value == 'x'").unwrap_err().contains("`cnr` is not there"));
        assert!(!run("accused[0].age > 3").unwrap_err().contains("secret"));
        assert!(run("accused[7].age > 3").is_err());
    }

    #[test]
    fn disjoint_conditions_are_seen() {
        let both = |left: &str, right: &str| {
            disjoint(
                &Expression::compile(left, Some(&scope())).unwrap(),
                &Expression::compile(right, Some(&scope())).unwrap(),
            )
        };
        assert!(both("report.series == 'first'", "report.series == 'further'"));
        assert!(both("report.series == 'first'", "urgent && report.series != 'first'"));
        assert!(both("urgent", "!urgent"));
        assert!(both("has(case.cnr)", "!has(case.cnr)"));
        assert!(both("report.series in ['a', 'b']", "report.series == 'c'"));
        assert!(!both("report.series == 'first'", "report.series == 'first'"));
        assert!(!both("report.series == 'first'", "urgent"));
    }
}
