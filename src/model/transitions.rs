//! How the state document changes: pure functions from a state to the next one, or a [`Refusal`].
//! Each can be decided again on a fresher state after a lost race.

use super::state::{DayUsage, Refusal};
use super::{
    Attempt, BranchName, Claim, IssueId, IssueRecord, IssueStatus, OutcomeRecord, RunId, Sha, State, Time,
    Usage,
};
use crate::model::state::RecordedPullRequest;

/// How an issue's work ended, in what the document remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    pub issue_id: IssueId,
    pub identifier: String,
    pub run_id: RunId,
    pub at: Time,
    pub status: IssueStatus,
    pub attempts: Vec<Attempt>,
    pub labels: Vec<String>,
    pub branch: BranchName,
    /// The pushed head, when there is one.
    pub head_sha: Option<Sha>,
    pub pull_request: Option<RecordedPullRequest>,
    pub next_attempt_at: Option<Time>,
    pub blocked_reason: Option<String>,
    /// What the record says of earlier failures is forgotten: the ticket changed since, or an
    /// operator set it aside.
    pub anew: bool,
    pub issue_updated_at: Option<Time>,
}

impl State {
    /// The claims that are not this run's.
    pub fn claims_of_others(&self, run: &RunId) -> impl Iterator<Item = (&IssueId, &Claim)> {
        self.claims.iter().filter(move |(_, claim)| claim.run_id != *run)
    }

    /// Adds a claim. Whether the issue may be claimed is decided before.
    pub fn claim(&self, id: &IssueId, claim: Claim) -> State {
        let mut next = self.clone();
        next.claims.insert(id.clone(), claim);
        next
    }

    /// Gives a claim back, as if it had never been.
    pub fn release(&self, id: &IssueId, run: &RunId) -> Result<State, Refusal> {
        let mut next = self.clone();
        next.take_claim(id, run)?;
        Ok(next)
    }

    /// Ends a claim in its outcome.
    pub fn conclude(&self, done: &Conclusion) -> Result<State, Refusal> {
        let mut next = self.clone();
        next.take_claim(&done.issue_id, &done.run_id)?;
        let mut record = next.record_of(&done.issue_id, &done.identifier);
        if done.anew {
            record = IssueRecord { branch: record.branch, ..IssueRecord::new(&done.identifier, done.status) };
        }
        record.identifier.clone_from(&done.identifier);
        record.status = done.status;
        for attempt in &done.attempts {
            record.count(attempt);
            next.add_usage(done.at, &attempt.usage);
            next.outcomes.push(done.outcome_of(attempt));
        }
        record.branch = Some(done.branch.clone());
        record.head_sha = done.head_sha.clone().or(record.head_sha);
        record.pull_request = done.pull_request.clone().or(record.pull_request);
        record.next_attempt_at = done.next_attempt_at;
        record.blocked_reason.clone_from(&done.blocked_reason);
        record.issue_updated_at = done.issue_updated_at.or(record.issue_updated_at);
        next.issues.insert(done.issue_id.clone(), record);
        Ok(next)
    }

    /// Changes what is remembered of an issue; `None` when nothing is.
    pub fn amend(&self, id: &IssueId, change: impl FnOnce(&mut IssueRecord)) -> Option<State> {
        let mut next = self.clone();
        change(next.issues.get_mut(id)?);
        Some(next)
    }

    fn take_claim(&mut self, id: &IssueId, run: &RunId) -> Result<(), Refusal> {
        match self.claims.get(id) {
            Some(claim) if claim.run_id == *run => {
                self.claims.remove(id);
                Ok(())
            }
            _ => Err(Refusal::ClaimLost),
        }
    }

    fn add_usage(&mut self, at: Time, usage: &Usage) {
        let day: &mut DayUsage = self.usage.entry(at.format("%Y-%m-%d").to_string()).or_default();
        day.input_tokens = day.input_tokens.saturating_add(usage.input_tokens);
        day.output_tokens = day.output_tokens.saturating_add(usage.output_tokens);
        day.cache_creation_tokens = day.cache_creation_tokens.saturating_add(usage.cache_creation_tokens);
        day.cache_read_tokens = day.cache_read_tokens.saturating_add(usage.cache_read_tokens);
        day.usd += usage.usd.unwrap_or(0.0);
        day.runs = day.runs.saturating_add(1);
    }
}

impl IssueRecord {
    /// Counts one attempt. A limit of the provider spends none; an interruption is not a failure.
    fn count(&mut self, attempt: &Attempt) {
        use super::{Failure, Outcome};
        match (attempt.outcome, attempt.failure) {
            (Outcome::Failure | Outcome::Partial, Some(Failure::RateLimited)) => {}
            (Outcome::Failure | Outcome::Partial, _) => {
                self.attempts += 1;
                *self.failures_by_phase.entry(attempt.phase).or_default() += 1;
            }
            (Outcome::Interrupted, _) => self.interruptions += 1,
            (Outcome::Success, _) => {
                self.attempts += 1;
                self.failures_by_phase.clear();
                self.interruptions = 0;
            }
            (Outcome::NoChanges, _) => self.attempts += 1,
        }
    }
}

impl Conclusion {
    fn outcome_of(&self, attempt: &Attempt) -> OutcomeRecord {
        OutcomeRecord {
            timestamp: self.at,
            run_id: self.run_id.clone(),
            issue: self.identifier.clone(),
            issue_id: self.issue_id.clone(),
            attempt: attempt.number,
            outcome: attempt.outcome,
            failure: attempt.failure,
            phase: attempt.phase,
            tool_calls: attempt.tool_calls,
            files_modified: attempt.files_modified,
            tokens_used: attempt.usage.total_tokens(),
            usd: attempt.usage.usd,
            duration_ms: attempt.duration_ms,
            has_commits: attempt.has_commits,
            labels: self.labels.clone(),
            model: attempt.model.clone(),
            branch: Some(self.branch.clone()),
            pull_request: self.pull_request.as_ref().map(|pull| pull.url.clone()),
            gates: attempt.gates.clone(),
            error_tail: attempt.error_tail.clone(),
            extra: Default::default(),
        }
    }
}
