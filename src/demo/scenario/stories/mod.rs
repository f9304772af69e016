//! The stories, one function each. A story says who is in it, and then what happens, with every delivery that is expected.
//! Offices that many stories have are named here; `custody` has the beginning that many share.

mod custody;
mod bail;
mod papers;
mod courts;
mod prison;
mod prosecution;
mod laboratory;
mod prints;
mod process;
mod agency;
mod child;
mod recall;
mod links;

use super::script::Story;
use super::write::Writer;

/// Station of Kamla Bazar; its cases go to `MAGISTRATE`.
const POLICE: &str = "ps:38101002";
/// Station of Civil Lines; its cases go to `OTHER_COURT`.
const OTHER_POLICE: &str = "ps:38101004";
/// The Magistrate of Kamla Bazar.
const MAGISTRATE: &str = "court:DLCT01/3";
/// The registry of the Magistrate's establishment: what comes for a case with its CNR goes there.
const REGISTRY: &str = "court:DLCT01";
/// The Court of Session of the same establishment.
const SESSIONS: &str = "court:DLCT01/1";
/// A court of another establishment.
const OTHER_COURT: &str = "court:DLST02/1";
/// The registry of that establishment.
const OTHER_REGISTRY: &str = "court:DLST02";
/// A jail in another State.
const FAR_JAIL: &str = "prison:TN01";
/// The jail for men.
const JAIL: &str = "prison:DL01";

/// The jail for men of the other establishment.
const OTHER_JAIL: &str = "prison:DL03";
/// The laboratory's division of biology, and that for electronic devices.
const BIOLOGY: &str = "lab:DLFSL/BIO";
const CYBER: &str = "lab:DLFSL/CYB";
/// The fingerprint bureau.
const BUREAU: &str = "nafis:NCRB";
/// The agency, whose cases go to `OTHER_COURT`.
const AGENCY: &str = "agency:CBIACBDL";

/// Writes one story.
type Write = fn(&mut Writer);

/// Every story: name, what it is about, and the function that writes it.
const STORIES: &[(&str, &str, Write)] = &[
    (
        "bail-to-release",
        "bail, bond and release; another case holds the person until it is settled too",
        bail::to_release,
    ),
    (
        "cancelled-bail-races-release",
        "a release and the order that cancels the bail reach the jail together",
        bail::cancelled,
    ),
    (
        "defects-and-supplementary",
        "a charge sheet is returned, mended, and followed by a supplementary one",
        papers::defects,
    ),
    ("closure-and-protest", "a case is closed, and charged after further investigation", papers::closure),
    ("correction-chains", "corrections of corrections, withdrawals, and one that comes too late", papers::corrections),
    (
        "late-and-backdated",
        "an outage: records come late, backdated, and with a clock that is a day ahead",
        papers::late,
    ),
    (
        "case-without-fir",
        "a complaint case, from the summons to the jail: there is a CNR and no FIR",
        courts::complaint,
    ),
    (
        "death-in-custody",
        "one of two accused dies in jail; the case ends for him and goes on for the other",
        prison::death,
    ),
    (
        "zero-fir",
        "a zero FIR goes to the station that has jurisdiction, which gives it its own number",
        links::zero_fir,
    ),
    ("split-trial", "one FIR, two accused; one absconds and is tried apart, under a CNR of its own", links::split),
    ("committal", "a Magistrate commits the case to the Court of Session of another establishment", links::committal),
    (
        "unlink-after-wrong-link",
        "an operator links an FIR to another court's case, and ends the link again",
        links::unlink,
    ),
    (
        "transfer-and-appeal",
        "a case is transferred to another court; an appeal suspends the sentence",
        courts::transfer_and_appeal,
    ),
    (
        "prisoner-transfer",
        "a prisoner is moved to another State while his release is in flight; the order finds him",
        prison::transfer,
    ),
    (
        "production",
        "a prisoner is produced at the third attempt: the link was down, then he was ill",
        prison::production,
    ),
    (
        "child-in-prison",
        "a boy taken for a man is found to be a child; Board and home get him, no prison does again",
        child::in_prison,
    ),
    (
        "recall-and-expunction",
        "records are called back; each office removes, restricts or keeps its copy, and says so",
        recall::recall,
    ),
    (
        "draft-and-sanction",
        "a draft is found deficient, then fit; sanction is granted; no court learns of either",
        prosecution::draft_and_sanction,
    ),
    (
        "laboratory-before-cnr",
        "a requisition for three divisions; the report comes before the case has a number, and waits",
        laboratory::before_cnr,
    ),
    (
        "report-amended",
        "a report is amended and withdrawn; by order of the court the exhibit is examined again",
        laboratory::amended,
    ),
    ("exhibit-chain", "an exhibit from the station to the laboratory, back, and before the court", laboratory::exhibit),
    ("late-hit", "a print is matched later: whoever asked hears of it, and that it was wrong", prints::late_hit),
    (
        "acquittal-and-destruction",
        "after an acquittal what is kept of the man is destroyed, and the bureau says so",
        prints::destruction,
    ),
    ("process-service", "a summons is requested, put off, served and reported; another is refused", process::service),
    ("agency-case", "a central agency's case, from its own FIR to the judgment", agency::agency),
    (
        "disposal-and-appeal",
        "a conviction, its appeal, the sentence suspended, the acquittal; the court below hears of it",
        agency::disposal_and_appeal,
    ),
    (
        "child-apprehended",
        "a boy of sixteen: the Board gets what the court gets, prison and bureau get nothing",
        child::apprehended,
    ),
];

/// All stories, written anew.
pub fn all(seed: u64) -> Vec<Story> {
    let written = (1..).zip(STORIES).map(|(place, (name, title, write))| {
        let mut writer = Writer::new(name, title, place, seed);
        write(&mut writer);
        writer.done()
    });
    written.collect()
}
