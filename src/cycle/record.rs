//! Record: an issue's outcome, by compare-and-swap, together with the proof that the remote has
//! the head that is called done.

use super::Cycle;
use super::claim::ClaimedIssue;
use super::ledger::{Change, Entry, LedgerError, RecordSlot};
use super::tried::Tried;
use crate::model::{Attempt, BranchName, Conclusion, IssueRecord, Outcome, Sha, State, Time};
use crate::policy::rate_limit;
use crate::ports::RefUpdate;

/// What is to be remembered of an issue.
pub(super) struct Recorded {
    pub record: IssueRecord,
    pub attempts: Vec<Attempt>,
    pub labels: Vec<String>,
    /// Refs that move, or are proved, with it.
    pub refs: Vec<RefUpdate>,
    /// A limit of the provider was hit; with the reset it named.
    pub limit_hit: Option<Option<Time>>,
}

/// A ref update that moves nothing: the commit goes through only when the remote's branch is at
/// `head`. This is the comparison without which nothing is called a success.
pub(super) fn proof(branch: &BranchName, head: &Sha) -> RefUpdate {
    RefUpdate { name: branch.full_ref(), to: Some(head.clone()), expect: Some(head.clone()) }
}

impl Cycle<'_> {
    /// Ends the claim in its outcome.
    pub(super) fn record(
        &self,
        slot: &RecordSlot<'_>,
        claimed: &ClaimedIssue,
        recorded: Recorded,
        tried: &[Tried],
    ) -> Result<(), LedgerError> {
        let now = self.now();
        let run = self.settings.identity.run_id.clone();
        let what = describe(&recorded);
        let conclusion = Conclusion {
            issue_id: claimed.issue.id.clone(),
            claimed_by: run.clone(),
            run_id: run,
            at: now,
            record: recorded.record,
            attempts: recorded.attempts,
            labels: recorded.labels,
        };
        let rules = self.settings.rate_limit;
        let limit_hit = recorded.limit_hit;
        let decide = move |state: &State| {
            let mut next = state.conclude(&conclusion)?;
            if let Some(resets_at) = limit_hit {
                next.rate_limit = rate_limit::after_hit(&next.rate_limit, resets_at, &rules, now);
            }
            Ok(next)
        };
        let change = Change { what, refs: recorded.refs, decide: Box::new(decide) };
        let entry = Entry { change, contexts: self.contexts(claimed, tried) };
        self.watch.time("record", Some(&claimed.issue.identifier), || self.ledger.commit(slot, entry))
    }
}

/// `record ENG-42: success, #17`.
fn describe(recorded: &Recorded) -> String {
    let outcome = recorded.attempts.last().map_or("released", |attempt| attempt.outcome.word());
    let failure = recorded.attempts.last().and_then(|attempt| attempt.failure);
    let mut text = format!("record {}: {outcome}", recorded.record.identifier);
    if let Some(failure) = failure {
        text.push_str(&format!(" ({})", failure.word()));
    }
    let published = recorded.attempts.last().is_some_and(|attempt| attempt.outcome == Outcome::Success);
    if let Some(pull) = recorded.record.pull_request.as_ref().filter(|_| published) {
        text.push_str(&format!(", #{}", pull.number));
    }
    text
}
