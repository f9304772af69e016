//! What happens in prison: a death in custody, productions that fail, a child who should not be there.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::documents::merged;
use super::super::super::documents::police::Series;
use super::super::super::mind::Word;
use super::super::super::world::KAMLA;
use super::super::write::{Order, Update, Writer};
use super::custody::{Held, begin, remand};
use super::{FAR_JAIL, JAIL, MAGISTRATE, POLICE, REGISTRY};

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
    story.page(&case).shows("Died").shows("Charge framed");
}

/// Production before the court: by video, where the link is down; in person, where he is ill; then at last (BNSS ss.302, 304).
pub fn production(story: &mut Writer) {
    let Held { case, man, held } = begin(story);
    let due = |mode: &str| json!({ "production": { "mode": mode, "purpose": "1", "production_time": "21-11-2026 11:00:00" } });
    let by = |kind, mode| Order::of(MAGISTRATE, kind, &case, &man).held(&held).to(&[JAIL]).about(due(mode));
    story.order("video", "He is to be produced by video.", by(kinds::VIDEO, "2")).to(JAIL).to(POLICE);
    let down = Word::new("not-executed").because("link-down", "no line from 10:40 to 11:30");
    story.says("not-shown", "The jail: not done, the link was down.", JAIL, "video", down);
    let missed = |reason: &str, mode: &str| {
        let production = json!({ "mode": mode, "produced": false, "notProducedReason": reason });
        Update::of("NOT_PRODUCED", &held)
            .in_case(&case, None, "UNDER_INVESTIGATION", json!({}))
            .with(json!({ "production": production }))
    };
    story
        .update("link-down", "Court and station are told why.", missed("LINK_DOWN", "VIDEO"))
        .to(MAGISTRATE)
        .to(POLICE);
    story.order("in-person", "He is to be brought in person.", by(kinds::IN_PERSON, "1")).to(JAIL).to(POLICE);
    let ill = Word::new("not-executed").because("illness", "fever; certificate follows (BNSS s.304)");
    story.says("not-brought", "The jail: not done, he is ill.", JAIL, "in-person", ill);
    story.update("illness", "Court and station are told why.", missed("ILLNESS", "PHYSICAL")).to(MAGISTRATE).to(POLICE);
    story.order("again", "Video is ordered again.", by(kinds::VIDEO, "2")).to(JAIL).to(POLICE);
    story.says("shown", "The jail: done.", JAIL, "again", Word::new("executed"));
    let shown = Update::of("PRODUCED_BY_VIDEO", &held)
        .in_case(&case, None, "UNDER_INVESTIGATION", json!({}))
        .with(json!({ "production": { "mode": "VIDEO", "produced": true, "nextDate": "04-12-2026" } }));
    story.update("produced", "He was produced by video; the next date is noted.", shown).to(MAGISTRATE).to(POLICE);
    story.page(&case).shows("link-down").shows("illness").shows("Produced by video");
}

/// A prisoner is moved to another State while the order to release him is on its way to the jail that he left: it reaches the
/// jail where he is. What is ordered later goes there at once, whichever jail it names, or none.
pub fn transfer(story: &mut Writer) {
    let Held { case, man, held } = begin(story);
    let there = story.prisoner(&man, FAR_JAIL);
    let moved = |more: serde_json::Value| {
        let ids = json!({ "transfer": { "from": JAIL, "to": FAR_JAIL, "transferReason": "PRODUCTION",
            "fromPid": { "prison": held.prison, "fromPidId": held.number } } });
        merged(ids, json!({ "transfer": more }))
    };
    let warrant =
        json!({ "warrant": { "warrantNo": "RW/501/2026", "warrantType": "REMAND", "warrantDate": "20-11-2026" } });
    story.closes("outage", "The jail's system is out of service; its office goes on.", "eprisons-dl");
    let order = || Order::of(MAGISTRATE, kinds::RELEASE, &case, &man).held(&held);
    let not_here = Word::new("wrong-addressee").because("NOT_HERE", "transferred").numbered("office", FAR_JAIL);
    story
        .order("release", "The Magistrate orders his release; the order cannot get through.", order().to(&[JAIL]))
        .to(JAIL)
        .answered(not_here)
        .to(FAR_JAIL)
        .sent_on()
        .to(POLICE)
        .at_once();
    let out = Update::of("TRANSFER_OUT", &held)
        .in_case(&case, None, "UNDER_INVESTIGATION", warrant.clone())
        .to(&[FAR_JAIL])
        .with(moved(json!({ "leftAt": "20-11-2026 18:00:00", "warrantsSent": 1 })));
    story
        .update("out", "He is on his way to a jail in another State, with his warrant.", out)
        .to(MAGISTRATE)
        .to(POLICE)
        .to(FAR_JAIL)
        .reads("RW/501/2026")
        // What is said of it cannot reach the jail's system yet.
        .at_once();
    let arrived = Update::of("TRANSFER_IN", &there)
        .in_case(&case, None, "UNDER_INVESTIGATION", warrant)
        .with(moved(json!({ "toPid": { "prison": there.prison, "toPidId": there.number } })));
    story.update("in", "He has arrived, and has a number there.", arrived).to(MAGISTRATE).to(POLICE);
    story.says("released", "The jail where he is: carried out.", FAR_JAIL, "release", Word::new("executed"));
    let left = Update::of("RELEASE", &there)
        .in_case(&case, None, "BAILED", json!({}))
        .with(json!({ "release": { "releaseType": "BAIL" } }));
    story.update("released-told", "Court and station are told.", left).to(MAGISTRATE).to(POLICE);
    story.opens("back", "The first jail's system is back at last, and says that he is not there.", "eprisons-dl");
    story.page(&case).shows("Transferred in").shows("Released").shows(FAR_JAIL);
}
