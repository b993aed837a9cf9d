//! How the state document changes: pure functions from a state to the next one, or a [`Refusal`].
//! Each can be decided again on a fresher state after a lost race.

use super::state::{DayUsage, Refusal, day_of};
use super::{Attempt, Claim, IssueId, IssueRecord, Outcome, OutcomeRecord, RunId, State, Time, Usage};

/// How an issue's work ended, in what the document remembers of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    pub issue_id: IssueId,
    /// The run whose claim ends with it.
    pub claimed_by: RunId,
    /// The run that says so.
    pub run_id: RunId,
    pub at: Time,
    /// What is remembered of the issue from now on.
    pub record: IssueRecord,
    /// One outcome each in the history.
    pub attempts: Vec<Attempt>,
    pub labels: Vec<String>,
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
        next.take_claim(&done.issue_id, &done.claimed_by)?;
        Ok(next.conclude_unclaimed(done))
    }

    /// Writes an outcome where there is no claim to end.
    pub fn conclude_unclaimed(&self, done: &Conclusion) -> State {
        let mut next = self.clone();
        next.issues.insert(done.issue_id.clone(), done.record.clone());
        for attempt in &done.attempts {
            next.add_usage(done.at, &attempt.usage);
            next.outcomes.push(done.outcome_of(attempt));
        }
        next
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
        let day: &mut DayUsage = self.usage.entry(day_of(at)).or_default();
        day.input_tokens = day.input_tokens.saturating_add(usage.input_tokens);
        day.output_tokens = day.output_tokens.saturating_add(usage.output_tokens);
        day.cache_creation_tokens = day.cache_creation_tokens.saturating_add(usage.cache_creation_tokens);
        day.cache_read_tokens = day.cache_read_tokens.saturating_add(usage.cache_read_tokens);
        day.usd += usage.usd.unwrap_or(0.0);
        day.runs = day.runs.saturating_add(1);
    }
}

impl OutcomeRecord {
    /// An attempt as a line of the history.
    pub fn of(attempt: &Attempt, issue: &str, issue_id: &IssueId, run_id: &RunId, at: Time) -> Self {
        Self {
            timestamp: at,
            run_id: run_id.clone(),
            issue: issue.to_owned(),
            issue_id: issue_id.clone(),
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
            labels: Vec::new(),
            model: attempt.model.clone(),
            branch: None,
            pull_request: None,
            gates: attempt.gates.clone(),
            error_tail: attempt.error_tail.clone(),
            extra: Default::default(),
        }
    }
}

impl Conclusion {
    fn outcome_of(&self, attempt: &Attempt) -> OutcomeRecord {
        let pull_request = self.record.pull_request.as_ref().filter(|_| attempt.outcome == Outcome::Success);
        OutcomeRecord {
            labels: self.labels.clone(),
            branch: self.record.branch.clone(),
            pull_request: pull_request.map(|pull| pull.url.clone()),
            ..OutcomeRecord::of(attempt, &self.record.identifier, &self.issue_id, &self.run_id, self.at)
        }
    }
}
