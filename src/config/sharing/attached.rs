//! Attachments have a decision of their own: by the sensitivity that the sender gave each, by its role, and by whose case it
//! is. In the case of a victim or a child a file may show what no field says, so none is given to a receiver that is not given
//! the whole record with the names; a redacted twin is given in the place of its original.

use serde_json::Value;

use super::super::facts::Path;
use super::mark::{Mark, Test};
use super::plan::empty;
use super::terms::{Give, Terms};
use crate::schema::path::{properties, property};

/// Where records name their attachments.
pub(super) const LIST: &str = "attachments";

/// Whose presence in a record makes its files delicate.
const DELICATE: [&str; 2] = ["victim", "child"];

/// How many hex digits of a digest name an attachment among those withheld: enough to tell those of one record apart.
const SHOWN: usize = 16;

/// What one line says of attachments.
#[derive(Debug)]
pub(super) struct Attached {
    /// Only these roles; empty: all.
    roles: Vec<String>,
    /// Where the kind's records hold what makes files delicate, for the classes that the line does not give with the whole.
    delicate: Vec<Path>,
    /// And what a record says that makes them so: marks of classes that the line does not give.
    marks: Vec<(Option<Path>, Test)>,
    /// What becomes of files of each sensitivity.
    said: Terms,
    /// Also of one whose sender says nothing of it.
    unstated: bool,
}

impl Attached {
    /// Of a line and its kind's schema.
    pub(super) fn new(roles: Vec<String>, terms: &Terms, marks: &[&Mark], schema: &Value) -> Self {
        let full = |class: &str| terms.say(class) == Some(Give::Full);
        let kept: Vec<&str> = DELICATE.into_iter().filter(|class| !(terms.whole && full(class))).collect();
        let mut delicate = Vec::new();
        places(schema, &mut Vec::new(), &kept, &mut delicate);
        let marks = marks.iter().filter(|mark| kept.contains(&mark.class.as_str()) || !full(&mark.class));
        Self {
            roles,
            delicate,
            marks: marks.map(|mark| (mark.item.clone(), mark.test.clone())).collect(),
            said: Terms { classes: terms.classes.clone(), never: terms.never.clone(), ..Terms::default() },
            unstated: terms.whole && kept.is_empty(),
        }
    }

    /// Takes out of a record the files that its receiver may not see.
    pub(super) fn apply(&self, tree: &mut Value, withheld: &mut Vec<String>) {
        if tree.get(LIST).is_none_or(empty) {
            return;
        }
        let delicate = self.is_delicate(tree);
        let Some(Value::Array(items)) = tree.get_mut(LIST) else { return };
        let (all, mut gone) = (items.len(), Vec::new());
        items.retain(|item| {
            let given = self.gives(item, delicate);
            if !given {
                gone.push(named(item));
            }
            given
        });
        if gone.len() == all {
            withheld.push(format!("{LIST}[]"));
            if let Some(fields) = tree.as_object_mut() {
                fields.shift_remove(LIST);
            }
        } else {
            withheld.extend(gone);
        }
    }

    /// Whether every file goes, whatever the record says.
    pub(super) fn gives_all(&self, schema: &Value) -> bool {
        let stated =
            schema.pointer("/properties/attachments/items/properties/sensitivity/enum").and_then(Value::as_array);
        let full = |class: &Value| class.as_str().is_some_and(|class| self.full(class));
        self.unstated && self.roles.is_empty() && stated.is_some_and(|all| all.iter().all(full))
    }

    fn full(&self, class: &str) -> bool {
        class == "none" || self.said.say(class) == Some(Give::Full)
    }

    fn gives(&self, item: &Value, delicate: bool) -> bool {
        let word = |key: &str| item.get(key).and_then(Value::as_str);
        let twin = item.get("redacted_twin_of").is_some();
        let fits = match word("sensitivity") {
            Some(class) => self.full(class),
            None => self.unstated || twin,
        };
        let role =
            || self.roles.is_empty() || word("role").is_some_and(|role| self.roles.iter().any(|one| one == role));
        fits && (twin || !delicate) && role()
    }

    fn is_delicate(&self, tree: &Value) -> bool {
        let says = |value: &&Value| !empty(value) && **value != Value::Bool(false);
        let held = self.delicate.iter().any(|path| path.values(tree).iter().any(says));
        let marked = |item: &Option<Path>, test: &Test| match item {
            Some(item) => item.values(tree).into_iter().any(|value| test.holds(value)),
            None => test.holds(tree),
        };
        held || self.marks.iter().any(|(item, test)| test.holds_for(tree) && marked(item, test))
    }
}

/// How an attachment that is withheld is named in the list of what is.
fn named(item: &Value) -> String {
    let digest = item.get("sha256").and_then(Value::as_str).unwrap_or_default();
    format!("{LIST}[{}]", digest.get(..SHOWN).unwrap_or(digest))
}

/// The topmost places of these classes.
fn places(schema: &Value, steps: &mut Vec<(String, bool)>, classes: &[&str], found: &mut Vec<Path>) {
    for name in properties(schema) {
        let Some(part) = property(schema, name) else { continue };
        let items = part.get("items");
        steps.push((name.to_owned(), items.is_some()));
        let below = items.unwrap_or(part);
        let class = [part, below].into_iter().filter_map(|part| part.get("x-sensitivity")?.as_str());
        if class.into_iter().any(|class| classes.contains(&class)) {
            found.push(Path { steps: steps.clone() });
        } else {
            places(below, steps, classes, found);
        }
        steps.pop();
    }
}
