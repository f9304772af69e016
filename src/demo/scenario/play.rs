//! Plays one story: each step is done by the system that serves its office, and unless the story says otherwise the next one
//! waits until what is expected has come to its receivers and their first word has come back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OwnedRwLockWriteGuard;

use super::super::books::Books;
use super::super::link::{Link, SharedBooks, open};
use super::super::mind::Word;
use super::super::world::{Doors, system_of};
use super::check::Messages;
use super::plan::Plan;
use super::script::{Act, Sending, Step, Story};
use crate::shell::exit::Exit;

/// Nothing in a story may take longer: the gateway's restarts take less than a second each.
const PATIENCE: Duration = Duration::from_secs(45);

/// Lines that fit on one screen, roughly: what an operator's command may print in a story.
const SCREEN: usize = 70;

/// What all stories share.
#[derive(Clone)]
pub struct Cast {
    /// The gateway's folder.
    pub dir: PathBuf,
    /// Each system's line to the gateway.
    pub links: Arc<HashMap<String, Arc<Link>>>,
    /// The books of all.
    pub books: SharedBooks,
    /// What receivers answer.
    pub plan: Arc<Plan>,
    /// Which systems are closed.
    pub doors: Doors,
    /// Steps done so far, of all stories.
    pub done: Arc<AtomicUsize>,
}

/// A story on its way.
pub struct Play<'s> {
    cast: Cast,
    story: &'s Story,
    dice: Rng,
    messages: Messages,
    closed: HashMap<&'static str, OwnedRwLockWriteGuard<()>>,
}

impl<'s> Play<'s> {
    /// A story that has not begun.
    pub fn new(cast: Cast, story: &'s Story, seed: u64) -> Self {
        Self { cast, story, dice: Rng::with_seed(seed), messages: Messages::new(), closed: HashMap::new() }
    }

    /// Plays it to its end; the messages of its steps are the answer. What went wrong stands in the books.
    pub async fn run(mut self) -> Messages {
        for step in &self.story.steps {
            if let Err(trouble) = self.step(step).await {
                let name = self.story.name;
                open(&self.cast.books).troubles.push(format!("{name}, step `{}`: {trouble}", step.name));
                break;
            }
            self.cast.done.fetch_add(1, Ordering::Relaxed);
        }
        self.messages
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::Send(sending) => self.send(step, sending).await,
            Act::Say { office, of, word } => self.say(office, of, word).await,
            Act::Operate(words) => self.look(words, &step.shows).await,
            Act::Close(system) => {
                let door = self.cast.doors.of(system);
                self.closed.insert(system, door.write_owned().await);
                Ok(())
            }
            Act::Open(system) => {
                self.closed.remove(system);
                Ok(())
            }
        }
    }

    fn link(&self, office: &str) -> Result<Arc<Link>, String> {
        let system = system_of(office).ok_or_else(|| format!("no system of the demo serves {office}"))?;
        self.cast.links.get(system).map(Arc::clone).ok_or_else(|| format!("{system} has no line"))
    }

    async fn send(&mut self, step: &Step, sending: &Sending) -> Result<(), String> {
        let link = self.link(&sending.line.office)?;
        for expected in &step.expects {
            self.cast.plan.learn(&sending.key, &expected.office, &expected.first);
        }
        let mut line = sending.line.clone();
        line.system = link.system().to_owned();
        let mut document = sending.document.clone();
        if let Some((of, reason)) = sending.changes {
            let message = self.messages.get(of).cloned().ok_or_else(|| format!("`{of}` was not sent"))?;
            line.replaces = open(&self.cast.books).event_of(&message);
            for (name, value) in [("icjs-action", line.action), ("icjs-replaces", &message), ("icjs-reason", reason)] {
                document.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        let wanted = line.expect.clone();
        let place = open(&self.cast.books).send(line);
        let answer = match link.submit(place, &document, &mut self.dice).await {
            Ok(answer) => answer,
            // Whether it should be refused, and with which code, is for the proof to say.
            Err(_) if wanted.refused() => return Ok(()),
            Err(code) => return Err(format!("refused with `{code}`")),
        };
        let message = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.messages.insert(step.name, message.clone());
        warned(step, &answer)?;
        if step.at_once {
            return Ok(());
        }
        for expected in step.expects.iter().filter(|expected| expected.arrives() && !expected.held) {
            if !expected.later && !goes_to(&answer, &expected.office) {
                return Err(format!("it does not go to {}: {}", expected.office, routed(&answer)));
            }
            let came = |books: &Books| {
                let delivery = delivery_at(books, &message, &expected.office);
                delivery.is_some_and(|id| heard(books, &id, expected.first.outcome))
            };
            self.until(&format!("{} to have it and to answer `{}`", expected.office, expected.first.outcome), came)
                .await?;
        }
        Ok(())
    }

    async fn say(&mut self, office: &str, of: &'static str, word: &Word) -> Result<(), String> {
        let link = self.link(office)?;
        let message = self.messages.get(of).cloned().ok_or_else(|| format!("`{of}` was not sent"))?;
        // A step that was not waited for may still be on its way.
        self.until(&format!("{office} to have `{of}`"), |books| delivery_at(books, &message, office).is_some()).await?;
        let delivery = delivery_at(&open(&self.cast.books), &message, office).unwrap_or_default();
        self.until(&format!("the answer to `{of}`"), |books| !books.heard(&delivery).is_empty()).await?;
        link.say(&delivery, word, &mut self.dice).await;
        self.until(&format!("the sender to hear `{}`", word.outcome), |books| heard(books, &delivery, word.outcome))
            .await
    }

    /// Runs the command line until it prints what it should: what follows from a record may take a moment to show.
    async fn look(&self, words: &[String], shows: &[String]) -> Result<(), String> {
        let (line, began) = (words.join(" "), Instant::now());
        loop {
            let printed = self.operate(words).await?;
            let missing = shows.iter().find(|text| !printed.contains(text.as_str()));
            match missing {
                None if printed.lines().count() > SCREEN => {
                    return Err(format!("`icjs {line}` fills more than a screen of {SCREEN} lines"));
                }
                None => return Ok(()),
                Some(text) if began.elapsed() > PATIENCE => {
                    return Err(format!("`{text}` does not stand in what `icjs {line}` prints"));
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }

    /// Runs the command line, again while the gateway is down; what it prints is the answer.
    async fn operate(&self, words: &[String]) -> Result<String, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let began = Instant::now();
        loop {
            let mut command = Command::new(&program);
            command.args(words).arg("--dir").arg(&self.cast.dir).env_remove("ICJS_DIR").stdin(Stdio::null());
            let output = command.output().await.map_err(|error| error.to_string())?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            let away = output.status.code() == Some(Exit::Unreachable as i32);
            if !away || began.elapsed() > PATIENCE {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("`icjs {}`: {said}", words.join(" ")));
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    async fn until(&self, what: &str, holds: impl Fn(&Books) -> bool) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if holds(&open(&self.cast.books)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Err(format!("waited in vain for {what}"))
    }
}

fn deliveries(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("deliveries").and_then(Value::as_array).into_iter().flatten()
}

fn goes_to(answer: &Value, office: &str) -> bool {
    deliveries(answer).any(|one| one.get("office").and_then(Value::as_str) == Some(office))
}

/// Where the gateway said that a record goes, and why.
fn routed(answer: &Value) -> String {
    let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let words = deliveries(answer).map(|one| {
        format!("{} {} {} ({})", text(one, "office"), text(one, "state"), text(one, "reason"), text(one, "why"))
    });
    words.collect::<Vec<_>>().join("; ")
}

/// The warnings that the script wants are in the answer.
fn warned(step: &Step, answer: &Value) -> Result<(), String> {
    let warnings = answer.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rules: Vec<&str> = warnings.iter().filter_map(|one| one.get("rule").and_then(Value::as_str)).collect();
    match step.warns.iter().find(|rule| !rules.contains(rule)) {
        Some(rule) => Err(format!("accepted without the warning `{rule}`; warnings: {rules:?}")),
        None => Ok(()),
    }
}

/// The delivery of a message that an office has, the newest if there are several.
fn delivery_at(books: &Books, message: &str, office: &str) -> Option<String> {
    let mut here = books.taken.iter().filter(|taken| taken.message == message && taken.office == office);
    here.next_back().map(|taken| taken.delivery.clone())
}

fn heard(books: &Books, delivery: &str, word: &str) -> bool {
    books.heard(delivery).iter().any(|(said, _)| said == word)
}
