//! The judge of the ordinary demo: sends back a charge sheet without witnesses, takes a good one on file and registers its
//! case, remands the person whom the police bring, and grants bail to some, in the three steps that it takes. What a court does in
//! a case that is registered stands in `sittings`.

mod sittings;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::books::Taken;
use super::documents::court::{kinds, liberty, order, ordered, registration};
use super::documents::{Case, Head, YEAR};
use super::errand::Errand;
use super::link::{Document, Link, line, open};
use super::mind::{Mind, Word};
use super::world::prison_of;

/// The judges of one court system.
pub struct Bench {
    /// Its line to the gateway.
    pub link: Arc<Link>,
    /// What the parties' papers say of each case, by station and serial.
    pub docket: Arc<HashMap<(String, u64), Case>>,
    /// Registrations and orders made so far: numbers of S.R., orders and CNR come from here.
    pub numbered: AtomicU32,
    /// Chance.
    pub dice: Mutex<Rng>,
}

/// What a judge does of his own accord.
enum Work {
    Register,
    Remand,
    Bail { held: String, number: String },
}

impl Bench {
    fn next(&self) -> u32 {
        self.numbered.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn dice(&self) -> Rng {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        Rng::with_seed(dice.u64(..))
    }

    /// The case of a paper: what stands at its head, or in its first entry.
    fn case(&self, paper: &Value) -> Option<&Case> {
        let place = if paper.get("police_ncode").is_some() { Some(paper) } else { paper.get("cases")?.get(0) }?;
        let station = place.get("police_ncode").and_then(Value::as_str)?.to_owned();
        self.docket.get(&(station, place.get("fir_no").and_then(Value::as_u64)?))
    }

    fn work(taken: &Taken, paper: &Value) -> Option<Work> {
        let text = |pointer: &str| paper.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        match taken.kind.as_str() {
            "charge-sheet" if witnessed(paper) && matches!(text("/series").as_str(), "" | "1") => Some(Work::Register),
            "arrest" => Some(Work::Remand),
            "custody-update" if text("/update/event_type") == "1" => {
                Some(Work::Bail { held: text("/prisoner/jail_code"), number: text("/prisoner/pid") })
            }
            _ => None,
        }
    }

    async fn carry_out(&self, work: Work, case: Case, office: String, mut dice: Rng) {
        tokio::time::sleep(Duration::from_millis(dice.u64(5..120))).await;
        match work {
            Work::Register => {
                let cnr = self.register(&case, &office, &mut dice).await;
                self.sit(&case, &office, &cnr, &mut dice).await;
            }
            Work::Remand => {
                let remand = json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } });
                self.order(&case, &office, kinds::REMAND, None, remand, &mut dice).await;
            }
            // Who is moved to another prison, or waits for the judgment, is not on bail.
            Work::Bail { .. } if matches!(Errand::of(&case), Errand::Transfer | Errand::Ending | Errand::Process) => {}
            Work::Bail { .. } if dice.u8(..100) < 40 => {}
            Work::Bail { held, number } => {
                let bail = json!({ "bail": { "bail_type": "2", "bond_amount": 20000, "sureties_required": 1 } });
                let bond = json!({ "bond": { "bond_amount": 20000, "before_prison": "N" } });
                let release = json!({ "release": { "ground": "1", "unless_wanted": "Y" } });
                for (kind, more) in [(kinds::BAIL, bail), (kinds::BOND, bond), (kinds::RELEASE, release)] {
                    self.order(&case, &office, kind, Some((&held, &number)), more, &mut dice).await;
                }
            }
        }
    }

    /// Registers a case: the CNR goes back to the police, and is the answer.
    async fn register(&self, case: &Case, office: &str, dice: &mut Rng) -> String {
        let number = self.next();
        let establishment = establishment(office);
        let cnr = format!("{establishment}{number:06}{YEAR}");
        let event = format!("CIS-{establishment}-{number}");
        let row = registration(case, &event, office, &cnr, number);
        self.send(case, office, "case-registration", event, &row, dice).await;
        cnr
    }

    /// Sends a row about a case; what is refused stands in the books.
    async fn send(&self, case: &Case, office: &str, kind: &'static str, event: String, row: &Value, dice: &mut Rng) {
        let entry = line(self.link.system(), office, kind, event, &case.name(), &case.watched());
        let _ = self.link.send(entry, &Document::json(row), dice).await;
    }

    /// An order about the first accused, to the prison that its sex and place name.
    async fn order(
        &self,
        case: &Case,
        office: &str,
        kind: &str,
        held: Option<(&str, &str)>,
        more: Value,
        dice: &mut Rng,
    ) {
        let Some(person) = case.accused.first() else { return };
        let event = format!("CIS-{}-ORD-{}", establishment(office), self.next());
        let to = held.map_or_else(|| prison_of(office, person.woman).to_owned(), |(code, _)| format!("prison:{code}"));
        let head = Head { to: &[&to], ..Head::live(&event) };
        let row = order(&head, office, &case.numbers(), kind, vec![ordered("A1", person, held, more)]);
        let mut entry = line(self.link.system(), office, "court-order", event.clone(), &case.name(), &case.watched());
        entry.lane = if liberty(kind) { "liberty" } else { "papers" };
        let _ = self.link.send(entry, &Document::json(&row), dice).await;
    }
}

fn establishment(office: &str) -> &str {
    office.trim_start_matches("court:").split('/').next().unwrap_or_default()
}

fn witnessed(sheet: &Value) -> bool {
    sheet.get("witnesses").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

impl Mind for Bench {
    fn first_word(&self, taken: &Taken) -> Word {
        if taken.kind != "charge-sheet" || taken.action == "withdraw" {
            return Word::received();
        }
        let sheet: Value = serde_json::from_str(&taken.body).unwrap_or_default();
        if witnessed(&sheet) {
            return Word::new("accepted").numbered("sr", &format!("SR/{}/{YEAR}", self.next()));
        }
        let missing = "list of witnesses is missing (BNSS s.193(3)(i)(c))\nगवाहों की सूची संलग्न नहीं है";
        Word::new("returned").because("DEFECT", missing)
    }

    fn act(self: Arc<Self>, taken: Taken) {
        if taken.action == "withdraw" {
            return;
        }
        let paper: Value = serde_json::from_str(&taken.body).unwrap_or_default();
        let Some((work, case)) = Self::work(&taken, &paper).zip(self.case(&paper).cloned()) else { return };
        let dice = self.dice();
        let under_way = open(&self.link.books).begin();
        tokio::spawn(async move {
            self.carry_out(work, case, taken.office, dice).await;
            drop(under_way);
        });
    }
}
