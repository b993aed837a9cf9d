//! Claim: one ticket, when there is a free slot for it, by compare-and-swap, with a look at it as it
//! is now. A ticket that changed is given back.

use super::super::claims::{CI_ATTEMPT, Living};
use super::super::ledger::{Change, Entry, LedgerError, RecordSlot};
use super::super::run::Run;
use super::super::tickets;
use super::super::work::job::ClaimedIssue;
use super::super::world::{CycleError, Settings};
use super::access::{self, Seen};
use super::branch::branch_for;
use super::conflicts;
use super::select::{Selection, skipped_by};
use crate::model::report::{SkipReason, Skipped};
use crate::model::{Claim, Issue, IssueId, IssueRecord, Purpose, Refusal, Sha, State, Time};
use crate::policy::eligibility::{Skip, Verdict};
use crate::policy::{retry, slots};
use chrono::TimeDelta;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between the end of the work and the end of its lease: time to deliver and record.
const LEASE_MARGIN: Duration = Duration::from_secs(600);

/// A look at a ticket that began so long before its claim stood counts as one after it.
const RECENT: Duration = Duration::from_secs(2);

/// What became of a candidate.
pub(in crate::cycle) enum Taken {
    Claimed(Box<ClaimedIssue>),
    Skipped(Skipped),
}

/// What one candidate is claimed with.
pub(in crate::cycle) struct Bid<'b> {
    pub issue: &'b Issue,
    pub selection: &'b Selection,
    pub force: bool,
    pub seen: &'b Seen,
    /// The clock's monotonic time at which work ends.
    pub deadline: Option<Duration>,
    /// How long the claim is to stand, where that is told.
    pub lease: Option<Duration>,
}

/// What the last pass of the decision came to.
type Decided = Arc<Mutex<Result<bool, Skip>>>;

/// Claims a candidate, or says why not. Other tickets' writes may wait for it, by its slot.
pub(in crate::cycle) fn take<'w>(
    run: &Run<'w>,
    bid: &Bid<'_>,
    slot: RecordSlot<'_, 'w>,
) -> Result<Taken, CycleError> {
    let issue = bid.issue;
    let name = Some(issue.identifier.as_str());
    let (decided, looked) = std::thread::scope(|scope| {
        let looked = scope.spawn(|| (run.elapsed(), tickets::look(run, issue)));
        (run.time("claim", name, || swap(run, bid, slot)), looked.join().ok())
    });
    let decided = match decided? {
        Ok(anew) => anew,
        Err(skip) => return Ok(Taken::Skipped(skipped_by(issue, skip))),
    };
    let state = run.ledger.state();
    let is_recent = |at: &Duration| run.elapsed().saturating_sub(*at) <= RECENT;
    let looked = looked.filter(|(at, _)| is_recent(at)).map(|(_, looked)| looked);
    let fresh = match looked.unwrap_or_else(|| tickets::look(run, issue)) {
        Ok(fresh) => fresh,
        Err(error) => {
            give_back(run, issue)?;
            return Err(error.into());
        }
    };
    match confirm(run, fresh, &state, bid.force) {
        Ok(now) => {
            let Some(claim) = state.claims.get(&issue.id).cloned() else {
                let skip = Skip::new(SkipReason::Claimed, "another run has it since");
                return Ok(Taken::Skipped(skipped_by(issue, skip)));
            };
            let mut record = state.record_of(&issue.id, &issue.identifier);
            if decided || bid.selection.anew.contains(&issue.id) {
                record = retry::renewed(&record);
            }
            Ok(Taken::Claimed(Box::new(ClaimedIssue { issue: now, claim, record })))
        }
        Err(skip) => {
            give_back(run, issue)?;
            Ok(Taken::Skipped(skipped_by(issue, skip)))
        }
    }
}

/// The compare-and-swap. Decided again, eligibility and slots included, for every fresher state.
fn swap<'w>(
    run: &Run<'w>,
    bid: &Bid<'_>,
    slot: RecordSlot<'_, 'w>,
) -> Result<Result<bool, Skip>, CycleError> {
    let base = match run.ledger.base() {
        Some(base) => base,
        None => run.world.workspaces.base()?,
    };
    let issue = bid.issue.clone();
    let what = format!("claim {}", issue.identifier);
    let decided: Decided = Arc::new(Mutex::new(Err(Skip::new(SkipReason::Claimed, "it was not decided"))));
    let (result, settings, clock, living) =
        (Arc::clone(&decided), run.settings, run.world.clock.as_ref(), run.living());
    let (compared, force, seen) = (Arc::clone(&bid.selection.compared), bid.force, bid.seen.clone());
    let held_back = compared.held_back();
    let through = Arc::clone(&run.through);
    let lease = match bid.lease {
        Some(told) => TimeDelta::from_std(told).unwrap_or(TimeDelta::hours(12)),
        None => lease_of(run, bid.deadline),
    };
    let decide = move |state: &State| {
        let now = clock.now();
        let fits = fits(&living, settings, &issue, state, force, &through, now).and_then(|anew| {
            match conflicts::met_since(&living, &issue, state, &compared) {
                Some(skip) => Err(skip),
                None => Ok(anew),
            }
        });
        let outcome = fits.clone();
        *result.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        if fits.is_err() {
            return Err(Refusal::Nothing);
        }
        let claim = claim_of(settings, &issue, state.issues.get(&issue.id), lease, &base, now);
        let counted = state.count_held_back(&held_back, &settings.identity.run_id, now);
        let mut next = counted.as_ref().unwrap_or(state).claim(&issue.id, claim);
        next.access.extend(seen.clone());
        Ok(next)
    };
    let change = Change { what, refs: Vec::new(), decide: Box::new(decide) };
    match run.ledger.commit(&slot, Entry { change, contexts: Vec::new() }) {
        Ok(()) | Err(LedgerError::Refused(_)) => {
            Ok(decided.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }
        Err(LedgerError::Store(error)) => Err(access::explain(run, error.into())),
        Err(LedgerError::Ref { name, detail, .. }) => {
            Err(CycleError::Unreachable(format!("{name}: {detail}")))
        }
    }
}

/// Whether the state as it is now lets this run have the ticket; whether it starts over.
fn fits(
    living: &Living<'_>,
    settings: &Settings,
    issue: &Issue,
    state: &State,
    force: bool,
    through: &Mutex<HashSet<IssueId>>,
    now: Time,
) -> Result<bool, Skip> {
    // A lost run's claim is recovered first: what it pushed must be seen before an agent runs again.
    if let Some(claim) = state.claims.get(&issue.id).filter(|claim| living.is_anothers(claim)) {
        let detail = format!("the claim of run {} on {} is to be recovered first", claim.run_id, claim.host);
        let skip = Skip::new(SkipReason::Claimed, detail);
        if living.is_dead(claim) {
            return Err(skip);
        }
    }
    match living.assess(issue, state, force, now) {
        Verdict::Skip(skip) => Err(skip),
        Verdict::Eligible { anew } => {
            let busy = {
                let through = through.lock().unwrap_or_else(PoisonError::into_inner);
                living.busy_with_own(state, &through)
            };
            match slots::fill(&[issue], &settings.limits, &busy).skipped.pop() {
                Some((_, skip)) => Err(skip),
                None => Ok(anew),
            }
        }
    }
}

fn claim_of(
    settings: &Settings,
    issue: &Issue,
    record: Option<&IssueRecord>,
    lease: TimeDelta,
    base: &Sha,
    now: Time,
) -> Claim {
    let identity = &settings.identity;
    let mut claim = Claim {
        identifier: issue.identifier.clone(),
        run_id: identity.run_id.clone(),
        host: identity.host.clone(),
        pid: identity.pid,
        pid_started: identity.pid_started.clone(),
        ci_run_url: identity.ci_run_url.clone(),
        claimed_at: now,
        lease_expires_at: now.checked_add_signed(lease).unwrap_or(now),
        attempt: record.map_or(0, |record| record.attempts).saturating_add(1),
        branch: branch_for(&settings.branch_prefix, &issue.identifier, record),
        base_sha: base.clone(),
        purpose: Purpose::Work,
        ticket_state: Some(issue.state.name.clone()),
        assigned: None,
        extra: Default::default(),
    };
    if let Some(attempt) = identity.ci_attempt {
        claim.extra.insert(CI_ATTEMPT.to_owned(), attempt.into());
    }
    claim
}

/// Whether a claimed ticket may still be worked on, now that it was read again.
fn confirm(run: &Run<'_>, issue: Option<Issue>, state: &State, force: bool) -> Result<Issue, Skip> {
    let Some(issue) = issue else {
        return Err(Skip::new(SkipReason::ChangedSincePoll, "the tracker has it no longer"));
    };
    if let Verdict::Skip(skip) = run.living().assess(&issue, state, force, run.now()) {
        let detail = format!("{}: {}", skip.reason.word(), skip.detail);
        return Err(Skip::new(SkipReason::ChangedSincePoll, detail));
    }
    Ok(issue)
}

/// Gives a claim back as if it had never been.
pub(in crate::cycle) fn give_back(run: &Run<'_>, issue: &Issue) -> Result<(), CycleError> {
    let (id, own): (IssueId, _) = (issue.id.clone(), run.settings.identity.run_id.clone());
    let change = Change {
        what: format!("release {}", issue.identifier),
        refs: Vec::new(),
        decide: Box::new(move |state| state.release(&id, &own)),
    };
    match run.ledger.commit(&run.ledger.slot(), Entry { change, contexts: Vec::new() }) {
        Ok(()) | Err(LedgerError::Refused(_)) => Ok(()),
        Err(LedgerError::Store(error)) => Err(error.into()),
        Err(LedgerError::Ref { name, detail, .. }) => {
            Err(CycleError::Unreachable(format!("{name}: {detail}")))
        }
    }
}

/// How long one ticket can take: what is left of the run's deadline, else all its attempts.
fn lease_of(run: &Run<'_>, deadline: Option<Duration>) -> TimeDelta {
    let longest = time_for(run);
    let left = deadline
        .map_or(longest, |deadline| deadline.saturating_sub(run.world.clock.monotonic()).min(longest));
    TimeDelta::from_std(left.saturating_add(LEASE_MARGIN)).unwrap_or(TimeDelta::hours(12))
}

/// The longest one ticket can need.
pub(in crate::cycle) fn time_for(run: &Run<'_>) -> Duration {
    let agent = &run.settings.agent;
    let attempt = agent
        .startup_timeout
        .saturating_add(agent.turn_timeout)
        .saturating_add(agent.grace_period.saturating_mul(2))
        .saturating_add(run.world.commands.time_limit().saturating_mul(agent.max_fix_turns + 1));
    attempt
        .saturating_add(run.settings.retry.max)
        .saturating_mul(run.settings.limits.max_attempts)
        .saturating_add(Duration::from_secs(600))
}
