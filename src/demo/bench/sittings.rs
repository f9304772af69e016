//! What a court of the ordinary demo does in a case that it has registered, by the case's errand: it has process served, asks a
//! laboratory, decides, and hears the appeal.

use fastrand::Rng;
use serde_json::{Value, json};

use super::super::documents::court::{
    appeal, disposal, judged, kinds, liberty, movement, order, ordered, registration, requisition,
};
use super::super::documents::{Case, Head, Numbers, YEAR, merged};
use super::super::errand::{self, Errand, exhibits, process};
use super::super::link::{Document, line};
use super::super::world::{PROCESS_DESK, laboratory_of, prison_of, sessions_of};
use super::{Bench, establishment};

/// A case that is registered, and before which court.
struct Sitting<'a> {
    case: &'a Case,
    office: &'a str,
    cnr: &'a str,
}

impl Sitting<'_> {
    fn numbers(&self) -> Numbers {
        self.case.numbers().with_cnr(Some(self.cnr))
    }
}

impl Bench {
    /// Everything that the case's errand asks of the court.
    pub(super) async fn sit(&self, case: &Case, office: &str, cnr: &str, dice: &mut Rng) {
        let sitting = Sitting { case, office, cnr };
        match Errand::of(case) {
            Errand::Process => self.process(&sitting, dice).await,
            Errand::Laboratory if !case.station.is_agency() => self.evidence(&sitting, dice).await,
            Errand::Ending => self.ending(&sitting, dice).await,
            _ => {}
        }
    }

    fn number(&self, office: &str, form: &str) -> String {
        format!("CIS-{}-{form}-{}", establishment(office), self.next())
    }

    /// An order to one office, with what it says besides.
    async fn tell(&self, sitting: &Sitting<'_>, to: &str, kind: &str, about: Value, more: Value, dice: &mut Rng) {
        let Some(person) = sitting.case.accused.first() else { return };
        let event = self.number(sitting.office, "ORD");
        let head = Head { to: &[to], ..Head::live(&event) };
        let persons = vec![ordered("A1", person, None, about)];
        let row = merged(order(&head, sitting.office, &sitting.numbers(), kind, persons), more);
        let (name, watched) = (sitting.case.name(), sitting.case.watched());
        let mut entry = line(self.link.system(), sitting.office, "court-order", event.clone(), &name, &watched);
        entry.lane = if liberty(kind) { "liberty" } else { "papers" };
        // Refusals stand in the books.
        let _ = self.link.send(entry, &Document::json(&row), dice).await;
    }

    /// Two summonses, by the station and by the process desk; and a warrant of production for the prison.
    async fn process(&self, sitting: &Sitting<'_>, dice: &mut Rng) {
        for (number, to) in (1..).zip([sitting.case.office().as_str(), PROCESS_DESK]) {
            let summons = json!({ "summons": { "process": process(sitting.case, number), "form": "200001",
                "appear_at": "10-12-2026 10:30:00", "directed_to": to } });
            self.tell(sitting, to, kinds::SUMMONS, summons, json!({}), dice).await;
        }
        let woman = sitting.case.accused.first().is_some_and(|person| person.woman);
        let produced = json!({ "warrant": { "process": process(sitting.case, 3) }, "production": { "mode": "1" } });
        self.tell(sitting, prison_of(sitting.office, woman), kinds::IN_PERSON, produced, json!({}), dice).await;
    }

    /// The laboratory is to hurry, an exhibit is shown in court, and is examined once more.
    async fn evidence(&self, sitting: &Sitting<'_>, dice: &mut Rng) {
        let laboratory = format!("lab:{}/BIO", laboratory_of(sitting.case.station.state));
        let hurry = json!({ "directions": [{ "to": laboratory, "direction_type": "2", "direction_text": "Report by 20 December",
            "due_date": "20-12-2026" }] });
        self.tell(sitting, &laboratory, kinds::DIRECTION, json!({}), hurry, dice).await;
        let first: Vec<_> = exhibits(sitting.case).into_iter().take(1).collect();
        let numbers = sitting.numbers();
        let event = self.number(sitting.office, "MVT");
        let row = movement(&Head::live(&event), sitting.office, &numbers, "11", &first);
        self.nameless(sitting, "exhibit-movement", event, &row, dice).await;
        let event = self.number(sitting.office, "FSL");
        let earlier = errand::requisition(sitting.case);
        let head = Head { to: &[&laboratory], ..Head::live(&event) };
        let row = requisition(&head, sitting.office, &numbers, (&format!("{earlier}/C"), &earlier), &first);
        self.nameless(sitting, "forensic-requisition", event, &row, dice).await;
    }

    /// A row that names nobody.
    async fn nameless(&self, sitting: &Sitting<'_>, kind: &'static str, event: String, row: &Value, dice: &mut Rng) {
        let entry = line(self.link.system(), sitting.office, kind, event, &sitting.case.name(), "");
        // Refusals stand in the books.
        let _ = self.link.send(entry, &Document::json(row), dice).await;
    }

    /// The judgment; what is kept of the person is to be destroyed; the appeal in the Court of Session, which registers it, calls
    /// for the record of the court below and decides.
    async fn ending(&self, sitting: &Sitting<'_>, dice: &mut Rng) {
        let Sitting { case, office, cnr } = sitting;
        let Some(person) = case.accused.first() else { return };
        let prison = prison_of(office, person.woman);
        let convicted = json!({ "custody": "J", "result": "1" });
        let event = self.number(office, "DSP");
        let head = Head { to: &[prison], ..Head::live(&event) };
        let row = disposal(&head, office, &sitting.numbers(), "24", vec![judged("A1", person, convicted.clone())]);
        self.send(case, office, "court-disposal", event, &row, dice).await;
        self.tell(sitting, "nafis:NCRB", kinds::DESTRUCTION, json!({}), json!({}), dice).await;

        let sessions = sessions_of(office);
        let number = self.next();
        let higher = format!("{}{number:06}{YEAR}", establishment(&sessions));
        let event = format!("CIS-{}-{number}", establishment(&sessions));
        let to = json!({ "send_to": [office, prison, case.office()] });
        let row = merged(registration(case, &event, &sessions, &higher, number), to);
        self.send(case, &sessions, "case-registration", event, &row, dice).await;
        let appealing = Sitting { case, office: &sessions, cnr: &higher };
        let record =
            json!({ "directions": [{ "to": office, "direction_type": "99", "direction_text": "The record be sent" }] });
        self.tell(&appealing, office, kinds::DIRECTION, json!({}), record, dice).await;
        let event = self.number(&sessions, "APL");
        let head = Head { to: &[office, prison], ..Head::live(&event) };
        let row =
            appeal(&head, &sessions, &appealing.numbers(), cnr, "14", vec![ordered("A1", person, None, convicted)]);
        self.send(case, &sessions, "appeal", event, &row, dice).await;
    }
}
