//! Alerts in the store: the watch that raises and ends them. Open alerts and what waits for an answer (`awaited`) lie in memory
//! too. One row a rule and subject, whatever happens.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::super::board::alarms::{Rounds, turn};
use super::super::board::{Number, Open};
use super::super::{
    Acknowledged, Alert, AlertFilter, AlertVerb, Cause, Facts, JournalError, Lane, Over, State, Subject, Watch, Watched,
};
use super::SqliteJournal;
use super::awaited::Awaited;
use super::index::{signed, unsigned};
use super::rows::{checked, guarded};
use super::store::{Change, Store};
use super::tables::storage;
use crate::identifiers::DeliveryId;
use crate::journal::leaf::Leaf;

/// Open alerts of one rule about one receiving system: what comes after them is more of the same, and is raised as they end.
const OPEN_OF_ONE: usize = 200;
/// Open alerts of one rule.
const OPEN_OF_RULE: usize = 2_000;
/// Alerts raised by one call of the watch: others wait for the writer.
const RAISED_AT_ONCE: usize = 200;
/// Ended alerts that are kept; the oldest go first.
const ENDED_KEPT: u64 = 20_000;

/// An alert with what the store needs to look at its cause again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    alert: Alert,
    /// The delivery's number; 0 for a system.
    of: Number,
}

/// What memory knows of alerts.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    open: BTreeMap<(String, String), Kept>,
    pub(super) awaited: BTreeMap<Number, Awaited>,
    numbers: BTreeSet<Number>,
    rounds: Rounds,
    asked: Option<Number>,
    rules: BTreeSet<String>,
    ended: u64,
}

impl Alarms {
    /// Changes memory as a written row says.
    pub(super) fn keep(&mut self, kept: Kept) {
        let key = (kept.alert.rule.clone(), kept.alert.subject.name.clone());
        if kept.alert.ended_at.is_some() {
            self.ended += u64::from(self.open.remove(&key).is_some());
        } else {
            self.open.insert(key, kept);
        }
    }

    /// A person's answer is awaited.
    pub(super) fn wait(&mut self, number: Number, awaited: Awaited) {
        self.numbers.insert(number);
        self.awaited.insert(number, awaited);
    }

    /// It is awaited no more.
    pub(super) fn forget(&mut self, number: Number) {
        self.numbers.remove(&number);
        self.awaited.remove(&number);
    }

    /// Open alerts by rule; rules that have none now are there with 0.
    pub(super) fn counts(&self) -> Vec<(String, u64)> {
        let mut counts: BTreeMap<&String, u64> = self.rules.iter().map(|rule| (rule, 0)).collect();
        for (rule, _) in self.open.keys() {
            *counts.entry(rule).or_default() += 1;
        }
        counts.into_iter().map(|(rule, count)| (rule.clone(), count)).collect()
    }
}

/// What an alert may be raised about.
struct Found {
    of: Number,
    subject: Subject,
}

impl Store {
    /// Reads open alerts and awaited orders.
    pub(super) fn load_alarms(&mut self) -> Result<(), JournalError> {
        self.alarms = Alarms::default();
        for kept in alerts(&self.conn, "SELECT number, row, guard FROM alert WHERE open = 1", params![])? {
            self.alarms.keep(kept);
        }
        self.alarms.ended = self.last("SELECT count(*) FROM alert WHERE open = 0")?;
        let mut rows = self.conn.prepare("SELECT number, row, guard FROM awaited").map_err(storage)?;
        let all = rows.query_map([], numbered).map_err(storage)?;
        for row in all {
            let (number, row, guard) = row.map_err(storage)?;
            let awaited = checked("awaited", number, &row, guard)?;
            self.alarms.wait(number, awaited);
        }
        Ok(())
    }

    fn watch(&mut self, watch: &Watch) -> Result<Vec<Alert>, JournalError> {
        let overdue = self.board.held_too_long(watch.now);
        self.give_up_held(&overdue)?;
        self.alarms.rules = watch.rules.iter().map(|rule| rule.name.clone()).collect();
        let ended = self.without_cause(watch);
        let (raised, unasked) = self.with_cause(watch);
        if ended.is_empty() && raised.is_empty() && unasked.is_empty() {
            return Ok(Vec::new());
        }
        self.write()?;
        let (mut changes, mut news) = (Vec::new(), Vec::new());
        for mut kept in ended {
            kept.alert.ended_at = Some(watch.now);
            self.put_alert(&kept, watch.tell)?;
            news.push(kept.alert.clone());
            changes.push(Change::Alert(Box::new(kept)));
        }
        for number in unasked {
            self.answered(number, &mut changes)?;
        }
        for (rule, found) in raised {
            let kept = self.raise(rule, found, watch)?;
            news.push(kept.alert.clone());
            changes.push(Change::Alert(Box::new(kept)));
        }
        self.apply(changes);
        self.forget_old()?;
        Ok(news)
    }

    /// The row of a rule and a subject, raised now: a new one, or the old one once more.
    fn raise(&mut self, rule: &Watched, found: Found, watch: &Watch) -> Result<Kept, JournalError> {
        const SQL: &str = "SELECT number, row, guard FROM alert WHERE rule = ?1 AND subject = ?2";
        let known = alerts(&self.conn, SQL, params![rule.name, found.subject.name])?.pop();
        let known = known.map(|kept| kept.alert);
        let number = match &known {
            Some(alert) => alert.number,
            None => self.next_alert()?,
        };
        let alert = Alert {
            number,
            rule: rule.name.clone(),
            cause: rule.cause,
            subject: found.subject,
            first_at: known.as_ref().map_or(watch.now, |alert| alert.first_at),
            last_at: watch.now,
            times: known.map_or(0, |alert| alert.times) + 1,
            acknowledged: None,
            ended_at: None,
        };
        let kept = Kept { alert, of: found.of };
        self.put_alert(&kept, watch.tell)?;
        self.prove_silence(&kept)?;
        Ok(kept)
    }

    /// That nothing came in time, or that it stopped, is part of what is proved of a delivery.
    fn prove_silence(&mut self, kept: &Kept) -> Result<(), JournalError> {
        let Alert { subject: Subject { name, office, kind, .. }, cause, last_at, .. } = &kept.alert;
        let event = match cause {
            Cause::Unsettled => "not-delivered",
            Cause::Unanswered => "not-answered",
            Cause::Recall => "recall-not-answered",
            Cause::Parked => "parked",
            Cause::Unreachable | Cause::MassRead => return Ok(()),
        };
        let Some(delivery) = name.strip_prefix("delivery/").and_then(DeliveryId::parse) else { return Ok(()) };
        let (message, at) = (delivery.message(), *last_at);
        let body = Leaf { event, message, delivery: Some(delivery), kind, office, at, mac: None }.canonical();
        let leaf = self.put_leaf(&body, &icjs_proof::tree::leaf(&body))?;
        self.put_step(kept.of, leaf)
    }

    fn next_alert(&self) -> Result<u64, JournalError> {
        let mut rows = self.conn.prepare_cached("SELECT max(number) FROM alert").map_err(storage)?;
        let last: Option<i64> = rows.query_row([], |row| row.get(0)).map_err(storage)?;
        Ok(last.map_or(0, unsigned) + 1)
    }

    fn put_alert(&self, kept: &Kept, tell: bool) -> Result<(), JournalError> {
        let (row, guard) = guarded(kept.alert.number, kept)?;
        let sql =
            "INSERT INTO alert (number, rule, subject, open, told, row, guard) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (number) DO UPDATE SET open = ?4, told = ?5, row = ?6, guard = ?7";
        let alert = &kept.alert;
        let number = signed(alert.number);
        let open = alert.ended_at.is_none();
        self.run(sql, params![number, alert.rule, alert.subject.name, open, !tell, row, guard])
    }

    fn forget_old(&mut self) -> Result<(), JournalError> {
        if self.alarms.ended > ENDED_KEPT {
            let sql =
                "DELETE FROM alert WHERE number IN (SELECT number FROM alert WHERE open = 0 ORDER BY number LIMIT ?1)";
            self.run(sql, params![signed(self.alarms.ended - ENDED_KEPT)])?;
            self.alarms.ended = ENDED_KEPT;
        }
        Ok(())
    }

    /// Open alerts whose cause is gone.
    fn without_cause(&self, watch: &Watch) -> Vec<Kept> {
        let away: HashSet<&str> = watch.away.iter().map(|(system, _)| system.as_str()).collect();
        let stands = |kept: &&Kept| {
            let alert = &kept.alert;
            let Some(rule) = watch.rules.iter().find(|rule| rule.name == alert.rule) else { return false };
            match rule.cause {
                Cause::Unsettled => self.board.find(kept.of).is_some_and(|open| {
                    !matches!(open.state, State::Parked | State::Rejected) && is_first(watch, rule, &of_open(open))
                }),
                Cause::Parked => self.board.find(kept.of).is_some_and(|open| {
                    open.state == State::Parked
                        && open.code == alert.subject.code
                        && is_first(watch, rule, &of_open(open))
                }),
                Cause::Unanswered => {
                    let order = self.alarms.awaited.get(&kept.of).and_then(Awaited::order);
                    order.is_some_and(|facts| is_first(watch, rule, &facts))
                }
                Cause::Recall => {
                    let recall = self.alarms.awaited.get(&kept.of).and_then(Awaited::recall);
                    recall.is_some_and(|facts| is_first(watch, rule, &facts))
                }
                Cause::MassRead => {
                    rule.serves(&alert.subject.system)
                        && watch.readers.iter().any(|over| reader(over) == alert.subject.name)
                }
                Cause::Unreachable => {
                    let system = alert.subject.system.as_str();
                    (away.contains(system) || watch.unknown.contains(system)) && rule.serves(system)
                }
            }
        };
        self.alarms.open.values().filter(|kept| !stands(kept)).cloned().collect()
    }

    /// What is to be raised, as far as there is room, and the orders of which no rule wants to know whether a person answers.
    fn with_cause<'w>(&mut self, watch: &'w Watch) -> (Vec<(&'w Watched, Found)>, Vec<Number>) {
        let (mut rounds, mut asked) = (std::mem::take(&mut self.alarms.rounds), self.alarms.asked);
        let mut room = Room::of(&self.alarms);
        for open in self.board.stopped(&mut rounds) {
            room.offer(watch.due(Cause::Parked, &of_open(open)), || of(open));
        }
        let looks = |system: &str, lane: Lane| watch.looks_at(Cause::Unsettled, system, lane);
        let overdue = watch.latest(Cause::Unsettled).map(|at| self.board.waiting_since(at, looks, &mut rounds));
        for open in overdue.unwrap_or_default() {
            room.offer(watch.due(Cause::Unsettled, &of_open(open)), || of(open));
        }
        let mut unasked = Vec::new();
        for number in turn(&self.alarms.numbers, &mut asked, |_| true) {
            let Some(awaited) = self.alarms.awaited.get(&number) else { continue };
            let mut asked = false;
            for (cause, facts) in [(Cause::Unanswered, awaited.order()), (Cause::Recall, awaited.recall())] {
                let Some(facts) = facts else { continue };
                asked |= watch.first(cause, &facts).is_some();
                room.offer(watch.due(cause, &facts), || {
                    let name = format!("delivery/{}", awaited.delivery);
                    (number, subject(name, &awaited.office, &facts))
                });
            }
            if !asked {
                unasked.push(number);
            }
        }
        for (system, since) in &watch.away {
            let facts = Facts { lane: Lane::Liberty, kind: "", system, code: None, since: *since };
            let about = || (0, subject(format!("system/{system}"), "", &facts));
            room.offer(watch.due(Cause::Unreachable, &facts), about);
        }
        for over in &watch.readers {
            let facts = Facts { lane: Lane::Liberty, kind: "", system: &over.system, code: None, since: over.since };
            room.offer(watch.due(Cause::MassRead, &facts), || (0, subject(reader(over), "", &facts)));
        }
        let raised = room.raised;
        (self.alarms.rounds, self.alarms.asked) = (rounds, asked);
        (raised, unasked)
    }
}

/// What one call of the watch may still raise.
struct Room<'w, 'a> {
    alarms: &'a Alarms,
    of_rule: BTreeMap<String, usize>,
    of_one: BTreeMap<(String, String), usize>,
    raised: Vec<(&'w Watched, Found)>,
}

impl<'w, 'a> Room<'w, 'a> {
    fn of(alarms: &'a Alarms) -> Self {
        let mut room = Self { alarms, of_rule: BTreeMap::new(), of_one: BTreeMap::new(), raised: Vec::new() };
        for ((rule, _), kept) in &alarms.open {
            room.count(rule, &kept.alert.subject.system);
        }
        room
    }

    fn count(&mut self, rule: &str, system: &str) {
        *self.of_rule.entry(rule.to_owned()).or_default() += 1;
        *self.of_one.entry((rule.to_owned(), system.to_owned())).or_default() += 1;
    }

    /// Raises it if a rule has it, it is not open already, and there is room.
    fn offer(&mut self, rule: Option<&'w Watched>, found: impl FnOnce() -> (Number, Subject)) {
        let Some(rule) = rule.filter(|_| self.raised.len() < RAISED_AT_ONCE) else { return };
        let (of, subject) = found();
        let key = (rule.name.clone(), subject.name.clone());
        let one = (rule.name.clone(), subject.system.clone());
        let room = self.of_rule.get(&rule.name).is_none_or(|count| *count < OPEN_OF_RULE)
            && self.of_one.get(&one).is_none_or(|count| *count < OPEN_OF_ONE);
        if room && !self.alarms.open.contains_key(&key) {
            self.count(&rule.name, &subject.system);
            self.raised.push((rule, Found { of, subject }));
        }
    }
}

/// Whether this rule has it now, as when it was raised.
fn is_first(watch: &Watch, rule: &Watched, facts: &Facts<'_>) -> bool {
    watch.first(rule.cause, facts).is_some_and(|first| first.name == rule.name)
}

fn of_open(open: &Open) -> Facts<'_> {
    let code = open.code.as_deref().filter(|_| open.state == State::Parked);
    Facts { lane: open.lane, kind: &open.kind, system: &open.system, code, since: open.accepted_at }
}

fn reader(over: &Over) -> String {
    let officer = over.officer.as_ref().map(|mark| format!("/{mark}"));
    format!("reader/{}{}", over.system, officer.unwrap_or_default())
}

fn of(open: &Open) -> (Number, Subject) {
    (open.number, subject(format!("delivery/{}", open.id()), &open.office, &of_open(open)))
}

fn subject(name: String, office: &str, facts: &Facts<'_>) -> Subject {
    Subject {
        name,
        system: facts.system.to_owned(),
        office: office.to_owned(),
        kind: facts.kind.to_owned(),
        code: facts.code.map(str::to_owned),
        since: facts.since,
    }
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<(u64, Vec<u8>, i64)> {
    Ok((unsigned(row.get(0)?), row.get(1)?, row.get(2)?))
}

fn alerts(conn: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Kept>, JournalError> {
    let mut rows = conn.prepare_cached(sql).map_err(storage)?;
    let rows = rows.query_map(values, numbered).map_err(storage)?;
    let read = |row: rusqlite::Result<(u64, Vec<u8>, i64)>| {
        let (number, row, guard) = row.map_err(storage)?;
        checked("alert", number, &row, guard)
    };
    rows.map(read).collect()
}

/// Alerts that match, newest first.
fn list(conn: &Connection, filter: &AlertFilter) -> Result<Vec<Alert>, JournalError> {
    const SQL: &str = "SELECT number, row, guard FROM alert WHERE number < ?1 AND (?2 IS NULL OR open = ?2)
                       AND (?3 IS NULL OR rule = ?3) AND (?4 IS NULL OR number = ?4) ORDER BY number DESC";
    let before = filter.before.map_or(i64::MAX, signed);
    let mut rows = conn.prepare_cached(SQL).map_err(storage)?;
    let mut rows = rows.query(params![before, filter.open, filter.rule, filter.number.map(signed)]).map_err(storage)?;
    let mut found = Vec::new();
    while found.len() < filter.limit
        && let Some(row) = rows.next().map_err(storage)?
    {
        let (number, row, guard) = numbered(row).map_err(storage)?;
        let kept: Kept = checked("alert", number, &row, guard)?;
        if filter.office.as_ref().is_none_or(|office| *office == kept.alert.subject.office) {
            found.push(kept.alert);
        }
    }
    Ok(found)
}

impl Store {
    fn acknowledge(&mut self, number: u64, seen: Acknowledged) -> Result<Vec<Alert>, JournalError> {
        const SQL: &str = "SELECT number, row, guard FROM alert WHERE number = ?1";
        let Some(mut kept) = alerts(&self.conn, SQL, params![signed(number)])?.pop() else { return Ok(Vec::new()) };
        self.write()?;
        kept.alert.acknowledged = Some(seen);
        let (row, guard) = guarded(number, &kept)?;
        self.run("UPDATE alert SET row = ?2, guard = ?3 WHERE number = ?1", params![signed(number), row, guard])?;
        let alert = kept.alert.clone();
        if alert.ended_at.is_none() {
            self.apply(vec![Change::Alert(Box::new(kept))]);
        }
        Ok(vec![alert])
    }

    /// Marks that somebody was told, unless it has changed meanwhile.
    fn told(&mut self, of: &Alert) -> Result<Vec<Alert>, JournalError> {
        const SQL: &str = "SELECT number, row, guard FROM alert WHERE number = ?1";
        let now = alerts(&self.conn, SQL, params![signed(of.number)])?.pop();
        if now.is_some_and(|kept| (kept.alert.times, kept.alert.ended_at) == (of.times, of.ended_at)) {
            self.write()?;
            self.run("UPDATE alert SET told = 1 WHERE number = ?1", params![signed(of.number)])?;
        }
        Ok(Vec::new())
    }
}

impl SqliteJournal {
    pub(super) async fn over_alerts(&self, verb: AlertVerb) -> Result<Vec<Alert>, JournalError> {
        match verb {
            AlertVerb::Watch(watch) => self.writer.run(move |store| store.watch(&watch)).await,
            AlertVerb::List(filter) => self.readers.with(|conn| list(conn, &filter)),
            AlertVerb::Acknowledge { number, seen } => {
                self.writer.run(move |store| store.acknowledge(number, seen)).await
            }
            AlertVerb::Untold { limit } => self.readers.with(|conn| {
                let sql = "SELECT number, row, guard FROM alert WHERE told = 0 ORDER BY number LIMIT ?1";
                let untold = alerts(conn, sql, params![signed(limit as u64)])?;
                Ok(untold.into_iter().map(|kept| kept.alert).collect())
            }),
            AlertVerb::Told(alert) => self.writer.run(move |store| store.told(&alert)).await,
        }
    }
}
