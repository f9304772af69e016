//! `config/administrators.toml`: who may call the admin API with a token, as what, and what needs two persons. Tokens
//! themselves are in no configuration, only their digests. Who asks is `admin`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Document, Findings, Said, Section, meant};
use super::folder::Folder;
use crate::clock::Timestamp;
use crate::seal;

/// Where administrators are configured.
pub const FILE: &str = "config/administrators.toml";

/// Longer than this no proposal waits: what was right a month ago is looked at anew.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// What somebody may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads how the gateway is run.
    Auditor,
    /// Looks at messages and cases, and orders deliveries, links and alerts.
    Operator,
    /// Changes the configuration.
    Administrator,
}

/// Every role, in the words of the file.
const ROLES: [(&str, Role); 3] =
    [("auditor", Role::Auditor), ("operator", Role::Operator), ("administrator", Role::Administrator)];

impl Role {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        ROLES.iter().find(|(_, role)| *role == self).map_or("", |(word, _)| word)
    }
}

/// What may need two persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A new revision, also by a rollback.
    Revisions,
    /// Trying a delivery again now.
    Retry,
    /// A new delivery in place of one that failed.
    Repair,
    /// Letting a lane go on.
    Release,
    /// Sending the same bytes again.
    Replay,
    /// A new delivery whatever became of the old one, by `replay` or `repair` with force.
    ReplayForce,
}

/// Every deed, in the words of the file.
const DEEDS: [(&str, Deed); 6] = [
    ("revisions", Deed::Revisions),
    ("retry", Deed::Retry),
    ("repair", Deed::Repair),
    ("release", Deed::Release),
    ("replay", Deed::Replay),
    ("replay-force", Deed::ReplayForce),
];

impl Deed {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        DEEDS.iter().find(|(_, deed)| *deed == self).map_or("", |(word, _)| word)
    }

    /// The deed of that word.
    pub fn parse(word: &str) -> Option<Self> {
        DEEDS.iter().find(|(known, _)| *known == word).map(|(_, deed)| *deed)
    }

    /// Whose it is.
    pub fn least(self) -> Role {
        if self == Self::Revisions { Role::Administrator } else { Role::Operator }
    }
}

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// Who.
    pub name: String,
    /// As what.
    pub role: Role,
    /// SHA-256 of the token's text.
    pub token: [u8; 32],
    /// From then on the token is good for nothing.
    pub until: Timestamp,
}

/// Everybody with a token, and what needs two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrators {
    /// In file order.
    pub named: Vec<Administrator>,
    /// What needs two persons.
    pub two_persons: Vec<Deed>,
    /// How long a proposal waits.
    pub proposals_last: Duration,
}

impl Default for Administrators {
    fn default() -> Self {
        Self { named: Vec::new(), two_persons: Vec::new(), proposals_last: Duration::from_secs(72 * 3600) }
    }
}

impl Administrators {
    /// Those of a folder that has passed its check.
    pub fn of(folder: &Folder) -> Self {
        compile(folder, &Findings::default())
    }

    /// Whose token that is at this moment. Every digest is compared, and each in constant time.
    pub fn who(&self, token: &str, now: Timestamp) -> Option<&Administrator> {
        let digest = seal::sha256(token.as_bytes());
        let mut found = None;
        for one in &self.named {
            if seal::same(&digest, &one.token) && now < one.until {
                found = Some(one);
            }
        }
        found
    }

    /// The administrator of that name whose token is good at this moment.
    pub fn named(&self, name: &str, now: Timestamp) -> Option<&Administrator> {
        self.named.iter().find(|one| one.name == name && now < one.until)
    }

    /// Whether the deed needs two persons. By force it needs them wherever it does without.
    pub fn needs_two(&self, deed: Deed) -> bool {
        let milder = [Deed::Replay, Deed::Repair].iter().any(|milder| self.two_persons.contains(milder));
        self.two_persons.contains(&deed) || (deed == Deed::ReplayForce && milder)
    }
}

pub(super) fn compile(folder: &Folder, findings: &Findings) -> Administrators {
    let mut all = Administrators::default();
    let Some(contents) = folder.files.get(FILE) else { return all };
    let Some(document) = Document::parse(FILE, contents, findings) else { return all };
    let mut root = document.section("this file", findings);
    let asked = deeds(&mut root);
    all.two_persons = asked.iter().map(|said| said.value).collect();
    if let Some(time) = root.duration("proposals_last") {
        if time.is_zero() || time > LONGEST {
            root.error(root.line_of("proposals_last"), "`proposals_last` is more than nothing and at most `30d`");
        }
        all.proposals_last = time;
    }
    let (mut names, mut tokens) = (BTreeMap::new(), BTreeMap::new());
    for mut section in root.sections("administrator") {
        let found = administrator(&mut section);
        let line = section.line;
        section.finish();
        let Some(one) = found else { continue };
        if let Some(first) = names.insert(one.name.clone(), line) {
            findings.error(FILE, line, format!("administrator `{}` is there twice; first in line {first}", one.name));
        }
        if let Some(first) = tokens.insert(one.token, line) {
            let said = format!("this token is also that of the administrator in line {first}: each has one of his own");
            findings.error(FILE, line, said);
        }
        all.named.push(one);
    }
    enough(&asked, &all, &root);
    root.finish();
    all
}

fn deeds(root: &mut Section<'_, '_>) -> Vec<Said<Deed>> {
    let mut found: Vec<Said<Deed>> = Vec::new();
    for said in root.texts("two_persons") {
        match Deed::parse(&said.value) {
            Some(deed) if found.iter().any(|one| one.value == deed) => {
                root.error(said.line, format!("`{}` is listed twice in `two_persons`", said.value));
            }
            Some(deed) => found.push(Said { value: deed, line: said.line }),
            None => {
                let words: Vec<&str> = DEEDS.iter().map(|(word, _)| *word).collect();
                let hint = meant(&said.value, words.iter().copied());
                let listed = words.join("`, `");
                root.error(said.line, format!("`two_persons` has `{}`; it lists `{listed}`{hint}", said.value));
            }
        }
    }
    found
}

/// What needs two persons must have them; and whoever may change this file alone may do all the rest alone.
fn enough(asked: &[Said<Deed>], all: &Administrators, root: &Section<'_, '_>) {
    if let Some(first) = asked.first()
        && !all.two_persons.contains(&Deed::Revisions)
    {
        root.error(first.line, "`two_persons` must list `revisions` too: else one person takes the others out");
    }
    for said in asked {
        let least = said.value.least();
        let able = all.named.iter().filter(|one| one.role >= least).count();
        if able < 2 {
            let (deed, role) = (said.value.as_str(), least.as_str());
            root.error(said.line, format!("`{deed}` needs two persons: name two with the role `{role}` or above"));
        }
    }
}

fn administrator(section: &mut Section<'_, '_>) -> Option<Administrator> {
    let name = section.required("name");
    if let Some(said) = &name {
        let known = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"._-".contains(&letter);
        if !said.value.bytes().all(known) || said.value.len() > 64 {
            section.error(said.line, format!("`name` is `{}`; write up to 64 of a-z, 0-9, `.`, `_`, `-`", said.value));
        }
        if said.value == "owner" {
            section.error(said.line, "`owner` is whoever runs the gateway; he has no token");
        }
    }
    section.required("role");
    let words: Vec<&str> = ROLES.iter().map(|(word, _)| *word).collect();
    let role = section.word("role", &words);
    let role = role.and_then(|said| ROLES.iter().find(|(word, _)| *word == said.value)).map(|(_, role)| *role);
    let token = section.required("token_sha256").and_then(|said| {
        let digest: Option<[u8; 32]> = seal::unhex(&said.value).and_then(|bytes| bytes.try_into().ok());
        if digest.is_none() {
            let what = "`token_sha256` is 64 hexadecimal digits; `icjs administrator token --to FILE` prints them";
            section.error(said.line, what);
        }
        digest
    });
    let until = section.required("until").and_then(|said| {
        let read = moment(&said.value);
        if read.is_none() {
            let what = format!("`until` is `{}`; write `2027-03-31` or `2027-03-31T18:00:00+05:30`", said.value);
            section.error(said.line, what);
        }
        read
    });
    Some(Administrator { name: name?.value, role: role?, token: token?, until: until? })
}

/// The end of a day in Indian time, or a moment with offset.
pub fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| {
        Timestamp::parse(&format!("{text}T00:00:00+05:30")).map(|day| day.after(Duration::from_secs(86_400)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Administrators, Deed, FILE, Role, compile, moment};
    use crate::config::Folder;
    use crate::config::document::Findings;
    use crate::seal;

    fn read(text: &str) -> (Administrators, Vec<String>) {
        let mut folder = Folder::default();
        folder.put(FILE, text);
        let findings = Findings::default();
        let all = compile(&folder, &findings);
        (all, findings.into_parts().0.iter().map(ToString::to_string).collect())
    }

    fn one(name: &str, role: &str, token: &str) -> String {
        let digest = seal::hex(&seal::sha256(token.as_bytes()));
        format!(
            "[[administrator]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_sha256 = \"{digest}\"\nuntil = \"2027-03-31\"\n"
        )
    }

    #[test]
    fn a_token_is_good_until_the_end_of_its_last_day_and_for_its_own_name_only() {
        let (all, errors) = read(&[one("asha", "administrator", "t1"), one("ravi", "auditor", "t2")].concat());
        assert_eq!(errors, [] as [String; 0]);
        let last = moment("2027-03-31T23:59:59+05:30").unwrap();
        assert_eq!(all.who("t1", last).map(|one| (one.name.as_str(), one.role)), Some(("asha", Role::Administrator)));
        assert_eq!(all.who("t2", last).map(|one| one.name.as_str()), Some("ravi"));
        assert_eq!(all.who("t3", last), None);
        assert_eq!(all.who("t1", moment("2027-03-31").unwrap()), None);
    }

    #[test]
    fn what_two_persons_are_asked_for_has_two_and_every_mistake_is_told() {
        let two = [one("asha", "administrator", "t1"), one("ravi", "administrator", "t2")].concat();
        let (all, errors) = read(&format!("two_persons = [\"revisions\", \"replay\"]\n{two}"));
        assert_eq!(errors, [] as [String; 0]);
        assert!(all.needs_two(Deed::Revisions) && all.needs_two(Deed::ReplayForce) && !all.needs_two(Deed::Repair));
        let told = |text: &str| read(text).1.join("\n");
        let alone = told(&format!("two_persons = [\"repair\"]\n{two}"));
        assert!(alone.contains("administrators.toml:1: `two_persons` must list `revisions` too"), "{alone}");
        let few = format!(
            "two_persons = [\"revisions\"]\n{}",
            one("asha", "administrator", "t1") + &one("ravi", "operator", "t2")
        );
        assert!(told(&few).contains("name two with the role `administrator`"), "{}", told(&few));
        let same = one("asha", "operator", "t1") + &one("ravi", "operator", "t1") + &one("asha", "auditor", "t3");
        let same = told(&same);
        assert!(same.contains("also that of the administrator in line 1"), "{same}");
        assert!(same.contains("`asha` is there twice; first in line 1"), "{same}");
        let wrong =
            told(&one("owner", "boss", "t").replace("2027-03-31", "soon").replace("sha256 = \"", "sha256 = \"x"));
        for words in ["he has no token", "`role` is `boss`", "64 hexadecimal digits", "`until` is `soon`"] {
            assert!(wrong.contains(words), "{words}: {wrong}");
        }
        assert!(told("two_persons = [\"revision\"]\n").contains("did you mean `revisions`"));
    }
}
