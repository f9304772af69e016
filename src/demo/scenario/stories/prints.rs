//! Fingerprints: a search that is answered years later, an answer that is taken back, and what is destroyed after an acquittal
//! (Criminal Procedure (Identification) Act, 2022, s.4).

use serde_json::json;

use super::super::super::documents::court::{disposal, judged, kinds};
use super::super::super::documents::police::Series;
use super::super::super::documents::prints::{Heading, matched, result, search};
use super::super::super::documents::{Case, Head, Numbers};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::people::Person;
use super::super::super::world::{CIVIL, KAMLA, PROSECUTION};
use super::super::write::{Order, Writer};
use super::{BUREAU, JAIL, MAGISTRATE, OTHER_COURT, OTHER_POLICE, POLICE};

/// A search of an office; its control number is the answer.
fn searches(
    story: &mut Writer,
    name: &'static str,
    told: &str,
    (office, kind): (&str, &str),
    (case, person): (&Case, Option<&Person>),
) -> String {
    let mut number = String::new();
    let write = |head: &Head<'_>| {
        head.event.clone_into(&mut number);
        let heading = Heading { kind, number: head.event, answers: None, origin: office, to: BUREAU };
        let prisoner = office.strip_prefix("prison:").map(|prison| (prison, "2026/00318"));
        Document::prints(office, search(&heading, &case.numbers(), person, prisoner))
    };
    story.record(name, told, (office, "fingerprint-search"), case, write).to(BUREAU);
    number
}

/// What the bureau answers to a search.
fn answers(
    story: &mut Writer,
    name: &'static str,
    told: &str,
    case: &Case,
    (kind, to): (&str, &str),
    more: Vec<(u16, String)>,
) {
    let write = |head: &Head<'_>| {
        let heading = Heading { kind, number: head.event, answers: Some(to), origin: BUREAU, to: "ICJS" };
        let numbers = if more.is_empty() { case.numbers() } else { Numbers::default() };
        Document::prints(BUREAU, result(&heading, &numbers, more))
    };
    story.record(name, told, (BUREAU, "fingerprint-result"), case, write);
}

/// A print from a scene finds nobody. Somebody else is arrested in another case, and his prints taken in jail match it: whoever
/// asked either hears of it. Then an expert takes it back.
pub fn late_hit(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let burglary = story.case(KAMLA, &[&man]);
    let other = story.case(CIVIL, &[&man]);
    story.fir("fir", "Kamla Bazar police register a burglary.", &burglary).to(MAGISTRATE).to(PROSECUTION);
    let told = "A print from the scene is searched.";
    let latent = searches(story, "latent", told, (POLICE, "LFIS"), (&burglary, None));
    answers(story, "nobody", "Nobody is found.", &burglary, ("NOID", &latent), Vec::new());
    story.step().to(POLICE);
    story
        .fir("other-fir", "Later, Civil Lines police arrest a man in another case.", &other)
        .to(OTHER_COURT)
        .to(PROSECUTION);
    let enrolment = searches(story, "enrol", "His prints are taken.", (OTHER_POLICE, "CAR"), (&other, Some(&man)));
    answers(story, "enrolled", "He was not known.", &other, ("NOID", &enrolment), Vec::new());
    story.step().to(OTHER_POLICE);
    let in_jail = searches(story, "gate", "And again at the jail's gate.", (JAIL, "TPIS"), (&other, Some(&man)));
    let told = "They match the print from the scene: station and jail, who had asked, are told; no court is.";
    let hit = vec![matched(&[(&latent, "KAMLA"), (&in_jail, "JAIL")])];
    answers(story, "hit", told, &other, ("ULM", &in_jail), hit);
    story.step().to(POLICE).reads(&latent).to(JAIL).reads(&in_jail);
    let told = "An expert looks at it and takes it back: who searched the print is told.";
    answers(story, "withdrawn", told, &burglary, ("HITW", &latent), Vec::new());
    story.step().to(POLICE);
    story.page(&burglary).shows("Fingerprint search").shows("Fingerprint result");
}

/// The accused is acquitted; what is kept of him is destroyed by order of the court, and the bureau says that it is done.
pub fn destruction(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let cnr = story.cnr("DLCT01");
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE).to(PROSECUTION);
    searches(story, "enrol", "The prints of the man arrested are taken.", (POLICE, "CAR"), (&case, Some(&man)));
    story
        .sheet("sheet", "The charge sheet is filed.", &case, Series::First { complete: true }, None)
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/7901/2026"))
        .to(JAIL)
        .to(PROSECUTION)
        .held();
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE).to(PROSECUTION);
    let write = |head: &Head<'_>| {
        let acquitted = vec![judged("A1", &man, json!({ "custody": "J", "result": "3", "reason": "1" }))];
        Document::json(&disposal(head, MAGISTRATE, &case.numbers().with_cnr(Some(&cnr)), "25", acquitted))
    };
    let told = "He is acquitted: station, jail and prosecution are told.";
    story.record("acquitted", told, (MAGISTRATE, "court-disposal"), &case, write).liberty();
    story.step().to(POLICE).to(JAIL).to(PROSECUTION);
    let told = "What is kept of him is to be destroyed; the bureau answers that it is done.";
    let order = Order::of(MAGISTRATE, kinds::DESTRUCTION, &case, &man).cnr(Some(&cnr)).to(&[BUREAU]);
    story.order("destroy", told, order);
    story.step().to(BUREAU).answered(Word::new("executed")).to(POLICE).to(PROSECUTION);
    story.page(&case).shows("Destruction").shows("executed").shows(&cnr);
}
