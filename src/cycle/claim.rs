//! Claim: one compare-and-swap for the batch, then a look at the claimed tickets as they are now;
//! those that changed are given back.

use super::ledger::{Change, LedgerError};
use super::select::{Selection, skipped_by};
use super::{Cycle, CycleError, Request, ids};
use crate::model::report::{SkipReason, Skipped};
use crate::model::{BranchName, Claim, Issue, IssueId, IssueRecord, Refusal, Sha, State, safe_key};
use crate::policy::eligibility::{Skip, Verdict};
use crate::policy::{retry, slots};
use chrono::TimeDelta;
use std::collections::HashMap;
use std::time::Duration;

/// Between the end of the run and the end of its leases: time to publish and record.
const LEASE_MARGIN: Duration = Duration::from_secs(600);

/// The claimed issues of this run.
pub(super) struct Claimed {
    pub issues: Vec<ClaimedIssue>,
    pub at_once: usize,
    /// The clock's monotonic time at which work ends.
    pub deadline: Duration,
}

/// One issue that is this run's to work on.
#[derive(Debug, Clone)]
pub(super) struct ClaimedIssue {
    /// With details, as it was after the claim.
    pub issue: Issue,
    pub claim: Claim,
    /// What is remembered of it, with forgiven failures forgiven.
    pub record: IssueRecord,
}

/// What one pass of the decision claimed, and what it had to leave.
#[derive(Default)]
struct Decided {
    claims: Vec<(Issue, Claim)>,
    left: Vec<Skipped>,
}

impl Cycle<'_> {
    /// Claims what was selected. What another run has meanwhile, and what changed, ends in
    /// `skipped`.
    pub(super) fn claim(
        &self,
        selection: Selection,
        request: &Request,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Claimed, CycleError> {
        let at_once = selection.at_once.max(1);
        let budget = self.time_for(selection.issues.len(), at_once);
        let deadline = self.world.clock.monotonic().saturating_add(budget);
        let claims = self
            .watch
            .time("claim", None, || self.swap_claims(&selection, request.force, budget, skipped))?;
        let fresh = match self
            .watch
            .time("refresh", None, || self.world.tracker.refresh(&ids(claims.iter().map(|c| &c.0))))
        {
            Ok(fresh) => fresh,
            Err(error) => {
                self.give_back(&claims.iter().map(|(issue, _)| issue).collect::<Vec<_>>())?;
                return Err(error.into());
            }
        };
        let mut fresh: HashMap<IssueId, Issue> =
            fresh.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
        let state = self.ledger.state();
        let (mut kept, mut changed) = (Vec::new(), Vec::new());
        for (issue, claim) in &claims {
            match self.confirm(fresh.remove(&issue.id), &state, request.force) {
                Ok(now) => {
                    let mut record = state.record_of(&issue.id, &issue.identifier);
                    if selection.anew.contains(&issue.id) {
                        record = retry::renewed(&record);
                    }
                    kept.push(ClaimedIssue { issue: now, claim: claim.clone(), record });
                }
                Err(skip) => {
                    skipped.push(skipped_by(issue, skip));
                    changed.push(issue);
                }
            }
        }
        if !changed.is_empty() {
            self.give_back(&changed)?;
        }
        Ok(Claimed { issues: kept, at_once, deadline })
    }

    /// The compare-and-swap. Decided again, eligibility and slots included, for every fresher
    /// state.
    fn swap_claims(
        &self,
        selection: &Selection,
        force: bool,
        budget: Duration,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Vec<(Issue, Claim)>, CycleError> {
        let base = match self.ledger.base() {
            Some(base) => base,
            None => self.world.workspaces.base()?,
        };
        let names: Vec<&str> = selection.issues.iter().map(|issue| issue.identifier.as_str()).collect();
        let mut decided = Decided::default();
        let change = Change {
            what: format!("claim {}", names.join(", ")),
            refs: Vec::new(),
            decide: Box::new(|state| {
                decided = self.decide_claims(selection, state, force, budget, &base);
                if decided.claims.is_empty() {
                    return Err(Refusal::Nothing);
                }
                let claims = decided.claims.iter();
                Ok(claims.fold(state.clone(), |state, (issue, claim)| state.claim(&issue.id, claim.clone())))
            }),
        };
        let result = self.ledger.commit_alone(change);
        skipped.append(&mut decided.left);
        match result {
            Ok(()) => Ok(decided.claims),
            Err(LedgerError::Refused(_)) => Ok(Vec::new()),
            Err(LedgerError::Store(error)) => Err(error.into()),
            Err(LedgerError::Ref { name, detail, .. }) => {
                Err(CycleError::Unreachable(format!("{name}: {detail}")))
            }
        }
    }

    fn decide_claims(
        &self,
        selection: &Selection,
        state: &State,
        force: bool,
        budget: Duration,
        base: &Sha,
    ) -> Decided {
        let mut decided = Decided::default();
        let mut still = Vec::new();
        for issue in &selection.issues {
            match self.assess(issue, state, force) {
                Verdict::Eligible { .. } => match self.met_since(issue, state, &selection.judged) {
                    Some(skip) => decided.left.push(skipped_by(issue, skip)),
                    None => still.push(issue),
                },
                Verdict::Skip(skip) => decided.left.push(skipped_by(issue, skip)),
            }
        }
        let filled = slots::fill(&still, &self.settings.limits, &self.busy(state, &HashMap::new()));
        decided.left.extend(filled.skipped.into_iter().map(|(issue, skip)| skipped_by(issue, skip)));
        decided.claims = filled
            .selected
            .into_iter()
            .map(|issue| (issue.clone(), self.claim_of(issue, state.issues.get(&issue.id), budget, base)))
            .collect();
        decided
    }

    fn claim_of(&self, issue: &Issue, record: Option<&IssueRecord>, budget: Duration, base: &Sha) -> Claim {
        let identity = &self.settings.identity;
        let now = self.now();
        let lease = TimeDelta::from_std(budget.saturating_add(LEASE_MARGIN)).unwrap_or(TimeDelta::hours(12));
        Claim {
            identifier: issue.identifier.clone(),
            run_id: identity.run_id.clone(),
            host: identity.host.clone(),
            pid: identity.pid,
            pid_started: identity.pid_started.clone(),
            ci_run_url: identity.ci_run_url.clone(),
            claimed_at: now,
            lease_expires_at: now.checked_add_signed(lease).unwrap_or(now),
            attempt: record.map_or(0, |record| record.attempts).saturating_add(1),
            branch: branch_for(&self.settings.branch_prefix, &issue.identifier, record),
            base_sha: base.clone(),
            extra: Default::default(),
        }
    }

    /// Whether a claimed ticket may still be worked on, now that it was read again.
    fn confirm(&self, issue: Option<Issue>, state: &State, force: bool) -> Result<Issue, Skip> {
        let Some(issue) = issue else {
            return Err(Skip::new(SkipReason::ChangedSincePoll, "the tracker has it no longer"));
        };
        if let Verdict::Skip(skip) = self.assess(&issue, state, force) {
            let detail = format!("{}: {}", skip.reason.word(), skip.detail);
            return Err(Skip::new(SkipReason::ChangedSincePoll, detail));
        }
        Ok(issue)
    }

    /// Gives claims back as if they had never been.
    pub(super) fn give_back(&self, issues: &[&Issue]) -> Result<(), CycleError> {
        let run = &self.settings.identity.run_id;
        let names: Vec<&str> = issues.iter().map(|issue| issue.identifier.as_str()).collect();
        let change = Change {
            what: format!("release {}", names.join(", ")),
            refs: Vec::new(),
            decide: Box::new(|state| {
                let released = issues.iter().fold(None, |next: Option<State>, issue| {
                    next.as_ref().unwrap_or(state).release(&issue.id, run).ok().or(next)
                });
                released.ok_or(Refusal::Nothing)
            }),
        };
        match self.ledger.commit_alone(change) {
            Ok(()) | Err(LedgerError::Refused(_)) => Ok(()),
            Err(LedgerError::Store(error)) => Err(error.into()),
            Err(LedgerError::Ref { name, detail, .. }) => {
                Err(CycleError::Unreachable(format!("{name}: {detail}")))
            }
        }
    }

    /// How long this run may take: the configured deadline less what has passed, else the longest
    /// the selected issues can need.
    fn time_for(&self, issues: usize, at_once: usize) -> Duration {
        if let Some(deadline) = self.settings.limits.deadline {
            return deadline.saturating_sub(self.watch.elapsed());
        }
        let agent = &self.settings.agent;
        let attempt = agent
            .startup_timeout
            .saturating_add(agent.turn_timeout)
            .saturating_add(agent.grace_period.saturating_mul(2))
            .saturating_add(self.world.commands.time_limit().saturating_mul(agent.max_fix_turns + 1));
        let issue =
            attempt.saturating_add(self.settings.retry.max).saturating_mul(self.settings.limits.max_attempts);
        let waves = issues.div_ceil(at_once).max(1);
        issue
            .saturating_add(Duration::from_secs(600))
            .saturating_mul(u32::try_from(waves).unwrap_or(u32::MAX))
    }
}

/// The branch for the next attempt: the issue's own, or, when that one was published before, the
/// next of its names, as a closed or merged pull request's branch is never used again.
pub(super) fn branch_for(prefix: &str, identifier: &str, record: Option<&IssueRecord>) -> BranchName {
    let first = format!("{prefix}{}", safe_key(identifier));
    let last = record.and_then(|record| record.branch.as_ref()).map(BranchName::as_str);
    let published = record.is_some_and(|record| record.head_sha.is_some());
    match last.filter(|last| last.starts_with(&first)) {
        Some(last) if published => next_branch(&BranchName::new(&first), &BranchName::new(last)),
        Some(last) => BranchName::new(last),
        None => BranchName::new(first),
    }
}

/// `conductor/ENG-42` → `conductor/ENG-42-2` → `conductor/ENG-42-3`.
pub(super) fn next_branch(first: &BranchName, last: &BranchName) -> BranchName {
    let count: u32 = last
        .as_str()
        .strip_prefix(first.as_str())
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    BranchName::new(format!("{first}-{}", count.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IssueStatus;

    #[test]
    fn a_published_branch_is_not_used_again() {
        let mut record = IssueRecord::new("ENG-1", IssueStatus::Failed);
        assert_eq!(branch_for("conductor/", "ENG-1", None).as_str(), "conductor/ENG-1");
        record.branch = Some(BranchName::new("conductor/ENG-1"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1");
        record.head_sha = Some(Sha::new("abc"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1-2");
        record.branch = Some(BranchName::new("conductor/ENG-1-2"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1-3");
    }
}
