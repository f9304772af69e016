//! The police side of whole cases, as scripts: FIR, charge sheet, what the court answers, and what follows from it.
//! Every script knows what it wants; what it waits for in vain is written down as a trouble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::books::{Expect, Sent};
use super::documents::forms::{self, Scrutiny};
use super::documents::police::{Series, arrest, charge_sheet, fir};
use super::documents::prints::{self, Heading};
use super::documents::{Case, Head, Origin};
use super::errand::{Errand, exhibits, requisition};
use super::link::{Document, Link, line, open};
use super::people;
use super::police::reference;
use super::world::{BUREAU, CIVIL, KAMLA, STATIONS, Station, VARIANT, laboratory_of};
use crate::demo::desk::element;

/// What happens in a case beyond the ordinary.
#[derive(Debug, Clone)]
pub struct Script {
    /// The case.
    pub case: Case,
    /// The first charge sheet lacks its witnesses.
    defective: bool,
    /// The FIR is corrected right after it was sent.
    corrected_fir: bool,
    /// A supplementary report follows.
    supplementary: bool,
    /// One more supplementary report is sent and taken back at once.
    withdrawn: bool,
    /// The charge sheet does not wait for the answer to the FIR.
    hasty: bool,
    /// Something that must be refused is tried first.
    mistaken: bool,
    /// The first accused is arrested and brought to the court.
    arrested: bool,
    /// What else happens.
    errand: Errand,
    seed: u64,
}

/// The scripts of one round; the same seed and round write the same.
pub fn write(count: u32, round: u32, seed: u64) -> Vec<Script> {
    let mut dice = Rng::with_seed(seed ^ (u64::from(round) << 32));
    (0..count).filter_map(|place| script(place, round, &mut dice)).collect()
}

fn script(place: u32, round: u32, dice: &mut Rng) -> Option<Script> {
    // Every twentieth case comes from the station that has no court, every twelfth from the agency, every twenty-fifth is a zero
    // FIR; the others take the stations in turn.
    let homeless = place % 20 == 7;
    let agency = !homeless && place % 12 == 5;
    let zero = place % 25 == 11;
    let stations: Vec<&'static Station> =
        STATIONS.iter().filter(|station| !station.is_agency() && station.court.is_some() != homeless).collect();
    let station = match dice.choice(stations)? {
        _ if agency => BUREAU,
        _ if zero => KAMLA,
        station => station,
    };
    let accused = people::company(dice);
    let complainant = people::person(dice);
    let story = people::story(dice, &complainant);
    let offence = dice.choice(people::OFFENCES).copied().unwrap_or(("303(2)", "Theft"));
    let mut chance = |percent: u8| dice.u8(..100) < percent;
    let origin = if zero { Origin::ZeroFir } else { Origin::Fir(None) };
    let case = Case { station, serial: round * 100_000 + place + 1, complainant, accused, offence, story, origin };
    let errand = Errand::of(&case);
    Some(Script {
        defective: chance(30),
        corrected_fir: chance(12),
        supplementary: chance(40),
        withdrawn: chance(20),
        hasty: chance(25),
        mistaken: chance(8) && station.system != VARIANT && !agency,
        arrested: !homeless && (chance(50) || agency || errand.in_custody()),
        errand,
        case,
        seed: dice.u64(..),
    })
}

/// Nothing in a case may take longer: the gateway's restarts take less than a second each.
const PATIENCE: Duration = Duration::from_secs(45);

/// A case being played.
struct Play {
    script: Script,
    link: Arc<Link>,
    dice: Rng,
    events: u32,
}

/// Something that was sent: its line in the books and its deliveries.
struct Done {
    line: usize,
    message: String,
    deliveries: Vec<String>,
}

/// Plays a case to its end.
pub async fn play(script: Script, link: Arc<Link>) {
    let dice = Rng::with_seed(script.seed);
    let mut play = Play { script, link, dice, events: 0 };
    if let Err(trouble) = play.run().await {
        open(&play.link.books).troubles.push(format!("{}: {trouble}", play.script.case.name()));
    }
}

impl Play {
    async fn run(&mut self) -> Result<(), String> {
        if self.script.case.origin.is_zero() {
            return self.elsewhere().await;
        }
        if self.script.mistaken {
            self.mistake().await;
        }
        let mut fir = self.fir(None).await?;
        if self.script.case.station.court.is_none() {
            self.sheet(Series::First { complete: true }, None, None).await?;
            return Ok(());
        }
        if self.script.corrected_fir {
            let corrected = self.fir(Some(&fir)).await?;
            fir.deliveries.extend(corrected.deliveries);
        }
        if !self.script.hasty {
            self.until("an answer to the FIR", &fir, "received").await?;
        }
        self.investigate().await?;
        let mut sheet = self.sheet(Series::First { complete: !self.script.defective }, None, None).await?;
        if self.script.defective {
            self.until("the defects", &sheet, "returned").await?;
            sheet = self.sheet(Series::First { complete: true }, Some(&sheet), None).await?;
        }
        self.until("an S.R. number", &sheet, "accepted").await?;
        let cnr = self.registration().await?;
        if self.script.supplementary {
            let more = self.sheet(Series::Supplementary(1), None, Some(&cnr)).await?;
            self.until("an S.R. number of the supplement", &more, "accepted").await?;
        }
        if self.script.withdrawn {
            let wrong = self.sheet(Series::Supplementary(2), None, Some(&cnr)).await?;
            self.withdraw(&wrong, &cnr).await?;
        }
        Ok(())
    }

    /// A zero FIR: the station that has jurisdiction gets it, and nobody else (BNSS s.173(1)).
    async fn elsewhere(&mut self) -> Result<(), String> {
        let event = self.event("ZFIR");
        let to = CIVIL.office();
        let body = fir(&self.script.case, &Head { to: &[&to], ..Head::live(&event) }, 1);
        let entry = self.entry("fir", event);
        let sent = self.send(entry, body, None).await?;
        self.until("the other station", &sent, "received").await.map(|_| ())
    }

    /// What the police do before they report.
    async fn investigate(&mut self) -> Result<(), String> {
        let (errand, agency) = (self.script.errand, self.script.case.station.is_agency());
        if agency || errand == Errand::Laboratory {
            self.form("crime-details", "CDF", forms::crime_details).await?;
            self.form("seizure", "SEZ", |case, head| forms::seizure(case, head, &exhibits(case))).await?;
        }
        if errand == Errand::Laboratory && !agency {
            self.form("forensic-requisition", "FSL", |case, head| {
                forms::requisition(case, head, &requisition(case), &exhibits(case))
            })
            .await?;
            let division = format!("lab:{}/BIO", laboratory_of(self.script.case.station.state));
            self.form("exhibit-movement", "MVT", |case, head| {
                let first: Vec<_> = exhibits(case).into_iter().take(1).collect();
                forms::movement(case, &Head { to: &[&division], ..*head }, "4", &requisition(case), &first)
            })
            .await?;
        }
        if self.script.arrested {
            self.arrest().await?;
        }
        if errand == Errand::Prints && !agency {
            self.prints().await?;
        }
        if errand == Errand::Scrutiny {
            self.scrutiny().await?;
        }
        Ok(())
    }

    /// Another form of the case, as it is.
    async fn form(
        &mut self,
        kind: &'static str,
        form: &str,
        write: impl FnOnce(&Case, &Head<'_>) -> Document,
    ) -> Result<Done, String> {
        let event = self.event(form);
        let body = write(&self.script.case, &Head::live(&event));
        let mut entry = self.entry(kind, event);
        if matches!(kind, "crime-details" | "exhibit-movement") {
            // It names nobody.
            entry.name.clear();
        }
        self.send(entry, body, None).await
    }

    /// A print from the scene, then the prints of the person arrested.
    async fn prints(&mut self) -> Result<(), String> {
        for (kind, known) in [("LFIS", false), ("CAR", true)] {
            let number = self.event(kind);
            let case = &self.script.case;
            let heading = Heading { kind, number: &number, answers: None, origin: case.station.code, to: "NAFIS0000" };
            let person = case.accused.first().filter(|_| known);
            let document = Document::prints(&case.office(), prints::search(&heading, &case.numbers(), person, None));
            let mut entry = self.entry("fingerprint-search", number);
            if !known {
                entry.name.clear();
            }
            self.send(entry, document, None).await?;
        }
        Ok(())
    }

    /// The draft goes to the prosecution; the charge sheet waits for its opinion.
    async fn scrutiny(&mut self) -> Result<(), String> {
        let reference = format!("{}/SCR/{}", self.script.case.station.code, self.script.case.serial);
        self.form("scrutiny-request", "SCR", |case, head| forms::scrutiny(case, head, Scrutiny::Draft, &reference))
            .await?;
        let system = self.link.system().to_owned();
        self.got(&system, "prosecution-opinion", &reference).await.map(|_| ())
    }

    fn event(&mut self, form: &str) -> String {
        self.events += 1;
        let case = &self.script.case;
        format!("{form}{}{:06}{:02}", case.station.code, case.serial, self.events)
    }

    /// A new line of the books for this case.
    fn entry(&self, kind: &'static str, event: String) -> Sent {
        let case = &self.script.case;
        let mut entry = line(self.link.system(), &case.office(), kind, event, &case.name(), &case.watched());
        if case.station.court.is_none() {
            entry.expect = Expect::Parked("no-office");
        }
        entry
    }

    async fn fir(&mut self, replaces: Option<&Done>) -> Result<Done, String> {
        let event = self.event("FIR");
        let body = fir(&self.script.case, &Head::live(&event), if replaces.is_some() { 2 } else { 1 });
        let entry = self.entry("fir", event);
        self.send(entry, body, replaces.map(|done| (done, "correct", "नाम में सुधार: name was misspelt"))).await
    }

    async fn arrest(&mut self) -> Result<(), String> {
        let event = self.event("ARR");
        let case = &self.script.case;
        let Some(person) = case.accused.first() else { return Ok(()) };
        let body = arrest(case, &Head::live(&event), "A1", person);
        let entry = self.entry("arrest", event);
        self.send(entry, body, None).await.map(|_| ())
    }

    async fn sheet(&mut self, series: Series, replaces: Option<&Done>, cnr: Option<&str>) -> Result<Done, String> {
        let event = self.event("FR");
        let body = charge_sheet(&self.script.case, &Head::live(&event), series, cnr);
        let entry = self.entry("charge-sheet", event);
        self.send(entry, body, replaces.map(|done| (done, "correct", "defects mended: list of witnesses added"))).await
    }

    async fn withdraw(&mut self, done: &Done, cnr: &str) -> Result<Done, String> {
        let event = self.event("WD");
        let body = charge_sheet(&self.script.case, &Head::live(&event), Series::Supplementary(2), Some(cnr));
        let entry = self.entry("charge-sheet", event);
        self.send(entry, body, Some((done, "withdraw", "sent in error"))).await
    }

    async fn send(
        &mut self,
        mut entry: Sent,
        mut document: Document,
        replaces: Option<(&Done, &'static str, &str)>,
    ) -> Result<Done, String> {
        let headers = &mut document.headers;
        if let Some((done, action, reason)) = replaces {
            entry.action = action;
            entry.replaces = Some(done.line);
            headers.push(("icjs-action".to_owned(), action.to_owned()));
            headers.push(("icjs-replaces".to_owned(), done.message.clone()));
            // Header values are Latin; the words in Hindi stand in the record.
            headers.push(("icjs-reason".to_owned(), reason.rsplit(": ").next().unwrap_or(reason).to_owned()));
        }
        let name = format!("{} `{}`", entry.kind, entry.event);
        let line = open(&self.link.books).send(entry);
        let answer = self
            .link
            .submit(line, &document, &mut self.dice)
            .await
            .map_err(|code| format!("{name} refused: {code}"))?;
        let list = answer.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default();
        let ids = list.iter().filter_map(|one| one.get("id").and_then(Value::as_str).map(str::to_owned));
        let message = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Done { line, message, deliveries: ids.collect() })
    }

    /// Sends what must be refused: a form cut short, or one for an office of somebody else.
    async fn mistake(&mut self) {
        let event = self.event("ERR");
        let document = fir(&self.script.case, &Head::live(&event), 1);
        let mut body = String::from_utf8_lossy(&document.body).into_owned();
        let mut entry = self.entry("fir", event);
        if self.dice.bool() {
            body.truncate(body.floor_char_boundary(body.len() / 2));
            entry.expect = Expect::Refused("malformed-xml");
        } else {
            body =
                body.replace(&format!("<SENDER_PS_CD>{}<", self.script.case.station.code), "<SENDER_PS_CD>99999999<");
            entry.expect = Expect::Refused("office-not-yours");
        }
        let line = open(&self.link.books).send(entry);
        let _ = self.link.submit(line, &Document::xml(body), &mut self.dice).await;
    }

    /// Waits until one of the deliveries has come back with this word.
    async fn until(&self, what: &str, done: &Done, word: &str) -> Result<String, String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let heard =
                done.deliveries.iter().flat_map(|delivery| open(&self.link.books).heard(delivery)).collect::<Vec<_>>();
            // Whatever was said answers the question whether it arrived.
            if let Some((_, body)) = heard.iter().find(|(said, _)| said == word || word == "received") {
                return Ok(reference(body));
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Err(format!("waited in vain for {what}"))
    }

    /// Waits for the registration, and reads the CNR in it.
    async fn registration(&self) -> Result<String, String> {
        let (system, case) = (self.link.system(), self.script.case.name());
        let body = self.got(system, "case-registration", &case).await?;
        let shared =
            || serde_json::from_str::<Value>(&body).ok()?.pointer("/case/cnr/value")?.as_str().map(str::to_owned);
        let cnr = Some(element(&body, &["CNR_NUM"])).filter(|cnr| !cnr.is_empty()).or_else(shared);
        cnr.ok_or_else(|| "the registration has no CNR".to_owned())
    }

    /// Waits until a system has got a record of this kind in a case; what it got is the answer.
    async fn got(&self, system: &str, kind: &str, case: &str) -> Result<String, String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(body) = open(&self.link.books).got(system, kind, case) {
                return Ok(body.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Err(format!("waited in vain for a {kind}"))
    }
}
