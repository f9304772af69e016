//! Summonses that a desk of the police serves: the request, another date, what became of it, and one that the desk refuses.

use serde_json::{Value, json};

use super::super::super::documents::court::kinds;
use super::super::super::documents::process::report;
use super::super::super::documents::{Case, Head};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::world::{KAMLA, PROCESS_DESK, PROSECUTION};
use super::super::write::{Order, Writer};
use super::{MAGISTRATE, POLICE};

/// What became of a process, by the desk.
fn reports(story: &mut Writer, name: &'static str, told: &str, case: &Case, (process, status): (&str, &str)) {
    let write = |head: &Head<'_>| {
        let mut document = Document::json(&report(PROCESS_DESK.trim_start_matches("ps:"), process, "DLCT01/3", status));
        document.headers.push(("idempotency-key".to_owned(), head.event.to_owned()));
        document
    };
    let step = story.record(name, told, (PROCESS_DESK, "process-report"), case, write);
    step.to(MAGISTRATE).reads(process).to(PROSECUTION).reads(process);
}

/// A summons is requested, put off to another day and served; of another one the desk finds two, and a person must say which.
pub fn service(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let cnr = story.cnr("DLCT01");
    let (served, unclear) = (format!("P{cnr}_1_1"), format!("P{cnr}_2_1"));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE).to(PROSECUTION);
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE).to(PROSECUTION);
    let order = |kind, process: &str, more: Value| {
        let about = json!({ "summons": { "process": process, "form": "200001", "directed_to": PROCESS_DESK } });
        Order::of(MAGISTRATE, kind, &case, &man).cnr(Some(&cnr)).to(&[PROCESS_DESK]).about(about).with(more)
    };
    let day = |day: &str| json!({ "listing": { "next_date": day } });
    let told = "A summons goes to the desk that serves process, and to nobody else of the police.";
    let summons = order(kinds::SUMMONS, &served, day("10-12-2026"));
    story.order("summons", told, summons).known_as(&served).to(PROCESS_DESK).reads("10/12/2026").to(PROSECUTION);
    let told = "The court is on leave that day: the same process on another one.";
    let later = order(kinds::ADJOURNED, &served, day("17-12-2026"));
    story.order("later", told, later).known_as(&served).to(PROCESS_DESK).reads("17/12/2026").to(PROSECUTION);
    reports(story, "served", "Served: the court that issued it has the report.", &case, (&served, "Executed"));
    let told = "Of another process the desk finds two: it refuses, and the court hears why.";
    let other = order(kinds::SUMMONS, &unclear, day("18-12-2026"));
    let ambiguous = Word::new("rejected").because("ambiguous", "Ambiguous: two trackers");
    story.order("unclear", told, other).known_as(&unclear).to(PROCESS_DESK).answered(ambiguous).to(PROSECUTION);
    reports(story, "not-served", "It is found, and could not be served.", &case, (&unclear, "Not Executed"));
    story.page(&case).shows("Summons").shows("rejected").shows(&cnr);
}
