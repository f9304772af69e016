//! Cases that change their number or their court: links between case numbers decide where the next record goes.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::documents::police::Series;
use super::super::super::documents::{Case, Origin, YEAR};
use super::super::super::mind::Word;
use super::super::super::world::{CIVIL, KAMLA};
use super::super::write::{Order, Update, Writer};
use super::custody::remand;
use super::{JAIL, MAGISTRATE, OTHER_COURT, OTHER_POLICE, OTHER_REGISTRY, POLICE, REGISTRY};

const WHOLE: Series = Series::First { complete: true };

fn taken(number: &str) -> Word {
    Word::new("accepted").numbered("sr", number)
}

/// A zero FIR (BNSS s.173(1)): taken at Kamla Bazar, it belongs to Civil Lines, which answers with its own number. From then on
/// what names the zero FIR goes where that number leads.
pub fn zero_fir(story: &mut Writer) {
    let man = story.man();
    let zero = Case { origin: Origin::ZeroFir, ..story.case(KAMLA, &[&man]) };
    let case = story.case(CIVIL, &[&man]);
    let case = Case { origin: Origin::Fir(Some((zero.station.code, zero.serial))), ..case };
    let cnr = story.cnr("DLST02");
    let number = format!("{}/{YEAR}/{}", case.station.code, case.serial);
    story
        .zero_fir(
            "zero",
            "A woman reports at Kamla Bazar what happened in Civil Lines: a zero FIR goes there.",
            &zero,
            OTHER_POLICE,
        )
        .to(OTHER_POLICE);
    let told = "Civil Lines takes it under its own number, and Kamla Bazar hears it.";
    story.says("renumbered", told, OTHER_POLICE, "zero", Word::new("accepted").numbered("fir", &number));
    story.fir("fir", "Civil Lines sends its FIR to its own court.", &case).to(OTHER_COURT);
    story
        .zero_fir("zero-2", "Kamla Bazar corrects the zero FIR; the correction goes the same way.", &zero, OTHER_POLICE)
        .correcting("zero", "name was misspelt")
        .to(OTHER_POLICE);
    let told =
        "Kamla Bazar happens to catch the man: its memo has the zero FIR only, and reaches the court of Civil Lines.";
    story.arrest("arrest", told, &zero, &man).to(OTHER_COURT);
    let order = Order::of(OTHER_COURT, kinds::REMAND, &zero, &man)
        .to(&[JAIL])
        .about(json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } }));
    let told = "The remand names the zero FIR, too; the police who get it are those who have the case.";
    story.order("remand", told, order).to(JAIL).to(OTHER_POLICE);
    story.says("in-jail", "The jail: carried out.", JAIL, "remand", Word::new("executed"));
    story
        .sheet("sheet", "Civil Lines files the charge sheet.", &case, WHOLE, None)
        .to(OTHER_COURT)
        .answered(taken("SR/5901/2026"));
    story.registered("registered", "The case is registered.", &case, OTHER_COURT, &cnr).to(OTHER_POLICE).reads(&cnr);
    story.page(&case).shows(&zero.name()).shows(&cnr).shows("zero-fir-of");
}

/// One FIR against two; one of them absconds, his trial is separated and gets a CNR of its own. What names a CNR goes with
/// that trial; what names the FIR only goes where both are.
pub fn split(story: &mut Writer) {
    let (first, second) = (story.man(), story.man());
    let case = story.case(KAMLA, &[&first, &second]);
    let (cnr, own) = (story.cnr("DLCT01"), story.cnr("DLCT01"));
    story.fir("fir", "Kamla Bazar police register an FIR against two men.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &first);
    story
        .sheet("sheet", "The charge sheet names both.", &case, WHOLE, None)
        .to(MAGISTRATE)
        .answered(taken("SR/6001/2026"));
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE).reads(&cnr);
    let apart = Order::of(MAGISTRATE, kinds::SPLIT, &case, &second)
        .cnr(Some(&cnr))
        .with(json!({ "split": { "new_cino": own, "split_reason": "the accused has absconded" } }));
    story.order("split", "The second absconds; his trial is separated.", apart).to(POLICE);
    story.registered("registered-2", "It gets a CNR of its own.", &case, MAGISTRATE, &own).to(POLICE).reads(&own);
    let warrant = Order::of(MAGISTRATE, kinds::WARRANT, &case, &second).cnr(Some(&own));
    story.order("warrant", "A warrant is issued in his trial.", warrant).to(POLICE).reads(&own).lacks(&cnr);
    let convicted = Order::of(MAGISTRATE, kinds::CONVICTED, &case, &first).cnr(Some(&cnr)).held(&held).to(&[JAIL]);
    story.order("convicted", "The first is convicted meanwhile.", convicted).to(JAIL).to(POLICE);
    let entered = Update::of("CONVICTION_RECORDED", &held).in_case(&case, Some(&cnr), "CONVICTED", json!({}));
    story.update("entered", "The jail has entered the conviction.", entered).to(REGISTRY).reads(&cnr).to(POLICE);
    let told = "The second is caught: the memo names the FIR, and goes to the registry that has both trials, once.";
    story.arrest("arrest-2", told, &case, &second).to(REGISTRY);
    story
        .sheet(
            "supplementary",
            "A supplementary report goes into his trial.",
            &case,
            Series::Supplementary(1),
            Some(&own),
        )
        .to(REGISTRY)
        .reads(&own)
        .answered(taken("SR/6002/2026"));
    story.page(&case).shows("split-from").shows(&cnr).shows(&own);
}

/// Committal (BNSS s.232): the case goes on before another establishment, under another CNR. What names the old one follows.
pub fn committal(story: &mut Writer) {
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let (cnr, new) = (story.cnr("DLCT01"), story.cnr("DLST02"));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &man);
    story
        .sheet("sheet", "The charge sheet is filed.", &case, WHOLE, None)
        .to(MAGISTRATE)
        .answered(taken("SR/6101/2026"));
    story.registered("registered", "The Magistrate's court registers the case.", &case, MAGISTRATE, &cnr).to(POLICE);
    let committed = Order::of(MAGISTRATE, kinds::COMMITTED, &case, &man).cnr(Some(&cnr)).with(
        json!({ "committal": { "committal_court": "DLST02/1", "committal_date": "21-11-2026", "new_cino": new } }),
    );
    story
        .order("committed", "It is committed to the Court of Session, under a new CNR.", committed)
        .to(POLICE)
        .reads(&new);
    story
        .registered("registered-2", "The Court of Session registers it.", &case, OTHER_COURT, &new)
        .to(POLICE)
        .reads(&new);
    let told = "A supplementary report still names the old CNR: it reaches the Court of Session.";
    story
        .sheet("supplementary", told, &case, Series::Supplementary(1), Some(&cnr))
        .to(OTHER_REGISTRY)
        .answered(taken("SR/6102/2026"));
    let produced = Update::of("PRODUCED", &held)
        .in_case(&case, Some(&cnr), "UNDER_TRIAL", json!({}))
        .with(json!({ "production": { "mode": "PHYSICAL", "produced": true } }));
    story.update("produced", "So does what the jail says of the case.", produced).to(OTHER_REGISTRY).to(POLICE);
    let acquitted = Order::of(OTHER_COURT, kinds::RELEASE, &case, &man).cnr(Some(&new)).held(&held).to(&[JAIL]);
    story.order("release", "The Court of Session orders release.", acquitted).to(JAIL).to(POLICE);
    story.says("released", "The jail: carried out.", JAIL, "release", Word::new("executed"));
    story.page(&case).shows("committed-to").shows(&new).shows("court:DLST02");
}

/// A link made by mistake takes a charge sheet to a court that has nothing to do with it. That court says whose it is, the
/// gateway sends it there; the link is ended with a reason, and the next paper goes right by itself.
pub fn unlink(story: &mut Writer) {
    let (man, other) = (story.man(), story.man());
    let case = story.case(KAMLA, &[&man]);
    let stranger = story.case(CIVIL, &[&other]);
    let cnr = story.cnr("DLST02");
    let (from, to) = (case.name(), format!("cnr/{cnr}"));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE);
    story.fir("fir-2", "Civil Lines police register another one against somebody else.", &stranger).to(OTHER_COURT);
    story
        .registered("registered", "That one is registered by its court.", &stranger, OTHER_COURT, &cnr)
        .to(OTHER_POLICE);
    let link = ["case", "link", &from, "same", &to, "--reason", "told by telephone", "--by", "operator"];
    story.operator("linked", "An operator links the first FIR to that CNR, by mistake.", &link);
    story
        .sheet(
            "sheet",
            "The charge sheet of the first goes to the wrong court, which names the right one.",
            &case,
            WHOLE,
            None,
        )
        .to(OTHER_REGISTRY)
        .answered(Word::new("wrong-addressee").numbered("office", MAGISTRATE))
        .to(MAGISTRATE)
        .sent_on();
    let unlink = ["case", "unlink", &from, "same", &to, "--reason", "it was another FIR", "--by", "operator"];
    story.operator("unlinked", "The link is ended, with the reason.", &unlink);
    story.arrest("arrest", "The next paper of the case goes right.", &case, &man).to(MAGISTRATE);
    story.page(&case).shows("wrong-addressee").shows(MAGISTRATE);
    story
        .operator("history", "The history of the links keeps both orders.", &["case", "links", &from])
        .shows("it was another FIR");
}
