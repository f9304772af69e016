//! Where a kind's records say that somebody is a child: `child` in `kinds.toml`, asked by the rules that keep children from
//! where they must not be. A mark is the sender's own finding, an age is the one that was stated, a day or year of birth is
//! judged on the day of the event. Who is younger than eighteen is a child (JJ Act 2015, s.2(12)). Of a witness who is a
//! child these rules say nothing: a record names such persons too, and they are not whom it takes somewhere.

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
    /// Entries of a list that are not meant: a path within the list and what it holds for them.
    pub(super) others: Vec<(Path, String)>,
}

/// Reads `marked`, `age`, `born` and `others` of a table; what is no path is noted.
pub(super) fn read(section: &mut Section<'_, '_>, shape: Option<&Value>) -> ChildPaths {
    ChildPaths {
        marked: paths(section, "marked", shape),
        ages: paths(section, "age", shape),
        born: paths(section, "born", shape),
        others: others(section, shape),
    }
}

fn paths(section: &mut Section<'_, '_>, key: &'static str, shape: Option<&Value>) -> Vec<Path> {
    let said = section.texts(key);
    said.iter().filter_map(|said| path(section, said.line, &said.value, shape)).collect()
}

fn others(section: &mut Section<'_, '_>, shape: Option<&Value>) -> Vec<(Path, String)> {
    let mut others = Vec::new();
    for said in section.texts("others") {
        let Some((at, value)) = said.value.split_once(" = ") else {
            section.error(said.line, format!("`{}`: write `persons[].role.code = witness`", said.value));
            continue;
        };
        let Some(path) = path(section, said.line, at.trim(), shape) else { continue };
        if path.in_list().is_none() {
            section.error(
                said.line,
                format!("path `{path}` is within no list: `others` says which of several are not meant"),
            );
            continue;
        }
        others.push((path, value.trim().to_owned()));
    }
    others
}

fn path(section: &mut Section<'_, '_>, line: usize, text: &str, shape: Option<&Value>) -> Option<Path> {
    let read = Path::parse(text).and_then(|path| {
        shape.map_or(Ok(()), |shape| path.check(shape))?;
        Ok(path)
    });
    read.map_err(|message| section.error(line, format!("path `{text}`: {message}"))).ok()
}

impl ChildPaths {
    /// There is no path.
    pub(super) fn is_empty(&self) -> bool {
        self.marked.is_empty() && self.ages.is_empty() && self.born.is_empty()
    }

    /// Whether the record speaks of somebody younger than so many years.
    pub(super) fn younger(&self, shared: &Value, under: u64) -> bool {
        let meant = |paths: &[Path], holds: &dyn Fn(&Value) -> bool| {
            let holding = |path: &Path| {
                path.places(shared).into_iter().any(|(at, value)| holds(value) && self.means(path, at, shared))
            };
            paths.iter().any(holding)
        };
        let young = |value: &Value| value.as_u64().is_some_and(|years| (1..under).contains(&years));
        let day = day(shared);
        let born = |value: &Value| day.is_some_and(|day| born_too_late(value, day, under));
        meant(&self.marked, &|value| value.as_bool() == Some(true))
            || meant(&self.ages, &young)
            || meant(&self.born, &born)
    }

    /// Whether what stands at a path is said of somebody who is meant.
    fn means(&self, path: &Path, place: usize, shared: &Value) -> bool {
        !self.others.iter().any(|(other, word)| {
            let same = |(at, value): (usize, &Value)| at == place && value.as_str() == Some(word);
            other.list() == path.list() && other.places(shared).into_iter().any(same)
        })
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
        return year > 0 && year.saturating_add(under) > today;
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
        let others = vec![(Path::parse("who[].role").unwrap(), "witness".to_owned())];
        let paths =
            ChildPaths { marked: path("who[].child"), ages: path("who[].age"), born: path("who[].born"), others };
        paths.younger(record, ADULT)
    }

    #[test]
    fn a_child_is_known_by_a_mark_an_age_or_a_birth_on_the_day_of_the_event() {
        let event = json!({"occurred_at": "2026-03-15T10:00:00+05:30"});
        for (who, child) in [
            (json!({"child": true}), true),
            (json!({"child": false, "age": 40}), false),
            (json!({"age": 17}), true),
            (json!({"age": 17, "role": "witness"}), false),
            (json!({"age": 17, "role": "accused"}), true),
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
