//! What one line of `config/sharing.toml` does to a record, ready to be done: a tree that says for each field whether it is
//! given, withheld or replaced by a code. Made once with the revision (`decide`); walked once for each delivery. Parts that
//! are decided alike are one node, so a plan is small however large the schema is.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::mark::Test;
use super::pseudonym::Coder;

/// What becomes of one place of a record, and of all below it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// Given as it is.
    Give,
    /// Taken out.
    Withhold,
    /// A person's name: a code stands in its place. Of an object the field that holds the name; a text is the name.
    Code(Option<Box<str>>),
    /// Each field of an object for itself, by name in order; a field that is not here is nobody's decision and is taken out.
    Fields(Vec<(Box<str>, Arc<Node>)>),
    /// Each item of a list.
    Items(Arc<Node>),
    /// By what the value says of itself: the tests (by their place in the plan), and a node for each combination of answers.
    Marked(Vec<usize>, Vec<Arc<Node>>),
}

/// A whole record's.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) root: Arc<Node>,
    pub(super) tests: Vec<Test>,
}

impl Plan {
    /// Takes out of a record what is not given; shared paths that held something are listed.
    pub(super) fn apply(&self, tree: &mut Value, coder: &Coder<'_>) -> Vec<String> {
        let possible = self.tests.iter().map(|test| test.holds_for(tree)).collect();
        let path = String::with_capacity(64);
        let mut walk = Walk { plan: self, possible, coder, path, withheld: Vec::new() };
        // A record stays one, however little is left of it.
        if !walk.value(&self.root, tree) {
            *tree = Value::Object(serde_json::Map::new());
        }
        walk.withheld
    }

    /// Whether some name may be replaced by a code.
    pub(super) fn codes(&self) -> bool {
        codes(&self.root)
    }

    /// The keys without which a text can hold nothing that is taken out; `None` where that cannot be told from keys.
    pub(super) fn suspects(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        suspects(&self.root, &mut names).then_some(names)
    }
}

fn codes(node: &Node) -> bool {
    match node {
        Node::Give | Node::Withhold => false,
        Node::Code(_) => true,
        Node::Fields(fields) => fields.iter().any(|(_, field)| codes(field)),
        Node::Items(item) => codes(item),
        Node::Marked(_, plans) => plans.iter().any(|plan| codes(plan)),
    }
}

fn suspects(node: &Node, names: &mut BTreeSet<String>) -> bool {
    match node {
        Node::Give => true,
        Node::Withhold | Node::Code(_) | Node::Marked(..) => false,
        Node::Items(item) => suspects(item, names),
        Node::Fields(fields) => fields.iter().all(|(name, field)| {
            let taken = matches!(**field, Node::Withhold);
            if taken {
                names.insert(name.to_string());
            }
            taken || suspects(field, names)
        }),
    }
}

struct Walk<'w> {
    plan: &'w Plan,
    /// By test: whether the record is one in which it may hold.
    possible: Vec<bool>,
    coder: &'w Coder<'w>,
    path: String,
    withheld: Vec<String>,
}

impl Walk<'_> {
    /// Whether the value stays.
    fn value(&mut self, node: &Node, value: &mut Value) -> bool {
        match (node, value) {
            (Node::Give, _) => true,
            (Node::Code(field), value) => {
                let code = self.coder.code(match field {
                    Some(field) => value.get(field.as_ref()).unwrap_or(&Value::Null),
                    None => value,
                });
                self.note(value);
                match (code, field) {
                    (Some(code), Some(field)) => *value = serde_json::json!({ field.as_ref(): code }),
                    (Some(code), None) => *value = Value::String(code),
                    (None, _) => return false,
                }
                true
            }
            (Node::Marked(tests, plans), value) => {
                let holds = |test: usize| {
                    let possible = self.possible.get(test).copied().unwrap_or(true);
                    possible && self.plan.tests.get(test).is_none_or(|test| test.holds(value))
                };
                let bits = tests.iter().enumerate().filter(|(_, test)| holds(**test));
                let node = plans.get(bits.map(|(bit, _)| 1_usize << bit).sum::<usize>());
                node.is_some_and(|node| self.value(node, value))
            }
            (Node::Fields(fields), Value::Object(object)) => {
                object.retain(|name, below| self.field(fields, name, below));
                true
            }
            (Node::Items(item), Value::Array(items)) => {
                let length = self.path.len();
                self.path.push_str("[]");
                let some = !items.is_empty();
                items.retain_mut(|below| self.value(item, below));
                self.path.truncate(length);
                !(some && items.is_empty())
            }
            (_, value) => {
                self.note(value);
                value.is_null()
            }
        }
    }

    fn field(&mut self, fields: &[(Box<str>, Arc<Node>)], name: &str, below: &mut Value) -> bool {
        let node = fields.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok().and_then(|at| fields.get(at));
        let node: &Node = node.map_or(&Node::Withhold, |(_, node)| node);
        if matches!(node, Node::Give) {
            return true;
        }
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        let stays = self.value(node, below);
        self.path.truncate(length);
        stays
    }

    /// Lists this place, where it held something that somebody could miss.
    fn note(&mut self, value: &Value) {
        if empty(value) {
            return;
        }
        let path = if value.is_array() { format!("{}[]", self.path) } else { self.path.clone() };
        if !self.withheld.contains(&path) {
            self.withheld.push(path);
        }
    }
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
