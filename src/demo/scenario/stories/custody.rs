//! The beginning that many cases share: an FIR, an arrest, a remand, the admission to the jail.

use serde_json::json;

use super::super::super::documents::Case;
use super::super::super::documents::court::kinds;
use super::super::super::documents::prison::Prisoner;
use super::super::super::mind::Word;
use super::super::super::people::Person;
use super::super::super::world::KAMLA;
use super::super::write::{Order, Update, Writer};
use super::{JAIL, MAGISTRATE, POLICE};

/// A man who is held in a case of theft at Kamla Bazar.
pub struct Held {
    /// The case.
    pub case: Case,
    /// Who he is.
    pub man: Person,
    /// He, as the jail has him.
    pub held: Prisoner,
}

/// From the FIR to the admission.
pub fn begin(story: &mut Writer) -> Held {
    let man = story.man();
    let case = story.case(KAMLA, &[&man]);
    story.fir("fir", "Kamla Bazar police register an FIR of theft.", &case).to(MAGISTRATE);
    let held = remand(story, ["arrest", "remand", "in-jail", "admission"], &case, &man);
    Held { case, man, held }
}

/// Arrest, remand and admission of one person of a case of Kamla Bazar; the names are those of the steps.
pub fn remand(story: &mut Writer, names: [&'static str; 4], case: &Case, man: &Person) -> Prisoner {
    let [arrest, remand, in_jail, admission] = names;
    let held = story.prisoner(man, JAIL);
    story
        .arrest(arrest, "The police arrest the accused and bring him before the Magistrate.", case, man)
        .to(MAGISTRATE);
    let days = json!({ "custody": "J", "remand": { "custody": "2", "provision": "1", "days": 14 } });
    let order = Order::of(MAGISTRATE, kinds::REMAND, case, man).to(&[JAIL]).about(days);
    story.order(remand, "The Magistrate remands him to judicial custody for 14 days.", order).to(JAIL).to(POLICE);
    story.says(in_jail, "The jail: carried out.", JAIL, remand, Word::new("executed"));
    let update = Update::of("ADMISSION", &held)
        .in_case(case, None, "UNDER_INVESTIGATION", json!({}))
        .with(json!({ "admission": { "from": "COURT", "throughIcjs": true, "warrantSeen": true } }));
    story.update(admission, "The jail has admitted him, and gives his number.", update).to(MAGISTRATE).to(POLICE);
    held
}
