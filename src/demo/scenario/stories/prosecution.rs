//! What is between the police and the prosecution, and reaches no court: drafts, opinions, the sanction to prosecute.

use serde_json::json;

use super::super::super::documents::forms::{self, Scrutiny};
use super::super::super::documents::police::Series;
use super::super::super::documents::prosecution::opinion;
use super::super::super::documents::{Case, Head};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::world::{KAMLA, PROSECUTION};
use super::super::write::Writer;
use super::{JAIL, MAGISTRATE, POLICE};

/// The prosecution answers what it was asked under a reference.
fn answers(story: &mut Writer, name: &'static str, told: &str, case: &Case, (kind, reference): (&str, &str)) {
    let question = json!({ "policeStationCode": case.station.code, "firYear": 2026, "firNumber": case.serial });
    let words = "धारा 63(4) का प्रमाणपत्र / certificate under BSA s.63(4)";
    let write = |head: &Head<'_>| Document::json(&opinion(head.event, PROSECUTION, kind, reference, &question, words));
    story.record(name, told, (PROSECUTION, "prosecution-opinion"), case, write).to(POLICE);
}

/// A draft is found deficient, mended, and found fit; sanction to prosecute a public servant is asked for and granted; then the
/// report is filed. The court learns of the report alone; the prosecution gets it as filed, once the court has registered it.
pub fn draft_and_sanction(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let cnr = story.cnr("DLCT01");
    let (draft, sanction) = (format!("SCR/{}", case.serial), format!("SAN/{}", case.serial));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE).to(PROSECUTION);
    let ask = |kind, reference: &str| {
        let (case, reference) = (case.clone(), reference.to_owned());
        move |head: &Head<'_>| forms::scrutiny(&case, head, kind, &reference)
    };
    let scrutiny = (POLICE, "scrutiny-request");
    let told = "The draft of the charge sheet goes to the prosecution; no court gets it.";
    story.record("draft", told, scrutiny, &case, ask(Scrutiny::Draft, &draft)).to(PROSECUTION);
    let told = "A certificate is missing: deficient.";
    answers(story, "deficient", told, &case, ("deficient", &draft));
    let told = "The mended draft, under the same reference.";
    story.record("draft-2", told, scrutiny, &case, ask(Scrutiny::Draft, &draft)).to(PROSECUTION);
    answers(story, "fit", "Fit to be filed.", &case, ("fit", &draft));
    let told = "He is a public servant: sanction is asked for (BNSS s.218).";
    story.record("sanction", told, scrutiny, &case, ask(Scrutiny::Sanction, &sanction)).to(PROSECUTION);
    answers(story, "granted", "The sanction is granted.", &case, ("sanctionGranted", &sanction));
    let told = "The report is filed; the prosecution's copy waits until the court has registered it.";
    story
        .sheet("sheet", told, &case, Series::First { complete: true }, None)
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/7701/2026"))
        .to(JAIL)
        .to(PROSECUTION)
        .held();
    story
        .registered(
            "registered",
            "The court registers the case: police and prosecution learn its CNR.",
            &case,
            MAGISTRATE,
            &cnr,
        )
        .to(POLICE)
        .reads(&cnr)
        .to(PROSECUTION)
        .reads(&cnr);
    story.page(&case).shows("Sanction").shows(&cnr).shows("SR/7701/2026");
}
