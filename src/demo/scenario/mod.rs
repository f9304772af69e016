//! Named cases as they really run, each with every message that is expected of it written down. They are played through a
//! real gateway by the simulated systems of the demo, which misbehave as always; then the books are held against what is
//! written. `write` has the words of a story, `stories` the stories.

mod script;
mod write;
mod stories;
mod plan;
mod play;
mod check;
mod tell;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinSet;

use super::report::Report;
use super::stage::Stage;
use super::{Options, broken, rows};
use crate::demo::link::open;
use crate::demo::mind::Mind;
use crate::demo::proof;
use crate::shell::exit::{Done, Exit, Failure};
use crate::shell::output::Output;
use plan::Plan;
use play::{Cast, Play};
use script::Story;
use tell::Told;

/// The stories that a name means: one, several with commas between them, or `all`.
pub fn named(name: &str, seed: u64) -> Result<Vec<Story>, Failure> {
    let mut stories = stories::all(seed);
    if name == "all" {
        return Ok(stories);
    }
    let names: Vec<String> = stories.iter().map(|story| format!("  {:28} {}", story.name, story.title)).collect();
    let wanted: Vec<&str> = name.split(',').collect();
    if let Some(unknown) = wanted.iter().find(|name| stories.iter().all(|story| story.name != **name)) {
        let failure = Failure::new(
            Exit::Usage,
            format!("there is no scenario `{unknown}`"),
            "name some of those above, or `all`",
        );
        return Err(failure.with(names));
    }
    stories.retain(|story| wanted.contains(&story.name));
    Ok(stories)
}

/// Plays stories all at once through one gateway, tells them, and proves them.
pub async fn play(dir: &Path, stories: Vec<Story>, options: &Options, output: Output) -> Done {
    let plan = Arc::new(Plan::default());
    let mut stage = Stage::build(dir, options, Some(plan.clone() as Arc<dyn Mind>)).await?;
    stage.introduce(dir, output);
    let pulling = stage.open_feeds(options.seed, true, |_| plan.clone());
    let began = Instant::now();
    let total = stories.iter().map(|story| story.steps.len()).sum();
    let done = Arc::new(AtomicUsize::new(0));
    let cast = Cast {
        dir: dir.to_owned(),
        links: Arc::clone(&stage.links),
        books: Arc::clone(&stage.books),
        plan,
        doors: stage.doors.clone(),
        done: Arc::clone(&done),
    };
    let mut playing = JoinSet::new();
    for (place, story) in (0_u64..).zip(stories) {
        let cast = cast.clone();
        let seed = options.seed.wrapping_add(place);
        playing.spawn(async move {
            let messages = Play::new(cast, &story, seed).run().await;
            (place, story, messages)
        });
    }
    let (mut played, kills) = stage.watch(playing, &done, total, options.kill).await?;
    stage.quiet().await;
    drop(pulling);
    stage.progress.end();
    played.sort_by_key(|(place, ..)| *place);
    let finals = stage.finals.all().await?;
    let holds = {
        let books = open(&stage.books);
        let mut proof = proof::check(&books, &finals);
        proof.unexpected.extend(rows::misdirected(&books, &finals));
        let told = played.iter().map(|(_, story, messages)| {
            let faults = check::differences(story, messages, &books, &finals);
            Told::of(story, messages, &books, &finals, faults)
        });
        let told: Vec<Told> = told.collect();
        let faults = told.iter().flat_map(|one| one.faults.iter().map(|fault| format!("{}: {fault}", one.name)));
        proof.unexpected.extend(faults);
        let mut report = Report::of(&books, &finals);
        if output.json {
            let mut document = report.document(&proof, &books, kills, &rows::count(&books));
            if let Some(fields) = document.as_object_mut() {
                fields.insert("scenarios".to_owned(), Value::from(told.iter().map(Told::document).collect::<Vec<_>>()));
            }
            output.document(&document);
        } else {
            told.iter().for_each(|one| one.print(output));
            output.line("");
            let count = if told.len() == 1 { "one scenario".to_owned() } else { format!("{} scenarios", told.len()) };
            output.line(format!("{count} in {:.1} s", began.elapsed().as_secs_f64()));
            report.prove(&proof, &books, kills, output);
        }
        proof.holds()
    };
    if !holds {
        return Err(broken());
    }
    stage.end().await
}
