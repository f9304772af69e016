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

/// A court system.
pub const COURTS: Exchanged = Exchanged {
    send: &["case-registration", "court-order", "forensic-requisition", "exhibit-movement", "court-disposal", "appeal"],
    receive: &[
        "fir",
        "arrest",
        "crime-details",
        "seizure",
        "charge-sheet",
        "case-registration",
        "court-order",
        "custody-update",
        "process-report",
        "forensic-requisition",
        "forensic-report",
        "exhibit-movement",
        "appeal",
    ],
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
    receive: &[
        "fir",
        "arrest",
        "crime-details",
        "seizure",
        "charge-sheet",
        "case-registration",
        "court-order",
        "custody-update",
        "scrutiny-request",
        "process-report",
        "forensic-requisition",
        "forensic-report",
        "exhibit-movement",
        "court-disposal",
        "appeal",
    ],
};

/// A laboratory system.
pub const FORENSICS: Exchanged = Exchanged {
    send: &["forensic-report", "exhibit-movement"],
    receive: &["forensic-requisition", "exhibit-movement", "case-registration", "court-order"],
};

/// NAFIS.
pub const FINGERPRINTS: Exchanged =
    Exchanged { send: &["fingerprint-result"], receive: &["fingerprint-search", "court-order"] };
