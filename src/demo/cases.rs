//! The police side of whole cases, as scripts: FIR, charge sheet, what the court answers, and what follows from it.
//! Every script knows what it wants; what it waits for in vain is written down as a trouble.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::books::{Expect, Sent};
use super::documents::police::{Series, arrest, charge_sheet, fir};
use super::documents::{Case, Head, Origin};
use super::link::{Document, Link, line, open};
use super::people;
use super::police::reference;
use super::world::{PROSECUTION, STATIONS, Station};

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
    /// The charge sheet also names the prosecution, whose copies are held until the case has a pre-trial number.
    prosecuted: bool,
    /// The first accused is arrested and brought to the court.
    arrested: bool,
    seed: u64,
}

/// The scripts of one round; the same seed and round write the same.
pub fn write(count: u32, round: u32, seed: u64) -> Vec<Script> {
    let mut dice = Rng::with_seed(seed ^ (u64::from(round) << 32));
    (0..count).filter_map(|place| script(place, round, &mut dice)).collect()
}

fn script(place: u32, round: u32, dice: &mut Rng) -> Option<Script> {
    // Every twentieth case comes from the station that has no court; the others take the stations in turn.
    let homeless = place % 20 == 7;
    let with_court: Vec<&'static Station> =
        STATIONS.iter().filter(|station| station.court.is_some() != homeless).collect();
    let station = dice.choice(with_court)?;
    let accused = (0..dice.usize(1..4)).map(|_| people::person(dice)).collect();
    let complainant = people::person(dice);
    let story = people::story(dice, &complainant);
    let offence = dice.choice(people::OFFENCES).copied().unwrap_or(("303(2)", "Theft"));
    let mut chance = |percent: u8| dice.u8(..100) < percent;
    Some(Script {
        defective: chance(30),
        corrected_fir: chance(12),
        supplementary: chance(40),
        withdrawn: chance(20),
        hasty: chance(25),
        mistaken: chance(8),
        prosecuted: !homeless && chance(10),
        arrested: !homeless && chance(50),
        case: Case {
            station,
            serial: round * 100_000 + place + 1,
            complainant,
            accused,
            offence,
            story,
            origin: Origin::Fir(None),
        },
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
        if self.script.arrested {
            self.arrest().await?;
        }
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
        let to = (self.script.prosecuted && cnr.is_none()).then_some(PROSECUTION);
        let head = Head { to: to.as_slice(), ..Head::live(&event) };
        let body = charge_sheet(&self.script.case, &head, series, cnr);
        let mut entry = self.entry("charge-sheet", event);
        entry.held_for = to;
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
        body: String,
        replaces: Option<(&Done, &'static str, &str)>,
    ) -> Result<Done, String> {
        let mut headers = Vec::new();
        if let Some((done, action, reason)) = replaces {
            entry.action = action;
            entry.replaces = Some(done.line);
            headers.push(("icjs-action".to_owned(), action.to_owned()));
            headers.push(("icjs-replaces".to_owned(), done.message.clone()));
            // Header values are Latin; the words in Hindi stand in the record.
            headers.push(("icjs-reason".to_owned(), reason.rsplit(": ").next().unwrap_or(reason).to_owned()));
        }
        let name = format!("{} `{}`", entry.kind, entry.event);
        let document = Document { headers, ..Document::xml(body) };
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
        let mut body = fir(&self.script.case, &Head::live(&event), 1);
        let mut entry = self.entry("fir", event);
        if self.dice.bool() {
            body.truncate(body.floor_char_boundary(body.len() / 2));
            entry.expect = Expect::Refused("malformed-xml");
        } else {
            body =
                body.replace(&format!("<SENDER_PS_CD>{}<", self.script.case.station.code), "<SENDER_PS_CD>99999999<");
            entry.expect = Expect::Refused("office-not-yours");
        }
        let document = Document::xml(body);
        let line = open(&self.link.books).send(entry);
        let _ = self.link.submit(line, &document, &mut self.dice).await;
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
        let began = Instant::now();
        let case = self.script.case.name();
        while began.elapsed() < PATIENCE {
            if let Some(cnr) = open(&self.link.books).cnr_of(&case) {
                return Ok(cnr);
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Err("waited in vain for the registration with its CNR".to_owned())
    }
}
