//! Routes that decide item by item: the exhibits of one requisition go each to the laboratory division that examines it, and
//! the movement of an exhibit to those who had that one. An item's office is an addressee that has its division, else the row
//! of a table for it, or who had to do with it; what is left is parked with the item's place. Every office gets the record
//! with its own items, which `keep_own` sees to.

use serde_json::Value;

use super::Revision;
use super::document::{Section, meant};
use super::draft::{Draft, Found};
use super::facts::{Path, plain};
use super::kinds::{Kind, check};
use super::reference::Row;
use super::routes::{Route, Step};
use super::routing::{Ask, Destination};
use super::steps::{Case, Named};
use super::trail::Trail;
use crate::identifiers::{CaseKey, thread_key};

/// What makes a route decide item by item.
#[derive(Debug)]
pub struct Split {
    items: Items,
    /// Where an item says which division of an office it is for.
    division: Option<Path>,
}

/// The items that threads of one scheme name: `exhibit:exhibits[].qr` means each of `exhibits[]`.
#[derive(Debug)]
pub(super) struct Items {
    scheme: String,
    list: Path,
    id: Path,
}

/// One item of a record.
#[derive(Debug, Clone)]
pub(super) struct Item {
    key: CaseKey,
    /// Which division it is for; `None` where it says nothing.
    pub(super) division: Option<String>,
    /// Its place and its own id, for people.
    name: String,
}

impl Split {
    /// Reads `split = { thread = "exhibit", division = "exhibits[].division.code" }`; `division` may be left out.
    pub(super) fn read(section: &mut Section<'_, '_>, kind: Option<&Kind>) -> Option<Self> {
        let mut table = section.section("split")?;
        let thread = table.required("thread");
        let division = table.text("division");
        let kind = kind?;
        let items = thread.and_then(|said| {
            let items = Items::of(kind).find(|items| items.scheme == said.value);
            if items.is_none() {
                let schemes = kind.paths.threads.iter().map(|thread| thread.scheme.as_str());
                let hint = meant(&said.value, schemes);
                table.error(said.line, format!("the kind has no thread `{}` over a list{hint}", said.value));
            }
            items
        });
        let division = division.and_then(|said| match Path::parse(&said.value) {
            Ok(path) => {
                check(&table, said.line, &path, Some(&kind.schema.resolved()));
                let inside = path.in_list().filter(|(list, _)| items.as_ref().is_some_and(|items| items.list == *list));
                if inside.is_none() {
                    table.error(said.line, format!("`{path}` does not lie in an item of the thread's list"));
                }
                inside.map(|(_, within)| within)
            }
            Err(message) => {
                table.error(said.line, format!("path `{}`: {message}", said.value));
                None
            }
        });
        table.finish();
        Some(Self { items: items?, division })
    }

    /// The items of a record.
    pub(super) fn items(&self, shared: &Value) -> Vec<Item> {
        let items = self.items.all(shared).into_iter().enumerate();
        let items = items.map(|(nth, (key, id, item))| {
            let division =
                self.division.as_ref().and_then(|path| path.values(item).first().and_then(|value| plain(value)));
            Item {
                key,
                division,
                name: format!("{}[{nth}] ({id})", self.items.list.to_string().trim_end_matches("[]")),
            }
        });
        items.collect()
    }
}

impl Item {
    /// It is the item that a thread names, or the thread is of another scheme.
    pub(super) fn is_of(&self, thread: &str) -> bool {
        CaseKey::any_of(std::slice::from_ref(&self.key), thread)
    }

    /// A row is for the divisions that it names; one that names none, for items that say none.
    pub(super) fn fits(&self, row: &Row) -> bool {
        match &self.division {
            Some(division) => row.divisions.contains(division),
            None => row.divisions.is_empty(),
        }
    }
}

impl Items {
    /// Of every thread of a kind that names the items of a list.
    fn of(kind: &Kind) -> impl Iterator<Item = Self> {
        kind.paths.threads.iter().filter_map(|thread| {
            let (list, id) = thread.path.in_list()?;
            Some(Self { scheme: thread.scheme.clone(), list, id })
        })
    }

    /// Each item with its key and its id; one without an id goes by its place.
    fn all<'v>(&self, shared: &'v Value) -> Vec<(CaseKey, String, &'v Value)> {
        let items = self.list.values(shared).into_iter().enumerate();
        let items = items.map(|(nth, item)| {
            let id = self.id(nth, item);
            (CaseKey::item(&thread_key(&self.scheme, &id).unwrap_or_default()), id, item)
        });
        items.collect()
    }

    /// The list itself.
    fn list_of<'v>(&self, shared: &'v mut Value) -> Option<&'v mut Vec<Value>> {
        let mut steps = self.list.steps.iter();
        steps.try_fold(shared, |here, (name, _)| here.get_mut(name))?.as_array_mut()
    }

    fn id(&self, nth: usize, item: &Value) -> String {
        self.id.values(item).first().and_then(|value| plain(value)).unwrap_or_else(|| format!("#{}", nth + 1))
    }
}

impl Revision {
    /// What a route gives that decides item by item; `None` where it does not apply, because nobody has to do with any.
    pub(super) fn find_items(
        &self,
        route: &Route,
        (items, case): (&[Item], &Case<'_>),
        ask: &Ask<'_>,
        trail: &mut Trail,
    ) -> Option<Vec<Destination>> {
        let (served, strangers) = self.apart(self.addressees(route, ask));
        trail.step(route, "", "addressee", &served, &strangers);
        let mut draft = Draft::of(route, Vec::new(), Vec::new());
        for (nth, item) in items.iter().enumerate() {
            let case = Case { item: Some(item.clone()), ..case.clone() };
            let found = if served.is_empty() && strangers.is_empty() {
                match self.look(route, &case, ask, trail) {
                    Found::Nothing if !route.by_chance() => Found::Lacking(self.no_row(route, item, ask)),
                    found => found,
                }
            } else {
                self.addressed_for(item, &served, &strangers)
            };
            draft.take(route, nth, &format!("{}: ", item.name), found);
        }
        let mut found = Vec::new();
        for chosen in &draft.chosen {
            let keys = chosen.cases.iter().filter_map(|nth| items.get(*nth)).map(|item| item.key.clone());
            found.push(Destination {
                cases: Vec::new(),
                items: keys.collect(),
                ..self.destination(route, chosen, ask)
            });
        }
        found.extend(draft.stuck);
        (!found.is_empty() || !route.by_chance()).then_some(found)
    }

    /// Where the sender sends an item, its papers go: to the addressee's division, or nowhere until somebody says where.
    fn addressed_for(&self, item: &Item, served: &[Named], strangers: &[Named]) -> Found {
        let Some(division) = &item.division else {
            return match served {
                [] => Found::Unserved(strangers.to_vec()),
                [one] => Found::Offices(vec![one.clone()], Vec::new()),
                _ => Found::Several("addressee", served.to_vec()),
            };
        };
        let mut right: Vec<Named> = Vec::new();
        for named in served {
            let of = self.reference.divisions(&named.office, division);
            let of = of.into_iter().map(|office| Named {
                office,
                why: format!("{}, {division}", named.why),
                ..named.clone()
            });
            right.extend(of.filter(|one| right.iter().all(|had| had.office != one.office)).collect::<Vec<_>>());
        }
        if !right.is_empty() {
            let (right, lost) = self.apart(right);
            return match (right.len(), lost.is_empty()) {
                (0, _) => Found::Unserved(lost),
                (1, _) => Found::Offices(right, Vec::new()),
                _ => Found::Several("addressee", right),
            };
        }
        if served.is_empty() {
            return Found::Unserved(strangers.to_vec());
        }
        let names: Vec<&str> = served.iter().map(|named| named.office.as_str()).collect();
        let names = names.join(", ");
        let list = super::reference::list_of(served.first().map_or("", |named| named.office.class()));
        Found::Lacking(format!(
            "{names} has no division `{division}` by {list}.csv; correct the record with an addressee that has it, or with \
             another division"
        ))
    }

    fn no_row(&self, route: &Route, item: &Item, ask: &Ask<'_>) -> String {
        let tables = route.steps.iter().filter_map(|step| match step {
            Step::Table(table, _) => Some(format!("{table}.csv")),
            _ => None,
        });
        let tables: Vec<String> = tables.collect();
        let wanted = item.division.as_ref().map_or_else(|| "no division".to_owned(), |one| format!("division `{one}`"));
        let case = ask.cases.first().map_or("no case", |case| case.name());
        format!(
            "{} has no office for {case}, {wanted}; name an addressee in a correction, or add a row",
            tables.join(", ")
        )
    }

    /// Takes out the items of a record that another office gets; what is taken out, as `exhibits[]`. Without keys of items
    /// among `own` it is one record for everybody. Of two lists of one scheme the one that has some of the record's own is
    /// what it was split by; where a correction has none of them any more, nothing of either is this office's.
    pub(super) fn keep_own(&self, kind: &str, own: &[CaseKey], shared: &mut Value) -> Vec<String> {
        let mut taken = Vec::new();
        if !own.iter().any(CaseKey::is_item) {
            return taken;
        }
        let lists: Vec<Items> = self.kinds.get(kind).into_iter().flat_map(Items::of).collect();
        let has_own = |items: &Items| items.all(shared).iter().any(|(key, ..)| own.contains(key));
        let with_own: Vec<bool> = lists.iter().map(has_own).collect();
        for (items, has_own) in lists.iter().zip(&with_own) {
            let split = |(other, has_own): (&Items, &bool)| *has_own && other.scheme == items.scheme;
            if !own.iter().any(|key| key.is_item_of(&items.scheme))
                || (!has_own && lists.iter().zip(&with_own).any(split))
            {
                continue;
            }
            let keys: Vec<CaseKey> = items.all(shared).into_iter().map(|(key, ..)| key).collect();
            let mut keys = keys.into_iter();
            let mut gone = false;
            if let Some(list) = items.list_of(shared) {
                list.retain(|_| {
                    let mine = keys.next().is_some_and(|key| own.contains(&key));
                    gone |= !mine;
                    mine
                });
            }
            if gone {
                taken.push(items.list.to_string());
            }
        }
        taken
    }
}

/// The keys of items among those for which an office has a delivery.
pub fn items_of(cases: &[CaseKey]) -> Vec<CaseKey> {
    cases.iter().filter(|key| key.is_item()).cloned().collect()
}
