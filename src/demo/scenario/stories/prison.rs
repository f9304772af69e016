//! What happens in prison: a death in custody.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::documents::police::Series;
use super::super::super::mind::Word;
use super::super::super::world::KAMLA;
use super::super::write::{Order, Update, Writer};
use super::custody::remand;
use super::{JAIL, MAGISTRATE, POLICE, REGISTRY};

/// One of two accused dies in jail: court and station are told at once (BNSS s.196), the case abates for him alone, and the
/// trial of the other goes on.
pub fn death(story: &mut Writer) {
    let (first, second) = (story.man(), story.man());
    let case = story.case(KAMLA, &[&first, &second]);
    let cnr = story.cnr("DLCT01");
    story.fir("fir", "Kamla Bazar police register an FIR against two men.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &first);
    let other = remand(story, ["arrest-2", "remand-2", "in-jail-2", "admission-2"], &case, &second);
    story
        .sheet("sheet", "The charge sheet is filed against both.", &case, Series::First { complete: true }, None)
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/5801/2026"));
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE);
    let ill = Update::of("HOSPITAL_IN", &held)
        .in_case(&case, Some(&cnr), "UNDER_TRIAL", json!({}))
        .with(json!({ "hospital": { "hospitalName": "District hospital", "inside": false, "serious": true } }));
    story.update("hospital", "The first is taken to hospital.", ill).to(REGISTRY).to(POLICE);
    let dead = Update::of("DEATH", &held)
        .in_case(&case, Some(&cnr), "UNDER_TRIAL", json!({}))
        .with(json!({ "death": { "deathPlace": "District hospital", "nature": "UNKNOWN_YET",
            "deathTime": "21-11-2026 03:10:00", "magistrateToldAt": "21-11-2026 03:40:00" } }));
    story
        .update("death", "He dies; the court that must inquire and the station are told.", dead)
        .to(REGISTRY)
        .to(POLICE);
    let inquiry = Order::of(MAGISTRATE, kinds::DIRECTION, &case, &first).cnr(Some(&cnr)).to(&[JAIL]).with(
        json!({ "directions": [{ "to": JAIL, "direction_text": "Papers of the death to the inquiry (BNSS s.196)" }] }),
    );
    story
        .order("inquiry", "The Magistrate opens an inquiry and asks the jail for its papers.", inquiry)
        .to(JAIL)
        .to(POLICE);
    let abated = Order::of(MAGISTRATE, kinds::STOPPED, &case, &first).cnr(Some(&cnr)).held(&held).to(&[JAIL]);
    story.order("abated", "The case has abated, for him.", abated).to(JAIL).to(POLICE);
    let framed = Order::of(MAGISTRATE, kinds::FRAMED, &case, &second).cnr(Some(&cnr)).held(&other);
    story.order("framed", "Against the other the charge is framed; no prison has a part in that.", framed).to(POLICE);
    let produced = Update::of("PRODUCED", &other)
        .in_case(&case, Some(&cnr), "UNDER_TRIAL", json!({}))
        .with(json!({ "production": { "mode": "PHYSICAL", "produced": true } }));
    story.update("produced", "He is produced in court.", produced).to(REGISTRY).to(POLICE);
}
