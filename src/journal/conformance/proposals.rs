//! Proposals: what waits for a second person is found whole after a crash, ends once, and keeps its words but not its deed.

use super::*;
use crate::journal::{Proposal, ProposalEnd, ProposalRow, ProposalVerb};

pub(super) async fn run(make: Make) {
    a_proposal_is_found_whole_after_a_crash_and_ends_once(make()).await;
}

async fn ask(stage: &dyn Stage, verb: ProposalVerb) -> Vec<ProposalRow> {
    stage.journal().proposal(verb).await.unwrap()
}

async fn list(stage: &dyn Stage, open: bool, before: Option<u64>) -> Vec<u64> {
    let rows = ask(stage, ProposalVerb::List { open, before, limit: 2 }).await;
    assert!(rows.iter().all(|row| row.body.is_none()), "a list does not carry what is to be done");
    rows.iter().map(|row| row.proposal.number).collect()
}

async fn a_proposal_is_found_whole_after_a_crash_and_ends_once(mut stage: Box<dyn Stage>) {
    let at = stage.clock().now().millis();
    let one = |by: &str| Proposal { at, until: at + 1, by: by.to_owned(), base: 7, ..Proposal::default() };
    for by in ["asha", "ravi", "om"] {
        let body = Bytes::from(format!("what {by} wants"));
        ask(&*stage, ProposalVerb::Add(Box::new(one(by)), body)).await;
    }
    stage.reopen().await;
    let kept = ask(&*stage, ProposalVerb::Number(2)).await;
    let body = Some(Bytes::from_static(b"what ravi wants"));
    assert_eq!(kept, [ProposalRow { proposal: Proposal { number: 2, ..one("ravi") }, body }]);
    let end = |word: &str| ProposalEnd { word: word.to_owned(), at, by: "lata".to_owned(), ..ProposalEnd::default() };
    let first = ask(&*stage, ProposalVerb::End(2, end("rejected"))).await;
    assert_eq!(first[0].proposal.ended, Some(end("rejected")));
    assert_eq!(ask(&*stage, ProposalVerb::End(2, end("approved"))).await, [], "it has ended");
    assert_eq!(ask(&*stage, ProposalVerb::End(9, end("approved"))).await, [], "there is none");
    stage.reopen().await;
    let ended = ask(&*stage, ProposalVerb::Number(2)).await;
    assert_eq!((ended[0].proposal.ended.clone(), ended[0].body.clone()), (Some(end("rejected")), None));
    assert_eq!(list(&*stage, true, None).await, [3, 1]);
    assert_eq!(list(&*stage, false, None).await, [3, 2]);
    assert_eq!(list(&*stage, false, Some(2)).await, [1]);
}
