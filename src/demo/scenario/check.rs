//! Holds the books against one story: each record went to exactly the offices that the story names, as the action that it
//! names, ended as it says, was answered in these words and no others, and came to each office in the story's order.

use std::collections::HashMap;

use super::super::books::{Books, Final, Taken};
use super::script::{Act, Expected, Story};

/// The messages of a story's steps, by the step's name.
pub type Messages = HashMap<&'static str, String>;

/// Every difference between what a story says and what happened.
pub fn differences(story: &Story, messages: &Messages, books: &Books, finals: &[Final]) -> Vec<String> {
    let mut found = Vec::new();
    for step in story.steps.iter().filter(|step| matches!(step.act, Act::Send(_))) {
        let message = messages.get(step.name).map(String::as_str).unwrap_or_default();
        let mut made: Vec<&Final> = finals.iter().filter(|one| one.message == message && !message.is_empty()).collect();
        for expected in &step.expects {
            let fits = |one: &&Final| one.office == expected.office && one.state == expected.state;
            let place =
                made.iter().position(fits).or_else(|| made.iter().position(|one| one.office == expected.office));
            match place.map(|place| made.remove(place)) {
                Some(delivery) => found.extend(compare(story, step.name, expected, delivery, books)),
                None => found.push(format!("{}: nothing went to {}", step.name, named(&expected.office))),
            }
        }
        for delivery in made.into_iter().filter(|one| !beside(story, &one.kind, &one.office, &one.state)) {
            let (office, state, code) = (named(&delivery.office), &delivery.state, &delivery.code);
            found.push(format!("{}: {office} gets it ({state} {code}), which the story does not say", step.name));
        }
    }
    found.extend(order(story, messages, books));
    found
}

/// Whether a story that tells of police, courts and prisons leaves a copy to the others: the prosecution has one of everything,
/// the prison one of the police's papers. The demo's proof and its rows look at those as well.
fn beside(story: &Story, kind: &str, office: &str, state: &str) -> bool {
    let papers = office.starts_with("prison:") && matches!(kind, "arrest" | "charge-sheet");
    let waits = office.is_empty() && state == "held";
    !story.whole && (office.starts_with("pp:") || papers || waits)
}

fn named(office: &str) -> &str {
    if office.is_empty() { "(no office)" } else { office }
}

fn compare(story: &Story, step: &str, expected: &Expected, delivery: &Final, books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |what: &str, wanted: &str, is: &str| {
        if wanted != is {
            let office = named(&expected.office);
            found.push(format!("{step} to {office}: {what} is `{is}`, the story says `{wanted}`"));
        }
    };
    differs("its state", expected.state, &delivery.state);
    differs("its code", expected.code, if delivery.state == "delivered" { "" } else { &delivery.code });
    differs("its action", expected.action, &delivery.action);
    if expected.arrives() {
        let words: Vec<String> = books.heard(&delivery.id).into_iter().map(|(word, _)| word).collect();
        differs("what its sender heard", &said(story, step, expected).join(", "), &words.join(", "));
    }
    let taken = books.taken.iter().find(|taken| taken.delivery == delivery.id);
    for text in &expected.reads {
        if !taken.is_some_and(|taken| taken.body.contains(text.as_str())) {
            found.push(format!("{step} to {}: `{text}` does not stand in it", expected.office));
        }
    }
    for text in &expected.lacks {
        if taken.is_some_and(|taken| taken.body.contains(text.as_str())) {
            found.push(format!("{step} to {}: `{text}` stands in it, and should not", expected.office));
        }
    }
    found
}

/// The words that the sender of a step's record hears of an office, in the story's order.
fn said(story: &Story, name: &str, expected: &Expected) -> Vec<&'static str> {
    let later = story.steps.iter().filter_map(|step| match &step.act {
        Act::Say { office, of, word } if *of == name && *office == expected.office => Some(word.outcome),
        _ => None,
    });
    std::iter::once(expected.first.outcome).chain(later).collect()
}

/// Records came to each office in the order of the steps. What is about liberty may pass what was tried in vain, and says so;
/// after a step for which the story does not wait, another lane may be quicker.
fn order(story: &Story, messages: &Messages, books: &Books) -> Vec<String> {
    let mut offices: HashMap<&str, Vec<(usize, &Taken)>> = HashMap::new();
    for (place, step) in story.steps.iter().enumerate() {
        let Some(message) = messages.get(step.name) else { continue };
        let here = books.taken.iter().filter(|taken| taken.message == *message);
        for taken in here.filter(|taken| !beside(story, &taken.kind, &taken.office, "")) {
            offices.entry(&taken.office).or_default().push((place, taken));
        }
    }
    let mut found = Vec::new();
    for (office, mut came) in offices {
        came.sort_by_key(|(_, taken)| taken.order);
        for (at, (late, passing)) in came.iter().enumerate() {
            for (early, passed) in came.iter().skip(at + 1).filter(|(early, _)| early < late) {
                let told = passing.passed.contains(&passed.delivery);
                // A correction stands where its original stands.
                let older = origin(story, *late) < *early;
                if !told && !older && !sent_on(story, *early, office) && !free(story, *early, *late) {
                    let name = |place: usize| story.steps.get(place).map(|step| step.name).unwrap_or_default();
                    found.push(format!("{office}: `{}` came before `{}`", name(*late), name(*early)));
                }
            }
        }
    }
    found
}

/// The step of the first version of what a step sends.
fn origin(story: &Story, place: usize) -> usize {
    let mut place = place;
    while let Some(Act::Send(sending)) = story.steps.get(place).map(|step| &step.act)
        && let Some((of, _)) = sending.changes
        && let Some(earlier) = story.steps.iter().position(|step| step.name == of)
        && earlier < place
    {
        place = earlier;
    }
    place
}

/// Whether an office gets a step's record later, from elsewhere: it stands where it arrives.
fn sent_on(story: &Story, place: usize, office: &str) -> bool {
    let step = story.steps.get(place);
    step.is_some_and(|step| step.expects.iter().any(|expected| expected.later && expected.office == office))
}

/// Whether the story leaves open which of two steps' records comes first: other lanes, and no wait between them.
fn free(story: &Story, early: usize, late: usize) -> bool {
    let lane = |place: usize| match story.steps.get(place).map(|step| &step.act) {
        Some(Act::Send(sending)) => sending.line.lane,
        _ => "",
    };
    let waited = story.steps.iter().take(late).skip(early).any(|step| !step.at_once && !step.expects.is_empty());
    lane(early) != lane(late) && !waited
}
