//! What a system of each pillar usually sends and gets: the systems of `icjs init` and of the demo begin with it.

/// Kinds by direction.
#[derive(Clone, Copy, Debug)]
pub struct Exchanged {
    /// Kinds that a system sends.
    pub send: &'static [&'static str],
    /// Kinds that it receives.
    pub receive: &'static [&'static str],
}

/// A State police system.
pub const POLICE: Exchanged = Exchanged {
    send: &[
        "fir",
        "arrest",
        "crime-details",
        "seizure",
        "charge-sheet",
        "scrutiny-request",
        "process-report",
        "forensic-requisition",
        "exhibit-movement",
        "fingerprint-search",
    ],
    receive: &[
        "fir",
        "case-registration",
        "court-order",
        "custody-update",
        "prosecution-opinion",
        "forensic-report",
        "exhibit-movement",
        "court-disposal",
        "appeal",
        "fingerprint-result",
    ],
};

/// What those get who decide a case in court, or argue it there.
const IN_COURT: [&str; 8] =
    ["fir", "arrest", "crime-details", "seizure", "charge-sheet", "case-registration", "court-order", "custody-update"];

/// Two lists as one; `N` is `A + B`, else it does not compile.
const fn joined<const A: usize, const B: usize, const N: usize>(
    first: &[&'static str; A],
    then: &[&'static str; B],
) -> [&'static str; N] {
    let mut all = [""; N];
    let (head, tail) = all.split_at_mut(A);
    head.copy_from_slice(first);
    tail.copy_from_slice(then);
    all
}

/// A court system.
pub const COURTS: Exchanged = Exchanged {
    send: &["case-registration", "court-order", "forensic-requisition", "exhibit-movement", "court-disposal", "appeal"],
    receive: &joined::<8, 5, 13>(
        &IN_COURT,
        &["process-report", "forensic-requisition", "forensic-report", "exhibit-movement", "appeal"],
    ),
};

/// A prison system.
pub const PRISONS: Exchanged = Exchanged {
    send: &["custody-update", "process-report", "fingerprint-search"],
    receive: &[
        "arrest",
        "charge-sheet",
        "case-registration",
        "court-order",
        "custody-update",
        "court-disposal",
        "appeal",
        "fingerprint-result",
    ],
};

/// A prosecution system.
pub const PROSECUTION: Exchanged = Exchanged {
    send: &["prosecution-opinion"],
    receive: &joined::<8, 7, 15>(
        &IN_COURT,
        &[
            "scrutiny-request",
            "process-report",
            "forensic-requisition",
            "forensic-report",
            "exhibit-movement",
            "court-disposal",
            "appeal",
        ],
    ),
};

/// A laboratory system.
pub const FORENSICS: Exchanged = Exchanged {
    send: &["forensic-report", "exhibit-movement"],
    receive: &["forensic-requisition", "exhibit-movement", "case-registration", "court-order"],
};

/// NAFIS.
pub const FINGERPRINTS: Exchanged =
    Exchanged { send: &["fingerprint-result"], receive: &["fingerprint-search", "court-order"] };
