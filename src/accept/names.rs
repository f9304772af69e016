//! Names that show otherwise than they are written: characters that turn the direction of writing or are not seen at all. Such a
//! name is passed as it was sent, since it may be the sender's only spelling of it, and the sender is warned. Pure.

use icjs_kit::Violation;
use serde_json::Value;

use super::tagged::Fields;
use crate::doors::hidden;

/// A warning for every name in which something is hidden.
pub fn warnings(tree: &Value, fields: &Fields) -> Vec<Violation> {
    let mut found = Vec::new();
    fields.names(tree, |value, pointer| judge(value, pointer, &mut found));
    found
}

/// A marked object is judged by every text in it.
fn judge(value: &Value, pointer: &str, found: &mut Vec<Violation>) {
    match value {
        Value::String(text) => {
            let Some(first) = hidden::first(text) else { return };
            let message = format!(
                "this name holds a character that is not seen or turns the direction of writing (U+{:04X}); it travels as it \
                 was sent, and people who read it may see another name",
                u32::from(first)
            );
            let (pointer, rule) = (pointer.to_owned(), "hidden-character".to_owned());
            found.push(Violation {
                shared_pointer: Some(pointer.clone()),
                pointer,
                rule,
                message,
                ..Violation::default()
            });
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| judge(field, &format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| judge(item, &format!("{pointer}/{place}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_with_something_hidden_is_told_with_its_place_and_no_other_text_is() {
        let name = json!({"type": "object", "x-name": true, "properties": {"full": {"type": "string"}}});
        let person = json!({"properties": {"name": name, "aliases": {"items": name}, "note": {"type": "string"}}});
        let fields = Fields::of(&json!({"properties": {"accused": {"items": person}}}));
        let tree = json!({"accused": [
            {"name": {"full": "Ram\u{202e}esh"}, "note": "\u{202e}", "aliases": [{"full": "Pappu"}, {"full": "P\u{200b}"}]},
            {"name": {"full": "രാജൻ ക്\u{200d}ഷ"}, "aliases": []}]});
        let told: Vec<String> = warnings(&tree, &fields).into_iter().map(|one| one.pointer).collect();
        assert_eq!(told, ["/accused/0/name/full", "/accused/0/aliases/1/full"]);
    }
}
