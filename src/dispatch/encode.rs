//! From the shared form to the receiver's bytes: what it may see, in its format, checked against its schema.
//! Pure functions of one lease and the newest revision. Bytes that are frozen already are only asked whether they may still
//! leave: they never change. What cannot be made stops with a stable code that the work list shows.

use bytes::Bytes;
use icjs_kit::Violation;
use serde_json::Value;

use super::Stop;
use super::files::Inside;
use crate::clock::Timestamp;
use crate::config::{Dialect, Permitted, Revision, Sight, System};
use crate::identifiers::CaseKey;
use crate::journal::{Action, Frozen, Lease};
use crate::outcome;
use crate::seal::sha256;

/// What a receiver may be given.
#[derive(Debug)]
pub enum Permit {
    /// Bytes of an earlier attempt, which may still leave.
    Fixed(Frozen),
    /// The text of the shared form, which the receiver reads and may see all of.
    AsItIs,
    /// The bytes as received: the receiver reads their format, and may see all of it.
    Original,
    /// The shared form, cut to what the receiver's sharing rule gives.
    Fresh {
        /// The tree.
        shared: Value,
        /// Paths that were withheld and held something.
        withheld: Vec<String>,
    },
}

/// A delivery in its receiver's format, not yet checked.
#[derive(Debug)]
pub enum Draft<'r> {
    /// Frozen before.
    Fixed(Frozen),
    /// The bytes as received, untouched.
    Original,
    /// The shared form is what the receiver reads.
    Shared {
        /// The bytes.
        bytes: Bytes,
        /// See `Frozen`.
        withheld: Vec<String>,
    },
    /// A tree of the receiver's own shape.
    Native {
        /// The tree.
        tree: Value,
        /// How it is checked and written.
        dialect: &'r Dialect,
        /// See `Frozen`.
        withheld: Vec<String>,
        /// See `Frozen`.
        lost: Vec<String>,
    },
}

/// What the system may see of the message, under the newest sharing rules. Outcomes are never refused by sharing: they are
/// about the sender's own record.
/// `joined`: other numbers of the record's case. Gives the entitlement that counted, too.
pub fn permit(
    revision: &Revision,
    system: &System,
    lease: &Lease,
    (joined, at): (&[CaseKey], Timestamp),
) -> Result<(Permit, Option<String>), Stop> {
    let message = &lease.message;
    let reads_it = dialect(revision, system, &message.kind)
        .map_or(message.kind == outcome::KIND, |dialect| dialect.native.is_none() && dialect.plan.is_none());
    if reads_it
        && lease.frozen.is_none()
        && !lease.cases.iter().any(CaseKey::is_item)
        && !revision.may_never(&message.kind, system)
        && revision.gives_as_it_is(&message.kind, system, &message.system, &lease.shared)
    {
        return Ok((Permit::AsItIs, None));
    }
    if message.kind == outcome::KIND {
        let fresh = || Ok(Permit::Fresh { shared: tree(lease)?, withheld: Vec::new() });
        let permit = lease.frozen.clone().map_or_else(fresh, |frozen| Ok(Permit::Fixed(frozen)));
        return permit.map(|permit| (permit, None));
    }
    let shared = tree(lease)?;
    // What takes a record back always goes, and bytes that have left before are not called back by this.
    if lease.frozen.is_none()
        && lease.action != Action::Withdraw
        && let Some(code) = revision.never(&message.kind, &shared, system)
    {
        return Err(Stop::parked(&code, "a rule forbids this delivery"));
    }
    let takes_back = lease.action == Action::Withdraw;
    let sight = Sight { system, office: Some(&lease.office), own: &lease.cases, joined, at, takes_back };
    let mut permitted = revision.permit_to(&message.kind, &sight, &message.system, shared);
    let entitlement = permitted.as_mut().and_then(|permitted| permitted.entitlement.take());
    let original = revision.passes_original(&message.kind, (&message.system, &message.media_type), system);
    let permit = match (&lease.frozen, permitted) {
        (None, None) => {
            Err(Stop::parked("not-permitted", "no sharing line gives this kind to the receiver, or the case is sealed"))
        }
        (None, Some(permitted)) if original => whole(permitted),
        (None, Some(permitted)) => Ok(Permit::Fresh { shared: permitted.tree, withheld: permitted.withheld }),
        (Some(frozen), Some(permitted)) if frozen.lacks(&permitted.withheld) => Ok(Permit::Fixed(frozen.clone())),
        (Some(_), _) => Err(Stop::parked("permission-changed", "the sharing rule now withholds what was to be sent")),
    };
    permit.map(|permit| (permit, entitlement))
}

/// Images are in the original only, and an original that was cut would be another one: it goes whole or not at all.
fn whole(permitted: Permitted) -> Result<Permit, Stop> {
    if permitted.withheld.is_empty() {
        return Ok(Permit::Original);
    }
    let withheld = permitted.withheld.join("`, `");
    Err(Stop::parked(
        "not-permitted",
        format!("a sharing line withholds `{withheld}`, and this goes whole or not at all"),
    ))
}

/// The receiver's format: its adapter's mapping, or the shared form as it is.
pub fn encode<'r>(
    revision: &'r Revision,
    system: &System,
    lease: &Lease,
    permit: Permit,
    inside: &mut Inside,
) -> Result<Draft<'r>, Stop> {
    let (shared, withheld) = match permit {
        Permit::Fixed(frozen) => return Ok(Draft::Fixed(frozen)),
        // Untouched bytes stay the sender's own.
        Permit::Original => return Ok(Draft::Original),
        Permit::AsItIs => return Ok(Draft::Shared { bytes: lease.shared.clone(), withheld: Vec::new() }),
        Permit::Fresh { shared, withheld } => (shared, withheld),
    };
    let kind = lease.message.kind.as_str();
    match dialect(revision, system, kind) {
        None if kind != outcome::KIND => {
            Err(Stop::parked("mapping-failed", format!("adapter `{}` does not speak `{kind}`", system.adapter)))
        }
        Some(dialect) if dialect.native.is_some() || dialect.plan.is_some() => {
            let (tree, lost) = match &dialect.plan {
                Some(plan) => {
                    let mut encoded = plan.encode(&shared).map_err(unmapped)?;
                    inside.without(&withheld);
                    plan.place_files(&mut encoded.native, &mut |digest| inside.place(digest));
                    (encoded.native, encoded.lost)
                }
                None => (shared, Vec::new()),
            };
            Ok(Draft::Native { tree, dialect, withheld, lost })
        }
        _ if withheld.is_empty() => Ok(Draft::Shared { bytes: lease.shared.clone(), withheld }),
        _ => {
            let bytes =
                serde_json::to_vec(&shared).map_err(|error| Stop::parked("mapping-failed", error.to_string()))?;
            Ok(Draft::Shared { bytes: Bytes::from(bytes), withheld })
        }
    }
}

fn dialect<'r>(revision: &'r Revision, system: &System, kind: &str) -> Option<&'r Dialect> {
    revision.dialect(system, kind).or_else(|| revision.dialect(system, "*"))
}

/// Checks the draft against the receiver's own schema and makes its bytes.
pub fn validate(revision: &Revision, lease: &Lease, draft: Draft<'_>) -> Result<Ready, Stop> {
    match draft {
        Draft::Fixed(frozen) => Ok(Ready { frozen, fixed: true }),
        Draft::Original => Ok(Ready::original(revision, lease)),
        Draft::Shared { bytes, withheld } => {
            Ok(Ready::new(revision, lease, bytes, "application/json", withheld, Vec::new()))
        }
        Draft::Native { tree, dialect, withheld, lost } => {
            let wrong = dialect.native.as_ref().map(|schema| schema.violations(&tree)).unwrap_or_default();
            if !wrong.is_empty() {
                return Err(unmapped(("mapping-failed".to_owned(), wrong)));
            }
            let bytes = dialect.codec.write(&tree).map_err(|reason| Stop::parked("mapping-failed", reason))?;
            Ok(Ready::new(revision, lease, Bytes::from(bytes), dialect.codec.media_type(), withheld, lost))
        }
    }
}

/// Bytes that may leave, and whether they were frozen before.
#[derive(Debug)]
pub struct Ready {
    /// The bytes and what belongs to them. `bytes` is filled in unless `fixed`, or the bytes are those received.
    pub frozen: Frozen,
    /// An earlier attempt froze them.
    pub fixed: bool,
}

impl Ready {
    fn new(
        revision: &Revision,
        lease: &Lease,
        bytes: Bytes,
        media_type: &str,
        withheld: Vec<String>,
        lost: Vec<String>,
    ) -> Self {
        let digest = if bytes == lease.shared && lease.message.kind == outcome::KIND {
            lease.message.digest
        } else {
            sha256(&bytes)
        };
        let media_type = media_type.to_owned();
        let frozen = Frozen {
            bytes: Some(bytes),
            digest,
            media_type,
            withheld,
            lost,
            revision: revision.number,
            entitlement: None,
        };
        Self { frozen, fixed: false }
    }

    /// The bytes as received: the journal has them.
    fn original(revision: &Revision, lease: &Lease) -> Self {
        let (digest, media_type) = (lease.message.digest, lease.message.media_type.clone());
        let (withheld, lost) = (Vec::new(), Vec::new());
        let frozen =
            Frozen { bytes: None, digest, media_type, withheld, lost, revision: revision.number, entitlement: None };
        Self { frozen, fixed: false }
    }

    /// As the journal keeps it: bytes equal to those received are not kept twice.
    pub fn kept(&self, lease: &Lease) -> Frozen {
        let mut kept = self.frozen.clone();
        if kept.digest == lease.message.digest {
            kept.bytes = None;
        }
        kept
    }
}

fn tree(lease: &Lease) -> Result<Value, Stop> {
    // The shared form was written by this gateway: failing to read it means the store is damaged, not the record.
    serde_json::from_slice(&lease.shared)
        .map_err(|error| Stop::parked("mapping-failed", format!("shared form: {error}")))
}

fn unmapped((code, violations): (String, Vec<Violation>)) -> Stop {
    let first = violations.iter().take(3).map(|wrong| format!("{} at {}", wrong.rule, wrong.pointer));
    let shown: Vec<String> = first.collect();
    let more = violations.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Stop::Parked { code, note: format!("{}{more}", shown.join("; ")) }
}
