//! Cases by what their courts do: a complaint without an FIR, a transfer and an appeal.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::documents::police::Series;
use super::super::super::mind::Word;
use super::super::super::world::KAMLA;
use super::super::write::{Order, Update, Writer};
use super::custody::remand;
use super::{JAIL, MAGISTRATE, OTHER_COURT, OTHER_REGISTRY, POLICE, REGISTRY, SESSIONS};

/// A complaint case (BNSS s.223): the court registers it itself; the police serve its process, and get nothing else of it.
pub fn complaint(story: &mut Writer) {
    let man = story.man();
    let held = story.prisoner(&man, JAIL);
    let cnr = story.cnr("DLCT01");
    let case = story.complaint(KAMLA, &cnr, &[&man]);
    story.registered(
        "registered",
        "The court registers a complaint; no station has to do with it.",
        &case,
        MAGISTRATE,
        &cnr,
    );
    let summons = Order::of(MAGISTRATE, kinds::SUMMONS, &case, &man)
        .to(&[POLICE])
        .about(json!({ "summons": { "process": "1", "appear_at": "10-12-2026 10:30:00" } }));
    story.order("summons", "A summons goes to the station that is to serve it.", summons).to(POLICE);
    let warrant = Order::of(MAGISTRATE, kinds::WARRANT, &case, &man)
        .to(&[POLICE])
        .about(json!({ "warrant": { "warrant_no": "NBW/31/2026", "warrant_type": "2" } }));
    story.order("warrant", "He does not come: a warrant of arrest.", warrant).to(POLICE);
    story
        .arrest("arrest", "The police bring him; the memo has the CNR and no FIR.", &case, &man)
        .to(REGISTRY)
        .reads(&cnr);
    story.says("executed", "The police: warrant executed.", POLICE, "warrant", Word::new("executed"));
    let remand = Order::of(MAGISTRATE, kinds::REMAND, &case, &man)
        .to(&[JAIL])
        .about(json!({ "custody": "J", "remand": { "custody": "2", "provision": "4", "days": 7 } }));
    story.order("remand", "He is remanded; only the jail gets the order.", remand).to(JAIL);
    let admitted = Update::of("ADMISSION", &held)
        .in_case(&case, None, "UNDER_TRIAL", json!({}))
        .with(json!({ "admission": { "from": "COURT", "warrantSeen": true } }));
    story.update("admission", "The jail tells the court; no station gets it.", admitted).to(REGISTRY).reads(&cnr);
    let release = Order::of(MAGISTRATE, kinds::RELEASE, &case, &man)
        .held(&held)
        .to(&[JAIL])
        .about(json!({ "release": { "ground": "1" } }));
    story.order("release", "Settled by compromise: release.", release).to(JAIL);
    story.says("released", "The jail: carried out.", JAIL, "release", Word::new("executed"));
    story.page(&case).shows("Summons").shows("Release order").shows(POLICE);
}

/// The case goes to another court by order of the Sessions Judge, under another CNR; after the conviction there an appeal
/// suspends the sentence (BNSS ss.430, 448).
pub fn transfer_and_appeal(story: &mut Writer) {
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let (cnr, new, appeal) = (story.cnr("DLCT01"), story.cnr("DLST02"), story.cnr("DLCT01"));
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &man);
    story
        .sheet("sheet", "The charge sheet is filed.", &case, Series::First { complete: true }, None)
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/6201/2026"));
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE);
    let moved = Order::of(SESSIONS, kinds::TRANSFERRED, &case, &man)
        .cnr(Some(&cnr))
        .with(json!({ "transfer": { "transfer_court": "DLST02/1", "new_cino": new } }));
    story
        .order("transferred", "The Sessions Judge transfers it to another court; the CNR changes.", moved)
        .to(POLICE)
        .reads(&new);
    let told = Update::of("PRODUCED", &held)
        .in_case(&case, Some(&cnr), "UNDER_TRIAL", json!({}))
        .with(json!({ "production": { "mode": "PHYSICAL", "produced": true } }));
    story
        .update("produced", "The jail still writes the old number: it reaches the new court.", told)
        .to(OTHER_REGISTRY)
        .to(POLICE);
    let convicted = Order::of(OTHER_COURT, kinds::CONVICTED, &case, &man).cnr(Some(&new)).held(&held).to(&[JAIL]);
    story.order("convicted", "He is convicted there.", convicted).to(JAIL).to(POLICE);
    let suspended = Order::of(SESSIONS, kinds::SUSPENDED, &case, &man)
        .cnr(Some(&appeal))
        .held(&held)
        .to(&[JAIL])
        .about(json!({ "suspension": { "pending": "the appeal" } }))
        .with(json!({ "lower_cino": new }));
    story
        .order("suspended", "On appeal the sentence is suspended: that goes to the jail at once.", suspended)
        .to(JAIL)
        .to(POLICE);
    story.says("released", "The jail: carried out.", JAIL, "suspended", Word::new("executed"));
    story.page(&case).shows("transferred-to").shows("appeal-of").shows(&appeal);
}
