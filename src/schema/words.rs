//! How a violation is put: the rule's name, the place, and what would be right. Never the value.

use icjs_kit::{Violation, pointer_segment};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// A longer name is no misspelling of a field: comparing it with all of them would take seconds.
const SUGGESTED: usize = 64;

/// Adds what one error says; a choice is taken apart, so one error may be several violations.
/// `all` are the document's errors: where a choice failed, its properties count as unevaluated, and that is not told again.
/// `names` gives the fields that the schema knows.
pub(super) fn say<'k>(
    error: &ValidationError,
    all: &[ValidationError],
    names: &dyn Fn() -> &'k Known,
    found: &mut Vec<Violation>,
) {
    let pointer = error.instance_path().as_str().to_owned();
    let mut add = |pointer: String, rule: &str, message: String| {
        found.push(Violation { pointer, rule: rule.to_owned(), message, ..Violation::default() });
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            add(format!("{pointer}/{}", pointer_segment(name)), "required", format!("`{name}` is missing"));
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = names().at(&pointer);
            let undecided = all.iter().any(|other| {
                matches!(other.kind(), Kind::OneOfNotValid { .. }) && other.instance_path() == error.instance_path()
            });
            let told = unexpected.iter().filter(|name| !undecided || !known.contains(&name.as_str()));
            for name in told.take(super::LISTED) {
                let near = Some(name).filter(|name| name.len() <= SUGGESTED);
                let message = match near.and_then(|name| super::path::nearest(name, known.iter().copied())) {
                    Some(near) => format!("there is no such field here; did you mean `{near}`?"),
                    None => "there is no such field here".to_owned(),
                };
                add(format!("{pointer}/{}", pointer_segment(name)), "unevaluatedProperties", message);
            }
        }
        Kind::OneOfNotValid { context } => match chosen(context, &pointer) {
            Some(branch) => branch.iter().for_each(|error| say(error, all, names, found)),
            None => add(pointer, "oneOf", choice_message(context)),
        },
        Kind::AnyOf { context } => {
            let names: Vec<String> = context
                .iter()
                .flatten()
                .filter_map(|error| match error.kind() {
                    Kind::Required { property } => Some(format!("`{}`", property.as_str().unwrap_or_default())),
                    _ => None,
                })
                .collect();
            add(pointer, "anyOf", format!("at least one of {} must be there", names.join(", ")));
        }
        Kind::PropertyNames { .. } => {
            add(pointer, "propertyNames", "a name of a field here is not of the allowed form".to_owned());
        }
        kind => add(pointer, kind.keyword(), message(kind, error)),
    }
}

fn message(kind: &Kind, error: &ValidationError) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(kind) } => format!("must be of type {kind}"),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("must be of type {}", names.join(" or "))
        }
        Kind::Enum { options } => {
            let all = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let mut words: Vec<String> = all.iter().take(30).map(plain).collect();
            if all.len() > words.len() {
                words.push("...".to_owned());
            }
            format!("must be one of {}", words.join(", "))
        }
        Kind::Constant { expected_value } => format!("must be {}", plain(expected_value)),
        Kind::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        Kind::Format { format } => match format.as_str() {
            "date" => "must be a date, `yyyy-MM-dd`".to_owned(),
            "date-time" => "must be a time with offset, `yyyy-MM-ddTHH:mm:ss+05:30`".to_owned(),
            other => format!("must be a `{other}`"),
        },
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        _ => error.masked().to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("`{value}`"), |text| format!("`{text}`"))
}

/// The errors of the branch whose discriminator fits: the one that no `const` directly below the choice contradicts.
fn chosen<'e>(context: &'e [Vec<ValidationError<'static>>], pointer: &str) -> Option<&'e [ValidationError<'static>]> {
    let below = |error: &ValidationError| {
        error.instance_path().as_str().strip_prefix(pointer).is_some_and(|rest| rest.matches('/').count() == 1)
    };
    let contradicts = |error: &ValidationError| match error.kind() {
        Kind::Constant { .. } => below(error),
        _ => false,
    };
    let mut fitting = context.iter().filter(|branch| !branch.iter().any(contradicts));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first.as_slice())
}

fn choice_message(context: &[Vec<ValidationError<'static>>]) -> String {
    let words: Vec<String> = context
        .iter()
        .flatten()
        .filter_map(|error| match error.kind() {
            Kind::Constant { expected_value } => Some(plain(expected_value)),
            _ => None,
        })
        .collect();
    format!("must be of one of the kinds {}", words.join(", "))
}

/// The names of every object's fields, and nothing else of the schema.
#[derive(Debug, Default)]
pub(super) struct Known {
    fields: Vec<(Box<str>, Known)>,
    items: Option<Box<Known>>,
}

impl Known {
    /// Of a resolved schema.
    pub(super) fn of(schema: &Value) -> Self {
        let below = |name: &str| super::path::property(schema, name).map(Self::of).unwrap_or_default();
        let fields = super::path::properties(schema).into_iter().map(|name| (Box::from(name), below(name))).collect();
        Known { fields, items: schema.get("items").map(|items| Box::new(Self::of(items))) }
    }

    /// The fields of the object at a JSON Pointer.
    fn at(&self, pointer: &str) -> Vec<&str> {
        let found = pointer.split('/').skip(1).try_fold(self, |part, segment| match &part.items {
            Some(items) => Some(&**items),
            None => {
                let name = segment.replace("~1", "/").replace("~0", "~");
                part.fields.iter().find(|(known, _)| **known == *name).map(|(_, part)| part)
            }
        });
        found.into_iter().flat_map(|part| &part.fields).map(|(name, _)| &**name).collect()
    }
}
