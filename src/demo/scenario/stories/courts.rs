//! Cases by what their court does: a complaint without an FIR.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::mind::Word;
use super::super::super::world::KAMLA;
use super::super::write::{Order, Update, Writer};
use super::{JAIL, MAGISTRATE, POLICE, REGISTRY};

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
}
