//! One path syntax for both sides: names with `.` (shared) or `/` (native) between them, `[]` after what repeats.
//! A path names a field of a schema, or every value of that field in a tree. Nothing here knows about mappings.

use std::fmt;

use serde_json::Value;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into the property of that name.
    Key(String),
    /// Into every item.
    Each,
    /// Into the first item: for a format that has room for one.
    First,
}

/// A path such as `accused[].person.gender`.
#[derive(Clone, Debug, Default)]
pub struct Path {
    steps: Vec<Step>,
    /// Only for showing it: two paths with the same steps are the same.
    separator: Option<char>,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps
    }
}

impl Path {
    /// A shared path: `.` between names.
    pub fn shared(text: &str) -> Result<Self, String> {
        Self::parse(text, '.')
    }

    /// A native path: `/` between names.
    pub fn native(text: &str) -> Result<Self, String> {
        Self::parse(text, '/')
    }

    fn parse(text: &str, separator: char) -> Result<Self, String> {
        let mut steps = Vec::new();
        for part in text.split(separator) {
            if let Some(name) =
                part.strip_suffix("[0]").filter(|name| !name.is_empty() && !name.contains(['[', ']', ' ']))
            {
                steps.extend([Step::Key(name.to_owned()), Step::First]);
                continue;
            }
            let name = part.trim_end_matches("[]");
            if name.is_empty() || name.contains(['[', ']', ' ']) {
                return Err(format!(
                    "`{text}` is no path: names with `{separator}` between them, `[]` after what repeats, `[0]` for the first of it"
                ));
            }
            steps.push(Step::Key(name.to_owned()));
            steps.extend(std::iter::repeat_n(Step::Each, (part.len() - name.len()) / 2));
        }
        Ok(Path { steps, separator: Some(separator) })
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The first so many steps.
    pub fn head(&self, length: usize) -> Path {
        Path { steps: self.steps.iter().take(length).cloned().collect(), separator: self.separator }
    }

    /// The path one name longer.
    pub fn child(&self, name: &str) -> Path {
        let mut longer = self.clone();
        longer.steps.push(Step::Key(name.to_owned()));
        longer
    }

    /// The path into the items.
    pub fn each(&self) -> Path {
        let mut longer = self.clone();
        longer.steps.push(Step::Each);
        longer
    }

    /// The path into the first item.
    pub fn first(&self) -> Path {
        let mut longer = self.clone();
        longer.steps.push(Step::First);
        longer
    }

    /// The path with every item in place of a first one.
    pub fn of_all(&self) -> Path {
        let steps = self.steps.iter().map(|step| if *step == Step::First { Step::Each } else { step.clone() });
        Path { steps: steps.collect(), separator: self.separator }
    }

    /// How often it repeats.
    pub fn depth(&self) -> usize {
        self.steps.iter().filter(|step| **step == Step::Each).count()
    }

    /// Whether this path is `other` or leads to it.
    pub fn leads_to(&self, other: &Path) -> bool {
        other.steps.starts_with(&self.steps)
    }

    /// The part of a resolved schema that it names.
    pub fn schema_in<'s>(&self, schema: &'s Value) -> Option<&'s Value> {
        self.steps.iter().try_fold(schema, |part, step| match step {
            Step::Key(name) => property(part, name),
            Step::Each | Step::First => part.get("items"),
        })
    }

    /// Every value that it names in a tree, in order.
    pub fn values_in<'t>(&self, tree: &'t Value) -> Vec<&'t Value> {
        let mut found = vec![tree];
        for step in &self.steps {
            found = match step {
                Step::Key(name) => found.into_iter().filter_map(|value| value.get(name)).collect(),
                Step::Each => found.into_iter().filter_map(Value::as_array).flatten().collect(),
                Step::First => {
                    found.into_iter().filter_map(Value::as_array).filter_map(|items| items.first()).collect()
                }
            };
        }
        found
    }
}

/// The schema of a property: of the object itself, or of a branch of its `oneOf`.
pub fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let own = schema.get("properties").and_then(|properties| properties.get(name));
    own.or_else(|| {
        let branches = schema.get("oneOf").and_then(Value::as_array)?;
        branches.iter().find_map(|branch| property(branch, name))
    })
}

/// Names of the properties of an object schema, those of `oneOf` branches too, in order, each once.
pub fn properties(schema: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let own = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|properties| properties.keys());
    names.extend(own.map(String::as_str));
    for branch in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        for name in properties(branch) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// The one type of a schema that is not `null`.
pub fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() || schema.get("oneOf").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => match schema.get("const").or_else(|| schema.pointer("/enum/0")) {
            Some(Value::Number(_)) => "integer",
            Some(Value::Bool(_)) => "boolean",
            _ => "string",
        },
    }
}

/// Every leaf path of a schema with its part: what is no object with properties and no array. `separator` as in `Path`.
pub fn leaves(schema: &Value, separator: char) -> Vec<(Path, &Value)> {
    let mut found = Vec::new();
    let root = Path { steps: Vec::new(), separator: Some(separator) };
    collect(schema, root, &mut found);
    found
}

fn collect<'s>(schema: &'s Value, path: Path, found: &mut Vec<(Path, &'s Value)>) {
    if let Some(items) = schema.get("items") {
        return collect(items, path.each(), found);
    }
    let names = properties(schema);
    if names.is_empty() {
        found.push((path, schema));
        return;
    }
    for name in names {
        if let Some(part) = property(schema, name) {
            collect(part, path.child(name), found);
        }
    }
}

/// The known name that is nearest to a wrong one, if any is near: for "did you mean".
pub fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let best = known.into_iter().map(|name| (distance(wrong, name), name)).min()?;
    (best.0 <= (wrong.chars().count() / 3).max(1)).then_some(best.1)
}

/// Edit distance without regard to case, over two rows.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.to_lowercase().chars().enumerate() {
        let mut corner = line;
        let mut before = line + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(&right) {
            let value = (*cell + 1).min(before + 1).min(corner + usize::from(letter != *other));
            corner = *cell;
            *cell = value;
            before = value;
        }
    }
    row.last().copied().unwrap_or(0)
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(name) if index == 0 => formatter.write_str(name)?,
                Step::Key(name) => write!(formatter, "{}{name}", self.separator.unwrap_or('.'))?,
                Step::Each => formatter.write_str("[]")?,
                Step::First => formatter.write_str("[0]")?,
            }
        }
        Ok(())
    }
}
