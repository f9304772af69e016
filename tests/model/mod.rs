//! Random acts of senders, receivers, administrators, time and death against a plain model of what is promised.
//!
//! A failure is: an answer 202 whose record is not there at the end; the same submission getting another answer; an office
//! that at the end does not hold exactly the newest version of what is for it, or holds what was withdrawn or is not for it; a
//! delivery with other bytes than before, or one message under two delivery ids; an original paper before an earlier one of
//! its case at the same office; a correction or withdrawal that names a version which its office never saw; an outcome that does not come back to the sender once; a field shown that the newest sharing
//! rule withholds; a stranger who learns anything; a panic. No failure is: a delivery that comes again under its id; what
//! is parked without an office because no link names one; the order of orders about liberty, of corrections, and of what
//! found its office by a link; what becomes of unaddressed papers of a case that was joined and parted again; an outcome that was
//! refused because the delivery was taken back meanwhile.
//!
//! A seed that failed is printed with its acts, and kept in `FOUND`. `ICJS_SEED` begins elsewhere, `ICJS_MODEL_SEEDS` says how
//! many.

mod node;
mod play;
mod truth;

use node::Ground;
use play::Play;

use crate::faults::report;

/// Seeds that showed a fault once.
const FOUND: [u64; 4] = [
    // What a page would have shown, had a sharing rule not become narrower, counted as seen; tried again, it came after its
    // own withdrawal.
    3,
    // A withdrawal that waited gave way to a new version, and that one was withdrawn before it left: the office kept what it
    // had from before the two.
    76,
    // What waited again behind a stopped item came to the end of its feed, and what stood behind it on a later page passed it.
    536,
    // A sharing rule stopped an item in its feed, and a later paper of the same case, which stood behind it, passed it.
    1032,
];

/// Acts of one seed.
const ACTS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_everybody_ends_with_what_was_promised() {
    let first = report::number("ICJS_SEED").unwrap_or(1);
    let count = report::number("ICJS_MODEL_SEEDS").unwrap_or(25);
    let mut ground = Ground::new().await;
    for (nth, seed) in FOUND.into_iter().chain(first..first + count).enumerate() {
        // The receiver's book grows with every push.
        if nth % 200 == 199 {
            ground = Ground::new().await;
        }
        let mut play = Play::of(&ground, seed).await;
        play.run(ACTS).await;
        let (wrong, acts) = (&play.truth.wrong, &play.acts);
        let seen: Vec<String> = play.truth.seen.iter().map(|seen| format!("{seen:?}")).collect();
        let (seen, acts, told) = (seen.join("\n"), acts.join("\n"), wrong.join("\n"));
        assert!(wrong.is_empty(), "seed {seed}:\n{told}\n\nafter\n{acts}\n\nwhere was seen\n{seen}");
    }
    let said = format!("{ACTS} acts each; no failure");
    report::done("random acts against a plain model", count, "seeds", first, &said);
}
