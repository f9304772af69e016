//! From the words of a line and the schema of its kind to a plan: what becomes of each field. The nearest path that a line
//! names decides over a field of no class; of a field's classes (its own, and those of what it lies in) the one that is given
//! least decides. Fields of which a line says nothing are withheld and told.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::mark::{MOST_AT_ONE_PLACE, Mark, Test};
use super::plan::{Node, Plan};
use super::terms::{Give, Terms};
use crate::config::facts::Path;
use crate::schema::path::{properties, property};

/// A plan, and what the line left open.
pub(super) struct Decided {
    pub(super) plan: Plan,
    /// Fields without a decision: they are withheld.
    pub(super) undecided: Vec<String>,
    /// What cannot be: a field that every record has and nobody is given, a field that is given and cannot stand alone.
    pub(super) wrong: Vec<String>,
}

/// Parts that are decided alike, once each for all lines.
#[derive(Default)]
pub(super) struct Alike(HashSet<Arc<Node>>);

impl Alike {
    fn one(&mut self, node: Node) -> Arc<Node> {
        let node = Arc::new(node);
        match self.0.get(&node) {
            Some(known) => Arc::clone(known),
            None => {
                self.0.insert(Arc::clone(&node));
                node
            }
        }
    }
}

/// Steps of a path, as `facts::Path` has them.
type Steps = Vec<(String, bool)>;

/// Makes the plan of one line.
pub(super) fn decide(terms: &Terms, marks: &[&Mark], schema: &Value, alike: &mut Alike) -> Decided {
    // A mark whose class the receiver is given changes nothing.
    let marks: Vec<&Mark> = marks.iter().copied().filter(|mark| terms.say(&mark.class) != Some(Give::Full)).collect();
    let mut making = Making { terms, marks: &marks, alike, steps: Steps::new(), wrong: Vec::new() };
    let plain = terms.whole.then_some(true);
    let held = Held { plain, classes: Vec::new(), lifted: Vec::new(), active: Vec::new(), quiet: false };
    let made = making.place(schema, held);
    let wrong = std::mem::take(&mut making.wrong);
    let tests: Vec<Test> = marks.iter().map(|mark| mark.test.clone()).collect();
    Decided { plan: Plan { root: made.node, tests }, undecided: made.open, wrong }
}

struct Making<'m> {
    terms: &'m Terms,
    marks: &'m [&'m Mark],
    alike: &'m mut Alike,
    /// Where the making is.
    steps: Steps,
    wrong: Vec<String>,
}

/// What holds for a place from above.
#[derive(Clone)]
struct Held {
    /// What the nearest path says; `None`: none does.
    plain: Option<bool>,
    /// Classes that are in force, and whether naming the path lifts them.
    classes: Vec<(String, bool)>,
    /// Classes that a path above has lifted: they stay so below it.
    lifted: Vec<String>,
    /// Marks whose item this lies in and that are taken to hold, each with the number of steps to its item.
    active: Vec<(usize, usize)>,
    /// In a combination of marks nothing is told again.
    quiet: bool,
}

struct Made {
    node: Arc<Node>,
    /// Fields that nobody has decided; a place of which nothing is given stands for all that lies in it.
    open: Vec<String>,
}

impl Making<'_> {
    /// The place where `steps` lead, whose schema (of one item, where it is a list) this is.
    fn place(&mut self, schema: &Value, mut held: Held) -> Made {
        self.take_up(schema, &mut held);
        let here = |mark: &Mark| mark.item.as_ref().map_or(&[][..], |item| item.steps.as_slice()) == self.steps;
        let tests: Vec<usize> =
            self.marks.iter().enumerate().filter(|(_, mark)| here(mark)).map(|(nth, _)| nth).collect();
        if tests.is_empty() {
            return self.fields(schema, &held);
        }
        if tests.len() > MOST_AT_ONE_PLACE {
            self.wrong.push(format!("more than {MOST_AT_ONE_PLACE} marks on `{}`", self.shown()));
        }
        let tests: Vec<usize> = tests.into_iter().take(MOST_AT_ONE_PLACE).collect();
        let plain = self.fields(schema, &held);
        let mut plans = vec![Arc::clone(&plain.node)];
        for mask in 1_usize..1 << tests.len() {
            let mut held = Held { quiet: true, ..held.clone() };
            for (_, test) in tests.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0) {
                held.active.push((*test, self.steps.len()));
            }
            self.mark(&mut held);
            plans.push(self.fields(schema, &held).node);
        }
        let alike = plans.iter().all(|plan| *plan == plain.node);
        let node = if alike { plain.node } else { self.alike.one(Node::Marked(tests, plans)) };
        Made { node, open: plain.open }
    }

    /// The classes of this place, and what the line says of it by name.
    fn take_up(&self, schema: &Value, held: &mut Held) {
        add_class(schema, held);
        let named = |paths: &[Path]| paths.iter().any(|path| path.steps == self.steps);
        if named(&self.terms.given) {
            held.plain = Some(true);
            // What nobody is given no line gives by naming it.
            let stays = |class: &str, may_lift: bool| !may_lift || self.terms.never.iter().any(|never| never == class);
            let lifted = held.classes.iter().filter(|(class, may_lift)| !stays(class, *may_lift));
            held.lifted.extend(lifted.map(|(class, _)| class.clone()));
            held.classes.retain(|(class, may_lift)| stays(class, *may_lift));
        }
        if named(&self.terms.withheld) {
            held.plain = Some(false);
        }
        self.mark(held);
    }

    /// The classes of marks that begin here.
    fn mark(&self, held: &mut Held) {
        for (nth, depth) in held.active.clone() {
            let Some(mark) = self.marks.get(nth) else { continue };
            let within = self.steps.get(depth..).unwrap_or_default();
            let begins =
                if mark.at.is_empty() { within.is_empty() } else { mark.at.iter().any(|at| at.steps == within) };
            let known = held.classes.iter().any(|(class, _)| *class == mark.class);
            if begins && !known {
                held.classes.push((mark.class.clone(), false));
            }
        }
    }

    fn fields(&mut self, schema: &Value, held: &Held) -> Made {
        if let Some(made) = self.whole_name(schema, held) {
            return made;
        }
        let names: Vec<&str> = properties(schema);
        if names.is_empty() {
            return self.leaf(held);
        }
        let mut fields: BTreeMap<&str, Made> = BTreeMap::new();
        for name in names {
            // What the sender's format carries besides is no field of the model: see `extension`.
            if self.steps.is_empty() && name == "extensions" {
                continue;
            }
            if let Some(part) = property(schema, name) {
                fields.insert(name, self.field(name, part, held.clone()));
            }
        }
        let missing = needed(schema).into_iter().find(|name| fields.get(name).is_some_and(Made::withholds));
        if let Some(name) = missing {
            return self.cannot_stand(&fields, name, held);
        }
        let open: Vec<String> = fields.values().flat_map(|made| made.open.iter().cloned()).collect();
        let every = |wanted: &Node| !fields.is_empty() && fields.values().all(|made| *made.node == *wanted);
        let node = match (every(&Node::Give), every(&Node::Withhold)) {
            (true, _) if !self.steps.is_empty() => Node::Give,
            (_, true) if !self.steps.is_empty() => Node::Withhold,
            _ => Node::Fields(fields.into_iter().map(|(name, made)| (name.into(), made.node)).collect()),
        };
        let open = if node == Node::Withhold && !open.is_empty() { vec![self.shown()] } else { open };
        Made { node: self.alike.one(node), open }
    }

    fn field(&mut self, name: &str, part: &Value, mut held: Held) -> Made {
        let items = part.get("items");
        self.steps.push((name.to_owned(), items.is_some()));
        let made = match items {
            None => self.place(part, held),
            Some(items) => {
                add_class(part, &mut held);
                let made = self.place(items, held);
                let node = match *made.node {
                    Node::Give => Node::Give,
                    Node::Withhold => Node::Withhold,
                    _ => Node::Items(made.node),
                };
                Made { node: self.alike.one(node), open: made.open }
            }
        };
        self.steps.pop();
        made
    }

    /// A person's name that a code stands for.
    fn whole_name(&mut self, schema: &Value, held: &Held) -> Option<Made> {
        let mark = schema.get("x-pseudonym")?;
        let least = held.classes.iter().map(|(class, _)| self.terms.say(class)).min()?;
        if least != Some(Give::Code) || held.plain == Some(false) {
            return None;
        }
        let node = self.alike.one(Node::Code(mark.as_str().map(Into::into)));
        Some(Made { node, open: Vec::new() })
    }

    fn leaf(&mut self, held: &Held) -> Made {
        // `None`, nobody's decision, is the least of all.
        let least = held.classes.iter().map(|(class, _)| self.terms.say(class)).min();
        let (node, decided) = match (held.plain, least) {
            (Some(false), _) => (Node::Withhold, true),
            (Some(true), None) | (_, Some(Some(Give::Full))) => (Node::Give, true),
            (None, None) | (_, Some(None)) => (Node::Withhold, false),
            (_, Some(Some(Give::Code | Give::Withheld))) => (Node::Withhold, true),
        };
        let open = if decided || held.quiet { Vec::new() } else { vec![self.shown()] };
        Made { node: self.alike.one(node), open }
    }

    /// What lacks something that it must have is withheld with it.
    fn cannot_stand(&mut self, fields: &BTreeMap<&str, Made>, name: &str, held: &Held) -> Made {
        let undecided = fields.values().any(|made| !made.open.is_empty());
        let open = if undecided && !held.quiet { vec![self.shown()] } else { Vec::new() };
        if self.steps.is_empty() {
            self.wrong.push(format!("every record has `{name}`: give it, or what it needs"));
        } else if !held.quiet {
            let inside = |path: &&Path| path.steps.len() > self.steps.len() && path.steps.starts_with(&self.steps);
            let alone: Vec<String> = self.terms.given.iter().filter(inside).map(ToString::to_string).collect();
            for path in alone.iter().filter(|path| !self.terms.withheld.iter().any(|out| *path == &out.to_string())) {
                self.wrong.push(format!("`{path}` cannot be given alone: every `{}` has `{name}`", self.shown()));
            }
        }
        Made { node: self.alike.one(Node::Withhold), open }
    }

    fn shown(&self) -> String {
        Path { steps: self.steps.clone() }.to_string()
    }
}

impl Made {
    fn withholds(&self) -> bool {
        *self.node == Node::Withhold
    }
}

fn add_class(schema: &Value, held: &mut Held) {
    if let Some(class) = schema.get("x-sensitivity").and_then(Value::as_str)
        && !held.classes.iter().any(|(known, _)| known == class)
        && !held.lifted.iter().any(|lifted| lifted == class)
    {
        held.classes.push((class.to_owned(), true));
    }
}

/// What every object of this schema has.
fn needed(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str).collect()
}
