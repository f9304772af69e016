//! The papers of the police: defects and supplementary reports, corrections and withdrawals, and what comes late.

use serde_json::json;

use super::super::super::documents::Times;
use super::super::super::documents::court::kinds;
use super::super::super::documents::police::Series;
use super::super::super::mind::Word;
use super::super::super::world::{KAMLA, OUTPOST};
use super::super::write::{Order, Update, Writer};
use super::custody::begin;
use super::{JAIL, MAGISTRATE, POLICE, REGISTRY};

const WHOLE: Series = Series::First { complete: true };

fn taken(number: &str) -> Word {
    Word::new("accepted").numbered("sr", number)
}

/// A charge sheet without its witnesses is returned. The papers of the case that follow wait for the mended one; then come a
/// supplementary report with a new accused, and one that is returned and mended in its turn (BNSS s.193(3), (9)).
pub fn defects(story: &mut Writer) {
    let (first, second) = (story.man(), story.man());
    let case = story.case(KAMLA, &[&first, &second]);
    let cnr = story.cnr("DLCT01");
    let missing = Word::new("returned").because("DEFECT", "list of witnesses is missing (BNSS s.193(3)(i)(c))");
    story.fir("fir", "Kamla Bazar police register an FIR against two men.", &case).to(MAGISTRATE);
    story
        .sheet(
            "sheet",
            "They file the charge sheet; the court returns it, witnesses are missing.",
            &case,
            Series::First { complete: false },
            None,
        )
        .to(MAGISTRATE)
        .answered(missing);
    let told = "Before it is mended they arrest the second man: the memo waits, papers of a case stay in order.";
    story.arrest("arrest", told, &case, &second).to(MAGISTRATE).at_once();
    story
        .sheet("mended", "The charge sheet comes again with its witnesses and is taken on file.", &case, WHOLE, None)
        .correcting("sheet", "defects mended: list of witnesses added")
        .to(MAGISTRATE)
        .answered(taken("SR/5601/2026"));
    story.registered("registered", "The case is registered.", &case, MAGISTRATE, &cnr).to(POLICE).reads(&cnr);
    story
        .sheet(
            "supplementary",
            "A supplementary report follows, under the CNR.",
            &case,
            Series::Supplementary(1),
            Some(&cnr),
        )
        .to(REGISTRY)
        .answered(taken("SR/5602/2026"));
    story
        .sheet("second", "A second supplementary report is returned.", &case, Series::Supplementary(2), Some(&cnr))
        .to(REGISTRY)
        .answered(Word::new("returned").because("DEFECT", "annexure 3 is illegible"));
    story
        .sheet("second-mended", "It is mended.", &case, Series::Supplementary(2), Some(&cnr))
        .correcting("second", "annexure scanned again")
        .to(REGISTRY)
        .answered(taken("SR/5603/2026"));
    story.page(&case).shows("returned").shows("SR/5601/2026").shows(&cnr);
}

/// The police close a case for want of evidence; the complainant protests, the Magistrate has it investigated further, and
/// the report that follows charges the man after all (BNSS ss.189, 193(3), 193(9)).
pub fn closure(story: &mut Writer) {
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    let cnr = story.cnr("DLCT01");
    story.fir("fir", "Kamla Bazar police register an FIR.", &case).to(MAGISTRATE);
    story
        .sheet("closure", "They report that there is not evidence enough.", &case, Series::Closure, None)
        .to(MAGISTRATE)
        .answered(taken("SR/5701/2026"));
    story.registered("registered", "The report gets a CNR.", &case, MAGISTRATE, &cnr).to(POLICE).reads(&cnr);
    let protest = json!({ "directions": [{ "to": POLICE, "direction_text": "Witnesses named in the protest petition to be examined (BNSS s.193(9))" }] });
    let order = Order::of(MAGISTRATE, kinds::FURTHER, &case, &man).cnr(Some(&cnr)).with(protest);
    let told = "The complainant protests; the Magistrate orders further investigation. No prison has a part in that.";
    story.order("further", told, order).to(POLICE);
    story.arrest("arrest", "The police examine the witnesses, and arrest him.", &case, &man).to(REGISTRY);
    story
        .sheet("charged", "The further report charges him.", &case, Series::Supplementary(1), Some(&cnr))
        .to(REGISTRY)
        .answered(taken("SR/5702/2026"));
    story.page(&case).shows("SR/5701/2026").shows("Further investigation").shows("SR/5702/2026");
}

/// Corrections of corrections; a correction before the original was seen; withdrawals; one of what is not the newest.
pub fn corrections(story: &mut Writer) {
    let theft = begin(story);
    let (case, man) = (&theft.case, &theft.man);
    story.fir("fir-2", "The FIR is corrected.", case).correcting("fir", "name was misspelt").to(MAGISTRATE);
    story.fir("fir-3", "The correction is corrected.", case).correcting("fir-2", "the date, too").to(MAGISTRATE);
    story
        .fir("fir-late", "Somebody corrects the first version again: refused, the newest is another.", case)
        .correcting("fir", "name was misspelt")
        .refused("record-changed");
    let days = json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } });
    let order = Order::of(MAGISTRATE, kinds::REMAND, case, man).to(&["prison:DL03"]).about(days);
    story.order("order", "A remand order names the wrong jail.", order.clone()).to("prison:DL03").to(POLICE);
    let order = order.to(&[JAIL]).held(&theft.held);
    story
        .order("order-2", "It is corrected: the wrong jail is told that it is withdrawn, the right one gets it.", order)
        .correcting("order", "the jail was wrong")
        .to(JAIL)
        .told_as("new")
        .to(POLICE)
        .to("prison:DL03")
        .told_as("withdraw");
    story.says("done", "The right jail: carried out.", JAIL, "order-2", Word::new("executed"));

    story.closes("closed", "The courts' system is away for the night.", "ecourts-dl");
    story
        .sheet("sheet", "A charge sheet is filed, and not seen by the court yet.", case, WHOLE, None)
        .to(MAGISTRATE)
        .ends("superseded")
        .at_once();
    let told = "It is corrected before anybody saw it: the court will get the corrected one only, as a new one.";
    story
        .sheet("sheet-2", told, case, WHOLE, None)
        .correcting("sheet", "a section was missing")
        .to(MAGISTRATE)
        .told_as("new")
        .answered(taken("SR/5701/2026"))
        .at_once();
    story.opens("open", "The courts' system is back.", "ecourts-dl");
    story.says("seen", "The court has looked at it.", MAGISTRATE, "sheet-2", Word::new("executed"));
    story
        .sheet("wrong", "A supplementary report is sent in error.", case, Series::Supplementary(1), None)
        .to(MAGISTRATE)
        .answered(taken("SR/5702/2026"));
    story
        .sheet("withdrawn", "It is withdrawn; the court is told.", case, Series::Supplementary(1), None)
        .withdrawing("wrong", "sent in error")
        .to(MAGISTRATE);
    story
        .sheet("mended", "A correction of what was withdrawn is refused.", case, Series::Supplementary(1), None)
        .correcting("wrong", "sent in error")
        .refused("record-changed");
    story.page(case).shows("superseded").shows("prison:DL03");
}

/// After an outage: an FIR entered from paper, an arrest that is backdated, a release that the court learns of before the
/// late admission, and a station whose clock is ahead. All are taken, in the order in which they came, and say what they are.
pub fn late(story: &mut Writer) {
    let paper = Times::of("17-11-2026 22:10:00", "20-11-2026 09:15:00", "manual-fallback");
    let back = Times::of("18-11-2026 04:30:00", "20-11-2026 09:40:00", "backdated");
    let late = Times::of("18-11-2026 19:00:00", "20-11-2026 10:05:00", "late");
    let ahead = Times::of("01-01-2099 10:00:00", "01-01-2099 10:05:00", "live");
    let man = story.man();
    let held = story.prisoner(&man, JAIL);
    let case = story.case(KAMLA, &[&man]);
    story
        .fir_at("fir", "The FIR was written on paper while the line was down; it comes three days late.", &case, &paper)
        .to(MAGISTRATE)
        .reads("manual-fallback");
    story
        .arrest_at("arrest", "The memo of arrest is entered afterwards, dated back to the night.", &case, &man, &back)
        .to(MAGISTRATE)
        .reads("backdated");
    let released = Update::of("RELEASE", &held)
        .in_case(&case, None, "BAILED", json!({}))
        .with(json!({ "release": { "releaseType": "BOND" } }));
    story.update("released", "The jail tells of a release, live.", released).to(MAGISTRATE).to(POLICE);
    let admitted = Update::of("ADMISSION", &held)
        .in_case(&case, None, "UNDER_INVESTIGATION", json!({}))
        .with(json!({ "admission": { "from": "COURT", "warrantSeen": true } }))
        .at(&late);
    story
        .update("admitted", "Only then the admission of two days before is entered: late, and it says so.", admitted)
        .to(MAGISTRATE)
        .reads("late")
        .to(POLICE);
    story
        .fir_at("corrected", "The station's clock is far ahead: accepted, with a warning.", &case, &ahead)
        .correcting("fir", "time of occurrence")
        .warned("clock-ahead")
        .to(MAGISTRATE);
    story.page(&case).shows("Admission").shows("Released");
    let stranger = story.man();
    let elsewhere = story.case(OUTPOST, &[&stranger]);
    story
        .fir(
            "outpost",
            "A new outpost stands in no table yet: its FIR is kept for court and prosecution, and the work list shows it.",
            &elsewhere,
        )
        .parked("", "no-office")
        .parked("", "no-office");
}
