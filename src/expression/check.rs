//! What an expression names, read from its syntax tree at load: unknown names, functions and types that cannot agree are errors.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};
use serde_json::Value;

use crate::schema::path::{nearest, properties, property, type_of};

/// Comprehensions inside comprehensions: more would let a record's size be taken to the third power.
const DEEPEST: usize = 2;
const FUNCTIONS: [&str; 14] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "timestamp",
    "duration",
    "type",
    "min",
];
/// Names that are values of their own.
const TYPES: [&str; 7] = ["int", "uint", "double", "string", "bool", "list", "map"];

/// What was found out about an expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Paths from the record's root.
    pub(super) paths: Vec<Vec<String>>,
    /// How deep comprehensions are nested.
    pub(super) nesting: usize,
    /// It is only a path to something that is no boolean.
    pub(super) presence: bool,
}

/// Checks the whole expression.
pub(super) fn facts(expression: &IdedExpr, scope: &Value) -> Result<Facts, String> {
    let mut walk = Walk { scope, locals: Vec::new(), facts: Facts::default(), nesting: 0 };
    let found = walk.expression(expression)?;
    let path = path_of(&expression.expr).is_some();
    match found {
        Kind::Schema(part) if path => walk.facts.presence = type_of(part) != "boolean",
        Kind::Schema(part) if type_of(part) == "boolean" => {}
        Kind::Boolean | Kind::Unknown => {}
        _ => return Err("the expression gives neither true nor false".to_owned()),
    }
    Ok(walk.facts)
}

/// What is known of a part's value.
#[derive(Clone, Copy)]
enum Kind<'s> {
    Schema(&'s Value),
    Text,
    Number,
    Boolean,
    Null,
    Unknown,
}

impl Kind<'_> {
    fn word(self) -> Option<&'static str> {
        match self {
            Kind::Schema(part) => match type_of(part) {
                "string" => Some("a string"),
                "integer" | "number" => Some("a number"),
                "boolean" => Some("a boolean"),
                _ => None,
            },
            Kind::Text => Some("a string"),
            Kind::Number => Some("a number"),
            Kind::Boolean => Some("a boolean"),
            Kind::Null | Kind::Unknown => None,
        }
    }
}

struct Walk<'s> {
    scope: &'s Value,
    locals: Vec<(String, Option<&'s Value>)>,
    facts: Facts,
    nesting: usize,
}

impl<'s> Walk<'s> {
    fn expression(&mut self, part: &IdedExpr) -> Result<Kind<'s>, String> {
        match &part.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::String(_) => Kind::Text,
                LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Kind::Number,
                LiteralValue::Boolean(_) => Kind::Boolean,
                LiteralValue::Null => Kind::Null,
                LiteralValue::Bytes(_) => Kind::Unknown,
            }),
            Expr::Ident(_) | Expr::Select(_) => self.selection(part),
            Expr::Call(call) => {
                let mut kinds = Vec::new();
                if let Some(target) = &call.target {
                    kinds.push(self.expression(target)?);
                }
                for argument in &call.args {
                    kinds.push(self.expression(argument)?);
                }
                self.call(&call.func_name, &kinds)
            }
            Expr::List(list) => {
                list.elements.iter().try_for_each(|element| self.expression(element).map(drop))?;
                Ok(Kind::Unknown)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.expression(&entry.key)?;
                        self.expression(&entry.value)?;
                    }
                }
                Ok(Kind::Unknown)
            }
            Expr::Comprehension(inner) => {
                self.nesting += 1;
                if self.nesting > DEEPEST {
                    return Err(format!("comprehensions are nested more than {DEEPEST} deep"));
                }
                self.facts.nesting = self.facts.nesting.max(self.nesting);
                let range = self.expression(&inner.iter_range)?;
                let items = match range {
                    Kind::Schema(part) => part.get("items"),
                    _ => None,
                };
                let before = self.locals.len();
                self.expression(&inner.accu_init)?;
                self.locals.push((inner.iter_var.clone(), items));
                self.locals.push((inner.accu_var.clone(), None));
                self.locals.extend(inner.iter_var2.iter().map(|name| (name.clone(), None)));
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.expression(part)?;
                }
                self.locals.truncate(before);
                self.nesting -= 1;
                Ok(Kind::Unknown)
            }
            Expr::Struct(_) | Expr::Unspecified => Err("this form of expression is not allowed".to_owned()),
        }
    }

    fn call(&self, name: &str, kinds: &[Kind<'s>]) -> Result<Kind<'s>, String> {
        match name {
            "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" => {
                let words: Vec<Option<&str>> = kinds.iter().map(|kind| kind.word()).collect();
                match words.as_slice() {
                    [Some(left), Some(right)] if left != right => Err(format!("it compares {left} with {right}")),
                    _ => Ok(Kind::Boolean),
                }
            }
            "_&&_" | "_||_" | "!_" => {
                match kinds.iter().filter_map(|kind| kind.word()).find(|word| *word != "a boolean") {
                    Some(word) => Err(format!("`and`, `or` and `not` take booleans, not {word}")),
                    None => Ok(Kind::Boolean),
                }
            }
            "@in" | "_in_" => Ok(Kind::Boolean),
            "_[_]" => match kinds.first() {
                Some(Kind::Schema(part)) => Ok(part.get("items").map_or(Kind::Unknown, Kind::Schema)),
                _ => Ok(Kind::Unknown),
            },
            "size" | "int" | "uint" | "double" => Ok(Kind::Number),
            "contains" | "startsWith" | "endsWith" | "matches" | "bool" => Ok(Kind::Boolean),
            "string" => Ok(Kind::Text),
            "@not_strictly_false" | "_?_:_" => Ok(Kind::Unknown),
            operator if !operator.starts_with(|first: char| first.is_alphabetic()) => Ok(Kind::Unknown),
            function if FUNCTIONS.contains(&function) => Ok(Kind::Unknown),
            function => Err(match nearest(function, FUNCTIONS) {
                Some(near) => format!("there is no function `{function}`; did you mean `{near}`?"),
                None => format!("there is no function `{function}`"),
            }),
        }
    }

    /// A name, or fields selected from one.
    fn selection(&mut self, part: &IdedExpr) -> Result<Kind<'s>, String> {
        let (path, test) = match &part.expr {
            Expr::Select(select) if select.test => (path_of(&select.operand.expr), Some(select)),
            other => (path_of(other), None),
        };
        let Some(mut path) = path else {
            // A field of something computed, such as an item of a list.
            let Expr::Select(select) = &part.expr else {
                return Ok(Kind::Unknown);
            };
            let found = match self.expression(&select.operand)? {
                Kind::Schema(part) => field(part, &select.field)?.map_or(Kind::Unknown, Kind::Schema),
                _ => Kind::Unknown,
            };
            return Ok(if select.test { Kind::Boolean } else { found });
        };
        if let Some(select) = test {
            path.push(select.field.clone());
        }
        let found = self.path(&path)?;
        Ok(if test.is_some() { Kind::Boolean } else { found })
    }

    fn path(&mut self, path: &[String]) -> Result<Kind<'s>, String> {
        let Some((root, rest)) = path.split_first() else {
            return Ok(Kind::Unknown);
        };
        let local = self.locals.iter().rev().find(|(name, _)| name == root).map(|(_, part)| *part);
        let (mut part, is_local) = match local {
            Some(None) => return Ok(Kind::Unknown),
            Some(Some(part)) => (part, true),
            None if rest.is_empty() && TYPES.contains(&root.as_str()) => return Ok(Kind::Unknown),
            None => {
                let found = field(self.scope, root)?;
                let Some(part) = found else {
                    return Ok(Kind::Unknown);
                };
                (part, false)
            }
        };
        for name in rest {
            match field(part, name)? {
                Some(inner) => part = inner,
                None => break,
            }
        }
        if !is_local && !self.facts.paths.contains(&path.to_vec()) {
            self.facts.paths.push(path.to_vec());
        }
        Ok(Kind::Schema(part))
    }
}

/// The field's schema; `None` inside an open object; an error where there is no such field.
fn field<'s>(part: &'s Value, name: &str) -> Result<Option<&'s Value>, String> {
    if let Some(found) = property(part, name) {
        return Ok(Some(found));
    }
    let open = part.get("x-open") == Some(&Value::Bool(true))
        || part.get("additionalProperties").is_some_and(Value::is_object);
    if open {
        return Ok(None);
    }
    Err(match nearest(name, properties(part)) {
        Some(near) => format!("there is no `{name}` here; did you mean `{near}`?"),
        None => format!("there is no `{name}` here"),
    })
}

/// The names of a plain path.
fn path_of(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand.expr)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// One condition of a conjunction, in the forms that can be compared.
#[derive(PartialEq)]
enum Form<'e> {
    Among(Vec<String>, Vec<&'e LiteralValue>),
    NotAmong(Vec<String>, Vec<&'e LiteralValue>),
    Is(&'e Expr),
    IsNot(&'e Expr),
}

/// See `expression::disjoint`.
pub(super) fn disjoint(left: &IdedExpr, right: &IdedExpr) -> bool {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    conjuncts(&left.expr, &mut ours);
    conjuncts(&right.expr, &mut theirs);
    ours.iter().any(|one| theirs.iter().any(|other| excludes(one, other)))
}

fn excludes(one: &Form, other: &Form) -> bool {
    match (one, other) {
        (Form::Among(path, values), Form::Among(same, others)) => {
            path == same && values.iter().all(|value| !others.contains(value))
        }
        (Form::Among(path, values), Form::NotAmong(same, others))
        | (Form::NotAmong(same, others), Form::Among(path, values)) => {
            path == same && values.iter().all(|value| others.contains(value))
        }
        (Form::Is(one), Form::IsNot(other)) | (Form::IsNot(other), Form::Is(one)) => same(one, other),
        _ => false,
    }
}

fn conjuncts<'e>(expression: &'e Expr, into: &mut Vec<Form<'e>>) {
    if let Expr::Call(call) = expression {
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("_&&_", parts) => return parts.iter().for_each(|part| conjuncts(&part.expr, into)),
            ("!_", [only]) => return into.push(Form::IsNot(&only.expr)),
            ("_==_" | "_!=_", [left, right]) => {
                let sides = [(left, right), (right, left)];
                let found = sides.into_iter().find_map(|(path, value)| match (path_of(&path.expr), &value.expr) {
                    (Some(path), Expr::Literal(literal)) => Some((path, literal)),
                    _ => None,
                });
                if let Some((path, literal)) = found {
                    let values = vec![literal];
                    let form =
                        if call.func_name == "_==_" { Form::Among(path, values) } else { Form::NotAmong(path, values) };
                    return into.push(form);
                }
            }
            ("@in", [path, list]) => {
                if let (Some(path), Expr::List(list)) = (path_of(&path.expr), &list.expr) {
                    let literals: Option<Vec<&LiteralValue>> = list
                        .elements
                        .iter()
                        .map(|element| match &element.expr {
                            Expr::Literal(literal) => Some(literal),
                            _ => None,
                        })
                        .collect();
                    if let Some(values) = literals {
                        return into.push(Form::Among(path, values));
                    }
                }
            }
            _ => {}
        }
    }
    into.push(Form::Is(expression));
}

/// Equal but for the numbers that the parser gives to parts.
fn same(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Call(left), Expr::Call(right)) => {
            left.func_name == right.func_name
                && left.args.len() == right.args.len()
                && left.args.iter().zip(&right.args).all(|(one, other)| same(&one.expr, &other.expr))
                && match (&left.target, &right.target) {
                    (Some(one), Some(other)) => same(&one.expr, &other.expr),
                    (None, None) => true,
                    _ => false,
                }
        }
        (Expr::Select(left), Expr::Select(right)) => {
            left.field == right.field && left.test == right.test && same(&left.operand.expr, &right.operand.expr)
        }
        (Expr::Ident(left), Expr::Ident(right)) => left == right,
        (Expr::Literal(left), Expr::Literal(right)) => left == right,
        _ => false,
    }
}
