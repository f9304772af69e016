//! A case of a central agency: it sends what the police send, and gets what the station of a FIR gets.

use serde_json::json;

use super::super::super::documents::court::{appeal, disposal, judged, ordered};
use super::super::super::documents::forms::{self, Scrutiny};
use super::super::super::documents::police::Series;
use super::super::super::documents::prosecution::opinion;
use super::super::super::documents::{Case, Head};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::world::{BUREAU, KAMLA, PROSECUTION};
use super::super::write::Writer;
use super::{AGENCY, JAIL, MAGISTRATE, OTHER_COURT, OTHER_JAIL, POLICE, SESSIONS};

/// From the FIR of the agency to the judgment; no station has a part in it.
pub fn agency(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let case = story.case(BUREAU, &[&man]);
    let cnr = story.cnr("DLST02");
    story.fir("fir", "The agency registers a case itself.", &case).to(OTHER_COURT).to(PROSECUTION);
    let write = |head: &Head<'_>| forms::crime_details(&case, head);
    story.record("scene", "What it found.", (AGENCY, "crime-details"), &case, write).to(OTHER_COURT).to(PROSECUTION);
    let write = |head: &Head<'_>| forms::seizure(&case, head, &[]);
    story.record("seizure", "What it took.", (AGENCY, "seizure"), &case, write).to(OTHER_COURT).to(PROSECUTION);
    let told = "A man is forwarded in custody: the prison of that court gets his papers too.";
    story.arrest("arrest", told, &case, &man).to(OTHER_COURT).to(PROSECUTION).to(OTHER_JAIL);
    let reference = format!("SCR/{}", case.serial);
    let write = |head: &Head<'_>| forms::scrutiny(&case, head, Scrutiny::Draft, &reference);
    story
        .record("draft", "The draft goes to the prosecution.", (AGENCY, "scrutiny-request"), &case, write)
        .to(PROSECUTION);
    let write = |head: &Head<'_>| {
        let question = json!({ "policeStationCode": case.station.code, "firYear": 2026, "firNumber": case.serial });
        Document::json(&opinion(head.event, PROSECUTION, "fit", &reference, &question, "Fit to be filed"))
    };
    story
        .record("fit", "The answer comes back to the agency.", (PROSECUTION, "prosecution-opinion"), &case, write)
        .to(AGENCY);
    story
        .sheet("sheet", "The charge sheet is filed.", &case, Series::First { complete: true }, None)
        .to(OTHER_COURT)
        .answered(Word::new("accepted").numbered("sr", "SR/8001/2026"))
        .to(OTHER_JAIL)
        .to(PROSECUTION)
        .held();
    let told = "The court registers it: the agency learns the CNR, and no station does.";
    story.registered("registered", told, &case, OTHER_COURT, &cnr).to(AGENCY).reads(&cnr).to(PROSECUTION);
    let write = |head: &Head<'_>| {
        let convicted = vec![judged("A1", &man, json!({ "custody": "J", "result": "1" }))];
        Document::json(&disposal(head, OTHER_COURT, &case.numbers().with_cnr(Some(&cnr)), "24", convicted))
    };
    story.record("convicted", "He is convicted.", (OTHER_COURT, "court-disposal"), &case, write);
    story.step().to(AGENCY).to(OTHER_JAIL).to(PROSECUTION);
    story.page(&case).shows(&cnr).shows("Court disposal");
}

/// An event of the appeal, of the Court of Session.
fn appeals(
    story: &mut Writer,
    name: &'static str,
    told: &str,
    case: &Case,
    (higher, lower, event): (&str, &str, &str),
) {
    let write = |head: &Head<'_>| {
        let persons = case.accused.iter().map(|person| ordered("A1", person, None, json!({ "custody": "J" })));
        let numbers = case.numbers().with_cnr(Some(higher));
        let head = Head { to: &[MAGISTRATE], ..*head };
        Document::json(&appeal(&head, SESSIONS, &numbers, lower, event, persons.collect()))
    };
    story.record(name, told, (SESSIONS, "appeal"), case, write);
}

/// A conviction, the appeal, the suspension of the sentence and the acquittal; the court below hears of each.
pub fn disposal_and_appeal(story: &mut Writer) {
    story.whole();
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let (cnr, higher) = (story.cnr("DLCT01"), story.cnr("DLCT01"));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE).to(PROSECUTION);
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE).to(PROSECUTION);
    let write = |head: &Head<'_>| {
        let convicted = vec![judged("A1", &man, json!({ "custody": "J", "result": "1" }))];
        Document::json(&disposal(head, MAGISTRATE, &case.numbers().with_cnr(Some(&cnr)), "24", convicted))
    };
    let told = "He is convicted: station, jail and prosecution are told how the case ended.";
    story.record("convicted", told, (MAGISTRATE, "court-disposal"), &case, write).to(POLICE).to(JAIL).to(PROSECUTION);
    let of = (higher.as_str(), cnr.as_str());
    let everybody = |story: &mut Writer| {
        story.step().to(POLICE).to(JAIL).to(PROSECUTION).to(MAGISTRATE);
    };
    appeals(story, "admitted", "The Court of Session admits his appeal.", &case, (of.0, of.1, "3"));
    everybody(story);
    appeals(story, "suspended", "It suspends the sentence (BNSS s.430).", &case, (of.0, of.1, "5"));
    story.step().liberty();
    everybody(story);
    appeals(story, "allowed", "It allows the appeal: acquitted.", &case, (of.0, of.1, "8"));
    story.step().liberty();
    everybody(story);
    story.page(&case).shows(&cnr).shows(&higher).shows("Appeal");
}
