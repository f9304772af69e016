//! Exhibits, laboratories and their reports: what is asked before there is a case number and answered then, what is amended and
//! withdrawn, and where an exhibit is (BNSS ss.176(3), 329).

use serde_json::json;

use super::super::super::documents::court::{kinds, movement as shown, requisition as asks_again};
use super::super::super::documents::laboratory::{Asked, movement, report};
use super::super::super::documents::police::Series;
use super::super::super::documents::{Case, Division, Exhibit, Head, forms};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::world::{KAMLA, PROSECUTION};
use super::super::write::{Order, Writer};
use super::{BIOLOGY, CYBER, JAIL, MAGISTRATE, POLICE, REGISTRY};

/// What the division of biology was asked of the first exhibit.
fn asked(case: &Case, cnr: Option<&str>, reference: &str) -> Asked {
    Asked {
        office: BIOLOGY.to_owned(),
        numbers: case.numbers().with_cnr(cnr),
        reference: reference.to_owned(),
        exhibits: vec![Exhibit::of(case, 1, Division::Biology)],
    }
}

/// A case with its FIR, and a requisition for the first exhibit under this number.
fn begin(story: &mut Writer) -> (Case, String) {
    story.whole();
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let reference = format!("FSL/{}", case.serial);
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE).to(PROSECUTION);
    (case, reference)
}

/// The case is registered: what was asked of the laboratories reaches the court, and they learn the number.
fn registered(story: &mut Writer, case: &Case, cnr: &str, laboratories: &[&str]) {
    let told = "The court registers the case: police, prosecution and the laboratories that were asked learn its CNR.";
    let step = story.registered("registered", told, case, MAGISTRATE, cnr).to(POLICE).to(PROSECUTION);
    for office in laboratories {
        step.to(office).reads(cnr);
    }
}

/// The laboratory's report on what it was asked.
fn reports(story: &mut Writer, name: &'static str, told: &str, case: &Case, (kind, asked): (&str, Asked)) {
    let write = |head: &Head<'_>| Document::json(&report(head.event, &format!("R/{name}"), kind, &asked, json!({})));
    story.record(name, told, (BIOLOGY, "forensic-report"), case, write);
}

/// Three exhibits for three divisions, one of which no laboratory has. The report comes before there is a CNR: the police have it
/// at once, court and prosecution when the case is registered.
pub fn before_cnr(story: &mut Writer) {
    let (case, reference) = begin(story);
    let exhibit = |number, division| Exhibit::of(&case, number, division);
    let exhibits = [exhibit(1, Division::Biology), exhibit(2, Division::Cyber), exhibit(3, Division::Ballistics)];
    let [hair, telephone, _] = &exhibits;
    let told = "They seize three things; the report of it goes to the Magistrate.";
    let write = |head: &Head<'_>| forms::seizure(&case, head, &exhibits);
    story.record("seizure", told, (POLICE, "seizure"), &case, write).to(MAGISTRATE).to(PROSECUTION);
    let told = "One requisition: each division gets its own exhibit; nobody examines firearms, and somebody must look. The court \
                will get number and status once there is a case.";
    let write = |head: &Head<'_>| forms::requisition(&case, head, &reference, &exhibits);
    story
        .record("requisition", told, (POLICE, "forensic-requisition"), &case, write)
        .to(BIOLOGY)
        .reads(&hair.qr)
        .lacks(&telephone.qr)
        .to(CYBER)
        .reads(&telephone.qr)
        .lacks(&hair.qr)
        .parked("", "no-office")
        .to(PROSECUTION)
        .lacks(&hair.qr)
        .to(REGISTRY)
        .held();
    let told = "The division of biology reports: the station has it at once, court and prosecution must wait.";
    reports(story, "report", told, &case, ("FINAL", asked(&case, None, &reference)));
    story.step().to(POLICE).reads("R/report").to(REGISTRY).held().to(PROSECUTION).held();
    let told = "The charge sheet is filed.";
    story
        .sheet("sheet", told, &case, Series::First { complete: true }, None)
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/7801/2026"))
        .to(JAIL)
        .to(PROSECUTION)
        .held();
    let cnr = story.cnr("DLCT01");
    registered(story, &case, &cnr, &[BIOLOGY, CYBER]);
    story.page(&case).shows("Forensic report").shows(&cnr);
}

/// A requisition of the station to the division of biology; the court's copy waits for a court.
fn to_biology(story: &mut Writer, case: &Case, reference: &str, exhibits: &[Exhibit]) {
    let write = |head: &Head<'_>| forms::requisition(case, head, reference, exhibits);
    let told = "An exhibit goes to the division of biology.";
    story
        .record("requisition", told, (POLICE, "forensic-requisition"), case, write)
        .to(BIOLOGY)
        .to(PROSECUTION)
        .to(REGISTRY)
        .held();
}

/// An interim report, a final one, its amendment, an examination by order of the court whose report stands beside the first, and
/// the withdrawal of what was amended.
pub fn amended(story: &mut Writer) {
    let (case, reference) = begin(story);
    let exhibits = [Exhibit::of(&case, 1, Division::Biology)];
    let cnr = story.cnr("DLCT01");
    to_biology(story, &case, &reference, &exhibits);
    registered(story, &case, &cnr, &[BIOLOGY]);
    let first = || asked(&case, Some(&cnr), &reference);
    reports(story, "interim", "An interim report.", &case, ("INTERIM", first()));
    story.step().to(POLICE).to(REGISTRY).to(PROSECUTION);
    reports(story, "final", "The final report.", &case, ("FINAL", first()));
    story.step().to(POLICE).to(REGISTRY).to(PROSECUTION);
    let told = "A line was misprinted: the amended report goes to everybody who has the first.";
    reports(story, "amended", told, &case, ("AMENDED", first()));
    story.step().correcting("final", "misprint on page 2").to(POLICE).to(REGISTRY).to(PROSECUTION);
    let again = format!("{reference}/C");
    let write = |head: &Head<'_>| {
        let (to, numbers) = (&[BIOLOGY], case.numbers().with_cnr(Some(&cnr)));
        let head = Head { to, ..*head };
        Document::json(&asks_again(&head, MAGISTRATE, &numbers, (&again, &reference), &exhibits))
    };
    let told = "The Magistrate has it examined again: a requisition of its own.";
    story
        .record("again", told, (MAGISTRATE, "forensic-requisition"), &case, write)
        .to(BIOLOGY)
        .reads(&again)
        .to(PROSECUTION);
    let told = "Its report goes to the Magistrate who asked, and to the station; the court has both.";
    reports(story, "second", told, &case, ("FINAL", asked(&case, Some(&cnr), &again)));
    story.step().to(POLICE).to(MAGISTRATE).to(PROSECUTION);
    reports(story, "withdrawn", "The amended report is withdrawn.", &case, ("WITHDRAWN", first()));
    story.step().withdrawing("amended", "samples were mixed up").to(POLICE).to(REGISTRY).to(PROSECUTION);
    story.page(&case).shows("Forensic report").shows(&cnr);
}

/// An exhibit from the station to the laboratory, back, and before the court, where its examiner is heard.
pub fn exhibit(story: &mut Writer) {
    let (case, reference) = begin(story);
    let exhibits = [Exhibit::of(&case, 1, Division::Biology)];
    let [hair] = &exhibits;
    let cnr = story.cnr("DLCT01");
    to_biology(story, &case, &reference, &exhibits);
    let write = |head: &Head<'_>| forms::movement(&case, &Head { to: &[BIOLOGY], ..*head }, "4", &reference, &exhibits);
    story
        .record("despatched", "A messenger carries it.", (POLICE, "exhibit-movement"), &case, write)
        .to(BIOLOGY)
        .reads(&hair.qr)
        .to(PROSECUTION);
    let at_laboratory = asked(&case, None, &reference);
    let moves = |kind: &'static str| {
        let asked = at_laboratory.clone();
        move |head: &Head<'_>| Document::json(&movement(head.event, kind, &asked, &[]))
    };
    let laboratory = (BIOLOGY, "exhibit-movement");
    story.record("received", "The laboratory has it, its seal whole.", laboratory, &case, moves("RECEIVED"));
    story.step().to(POLICE).to(PROSECUTION);
    story.record("returned", "Examined, it goes back to the station.", laboratory, &case, moves("RETURNED"));
    story.step().to(POLICE).to(PROSECUTION);
    registered(story, &case, &cnr, &[BIOLOGY]);
    let write = |head: &Head<'_>| {
        let numbers = case.numbers().with_cnr(Some(&cnr));
        Document::json(&shown(head, MAGISTRATE, &numbers, "11", &exhibits))
    };
    let told = "It is shown in court: whoever had it hears of it.";
    let step = story.record("shown", told, (MAGISTRATE, "exhibit-movement"), &case, write);
    step.to(POLICE).to(BIOLOGY).to(REGISTRY).to(PROSECUTION);
    let expert = story.man();
    let summons = json!({ "role": "8", "summons": { "process": format!("P{}_1_1", case.serial), "appear_at": "10-12-2026 11:00:00" } });
    let order = Order::of(MAGISTRATE, kinds::EXPERT, &case, &expert).cnr(Some(&cnr)).to(&[BIOLOGY]).about(summons);
    story.order("expert", "Who examined it is summoned (BNSS s.329(2)).", order).to(BIOLOGY).to(POLICE).to(PROSECUTION);
    story.page(&case).shows("Exhibit movement").shows(&cnr);
}
