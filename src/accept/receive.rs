//! What can be judged before the body is read: kind, permission, media type, headers. Then the body itself.
//! A submission's headers come as texts; who read them from HTTP (or from a line of a batch) is not known here.

use bytes::Bytes;
use icjs_kit::Limits;

use super::Desk;
use super::refuse::{Code, Refusal};
use crate::config::{Dialect, Kind, Revision};
use crate::identifiers::{KindName, MessageId, OfficeId};
use crate::journal::Action;
use crate::officers::Officer;
use crate::tokens::Caller;

/// One request to accept a record, without its body. Texts as sent.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Kind, from the path.
    pub kind: KindName,
    /// `Content-Type`.
    pub media_type: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `Icjs-Office`.
    pub office: Option<String>,
    /// `Icjs-Action`.
    pub action: Option<String>,
    /// `Icjs-Replaces`.
    pub replaces: Option<String>,
    /// `Icjs-Reason`.
    pub reason: Option<String>,
    /// `Icjs-Actor`: the officer, or why it names none; refused with the other headers, so that it is remembered with them.
    pub actor: Result<Option<Officer>, Refusal>,
    /// It came in a batch: what is live goes first.
    pub bulk: bool,
}

/// A submission that may come in: every header is understood.
#[derive(Clone, Debug)]
pub struct Door {
    /// Who, under which revision.
    pub caller: Caller,
    /// Kind.
    pub kind: KindName,
    /// Header key.
    pub key: Option<String>,
    /// Office named in the header; it is the caller's.
    pub office: Option<OfficeId>,
    /// What is asked.
    pub action: Action,
    /// The version to replace.
    pub replaces: Option<MessageId>,
    /// Why.
    pub reason: Option<String>,
    /// The officer.
    pub actor: Option<Officer>,
    /// It came in a batch.
    pub bulk: bool,
    /// Bytes that the body may have.
    pub limit: usize,
}

impl Door {
    /// How the caller speaks this kind.
    pub fn dialect(&self) -> Result<&Dialect, Refusal> {
        let system = self.caller.system()?;
        self.caller.revision().dialect(system, &self.kind).ok_or_else(|| not_spoken(&self.caller, &self.kind))
    }

    /// The kind.
    pub fn kind(&self) -> Result<&Kind, Refusal> {
        self.caller.revision().kinds.get(&self.kind).ok_or_else(|| unknown(&self.caller, &self.kind))
    }
}

/// Longest texts that the headers may hold: they are kept with the record.
const LONGEST_KEY: usize = 255;
const LONGEST_REASON: usize = 1000;

/// Judges everything but the body.
pub fn receive(desk: &Desk, caller: &Caller, submission: Submission) -> Result<Door, Refusal> {
    let system = caller.system()?;
    let revision = caller.revision();
    if !revision.kinds.contains_key(&submission.kind) {
        return Err(unknown(caller, &submission.kind));
    }
    if !system.send.contains(&submission.kind) {
        let kinds = system.send.join("`, `");
        let detail = format!("`{}` may not send `{}`; it sends `{kinds}`", system.name, submission.kind);
        return Err(Refusal::new(Code::NotAllowed, detail));
    }
    if !caller.may_send(&submission.kind) {
        let detail = format!("this token has no scope `send:{}`; ask for one that has it", submission.kind);
        return Err(Refusal::new(Code::NotAllowed, detail));
    }
    let dialect = revision.dialect(system, &submission.kind).filter(|dialect| dialect.sends);
    let dialect = dialect.ok_or_else(|| not_spoken(caller, &submission.kind))?;
    media_type(&submission, dialect, &system.adapter)?;
    let (action, replaces) = action(&submission)?;
    let inside = dialect.files.map_or(0, |cap| usize::try_from(cap.div_ceil(3) * 4).unwrap_or(0));
    Ok(Door {
        key: key(submission.idempotency_key.as_deref())?,
        office: office(caller, submission.office.as_deref())?,
        action,
        replaces,
        reason: text("Icjs-Reason", submission.reason)?,
        actor: submission.actor?,
        bulk: submission.bulk,
        // Files inside the document come besides, up to their cap.
        limit: limit(desk, revision, dialect, &submission.kind).saturating_add(inside),
        kind: submission.kind,
        caller: caller.clone(),
    })
}

/// The bytes that a record may have. A kind's own limit is for images inside the record, which never enter a tree: what is a
/// tree as a whole is never larger than any other record.
fn limit(desk: &Desk, revision: &Revision, dialect: &Dialect, kind: &str) -> usize {
    let own = revision.kinds.get(kind).and_then(|kind| kind.record_limit).filter(|_| !dialect.codec.tree_is_whole());
    own.unwrap_or(desk.settings.limits.record)
}

/// The limits of one document of this submission.
pub fn limits(desk: &Desk, door: &Door) -> Limits {
    Limits { bytes: door.limit, depth: desk.settings.limits.depth, keys: desk.settings.limits.keys }
}

/// The body to be read. A withdrawal may come without one: then it withdraws the record as it was sent.
pub async fn body(desk: &Desk, door: &Door, bytes: Bytes) -> Result<Bytes, Refusal> {
    let (Action::Withdraw, Some(replaces), true) = (door.action, door.replaces, bytes.is_empty()) else {
        return Ok(bytes);
    };
    let replaced = desk.journal.payload(replaces).await?;
    let mine = replaced.filter(|payload| payload.head.system == door.caller.name());
    mine.map(|payload| payload.original).ok_or_else(|| nothing_to_replace(replaces))
}

/// `Icjs-Replaces` names nothing that this system sent.
pub fn nothing_to_replace(id: MessageId) -> Refusal {
    Refusal::new(
        Code::NotFound,
        format!("`Icjs-Replaces` names `{id}`, which this system has not sent, or whose bytes are kept no more"),
    )
}

fn unknown(caller: &Caller, kind: &str) -> Refusal {
    let kinds: Vec<&str> = caller.revision().kinds.keys().map(String::as_str).collect();
    let detail = format!("there is no record kind `{}`; there are `{}`", shorten(kind), kinds.join("`, `"));
    Refusal::new(Code::KindUnknown, detail)
}

fn not_spoken(caller: &Caller, kind: &str) -> Refusal {
    let adapter = caller.system().map_or("", |system| system.adapter.as_str());
    Refusal::new(Code::NotAllowed, format!("adapter `{adapter}` of `{}` has no way to send `{kind}`", caller.name()))
}

/// What was sent, short enough to be shown.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn media_type(submission: &Submission, dialect: &Dialect, adapter: &str) -> Result<(), Refusal> {
    let due = dialect.codec.media_type();
    let sent = submission.media_type.as_deref().unwrap_or("");
    let bare = sent.split(';').next().unwrap_or("").trim();
    let same = bare.eq_ignore_ascii_case(due) || (due == "application/xml" && bare.eq_ignore_ascii_case("text/xml"));
    if same {
        return charset(sent);
    }
    let format = |media_type: &str| match media_type {
        nist if nist.contains("nist") => "an ANSI/NIST-ITL transaction",
        xml if xml.contains("xml") => "XML",
        _ => "JSON",
    };
    let said = match bare {
        "" => "the request has no `Content-Type`".to_owned(),
        other if other.contains("xml") || other.contains("json") => {
            format!("this is {} (`{}`)", format(other), shorten(other))
        }
        other => format!("this is `{}`", shorten(other)),
    };
    let kind = &submission.kind;
    let detail = format!(
        "`{kind}` of adapter `{adapter}` is sent as {}; {said}. Send it with `Content-Type: {due}`",
        format(due)
    );
    Err(Refusal::new(Code::MediaTypeUnsupported, detail))
}

fn charset(media_type: &str) -> Result<(), Refusal> {
    let mut parameters = media_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    match charset.map(|value| value.trim().trim_matches('"')) {
        None => Ok(()),
        Some(utf8) if utf8.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => {
            Err(Refusal::new(Code::EncodingRefused, "documents are sent in UTF-8; this one names another charset"))
        }
    }
}

fn action(submission: &Submission) -> Result<(Action, Option<MessageId>), Refusal> {
    let action = match submission.action.as_deref() {
        None | Some("new") => Action::New,
        Some("correct") => Action::Correct,
        Some("withdraw") => Action::Withdraw,
        Some(_) => {
            return Err(Refusal::header("Icjs-Action", "enum", "`Icjs-Action` is `new`, `correct` or `withdraw`"));
        }
    };
    match (action, submission.replaces.as_deref()) {
        (Action::New, None) => Ok((action, None)),
        (Action::New, Some(_)) => Err(Refusal::header(
            "Icjs-Replaces",
            "header-unexpected",
            "`Icjs-Replaces` goes with `Icjs-Action: correct` or `withdraw`",
        )),
        (_, None) => Err(Refusal::header(
            "Icjs-Replaces",
            "header-missing",
            "a correction or withdrawal names the newest version of its record in `Icjs-Replaces`",
        )),
        (_, Some(text)) => match MessageId::parse(text) {
            Some(id) => Ok((action, Some(id))),
            None => {
                Err(Refusal::header("Icjs-Replaces", "format", "`Icjs-Replaces` is a message id, as the 202 gave it"))
            }
        },
    }
}

fn key(sent: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(sent) = sent else { return Ok(None) };
    // The draft standard writes it as a quoted string; most clients send it bare.
    let key = sent.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(sent);
    if !key.is_empty() && key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Ok(Some(key.to_owned()));
    }
    let message = format!("`Idempotency-Key` is 1 to {LONGEST_KEY} printable ASCII characters");
    Err(Refusal::header("Idempotency-Key", "format", message))
}

fn office(caller: &Caller, sent: Option<&str>) -> Result<Option<OfficeId>, Refusal> {
    let Some(sent) = sent else { return Ok(None) };
    let office = OfficeId::parse(sent)
        .map_err(|_| Refusal::header("Icjs-Office", "format", "`Icjs-Office` is an office such as `ps:38101004`"))?;
    yours(caller, &office)?;
    Ok(Some(office))
}

/// The office must be one of the caller's.
pub fn yours(caller: &Caller, office: &OfficeId) -> Result<(), Refusal> {
    let system = caller.system()?;
    if caller.revision().serving(office).is_some_and(|serving| serving.name == system.name) {
        return Ok(());
    }
    let detail = format!("office `{office}` is not one of `{}`; `GET /v1/me` lists those that are", system.name);
    Err(Refusal::new(Code::OfficeNotYours, detail))
}

fn text(name: &str, sent: Option<String>) -> Result<Option<String>, Refusal> {
    match sent {
        Some(text) if text.len() > LONGEST_REASON => {
            Err(Refusal::header(name, "maxLength", format!("`{name}` holds {LONGEST_REASON} bytes at most")))
        }
        other => Ok(other.filter(|text| !text.is_empty())),
    }
}
