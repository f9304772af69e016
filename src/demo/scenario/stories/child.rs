//! Children in conflict with law: their Board and their home get what courts and prisons get of others; no prison and no
//! fingerprint bureau gets anything of them (JJ Act ss.4, 8 to 10, 94).

use serde_json::json;

use super::super::super::documents::court::kinds;
use super::super::super::documents::prints::{Heading, search};
use super::super::super::documents::{Head, child};
use super::super::super::link::Document;
use super::super::super::mind::Word;
use super::super::super::people::Person;
use super::super::super::world::{BOARD, HOME, KAMLA, PROSECUTION};
use super::super::write::{Order, Update, Writer};
use super::custody::remand;
use super::{BUREAU, JAIL, MAGISTRATE, POLICE};

/// A boy who was taken for a man is in jail. The finding of his age takes him to the home and the case to the Board; no order that
/// would keep him in jail reaches a prison any more, and each that is tried waits for a person to look at it; it finds him at the
/// home.
pub fn in_prison(story: &mut Writer) {
    let boy = story.boy();
    let taken_for = Person { age: 19, ..boy.clone() };
    let case = story.case(KAMLA, &[&taken_for]);
    story.fir("fir", "Kamla Bazar police register an FIR; he says that he is nineteen.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &taken_for);
    let finding = json!({ "age_finding": { "is_child": "Y", "years": 16, "basis": "1" } });
    let to = [JAIL, BOARD, HOME];
    let age = Order::of(MAGISTRATE, kinds::AGE, &case, &boy).held(&held).to(&to).about(finding);
    let told =
        "The school record shows sixteen: the Magistrate finds that he is a child. Jail, home and Board are told.";
    story.order("age", told, age).to(JAIL).to(POLICE).to(BOARD).to(HOME);
    story.says("out", "The jail: handed over to the home.", JAIL, "age", Word::new("executed"));
    let home = Update::of("RELEASE", &held)
        .in_case(&case, None, "UNDER_INVESTIGATION", json!({}))
        .with(json!({ "release": { "releaseType": "TO_HOME", "handedTo": "Observation home" } }));
    story.update("to-home", "Court and station are told.", home).to(MAGISTRATE).to(POLICE);
    let write = |head: &Head<'_>| Document::json(&child::arrived(&case, &boy, HOME, &Head { to: &[BOARD], ..*head }));
    let told = "The home has him, and tells Board, court and station.";
    story.record("arrived", told, (HOME, "custody-update"), &case, write);
    story.step().liberty().to(BOARD).to(MAGISTRATE).to(POLICE);
    let wrong = Order::of(MAGISTRATE, kinds::REMAND, &case, &boy)
        .to(&[JAIL])
        .about(json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } }));
    let told =
        "By mistake he is remanded to the jail again: the order stops before the prison, and somebody must look.";
    story.order("remand-2", told, wrong).parked(JAIL, "child-never-to-prison").parked("", "no-office").to(POLICE);
    story.operator("alert", "The operators see it at once.", &["alerts"]).shows("child-never-to-prison");
    story.page(&case).shows("Finding of age").shows("child-never-to-prison");
}

/// A boy of sixteen whom the police know to be a child: the Board gets what the court gets; prison and bureau get nothing.
pub fn apprehended(story: &mut Writer) {
    story.whole();
    let boy = story.boy();
    let case = story.case(KAMLA, &[&boy]);
    let told = "Kamla Bazar police register an FIR against a boy: his Board gets it beside the court.";
    story.fir("fir", told, &case).to(MAGISTRATE).to(BOARD).to(PROSECUTION);
    let told = "He is apprehended: the papers stop before the prison, and somebody must look.";
    story
        .arrest("arrest", told, &case, &boy)
        .to(MAGISTRATE)
        .to(BOARD)
        .to(PROSECUTION)
        .parked(JAIL, "child-never-to-prison");
    let order = Order::of(MAGISTRATE, kinds::DIRECTION, &case, &boy).to(&[BOARD]);
    let told = "The Magistrate sends him to the Board (JJ Act s.9).";
    story.order("to-board", told, order).to(BOARD).to(POLICE).to(PROSECUTION);
    let write = |head: &Head<'_>| {
        let heading = Heading { kind: "CAR", number: head.event, answers: None, origin: POLICE, to: BUREAU };
        Document::prints(POLICE, search(&heading, &case.numbers(), Some(&boy), None))
    };
    let told = "His prints are taken by mistake: they stop before the bureau.";
    story.record("prints", told, (POLICE, "fingerprint-search"), &case, write).parked(BUREAU, "child-never-to-nafis");
    story.operator("alert", "The operators see both.", &["alerts"]).shows("child-never-to-nafis");
    story.page(&case).shows("child-never-to-prison").shows("child-never-to-nafis");
}
