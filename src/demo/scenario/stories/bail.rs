//! Bail and release. Bail granted is not release: it takes a bond that is accepted, an order to the prison, and no other case
//! that holds the person (BNSS ss.480, 485, 487).

use serde_json::json;

use super::super::super::documents::Case;
use super::super::super::documents::court::kinds;
use super::super::super::documents::police::Series;
use super::super::super::documents::prison::Prisoner;
use super::super::super::mind::Word;
use super::super::super::people::Person;
use super::super::super::world::CIVIL;
use super::super::write::{Order, Update, Writer};
use super::custody::{Held, begin};
use super::{JAIL, MAGISTRATE, OTHER_COURT, OTHER_POLICE, POLICE, REGISTRY, SESSIONS};

/// An order of the Magistrate about a prisoner of the jail.
fn of<'a>(court: &'a str, kind: &'a str, case: &'a Case, man: &'a Person, held: &'a Prisoner) -> Order<'a> {
    Order::of(court, kind, case, man).held(held).to(&[JAIL])
}

/// Bail granted and the bond accepted.
fn bailed(story: &mut Writer, Held { case, man, held }: &Held, cnr: Option<&str>) {
    let terms =
        json!({ "bail": { "bail_type": "2", "bond_amount": 20000, "surety_amount": 20000, "sureties_required": 1 } });
    let order = of(MAGISTRATE, kinds::BAIL, case, man, held).cnr(cnr).about(terms);
    story.order("bail", "Bail is granted, against a bond with one surety.", order).to(JAIL).to(POLICE);
    let bond = json!({ "bond": { "bond_amount": 20000, "accepted_by": "Magistrate", "before_prison": "N" } });
    let order = of(MAGISTRATE, kinds::BOND, case, man, held).cnr(cnr).about(bond);
    story.order("bond", "The bond is accepted.", order).to(JAIL).to(POLICE);
}

/// Bail, bond, release; the prison cannot release because of another case, and releases when that one is settled.
pub fn to_release(story: &mut Writer) {
    let theft = begin(story);
    let other = another_case(story, &theft);
    let cnr = story.cnr("DLCT01");
    story
        .sheet(
            "sheet",
            "Kamla Bazar police file the charge sheet.",
            &theft.case,
            Series::First { complete: true },
            None,
        )
        .to(MAGISTRATE)
        .answered(Word::new("accepted").numbered("sr", "SR/5501/2026"));
    story
        .registered(
            "registered",
            "The court registers the case; the police learn its CNR.",
            &theft.case,
            MAGISTRATE,
            &cnr,
        )
        .to(POLICE)
        .reads(&cnr);
    bailed(story, &theft, Some(&cnr));
    let Held { case, man, held } = &theft;
    let free = json!({ "release": { "ground": "1", "unless_wanted": "Y" } });
    let release = of(MAGISTRATE, kinds::RELEASE, case, man, held).cnr(Some(&cnr)).about(free.clone());
    story
        .order("release", "Release is ordered, unless he is wanted in another case.", release)
        .to(JAIL)
        .reads("RELEASE_ORDER")
        .to(POLICE);
    let why = Word::new("not-executed").because("other-case", "remanded in another case by court:DLST02/1");
    story.says("not-released", "The jail: not executed, another case holds him.", JAIL, "release", why);
    let blocked = Update::of("RELEASE_BLOCKED", held)
        .in_case(
            case,
            Some(&cnr),
            "BAILED",
            json!({ "blocksRelease": false, "warrant": { "warrantNo": "BB/77/2026" } }),
        )
        .in_case(
            &other,
            None,
            "UNDER_INVESTIGATION",
            json!({ "blocksRelease": true, "warrant": { "warrantNo": "BB/88/2026" } }),
        )
        .with(json!({ "releaseBlocks": [{ "blockReason": "OTHER_CASE", "blockCourt": "DLST02/1" }] }));
    let step = story.update("blocked", "Both courts and both stations learn what keeps him in.", blocked);
    // Each court sees its own case, and of the other only that it holds him.
    step.to(REGISTRY).reads("BB/77/2026").lacks("BB/88/2026").to(OTHER_COURT).reads("BB/88/2026").lacks("BB/77/2026");
    step.to(POLICE).lacks("BB/88/2026").to(OTHER_POLICE).lacks("BB/77/2026");

    let release = of(OTHER_COURT, kinds::RELEASE, &other, man, held).about(free);
    story.order("other-release", "The other court orders his release as well.", release).to(JAIL).to(OTHER_POLICE);
    let executed = Word::new("executed").at("2026-11-21T18:40:00+05:30");
    story.says("other-released", "The jail: carried out.", JAIL, "other-release", executed.clone());
    let told = "The jail corrects what it said: now the first order is carried out too.";
    story.says("released", told, JAIL, "release", executed.correcting());
    let left = Update::of("RELEASE", held)
        .in_case(case, Some(&cnr), "BAILED", json!({}))
        .in_case(&other, None, "BAILED", json!({}))
        .with(json!({ "release": { "releaseType": "BAIL", "gatePass": "GP/118/2026", "stationTold": true } }));
    let step = story.update("released-told", "He has left; both courts and both stations are told.", left);
    step.to(REGISTRY).to(OTHER_COURT).to(POLICE).to(OTHER_POLICE);
    story.page(case).shows("Release blocked").shows("not-executed, other-case").shows("Released").shows(&cnr);
}

/// The same man is remanded in a case of another station and court.
fn another_case(story: &mut Writer, Held { man, held, .. }: &Held) -> Case {
    let other = story.case(CIVIL, &[man]);
    story.fir("other-fir", "Civil Lines police register an FIR against the same man.", &other).to(OTHER_COURT);
    let days = json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } });
    let remand = of(OTHER_COURT, kinds::REMAND, &other, man, held).about(days);
    story.order("other-remand", "The court of that case remands him too.", remand).to(JAIL).to(OTHER_POLICE);
    let told = "The jail: carried out; he is held in two cases now.";
    story.says("other-held", told, JAIL, "other-remand", Word::new("executed"));
    other
}

/// The release order and the order that cancels the bail are both on their way while the jail is out of service. Whichever
/// comes first, both come, both are answered, and the jail says which it carried out and when.
pub fn cancelled(story: &mut Writer) {
    let theft = begin(story);
    bailed(story, &theft, None);
    let Held { case, man, held } = &theft;
    story.closes("outage", "The jail's system goes out of service.", "eprisons-dl");
    let release = json!({ "release": { "ground": "1", "unless_wanted": "Y" } });
    let order = of(MAGISTRATE, kinds::RELEASE, case, man, held).about(release);
    story.order("release", "The Magistrate orders release.", order).to(JAIL).to(POLICE).at_once();
    let cancelled = json!({ "operative": [{ "lang": "en", "operative_part_text": "Bail cancelled; the accused stays in custody." }] });
    let order = of(SESSIONS, kinds::CANCELLED, case, man, held).with(cancelled);
    story
        .order("cancelled", "Minutes later the Court of Session cancels the bail.", order)
        .to(JAIL)
        .reads("BAIL_CANCELLED")
        .to(POLICE)
        .at_once();
    story.opens("back", "The jail's system is back; both orders reach it.", "eprisons-dl");
    let executed = Word::new("executed").at("2026-11-20T19:02:00+05:30");
    story.says("kept-in", "The jail: the cancellation carried out at 19:02, he stays in.", JAIL, "cancelled", executed);
    let not = Word::new("not-executed")
        .because("stayed", "bail cancelled; carried out at 19:02")
        .at("2026-11-20T19:02:00+05:30");
    story.says("not-released", "The jail: release not executed, the bail was cancelled first.", JAIL, "release", not);
    let blocked = Update::of("RELEASE_BLOCKED", held)
        .in_case(case, None, "UNDER_INVESTIGATION", json!({ "blocksRelease": true }))
        .with(json!({ "releaseBlocks": [{ "blockReason": "STAYED", "blockCourt": "DLCT01/1" }] }));
    story.update("blocked", "Court and station are told.", blocked).to(MAGISTRATE).to(POLICE);
    story.page(case).shows("Bail cancelled").shows("not-executed").shows("executed");
}
