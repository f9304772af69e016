//! The plan's inside: a tree of names for each side, and frames of numbered slots between them. A value goes from its
//! place on one side to a slot, and from the slot to its place on the other: no path is ever looked up or formatted.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::schema::path::{Path, Step};

/// One side's names.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) nodes: Vec<Node>,
}

/// One name, or one item of a list.
#[derive(Debug, Default)]
pub(super) struct Node {
    names: Vec<String>,
    children: Vec<usize>,
    index: Option<HashMap<String, usize>>,
    /// Rows whose path ends here.
    pub(super) rows: Vec<usize>,
    pub(super) list: Option<List>,
    /// The node of the first item, where a row names only that one.
    pub(super) first: Option<usize>,
}

/// A list and the frames of its items.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// Its place among the lists of the frame around it.
    place: usize,
    /// The context of its items.
    context: usize,
    /// The node of an item.
    pub(super) item: usize,
}

/// How large the frames of a context are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) slots: usize,
    pub(super) lists: usize,
}

/// The values of one context: the record, or one item of a list.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) slots: Vec<Option<Value>>,
    pub(super) lists: Vec<Option<Vec<Frame>>>,
}

impl Frame {
    pub(super) fn new(size: Size) -> Self {
        Frame { slots: vec![None; size.slots], lists: (0..size.lists).map(|_| None).collect() }
    }

    pub(super) fn put(&mut self, slot: usize, value: Value) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(value);
        }
    }

    pub(super) fn has(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(Option::is_some)
    }
}

/// A step on the way to where the walk is.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'t> {
    Key(&'t str),
    Index(usize),
    /// The first item of a list, by a row that names it: no index of a repeating path.
    First,
}

/// A way as a JSON Pointer.
pub(super) fn pointer(way: &[At]) -> String {
    let mut text = String::new();
    for at in way {
        text.push('/');
        match at {
            At::Key(key) => text.push_str(&icjs_kit::pointer_segment(key)),
            At::Index(index) => text.push_str(&index.to_string()),
            At::First => text.push('0'),
        }
    }
    text
}

/// The indices on a way.
pub(super) fn indices(way: &[At]) -> Vec<usize> {
    way.iter().filter_map(|at| if let At::Index(index) = at { Some(*index) } else { None }).collect()
}

/// A path with indices in place of `[]`, as a JSON Pointer. What has no index left is cut off.
pub(super) fn pointer_of(path: &Path, indices: &[usize]) -> String {
    let mut indices = indices.iter();
    let mut text = String::new();
    for step in path.steps() {
        match step {
            Step::Key(name) => {
                text.push('/');
                text.push_str(&icjs_kit::pointer_segment(name));
            }
            Step::First => text.push_str("/0"),
            Step::Each => match indices.next() {
                Some(index) => {
                    text.push('/');
                    text.push_str(&index.to_string());
                }
                None => return text,
            },
        }
    }
    text
}

/// Who is told what the walk finds.
pub(super) trait Visit<'t> {
    /// A value at the end of rows' paths.
    fn leaf(&mut self, rows: &[usize], value: &'t Value, frame: &mut Frame, way: &[At<'t>]);
    /// A value that no row reads.
    fn rest(&mut self, value: &'t Value, way: &[At<'t>]);
}

impl Side {
    pub(super) fn new() -> Self {
        Side { nodes: vec![Node::default()] }
    }

    /// Adds a row's path; `lists` gives (place, context) for each `[]` of it.
    pub(super) fn add(&mut self, path: &Path, lists: &[(usize, usize)], row: usize) {
        let mut node = 0;
        let mut lists = lists.iter();
        for step in path.steps() {
            node = match step {
                Step::Key(name) => self.child_or_new(node, name),
                Step::First => self.first_or_new(node),
                Step::Each => {
                    let known = self.nodes.get(node).and_then(|node| node.list);
                    match (known, lists.next()) {
                        (Some(list), _) => list.item,
                        (None, Some((place, context))) => {
                            let item = self.nodes.len();
                            self.nodes.push(Node::default());
                            if let Some(node) = self.nodes.get_mut(node) {
                                node.list = Some(List { place: *place, context: *context, item });
                            }
                            item
                        }
                        (None, None) => node,
                    }
                }
            };
        }
        if let Some(node) = self.nodes.get_mut(node) {
            node.rows.push(row);
        }
    }

    fn child_or_new(&mut self, node: usize, name: &str) -> usize {
        if let Some(child) = self.child(node, name) {
            return child;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        if let Some(node) = self.nodes.get_mut(node) {
            node.names.push(name.to_owned());
            node.children.push(child);
        }
        child
    }

    fn first_or_new(&mut self, node: usize) -> usize {
        if let Some(first) = self.nodes.get(node).and_then(|node| node.first) {
            return first;
        }
        let first = self.nodes.len();
        self.nodes.push(Node::default());
        if let Some(node) = self.nodes.get_mut(node) {
            node.first = Some(first);
        }
        first
    }

    pub(super) fn child(&self, node: usize, name: &str) -> Option<usize> {
        let node = self.nodes.get(node)?;
        match &node.index {
            Some(index) => index.get(name).copied(),
            None => {
                node.names.iter().position(|known| known == name).and_then(|place| node.children.get(place).copied())
            }
        }
    }

    /// Puts names in the order of the schema, and an index on nodes of many names.
    pub(super) fn finish(&mut self, schema: &Value) {
        self.order(0, schema);
        for node in &mut self.nodes {
            if node.names.len() > 6 {
                node.index = Some(node.names.iter().cloned().zip(node.children.iter().copied()).collect());
            }
        }
    }

    fn order(&mut self, node: usize, schema: &Value) {
        let Some(Node { names, children, list, first, .. }) = self.nodes.get(node) else {
            return;
        };
        if let (Some(item), Some(items)) = (list.map(|list| list.item).or(*first), schema.get("items")) {
            return self.order(item, items);
        }
        let known = crate::schema::path::properties(schema);
        let mut pairs: Vec<(String, usize)> = names.iter().cloned().zip(children.iter().copied()).collect();
        pairs.sort_by_key(|(name, _)| known.iter().position(|other| other == name));
        for (name, child) in &pairs {
            if let Some(part) = crate::schema::path::property(schema, name) {
                self.order(*child, part);
            }
        }
        if let Some(node) = self.nodes.get_mut(node) {
            (node.names, node.children) = pairs.into_iter().unzip();
        }
    }

    /// Goes through a tree: values at rows' ends are visited, everything else is rest.
    pub(super) fn walk<'t>(
        &self,
        node: usize,
        value: &'t Value,
        sizes: &[Size],
        frame: &mut Frame,
        way: &mut Vec<At<'t>>,
        visit: &mut dyn Visit<'t>,
    ) {
        let Some(known) = self.nodes.get(node) else {
            return;
        };
        if !known.rows.is_empty() {
            return visit.leaf(&known.rows, value, frame, way);
        }
        if let (Value::Array(items), Some(first)) = (value, known.first) {
            for (index, item) in items.iter().enumerate() {
                way.push(if index == 0 { At::First } else { At::Index(index) });
                if index == 0 {
                    self.walk(first, item, sizes, frame, way, visit);
                } else {
                    visit.rest(item, way);
                }
                way.pop();
            }
            return;
        }
        match (value, &known.list) {
            (Value::Array(items), Some(list)) => {
                let size = sizes.get(list.context).copied().unwrap_or_default();
                let mut frames = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let mut inner = Frame::new(size);
                    // An item without anything in it is its frame and no more.
                    if item.as_object().is_none_or(|fields| !fields.is_empty()) {
                        way.push(At::Index(index));
                        self.walk(list.item, item, sizes, &mut inner, way, visit);
                        way.pop();
                    }
                    frames.push(inner);
                }
                if let Some(place) = frame.lists.get_mut(list.place) {
                    *place = Some(frames);
                }
            }
            (Value::Object(fields), None) if !fields.is_empty() => {
                for (key, field) in fields {
                    way.push(At::Key(key));
                    match self.child(node, key) {
                        Some(child) => self.walk(child, field, sizes, frame, way, visit),
                        None => visit.rest(field, way),
                    }
                    way.pop();
                }
            }
            _ => visit.rest(value, way),
        }
    }

    /// Makes a tree of frames. `None` where there is nothing.
    pub(super) fn build(&self, node: usize, frame: &mut Frame, slots: &[usize]) -> Option<Value> {
        let known = self.nodes.get(node)?;
        if !known.rows.is_empty() {
            return known.rows.iter().find_map(|row| frame.slots.get_mut(*slots.get(*row)?)?.take());
        }
        if let Some(first) = known.first {
            return self.build(first, frame, slots).map(|item| Value::Array(vec![item]));
        }
        if let Some(list) = &known.list {
            let frames = frame.lists.get_mut(list.place)?.take()?;
            let scalar = self.nodes.get(list.item).is_some_and(|item| !item.rows.is_empty());
            let empty = || if scalar { Value::Null } else { Value::Object(Map::new()) };
            let items =
                frames.into_iter().map(|mut inner| self.build(list.item, &mut inner, slots).unwrap_or_else(empty));
            return Some(Value::Array(items.collect()));
        }
        let mut object: Option<Map<String, Value>> = None;
        for (name, child) in known.names.iter().zip(&known.children) {
            if let Some(value) = self.build(*child, frame, slots) {
                let object = object.get_or_insert_with(|| Map::with_capacity(known.names.len().min(16)));
                object.insert(name.clone(), value);
            }
        }
        object.map(Value::Object)
    }

    /// Every row at or below a node.
    pub(super) fn rows_below(&self, node: usize) -> Vec<usize> {
        let Some(known) = self.nodes.get(node) else {
            return Vec::new();
        };
        let mut rows = known.rows.clone();
        rows.extend(known.list.iter().flat_map(|list| self.rows_below(list.item)));
        rows.extend(known.first.iter().flat_map(|first| self.rows_below(*first)));
        rows.extend(known.children.iter().flat_map(|child| self.rows_below(*child)));
        rows
    }
}
