//! Records that must not stay where they went: the sender takes them back, every office that got a copy is asked, and each
//! says whether it removed it, keeps it under restriction, or has a ground to keep it.

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::mind::Word;
use super::super::write::{Order, Update, Writer};
use super::custody::begin;
use super::{JAIL, MAGISTRATE, POLICE};

/// Proceedings are quashed and the record of the arrest is to be expunged. Police and jail take back what they sent; the
/// court keeps one with a ground, restricts another, and changes its mind about the third; the police remove theirs.
pub fn recall(story: &mut Writer) {
    let theft = begin(story);
    let (case, man, held) = (&theft.case, &theft.man, &theft.held);
    let expunge = json!({ "directions": [
        { "to": POLICE, "direction_text": "Record of the arrest to be expunged, and copies called back" },
        { "to": JAIL, "direction_text": "Entry of the admission to be expunged, and copies called back" },
    ] });
    let order = Order::of(MAGISTRATE, kinds::QUASHED, case, man).held(held).with(expunge);
    let told = "The proceedings are quashed: he was taken for another man, and the record of it is to be expunged.";
    story.order("quashed", told, order).to(JAIL).to(POLICE);
    story.says("freed", "The jail: he is free.", JAIL, "quashed", Word::new("executed"));
    let released = Update::of("RELEASE", held)
        .in_case(case, None, "DISCHARGED", json!({}))
        .with(json!({ "release": { "releaseType": "DISCHARGED" } }));
    story.update("released", "The jail tells of the release.", released).to(MAGISTRATE).to(POLICE);

    story
        .arrest("recall-arrest", "The police take the memo of arrest back from everybody who has it.", case, man)
        .withdrawing("arrest", "expunged by order of the court")
        .to(MAGISTRATE);
    let kept = Word::new("not-executed").because("retained", "part of the record of a judicial proceeding");
    story.says("kept", "The court keeps its copy, and says on what ground.", MAGISTRATE, "recall-arrest", kept);
    let admission = Update::of("ADMISSION", held)
        .in_case(case, None, "UNDER_INVESTIGATION", json!({}))
        .with(json!({ "admission": { "from": "COURT", "throughIcjs": true, "warrantSeen": true } }));
    story
        .update("recall-admission", "The jail takes back the admission: both who got it are asked.", admission)
        .withdrawing("admission", "expunged by order of the court")
        .to(MAGISTRATE)
        .to(POLICE);
    let restricted = Word::new("executed").because("restricted", "sealed; the presiding officer alone may open it");
    story.says("sealed", "The court has sealed its copy.", MAGISTRATE, "recall-admission", restricted);
    let removed = Word::new("executed").because("removed", "struck from the register of persons in custody");
    story.says("removed", "The police have removed theirs.", POLICE, "recall-admission", removed.clone());
    story.says(
        "after-all",
        "The court has looked again: it corrects its word, its copy of the memo is removed too.",
        MAGISTRATE,
        "recall-arrest",
        removed.correcting(),
    );
    story.page(case).shows("retained").shows("restricted").shows("removed").shows("withdrawn");
}
