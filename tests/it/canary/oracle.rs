//! What `config/sharing.toml` withholds from a pillar, read from its text by the words of docs/configuration.md and by none of the
//! gateway's own code. A field counts as withheld where every line for the kind and pillar withholds it, whatever the record
//! says: conditions and marks can only take more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use toml::{Table, Value};

pub struct Oracle {
    lines: BTreeMap<(String, String), Vec<Line>>,
    never: BTreeSet<String>,
}

#[derive(Default)]
struct Line {
    whole: bool,
    given: Vec<String>,
    withheld: Vec<String>,
    /// By class, `*` among them.
    classes: BTreeMap<String, String>,
    attachments: Option<String>,
}

/// The kinds that an adapter is given.
pub fn received(adapter: &str) -> BTreeSet<String> {
    let table = read(&format!("adapters/{adapter}/adapter.toml"));
    let takes = |kind: &&(&String, &Value)| {
        kind.1["direction"].as_array().unwrap().iter().any(|word| word.as_str() == Some("receive"))
    };
    table["kind"].as_table().unwrap().iter().filter(|kind| takes(&kind)).map(|(name, _)| name.clone()).collect()
}

fn read(path: &str) -> Table {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn texts(table: &Table, key: &str) -> Vec<String> {
    let list = table.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether a path is at or above another.
fn covers(path: &str, field: &str) -> bool {
    let rest = field.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
}

impl Oracle {
    pub fn read() -> Self {
        let table = read("config/sharing.toml");
        let views: BTreeMap<&str, Vec<String>> = table["view"]
            .as_array()
            .unwrap()
            .iter()
            .map(|view| {
                let view = view.as_table().unwrap();
                (view["name"].as_str().unwrap(), texts(view, "paths"))
            })
            .collect();
        let mut lines: BTreeMap<(String, String), Vec<Line>> = BTreeMap::new();
        for share in table["share"].as_array().unwrap() {
            let share = share.as_table().unwrap();
            let word = |key: &str| share.get(key).and_then(Value::as_str).map(str::to_owned);
            let mut line = Line { whole: word("give").unwrap() == "whole", ..Line::default() };
            line.attachments = word("attachments");
            line.given = texts(share, "paths");
            line.given.extend(texts(share, "views").iter().flat_map(|view| views[view.as_str()].clone()));
            line.withheld = texts(share, "withhold");
            for (give, classes) in share.get("classes").and_then(Value::as_table).into_iter().flatten() {
                let named = classes.as_array().unwrap().iter().filter_map(Value::as_str);
                line.classes.extend(named.map(|class| (class.to_owned(), give.clone())));
            }
            lines.entry((word("kind").unwrap(), word("to").unwrap())).or_default().push(line);
        }
        Self { lines, never: texts(&table, "never").into_iter().collect() }
    }

    pub fn gives(&self, kind: &str, pillar: &str) -> bool {
        !self.of(kind, pillar).is_empty()
    }

    fn of(&self, kind: &str, pillar: &str) -> &[Line] {
        self.lines.get(&(kind.to_owned(), pillar.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// A route for every line, so that whoever is addressed gets it.
    pub fn routes(&self) -> String {
        let mut text = String::new();
        for (kind, pillar) in self.lines.keys() {
            let name = format!("{kind}-to-{pillar}");
            writeln!(
                text,
                "[[route]]\nname = \"{name}\"\nkind = \"{kind}\"\nto = \"{pillar}\"\noffice = [\"addressee\"]\n"
            )
            .unwrap();
        }
        text
    }

    /// Whether every line withholds a field: of these classes, each with the place that has it.
    pub fn withholds(&self, kind: &str, pillar: &str, field: &str, classes: &[(String, String)]) -> bool {
        self.of(kind, pillar).iter().all(|line| {
            let nearest = |paths: &[String]| paths.iter().filter(|path| covers(path, field)).map(String::len).max();
            let (given, withheld) = (nearest(&line.given), nearest(&line.withheld));
            if withheld.is_some() && withheld >= given {
                return true;
            }
            if field.starts_with("extensions") {
                return given.is_none();
            }
            // A path that lies in the class, and at or above the field, lifts it from there on.
            let lifted = |class: &str| {
                let places = || classes.iter().filter(|(known, _)| known == class);
                let lifts = |path: &&String| covers(path, field) && places().any(|(_, at)| covers(at, path));
                !self.never.contains(class) && line.given.iter().any(|path| lifts(&path))
            };
            let in_force: Vec<&(String, String)> = classes.iter().filter(|(class, _)| !lifted(class)).collect();
            match in_force.as_slice() {
                [] => !line.whole && given.is_none(),
                some => some.iter().any(|(class, _)| !self.full(line, class)),
            }
        })
    }

    /// Whether every line withholds a file of this sensitivity.
    pub fn withholds_file(&self, kind: &str, pillar: &str, class: &str) -> bool {
        self.of(kind, pillar).iter().all(|line| match line.attachments.as_deref() {
            Some("none") => true,
            None if !line.whole => true,
            _ => class != "none" && !self.full(line, class),
        })
    }

    fn full(&self, line: &Line, class: &str) -> bool {
        let said = line.classes.get(class).or_else(|| line.classes.get("*"));
        !self.never.contains(class) && said.is_some_and(|give| give == "full")
    }
}
