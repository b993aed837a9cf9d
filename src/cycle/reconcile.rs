//! Reconcile: what dead runs left is finished or given back. Looks before it creates: the remote's
//! branches, the forge's pull requests, the tickets as they are.

use super::ledger::{Change, LedgerError};
use super::lost::Lost;
use super::select::Polled;
use super::{Cycle, CycleError, record};
use crate::model::report::{Recovered, RecoveryAction, SkipReason, Skipped};
use crate::model::{
    BranchName, Claim, Conclusion, Issue, IssueId, IssueRecord, IssueStatus, Outcome, Refusal, Sha, State,
};
use crate::policy::retry;
use crate::ports::KeptFile;
use std::collections::HashMap;

/// Work that was pushed and never handed over: its run died, or the forge failed it.
struct Unfinished {
    id: IssueId,
    identifier: String,
    branch: BranchName,
    head: Sha,
    /// The dead claim; `None` when the work is recorded as a failed publication.
    claim: Option<Claim>,
}

impl Cycle<'_> {
    pub(super) fn reconcile(&self, polled: &mut Polled) -> Result<Vec<Recovered>, CycleError> {
        self.put_away(polled)?;
        let state = self.ledger.state();
        let half: Vec<(&IssueId, &IssueRecord)> =
            state.issues.iter().filter(|(id, record)| self.is_half_published(id, record, &state)).collect();
        let mut recovered = Vec::new();
        if !(polled.dead.is_empty() && half.is_empty()) {
            let branches = self.world.workspaces.remote_branches()?;
            for (id, record) in half {
                if let Some(unfinished) = half_published(id, record, &branches) {
                    recovered.extend(self.finish(&unfinished, polled, &state)?);
                }
            }
            for (id, claim) in std::mem::take(&mut polled.dead) {
                recovered.extend(self.recover(id, claim, polled, &branches, &state)?);
            }
        }
        self.take_up_stuck(polled);
        Ok(recovered)
    }

    fn is_half_published(&self, id: &IssueId, record: &IssueRecord, state: &State) -> bool {
        record.status == IssueStatus::Failed
            && record.head_sha.is_some()
            && record.next_attempt_at.is_none_or(|at| at <= self.now())
            && !state.claims.contains_key(id)
    }

    /// A dead claim: complete when its branch is on the remote and still wanted, else given back.
    fn recover(
        &self,
        id: IssueId,
        claim: Claim,
        polled: &mut Polled,
        branches: &HashMap<BranchName, Sha>,
        state: &State,
    ) -> Result<Option<Recovered>, CycleError> {
        match branches.get(&claim.branch).filter(|head| **head != claim.base_sha) {
            Some(head) if self.is_wanted(&id, &claim.branch, head, polled) => {
                let unfinished = Unfinished {
                    id,
                    identifier: claim.identifier.clone(),
                    branch: claim.branch.clone(),
                    head: head.clone(),
                    claim: Some(claim),
                };
                self.finish(&unfinished, polled, state)
            }
            _ => self.give_up(id, claim, polled, state),
        }
    }

    /// Pushed work of a ticket that is over gets no pull request; the one it has is recorded.
    fn is_wanted(&self, id: &IssueId, branch: &BranchName, head: &Sha, polled: &Polled) -> bool {
        let is_over = polled.recorded.get(id).is_some_and(|issue| self.is_over(issue));
        // What the forge cannot be asked now is asked again by the next run.
        !is_over || self.opened(branch, head).map_or(true, |opened| opened.is_some())
    }

    /// The pull request, the ticket and the record that are still missing.
    fn finish(
        &self,
        work: &Unfinished,
        polled: &Polled,
        state: &State,
    ) -> Result<Option<Recovered>, CycleError> {
        let Some(issue) = polled.recorded.get(&work.id) else {
            tracing::warn!(issue = %work.identifier, "its branch {} is pushed and the tracker has the ticket no longer", work.branch);
            return Ok(None);
        };
        let before = state.record_of(&work.id, &work.identifier);
        let number = work.claim.as_ref().map_or(before.attempts, |claim| claim.attempt);
        let handed = match self.hand_over_recovered(issue, &work.branch, &work.head, number) {
            Ok(handed) => handed,
            Err(error) => {
                tracing::warn!(issue = %work.identifier, "its branch {} is pushed and could not be handed over: {error}", work.branch);
                return Ok(None);
            }
        };
        let now = self.now();
        // What a failed publication was about is known from its own attempt.
        let lost = match &work.claim {
            Some(claim) => self.lost_success(claim, &work.head),
            None => Lost::unseen(number, Outcome::Success),
        };
        let attempt = lost.attempt.clone();
        let claim = work.claim.as_ref();
        let context = claim.and_then(|claim| self.context_of_lost(&work.id, &issue.title, claim, &lost));
        let mut record =
            retry::record_after(&before, &attempt, &self.settings.limits, &self.settings.retry, now);
        record.branch = Some(work.branch.clone());
        record.head_sha = Some(work.head.clone());
        record.pull_request = Some(handed.pull_request.clone());
        record.issue_updated_at = handed.updated_at.or(issue.updated_at);
        let run = &self.settings.identity.run_id;
        let conclusion = Conclusion {
            issue_id: work.id.clone(),
            claimed_by: work.claim.as_ref().map_or_else(|| run.clone(), |claim| claim.run_id.clone()),
            run_id: run.clone(),
            at: now,
            record,
            attempts: vec![attempt],
            labels: issue.labels.clone(),
        };
        let unclaimed = work.claim.is_none();
        let change = Change {
            what: format!("recover {}: {}, #{}", work.identifier, work.branch, handed.pull_request.number),
            refs: vec![record::proof(&work.branch, &work.head)],
            decide: Box::new(move |state| {
                if !unclaimed {
                    return state.conclude(&conclusion);
                }
                let still = state
                    .issues
                    .get(&conclusion.issue_id)
                    .is_some_and(|record| record.status == IssueStatus::Failed);
                if still && !state.claims.contains_key(&conclusion.issue_id) {
                    Ok(state.conclude_unclaimed(&conclusion))
                } else {
                    Err(Refusal::Nothing)
                }
            }),
        };
        let written = self.must_keeping(change, context.into_iter().collect())?;
        let action =
            if handed.created { RecoveryAction::AdoptedBranch } else { RecoveryAction::AdoptedPullRequest };
        Ok(written.then(|| Recovered { issue: work.identifier.clone(), action }))
    }

    /// Nothing was published: the interruption is recorded, the ticket is free again.
    fn give_up(
        &self,
        id: IssueId,
        claim: Claim,
        polled: &mut Polled,
        state: &State,
    ) -> Result<Option<Recovered>, CycleError> {
        let lost = self.lost_halfway(&claim);
        let before = state.record_of(&id, &claim.identifier);
        let mut record = retry::interrupted(&before, &self.settings.limits);
        let blocked = record.status == IssueStatus::Blocked;
        if record.status == IssueStatus::Running {
            record.status = IssueStatus::Failed;
        }
        record.branch = Some(claim.branch.clone());
        record.head_sha = None;
        let issue = polled.recorded.get(&id);
        let moved = issue.and_then(|issue| self.put_back(issue));
        record.issue_updated_at =
            moved.or(issue.and_then(|issue| issue.updated_at)).or(record.issue_updated_at);
        let conclusion = Conclusion {
            issue_id: id.clone(),
            claimed_by: claim.run_id.clone(),
            run_id: self.settings.identity.run_id.clone(),
            at: self.now(),
            record,
            attempts: vec![lost.attempt.clone()],
            labels: issue.map(|issue| issue.labels.clone()).unwrap_or_default(),
        };
        let title = issue.map_or("", |issue| &issue.title);
        let context = self.context_of_lost(&id, title, &claim, &lost);
        let change = Change {
            what: format!("release {}: run {} is gone", claim.identifier, claim.run_id),
            refs: Vec::new(),
            decide: Box::new(move |state| state.conclude(&conclusion)),
        };
        let written = self.must_keeping(change, context.into_iter().collect())?;
        let action = if blocked { RecoveryAction::Blocked } else { RecoveryAction::Released };
        Ok(written.then_some(Recovered { issue: claim.identifier, action }))
            .inspect(|_| self.activate(&id, polled))
    }

    /// What reconciling would do to the candidates, without doing it.
    pub(super) fn foresee(&self, polled: &mut Polled) -> Result<(), CycleError> {
        let dead = std::mem::take(&mut polled.dead);
        let branches = match dead.is_empty() {
            true => HashMap::new(),
            false => self.world.workspaces.remote_branches()?,
        };
        let state = self.ledger.state();
        for (id, claim) in dead {
            let pushed = branches.get(&claim.branch).filter(|head| **head != claim.base_sha);
            let detail = if pushed.is_some_and(|head| self.is_wanted(&id, &claim.branch, head, polled)) {
                Some("a lost run's pushed branch will be adopted")
            } else {
                let before = state.record_of(&id, &claim.identifier);
                let record = retry::interrupted(&before, &self.settings.limits);
                (record.status == IssueStatus::Blocked).then_some("a lost run's claim will block it")
            };
            match detail {
                None => self.activate(&id, polled),
                Some(detail) => {
                    polled.active.retain(|issue| issue.id != id);
                    let (issue, detail) = (claim.identifier, detail.to_owned());
                    polled.faults.push(Skipped { issue, reason: SkipReason::Claimed, detail });
                }
            }
        }
        self.stuck(polled).iter().for_each(|id| self.activate(id, polled));
        Ok(())
    }

    /// Tickets of ours that stayed in progress with nobody at work: a run could not move them
    /// back. One a person touched since is that person's.
    fn take_up_stuck(&self, polled: &mut Polled) {
        for id in self.stuck(polled) {
            if let Some(issue) = polled.recorded.get(&id) {
                self.put_back(issue);
            }
            self.activate(&id, polled);
        }
    }

    fn stuck(&self, polled: &Polled) -> Vec<IssueId> {
        let state = self.ledger.state();
        state
            .issues
            .iter()
            .filter(|(id, record)| record.status == IssueStatus::Failed && !state.claims.contains_key(*id))
            .filter(|(id, record)| {
                polled.recorded.get(*id).is_some_and(|issue| {
                    let touched = matches!((issue.updated_at, record.issue_updated_at), (Some(now), Some(then)) if now > then);
                    issue.state.is_named(&self.settings.tracker.in_progress_state) && !touched
                })
            })
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Moves a ticket of ours from "in progress" back to where candidates are; leaves any other
    /// where it is, and one somebody archived alone.
    pub(super) fn put_back(&self, issue: &Issue) -> Option<crate::model::Time> {
        let rules = &self.settings.tracker;
        let active = rules.active_states.first()?;
        let is_elsewhere =
            !issue.state.is_named(&rules.in_progress_state) || issue.state.is_among(&rules.active_states);
        if is_elsewhere || issue.archived {
            return None;
        }
        match self.world.tracker.move_to(issue, active) {
            Ok(updated_at) => updated_at,
            Err(error) => {
                tracing::warn!(issue = %issue.identifier, "could not be moved back to {active}: {error}");
                None
            }
        }
    }

    /// Counts a ticket that was put back among the candidates of this cycle.
    fn activate(&self, id: &IssueId, polled: &mut Polled) {
        let rules = &self.settings.tracker;
        let (Some(issue), Some(active)) = (polled.recorded.get_mut(id), rules.active_states.first()) else {
            return;
        };
        if issue.state.is_named(&rules.in_progress_state) {
            issue.state.name.clone_from(active);
        }
        if let Some(named) = polled.named.iter_mut().flatten().find(|named| named.id == *id) {
            named.state.name.clone_from(&issue.state.name);
        }
        let known = polled.active.iter().any(|other| other.id == *id);
        if !known && issue.state.is_among(&rules.active_states) {
            polled.active.push(issue.clone());
        }
    }

    /// Commits a change; `false` when it was not needed any more.
    pub(super) fn must(&self, change: Change<'_>) -> Result<bool, CycleError> {
        self.must_keeping(change, Vec::new())
    }

    /// The same, with files to keep.
    fn must_keeping(&self, change: Change<'_>, contexts: Vec<KeptFile>) -> Result<bool, CycleError> {
        match self.ledger.commit_alone_with(change, contexts) {
            Ok(()) => Ok(true),
            Err(LedgerError::Refused(_)) => Ok(false),
            Err(LedgerError::Store(error)) => Err(error.into()),
            Err(LedgerError::Ref { name, detail, .. }) => {
                tracing::warn!("{name} moved while it was being recovered: {detail}");
                Ok(false)
            }
        }
    }
}

fn half_published(
    id: &IssueId,
    record: &IssueRecord,
    branches: &HashMap<BranchName, Sha>,
) -> Option<Unfinished> {
    let (branch, head) = (record.branch.as_ref()?, record.head_sha.as_ref()?);
    (branches.get(branch) == Some(head)).then(|| Unfinished {
        id: id.clone(),
        identifier: record.identifier.clone(),
        branch: branch.clone(),
        head: head.clone(),
        claim: None,
    })
}
