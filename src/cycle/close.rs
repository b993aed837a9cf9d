//! The end of an issue's work: its outcome recorded, its workspace put away, its story told.

use super::claim::ClaimedIssue;
use super::ledger::{LedgerError, RecordSlot};
use super::publish::HandedOver;
use super::record::{Recorded, proof};
use super::select::blank;
use super::tried::Tried;
use super::work::{Job, Slots, Worked};
use super::{Cycle, CycleError};
use crate::model::progress::News;
use crate::model::report::Dispatched;
use crate::model::{Attempt, BranchName, Failure, IssueRecord, Outcome, Refusal, Sha, Time};
use std::time::Duration;

/// How the work on an issue ended, before it is recorded.
pub(super) struct Concluded {
    pub tried: Vec<Tried>,
    pub record: IssueRecord,
    pub branch: BranchName,
    pub handed: Option<HandedOver>,
    /// The head that is on the remote.
    pub pushed: Option<Sha>,
    /// Unfinished work to keep on the remote, under the ticket's wip ref.
    pub kept: Option<Sha>,
    pub updated_at: Option<Time>,
    pub warnings: Vec<String>,
}

impl Concluded {
    pub fn last(&self) -> Option<&Tried> {
        self.tried.last()
    }

    pub fn outcome(&self) -> Outcome {
        self.last().map_or(Outcome::Interrupted, |tried| tried.attempt.outcome)
    }
}

impl Cycle<'_> {
    /// Records the outcome while the workspace is put away, and tells the story.
    pub(super) fn close(
        &self,
        claimed: &ClaimedIssue,
        mut done: Concluded,
        job: Option<&Job<'_>>,
        slots: &Slots<'_>,
        begun: Duration,
    ) -> Worked {
        let mut trouble = None;
        std::thread::scope(|scope| {
            let removal = job.map(|job| {
                let (outcome, job) = (done.outcome(), job);
                scope.spawn(move || self.put_away_workspace(&slots.removal, job, outcome))
            });
            let wip = done.kept.as_ref().and_then(|kept| self.wip_update(claimed, kept));
            let mut outcome = recorded(claimed, &done);
            outcome.refs.extend(wip);
            let error = self.record(&slots.record, claimed, outcome, &done.tried).err();
            if let Some(Ok(Some(warning))) = removal.map(std::thread::ScopedJoinHandle::join) {
                done.warnings.push(warning);
            }
            trouble = error.and_then(|error| self.settle(claimed, &mut done, &slots.record, error));
        });
        let dispatched = self.dispatched(claimed, &done, begun);
        self.records.end(&claimed.issue, done.outcome());
        self.tell(
            &claimed.issue,
            News::Finished {
                outcome: done.outcome(),
                failure: dispatched.failure,
                error: dispatched.error.clone(),
            },
        );
        Worked { dispatched, trouble }
    }

    /// An outcome that could not be written as it was.
    fn settle(
        &self,
        claimed: &ClaimedIssue,
        done: &mut Concluded,
        slot: &RecordSlot<'_>,
        error: LedgerError,
    ) -> Option<CycleError> {
        let key = &claimed.issue.identifier;
        match error {
            LedgerError::Ref { name, detail, .. } if done.pushed.is_none() => {
                done.warnings
                    .push(format!("the unfinished work stays on this machine, {name} was refused: {detail}"));
                let again = self.record(slot, claimed, recorded(claimed, done), &done.tried).err()?;
                Some(CycleError::Unreachable(format!(
                    "{key}: its outcome could not be written: {}",
                    words(&again)
                )))
            }
            LedgerError::Ref { name, detail, .. } => {
                let error = format!(
                    "the remote's {name} is not the head that was pushed ({detail}): not called a success"
                );
                if let Some(last) = done.tried.last_mut() {
                    last.fail(Failure::Publish, error);
                }
                done.pushed = None;
                done.record = self.after(claimed, &done.tried);
                let again = self.record(slot, claimed, recorded(claimed, done), &done.tried).err()?;
                Some(CycleError::Unreachable(format!(
                    "{key}: its outcome could not be written: {}",
                    words(&again)
                )))
            }
            error => Some(CycleError::Unreachable(format!(
                "{key}: its outcome could not be written: {}; what was published stands, the next run records it",
                words(&error)
            ))),
        }
    }

    fn dispatched(&self, claimed: &ClaimedIssue, done: &Concluded, begun: Duration) -> Dispatched {
        let elapsed = self.watch.elapsed().saturating_sub(begun);
        let mut told = Dispatched {
            outcome: Some(done.outcome()),
            branch: done.branch.to_string(),
            head_sha: done.pushed.as_ref().map(Sha::to_string),
            attempts: u32::try_from(done.tried.len()).unwrap_or(u32::MAX),
            pull_request: done.handed.as_ref().map(HandedOver::reported),
            duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            blocked_reason: done.record.blocked_reason.clone(),
            warnings: done.warnings.iter().map(|warning| self.world.guards.redact(warning)).collect(),
            ..blank(&claimed.issue)
        };
        for tried in &done.tried {
            told.tool_calls += tried.attempt.tool_calls;
            told.usage = told.usage.plus(&tried.attempt.usage);
        }
        if let Some(last) = done.last() {
            let (complexity, choice) = self.model_for(&claimed.issue, last.attempt.number);
            (told.complexity, told.model_reason) = (complexity, Some(choice.reason));
            let Attempt { failure, phase, model, gates, .. } = last.attempt.clone();
            told.failure = failure;
            told.phase = Some(phase);
            told.model = model;
            told.gates = gates;
            told.commits = last.work.commits.len() as u64;
            told.files_changed = last.work.files.len() as u64;
            told.error = Some(last.error.clone()).filter(|error| !error.is_empty());
            told.log = last.log.as_ref().map(|log| log.display().to_string());
        }
        told
    }
}

/// The record that ends the claim, with the proof of what was pushed.
fn recorded(claimed: &ClaimedIssue, done: &Concluded) -> Recorded {
    let mut record = done.record.clone();
    record.identifier.clone_from(&claimed.issue.identifier);
    record.branch = Some(done.branch.clone());
    record.head_sha = done.pushed.clone();
    record.pull_request = done.handed.as_ref().map(|handed| handed.pull_request.clone());
    record.issue_updated_at = done.updated_at.or(record.issue_updated_at);
    let attempts: Vec<Attempt> = done.tried.iter().map(|tried| tried.attempt.clone()).collect();
    Recorded {
        record,
        attempts,
        labels: claimed.issue.labels.clone(),
        refs: done.pushed.iter().map(|head| proof(&done.branch, head)).collect(),
        limit_hit: limit_hit(&done.tried),
    }
}

/// The limit that ended the work, with when it is lifted. Where two agents ran into theirs, the
/// work can go on with the first that is free.
fn limit_hit(tried: &[Tried]) -> Option<Option<Time>> {
    let last = tried.last().filter(|last| last.is_limited())?;
    let earlier = tried.iter().rev().skip(1).find(|tried| tried.is_limited());
    let first_free = earlier
        .map_or(last.limit_resets_at, |earlier| Some(earlier.limit_resets_at?.min(last.limit_resets_at?)));
    Some(first_free.or(last.limit_resets_at))
}

fn words(error: &LedgerError) -> String {
    match error {
        LedgerError::Refused(Refusal::ClaimLost) => "the claim is no longer this run's".to_owned(),
        LedgerError::Refused(Refusal::Nothing) => "there was nothing to write".to_owned(),
        LedgerError::Ref { name, detail, .. } => format!("{name}: {detail}"),
        LedgerError::Store(error) => error.to_string(),
    }
}
