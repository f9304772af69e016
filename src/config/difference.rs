//! What differs between two configurations, for people: file by file, with the lines taken away and added.
//! Only for reading: nothing is ever applied from it.

use std::collections::BTreeSet;
use std::fmt::Write;

use bytes::Bytes;

use super::folder::Folder;

/// More changed lines of one file than this are counted, not shown.
const MOST_LINES: usize = 200;

/// Above this many comparisons a changed part is shown as taken away and added whole.
const MOST_COMPARISONS: usize = 4_000_000;

/// What differs, empty where nothing does:
///
/// ```text
/// changed config/routes.toml (+1 -1)
///   12 -to = "police"
///   12 +to = "courts"
/// ```
pub fn difference(before: &Folder, after: &Folder) -> String {
    let paths: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    let mut text = String::new();
    for path in paths {
        let (old, new) = (before.files.get(path), after.files.get(path));
        let word = match (old, new) {
            (Some(old), Some(new)) if old == new => continue,
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let (old, new) = (text_of(old), text_of(new));
        let changes = changes(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
        let come = changes.iter().filter(|change| change.sign == '+').count();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{word} {path} (+{come} -{})", changes.len() - come);
        if word != "changed" {
            continue;
        }
        for Change { line, sign, text: said } in changes.iter().take(MOST_LINES) {
            let _ = writeln!(text, "  {line} {sign}{said}");
        }
        if changes.len() > MOST_LINES {
            let _ = writeln!(text, "  and {} more lines", changes.len() - MOST_LINES);
        }
    }
    text
}

fn text_of(contents: Option<&Bytes>) -> String {
    contents.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// A line that is only in one of the two; `line` counts from 1 in the text that has it.
#[derive(Debug, PartialEq, Eq)]
struct Change<'t> {
    line: usize,
    sign: char,
    text: &'t str,
}

fn changes<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Change<'t>> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let rest = |all: &[&'t str]| all.get(head..).map(<[&str]>::to_vec).unwrap_or_default();
    let (mut old, mut new) = (rest(old), rest(new));
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    old.truncate(old.len() - tail);
    new.truncate(new.len() - tail);
    let kept = if old.len() * new.len() > MOST_COMPARISONS { Vec::new() } else { common(&old, &new) };
    let mut found = Vec::new();
    let (mut at_old, mut at_new) = (0, 0);
    // A last pair beyond both ends flushes what remains.
    for (keep_old, keep_new) in kept.into_iter().chain([(old.len(), new.len())]) {
        let between = |all: &[&'t str], from: usize, to: usize, sign: char| -> Vec<Change<'t>> {
            let lines = all.iter().enumerate().take(to).skip(from);
            lines.map(|(at, text)| Change { line: head + at + 1, sign, text }).collect()
        };
        found.extend(between(&old, at_old, keep_old, '-'));
        found.extend(between(&new, at_new, keep_new, '+'));
        (at_old, at_new) = (keep_old + 1, keep_new + 1);
    }
    found
}

/// The longest common subsequence, as pairs of places.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let best = if a == b {
                at(&longest, i + 1, j + 1) + 1
            } else {
                at(&longest, i + 1, j).max(at(&longest, i, j + 1))
            };
            if let Some(cell) = longest.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if a == b {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if at(&longest, i + 1, j) >= at(&longest, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::config::Folder;

    fn between(old: &str, new: &str) -> String {
        let (mut before, mut after) = (Folder::default(), Folder::default());
        before.put("config/a.toml", old);
        after.put("config/a.toml", new);
        difference(&before, &after)
    }

    #[test]
    fn a_changed_file_is_told_with_its_lines_and_places() {
        let told = between("one\ntwo\nthree\nfour\n", "one\nzwei\nthree\nfour\nfive\n");
        assert_eq!(told, "changed config/a.toml (+2 -1)\n  2 -two\n  2 +zwei\n  5 +five\n");
    }

    #[test]
    fn a_line_moved_far_is_one_taken_away_and_one_added() {
        let told = between("a\nb\nc\nd\n", "b\nc\nd\na\n");
        assert_eq!(told, "changed config/a.toml (+1 -1)\n  1 -a\n  4 +a\n");
    }

    #[test]
    fn the_same_is_no_difference_and_files_that_come_and_go_are_named() {
        assert_eq!(between("a\n", "a\n"), "");
        let mut one = Folder::default();
        one.put("config/x.toml", "1\n2\n");
        assert_eq!(difference(&Folder::default(), &one), "added config/x.toml (+2 -0)\n");
        assert_eq!(difference(&one, &Folder::default()), "removed config/x.toml (+0 -2)\n");
    }

    #[test]
    fn a_huge_change_is_counted_and_not_shown_whole() {
        let old: String = (0..3000).map(|n| format!("old {n}\n")).collect();
        let new: String = (0..3000).map(|n| format!("new {n}\n")).collect();
        let told = between(&old, &new);
        assert!(told.starts_with("changed config/a.toml (+3000 -3000)\n"));
        assert!(told.ends_with("  and 5800 more lines\n"));
    }
}
