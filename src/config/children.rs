//! Where a kind's records say that somebody is a child: `child` in `kinds.toml`, asked by the rules that keep children from
//! where they must not be. A mark is the sender's own finding, an age is the one that was stated, a day or year of birth is
//! judged on the day of the event. Who is younger than eighteen is a child (JJ Act 2015, s.2(12)).

use serde_json::Value;

use super::document::Section;
use super::facts::Path;

/// Full years at which nobody is a child any more.
pub(super) const ADULT: u64 = 18;

/// The paths.
#[derive(Debug, Default)]
pub struct ChildPaths {
    /// Hold true.
    pub(super) marked: Vec<Path>,
    /// Hold years of age; 0 says nothing.
    pub(super) ages: Vec<Path>,
    /// Hold a day of birth (`yyyy-MM-dd`) or its year.
    pub(super) born: Vec<Path>,
}

/// Reads `marked`, `age` and `born` of a table; what is no path is noted.
pub(super) fn read(section: &mut Section<'_, '_>, shape: Option<&Value>) -> ChildPaths {
    ChildPaths {
        marked: paths(section, "marked", shape),
        ages: paths(section, "age", shape),
        born: paths(section, "born", shape),
    }
}

fn paths(section: &mut Section<'_, '_>, key: &'static str, shape: Option<&Value>) -> Vec<Path> {
    let mut paths = Vec::new();
    for said in section.texts(key) {
        let read = Path::parse(&said.value).and_then(|path| {
            shape.map_or(Ok(()), |shape| path.check(shape))?;
            Ok(path)
        });
        match read {
            Ok(path) => paths.push(path),
            Err(message) => section.error(said.line, format!("path `{}`: {message}", said.value)),
        }
    }
    paths
}

impl ChildPaths {
    /// There is no path.
    pub(super) fn is_empty(&self) -> bool {
        self.marked.is_empty() && self.ages.is_empty() && self.born.is_empty()
    }

    /// Whether the record speaks of somebody younger than so many years.
    pub(super) fn younger(&self, shared: &Value, under: u64) -> bool {
        let mut all = self.marked.iter().flat_map(|path| path.values(shared));
        let young = |value: &Value| value.as_u64().is_some_and(|years| (1..under).contains(&years));
        let day = day(shared);
        let born = |value: &Value| day.is_some_and(|day| born_too_late(value, day, under));
        all.any(|value| value.as_bool() == Some(true))
            || self.ages.iter().flat_map(|path| path.values(shared)).any(young)
            || self.born.iter().flat_map(|path| path.values(shared)).any(born)
    }
}

/// The day of the event, `yyyy-MM-dd`, else the day on which it was written down.
fn day(shared: &Value) -> Option<&str> {
    let event = shared.get("event")?;
    ["occurred_at", "recorded_at"].iter().find_map(|key| event.get(*key)?.as_str()?.get(..10))
}

/// Not so many years old on a day: by the day of birth, or by its year where even the last of December is too late.
fn born_too_late(born: &Value, day: &str, under: u64) -> bool {
    let Some(today) = day.get(..4).and_then(|year| year.parse::<u64>().ok()) else { return false };
    if let Some(year) = born.as_u64() {
        return year > 0 && year + under > today;
    }
    let Some((year, rest)) = born.as_str().and_then(|text| text.split_at_checked(4)) else { return false };
    let Ok(year) = year.parse::<u64>() else { return false };
    // ISO days compare as texts.
    year + under > today || (year + under == today && day.get(4..).is_some_and(|day| rest > day))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn young(record: &Value) -> bool {
        let path = |text: &str| vec![Path::parse(text).unwrap()];
        let paths = ChildPaths { marked: path("who[].child"), ages: path("who[].age"), born: path("who[].born") };
        paths.younger(record, ADULT)
    }

    #[test]
    fn a_child_is_known_by_a_mark_an_age_or_a_birth_on_the_day_of_the_event() {
        let event = json!({"occurred_at": "2026-03-15T10:00:00+05:30"});
        for (who, child) in [
            (json!({"child": true}), true),
            (json!({"child": false, "age": 40}), false),
            (json!({"age": 17}), true),
            (json!({"age": 18}), false),
            (json!({"age": 0}), false),
            (json!({"born": "2008-03-16"}), true),
            (json!({"born": "2008-03-15"}), false),
            (json!({"born": 2009}), true),
            (json!({"born": 2008}), false),
            (json!({"born": "unknown"}), false),
        ] {
            assert_eq!(young(&json!({"event": event, "who": [{"age": 50}, who.clone()]})), child, "{who}");
        }
        assert!(!young(&json!({"who": [{"born": "2020-01-01"}]})), "without a day nothing is said");
    }
}
