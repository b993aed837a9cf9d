//! What the agent's side hands over: accepted work with everything its delivery needs, or attempts
//! that failed.

use super::super::run::Run;
use super::attempted::Attempted;
use super::job::{ClaimedIssue, Job};
use crate::model::stage::FILES;
use crate::model::{Delivery, IssueRecord, Outcome, Sha, Stage, Time};
use crate::policy::retry;

pub(in crate::cycle) struct WorkResult<'c> {
    /// Where it was worked on; `None` when no workspace could be made, or when that was another job.
    pub job: Option<Job<'c>>,
    /// What another job left, in Conductor's own repository.
    pub brought: Option<Sha>,
    /// Oldest first; at least one.
    pub attempts: Vec<Attempted>,
    /// The accepted change.
    pub accepted: Option<Box<Delivery>>,
}

impl<'c> WorkResult<'c> {
    pub fn without_workspace(attempted: Attempted) -> Self {
        Self { job: None, brought: None, attempts: vec![attempted], accepted: None }
    }

    pub fn of(run: &Run<'_>, job: Job<'c>, attempts: Vec<Attempted>) -> Self {
        let accepted = accepted(run, job.claimed, &attempts);
        Self { job: Some(job), brought: None, attempts, accepted }
    }

    /// The work of another job.
    pub fn brought(
        run: &Run<'_>,
        claimed: &ClaimedIssue,
        attempts: Vec<Attempted>,
        head: Option<Sha>,
    ) -> Self {
        let accepted = accepted(run, claimed, &attempts);
        Self { job: None, brought: head, attempts, accepted }
    }

    pub fn last(&self) -> Option<&Attempted> {
        self.attempts.last()
    }

    pub fn outcome(&self) -> Outcome {
        self.last().map_or(Outcome::Interrupted, |last| last.attempt.outcome)
    }

    /// What all attempts together make of the record; an accepted change is ready.
    pub fn record(&self, run: &Run<'_>, claimed: &ClaimedIssue) -> IssueRecord {
        let now = run.now();
        let mut record = self.attempts.iter().fold(claimed.record.clone(), |record, one| {
            retry::record_after(&record, &one.attempt, &run.settings.limits, &run.settings.retry, now)
        });
        if let Some(accepted) = &self.accepted {
            record.stage = Stage::Ready(accepted.clone());
            record.fault = None;
        }
        record.identifier.clone_from(&claimed.issue.identifier);
        record.branch = Some(claimed.claim.branch.clone());
        record.head_sha = None;
        record.pull_request = None;
        record
    }

    /// The limit that ended the work, with when it is lifted. Where two agents ran into theirs, the
    /// work can go on with the first that is free.
    pub fn limit_hit(&self) -> Option<Option<Time>> {
        let last = self.last().filter(|last| last.is_limited())?;
        let earlier = self.attempts.iter().rev().skip(1).find(|one| one.is_limited());
        let first_free = earlier.map_or(last.limit_resets_at, |earlier| {
            Some(earlier.limit_resets_at?.min(last.limit_resets_at?))
        });
        Some(first_free.or(last.limit_resets_at))
    }
}

fn accepted(run: &Run<'_>, claimed: &ClaimedIssue, attempts: &[Attempted]) -> Option<Box<Delivery>> {
    let last = attempts.last().filter(|last| last.attempt.outcome == Outcome::Success)?;
    delivery_of(run, claimed, last).map(Box::new)
}

fn delivery_of(run: &Run<'_>, claimed: &ClaimedIssue, last: &Attempted) -> Option<Delivery> {
    let rules = &run.settings.pull_request;
    let mut delivery = Delivery::found(last.work.head.clone()?);
    delivery.base = claimed.claim.base_sha.clone();
    delivery.title.clone_from(&last.text.title);
    delivery.body.clone_from(&last.text.body);
    delivery.draft = rules.draft || last.is_draft;
    delivery.labels.clone_from(&rules.labels);
    delivery.reviewers.clone_from(&rules.reviewers);
    delivery.notes.clone_from(&last.notes);
    delivery.gates.clone_from(&last.attempt.gates);
    delivery.files = last.work.files.iter().take(FILES).map(|file| run.redact(&file.path)).collect();
    delivery.commits = last.work.commits.len() as u64;
    delivery.attempt = last.attempt.number;
    delivery.usage = last.attempt.usage.into();
    delivery.model.clone_from(&last.attempt.model);
    delivery.agent.clone_from(&last.agent);
    delivery.run_id = Some(run.settings.identity.run_id.to_string());
    delivery.accepted_at = Some(run.now());
    Some(delivery)
}
