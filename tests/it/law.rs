//! The code tables that are made from the law: every section of the BNS once or as the First Schedule of the BNSS has it, its
//! class and longest term held against the text of the Acts where that lies beside the project (`../shared/law`), and what
//! a citation of a section that does not exist comes to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use icjs::codes::{Codes, Row, Table};
use serde_json::{Value, json};

use super::harness::{Client, Folder, Gateway, Party};

const SHEET: &str = include_str!("../../schemas/examples/charge-sheet-1.json");
/// The last section of the BNS.
const LAST: u32 = 358;
/// The last row of the First Schedule that the XML of the BNSS still holds: the conversion lost what follows.
const HELD: &str = "189(5)";

fn table(name: &str) -> std::sync::Arc<Table> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("mappings/codes/{name}.csv"));
    let mut codes = Codes::default();
    codes.add(name, &std::fs::read(path).unwrap()).unwrap();
    codes.table(name).unwrap().clone()
}

/// An Act's XML as text, or a word on the terminal that it is not there.
fn act(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../shared/law/{name}.xml"));
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {} is not there, so the table is not held against the text of the Act", path.display());
    }
    text
}

fn plain(xml: &str) -> String {
    let mut text = String::with_capacity(xml.len());
    let mut inside = false;
    for c in xml.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn number(section: &str) -> u32 {
    section.split('(').next().unwrap().parse().unwrap()
}

fn fact<'r>(row: &'r Row, name: &str) -> &'r str {
    row.facts.get(name).map_or("", |said| said)
}

#[test]
fn every_section_of_the_bns_is_there_in_order_with_its_class_or_none() {
    let table = table("bns-section");
    let mut rows: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    let mut before = 0;
    for row in &table.rows {
        let section = number(&row.shared);
        assert!(section == before || section == before + 1, "`{}` after section {before}", row.shared);
        before = section;
        rows.entry(section).or_default().push(row);
    }
    assert_eq!((u32::try_from(rows.len()).unwrap(), before), (LAST, LAST));
    let words: [(&str, &[&str]); 3] = [
        ("cognizable", &["yes", "no", "relative", "conditional"]),
        ("bailable", &["yes", "no", "relative"]),
        ("court", &["session", "magistrate-first-class", "any-magistrate", "relative", "court-of-offence"]),
    ];
    for (section, rows) in &rows {
        let classed = rows.iter().filter(|row| !row.facts.is_empty()).count();
        assert!(classed == rows.len() || rows.len() == 1, "{section}: rows with a class and rows without one");
        for row in rows.iter().filter(|row| !row.facts.is_empty()) {
            for (name, words) in words {
                assert!(words.contains(&fact(row, name)), "{}: {name} is `{}`", row.shared, fact(row, name));
            }
            let term = fact(row, "max_term");
            let counted = term.trim_end_matches(['y', 'm', 'h']).parse::<u32>().is_ok();
            let said = ["death", "life", "fine", "relative", "unstated", "community-service"].contains(&term);
            assert!(counted || said, "{}: max_term is `{term}`", row.shared);
            assert!(row.source.contains("First Schedule"), "{}: {}", row.shared, row.source);
        }
    }
    // What is punished with death or for life is never left to any Magistrate.
    for row in table.rows.iter().filter(|row| matches!(fact(row, "max_term"), "death" | "life")) {
        assert_ne!(fact(row, "court"), "any-magistrate", "{}", row.shared);
    }
}

/// Cognizable, bailable and court of every row that says all three plainly, in the order of the Schedule.
fn classes(schedule: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let words: Vec<&str> = schedule.split(' ').collect();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let bailable = match words[at] {
            "Bailable." => "yes",
            "Non-bailable." => "no",
            _ => continue,
        };
        let before = (words[at - 2], words[at - 1]);
        let cognizable = match before {
            (_, "Cognizable." | "Cognizable") | ("Cognizable", "if") => "yes",
            (_, "Non-cognizable." | "Non-") => "no",
            _ => continue,
        };
        let court = match (words.get(at + 1), words.get(at + 2), words.get(at + 3)) {
            (Some(&"Court"), Some(&"of"), Some(&"Session.")) => "session",
            (Some(&"Magistrate"), Some(&"of"), _) => "magistrate-first-class",
            (Some(&"Any"), Some(&"Magistrate."), _) => "any-magistrate",
            _ => continue,
        };
        found.push((cognizable, bailable, court));
    }
    found
}

#[test]
fn the_classes_are_those_of_the_first_schedule_as_far_as_the_text_goes() {
    let Some(xml) = act("bharatiya-nagarik-suraksha-sanhita-2023") else { return };
    let text = plain(&xml);
    let begin = text.find("OFFENCES UNDER THE BHARATIYA NYAYA SANHITA").unwrap();
    let end = begin + text[begin..].find("189(6) Hiring").unwrap();
    let schedule = classes(&text[begin..end]);
    let table = table("bns-section");
    let mut ours = Vec::new();
    for row in table.rows.iter().filter(|row| !row.facts.is_empty()) {
        let cognizable = if fact(row, "cognizable") == "conditional" { "yes" } else { fact(row, "cognizable") };
        ours.push((cognizable, fact(row, "bailable"), fact(row, "court"), row.shared.as_str()));
        if row.shared == HELD {
            break;
        }
    }
    ours.retain(|(cognizable, bailable, court, _)| ![*cognizable, *bailable, *court].contains(&"relative"));
    for ((cognizable, bailable, court, section), said) in ours.iter().zip(&schedule) {
        assert_eq!(&(*cognizable, *bailable, *court), said, "section {section}");
    }
    assert_eq!((ours.len(), schedule.len()), (169, 169), "every row that says all three plainly");
}

/// The sections of an Act by their numbers, each with its text from the heading on.
fn sections(xml: &str) -> BTreeMap<u32, String> {
    let parts = xml.split("<section ").skip(1).map(plain_section);
    parts.flatten().collect()
}

fn plain_section(part: &str) -> Option<(u32, String)> {
    let inner = part.split("</section>").next()?;
    let text = plain(&format!("<{inner}"));
    let (number, text) = text.split_once('.')?;
    Some((number.trim().parse().ok()?, text.trim().to_owned()))
}

/// Every longest term that a text names, as the table writes it.
fn terms(text: &str) -> Vec<String> {
    const WORDS: [(&str, u32); 10] = [
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("five", 5),
        ("six", 6),
        ("seven", 7),
        ("ten", 10),
        ("fourteen", 14),
        ("twenty", 20),
        ("twenty-four", 24),
    ];
    let mut found = Vec::new();
    let words: Vec<&str> = text.split(' ').map(|word| word.trim_matches([',', ';', '.', ':'])).collect();
    for pair in words.windows(2) {
        let Some((_, count)) = WORDS.iter().find(|(word, _)| *word == pair[0]) else { continue };
        let unit = match pair[1] {
            "year" | "years" => "y",
            "month" | "months" => "m",
            "hours" => "h",
            _ => continue,
        };
        found.push(format!("{count}{unit}"));
    }
    let life = text.contains("imprisonment for life") || text.contains("remainder of that person");
    found.extend(life.then(|| "life".to_owned()));
    found.extend(text.contains("with death").then(|| "death".to_owned()));
    found
}

/// The text of the sub-section that a row names, else of the whole section.
fn cited<'t>(row: &str, text: &'t str) -> &'t str {
    let Some(sub) = row.split(['(', ')']).nth(1).and_then(|sub| sub.parse::<u32>().ok()) else { return text };
    let Some(begin) = text.find(&format!("({sub}) ")) else { return text };
    let rest = &text[begin + 3..];
    rest.find(&format!(" ({}) ", sub + 1)).map_or(rest, |end| &rest[..end])
}

#[test]
fn headings_and_longest_terms_are_those_of_the_bns() {
    let Some(xml) = act("bharatiya-nyaya-sanhita-2023") else { return };
    let sections = sections(&xml);
    assert_eq!((u32::try_from(sections.len()).unwrap(), sections.keys().copied().max()), (LAST, Some(LAST)));
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let mut held = 0;
    let mut otherwise = Vec::new();
    let table = table("bns-section");
    for row in &table.rows {
        let text = &sections[&number(&row.shared)];
        let heading = row.label_en.split(": ").next().unwrap();
        assert!(
            squeezed(text).starts_with(&squeezed(heading)),
            "{}: `{heading}` is not the heading of\n{text}",
            row.shared
        );
        let term = fact(row, "max_term");
        if term.ends_with(['y', 'm', 'h']) || matches!(term, "life" | "death") {
            if terms(cited(&row.shared, text)).iter().any(|said| said == term) {
                held += 1;
            } else {
                otherwise.push((row.shared.as_str(), term.to_owned()));
            }
        }
    }
    // It refers to another sub-section for the punishment.
    assert_eq!(otherwise, [("350(2)", "3y".to_owned())], "the text names another term");
    assert!(held > 400, "{held} terms were held against the text");
}

#[test]
fn old_sections_lead_to_sections_that_are_there_and_name_their_page() {
    let new = table("bns-section");
    let old = table("ipc-bns");
    assert!(old.rows.len() > 100);
    for row in &old.rows {
        let to = fact(row, "bns").parse::<u32>().unwrap();
        assert!(new.rows.iter().any(|row| number(&row.shared) == to), "{}: section {to}", row.shared);
        let page = row.source.rsplit_once(", p. ").map(|(_, page)| page.parse::<u32>());
        assert!(matches!(page, Some(Ok(21..=25))), "{}: {}", row.shared, row.source);
    }
}

#[test]
fn states_have_the_codes_of_the_local_government_directory() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/tables/lgd-states.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is not there, so the table is not held against it", path.display());
        return;
    };
    let ours = table("state");
    let mut lines = text.lines();
    lines.next();
    let mut count = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let row = ours.by_shared(&format!("{:0>2}", cells[0])).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(row.label_en.to_uppercase(), cells[1], "{line}");
        assert_eq!(fact(row, "kind"), if cells[4] == "S" { "state" } else { "union-territory" }, "{line}");
        let census = fact(row, "census_2011");
        assert!(census.is_empty() || census.trim_start_matches('0') == cells[3], "{line}");
        count += 1;
    }
    assert_eq!(ours.rows.len(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_section_that_its_act_does_not_have_is_taken_as_sent_and_said_to_its_sender() {
    let kinds = ["charge-sheet"];
    let folder = Folder::shipped(&[
        Party::pulling("police", "police", &["ps:38101004"]).speaking("shared", &kinds, &[]),
        Party::pulling("courts", "courts", &["court:DLCT01", "court:DLCT01/3"]).speaking("shared", &[], &kinds),
    ]);
    let gateway = Gateway::start(&folder).await;
    let police = Client::connect(&folder, gateway.exchange, "police").await;
    let mut sheet: Value = serde_json::from_str(SHEET).unwrap();
    sheet["acts"][0]["section"] = json!("498A");
    sheet["acts"][1]["section"] = json!("317(2), 411");
    sheet["accused"][0]["charges"][0]["section"]["read_with"] = json!(["3(5)", "359"]);
    let accepted = police.accepted("charge-sheet", "k", &sheet).await;
    let warnings = accepted["warnings"].as_array().unwrap().iter();
    let said: Vec<&str> =
        warnings.filter(|one| one["rule"] == "section-unknown").filter_map(|one| one["message"].as_str()).collect();
    let words = |section: &str| {
        format!("Bharatiya Nyaya Sanhita, 2023 has no section `{section}`; the citation is kept as it was sent")
    };
    assert_eq!(said, [words("498A"), words("359")], "{accepted}");
    let codes = police.get("/v1/codes/bns-section").await.unwrap().expect(200).json();
    let theft = codes["codes"].as_array().unwrap().iter().find(|row| row["shared"] == "303(2)").unwrap();
    assert_eq!(
        (&theft["label_en"], &theft["cognizable"], &theft["bailable"]),
        (&json!("Theft"), &json!("yes"), &json!("no"))
    );
    assert_eq!((&theft["court"], &theft["max_term"]), (&json!("any-magistrate"), &json!("5y")));
}
