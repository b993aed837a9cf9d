//! What is to be recovered: dead claims with what their runs left (on record, on this machine, on
//! the remote), accepted work nobody delivers, tickets that stayed in progress.

use super::super::deliver::propose;
use super::super::intake::branch::branch_for;
use super::super::intake::poll::Polled;
use super::super::run::Run;
use super::super::tickets;
use super::super::work::context;
use super::super::world::CycleError;
use super::{kept_result, lost};
use crate::model::{
    Attempt, BranchName, Claim, Delivery, Issue, IssueId, IssueRecord, Purpose, Sha, Stage, StageName, State,
    stage,
};
use crate::policy::retry;
use crate::ports::KeptFile;
use lost::Lost;
use std::collections::HashMap;

/// One thing to recover.
pub(in crate::cycle) struct Found {
    pub id: IssueId,
    /// `None` when the tracker has the ticket no longer.
    pub issue: Option<Issue>,
    /// The dead claim, or what one for the delivery begins with.
    pub claim: Claim,
    /// As it is to be once it is taken over.
    pub record: IssueRecord,
    /// Outcomes that are not on record yet.
    pub attempts: Vec<Attempt>,
    pub context: Option<KeptFile>,
    /// A run died over it.
    pub dead: bool,
    pub from: StageName,
    /// The stage on record when it was found.
    seen: Option<StageName>,
}

impl Found {
    pub fn identifier(&self) -> &str {
        &self.claim.identifier
    }

    pub fn labels(&self) -> Vec<String> {
        self.issue.as_ref().map(|issue| issue.labels.clone()).unwrap_or_default()
    }

    /// Whether nobody took it over or brought it on since.
    pub fn is_still(&self, state: &State) -> bool {
        let held = state.claims.get(&self.id).map(|claim| &claim.run_id);
        let is_held_as_seen = if self.dead { held == Some(&self.claim.run_id) } else { held.is_none() };
        let seen = state.issues.get(&self.id).map(|record| record.stage.name());
        is_held_as_seen && seen == self.seen
    }
}

/// Everything there is to recover now.
pub(in crate::cycle) fn find(run: &Run<'_>, polled: &Polled) -> Result<Vec<Found>, CycleError> {
    let state = run.ledger.state();
    let mut found: Vec<Found> = Vec::new();
    let mut branches: Option<HashMap<BranchName, Sha>> = None;
    for (id, claim) in &polled.dead {
        if !claim.branch.as_str().starts_with(&run.settings.branch_prefix) {
            run.warn(
                Some(&claim.identifier),
                format!("its claim names branch {}, which is none of ours: left alone", claim.branch),
            );
            continue;
        }
        let on_record = state.issues.get(id).filter(|record| record.stage.delivery().is_some());
        let one = match on_record {
            Some(record) => Some(ended_or(run, of_record(polled, id, claim, record, true))),
            None => match accepted_here(run, polled, id, claim, &state) {
                Some(one) => Some(one),
                None => {
                    let branches = match &mut branches {
                        Some(branches) => branches,
                        None => branches.insert(run.world.workspaces.remote_branches()?),
                    };
                    of_dead(run, polled, id, claim, branches, &state)
                }
            },
        };
        found.extend(one);
    }
    found.extend(undelivered(run, polled, &state));
    found.extend(stuck(run, polled, &state));
    Ok(found)
}

/// The record says how far it came.
fn of_record(polled: &Polled, id: &IssueId, claim: &Claim, record: &IssueRecord, dead: bool) -> Found {
    let from = record.stage.name();
    Found {
        id: id.clone(),
        issue: polled.recorded.get(id).cloned(),
        claim: claim.clone(),
        record: record.clone(),
        attempts: Vec::new(),
        context: None,
        dead,
        from,
        seen: Some(from),
    }
}

/// Accepted work of a ticket that is over since is not delivered; a pull request it has stands.
fn ended_or(run: &Run<'_>, mut one: Found) -> Found {
    let pull_is_there = one.record.pull_request.is_some();
    let branch = one.record.branch.clone().unwrap_or_else(|| one.claim.branch.clone());
    let head = one.record.stage.delivery().map(|delivery| delivery.head.clone());
    let wanted = pull_is_there || head.is_none_or(|head| is_wanted(run, one.issue.as_ref(), &branch, &head));
    if !wanted {
        one.record.stage = Stage::done(stage::TICKET_CLOSED, Some(run.now()));
        one.record.fault = None;
    }
    one
}

/// The dead run had accepted its work on this machine and could not put it on record.
fn accepted_here(
    run: &Run<'_>,
    polled: &Polled,
    id: &IssueId,
    claim: &Claim,
    state: &State,
) -> Option<Found> {
    let issue = polled.recorded.get(id).filter(|issue| !tickets::is_over(run, issue))?;
    let kept = kept_result::read(&lost::dir_of(run, claim)?)?;
    let delivery = kept.stage.delivery()?.clone();
    if !run.world.workspaces.has_commit(&delivery.head) {
        return None;
    }
    let lost = lost::lost_success(run, claim, &delivery.head);
    let attempt = Attempt {
        usage: delivery.usage.known,
        gates: delivery.gates.clone(),
        model: delivery.model.clone(),
        ..lost.attempt
    };
    Some(Found {
        id: id.clone(),
        issue: Some(issue.clone()),
        claim: claim.clone(),
        context: context::context_of_lost(run, id, &issue.title, claim, &attempt, &lost.work),
        record: IssueRecord { branch: Some(claim.branch.clone()), head_sha: None, ..kept },
        attempts: vec![attempt],
        dead: true,
        from: StageName::Claimed,
        seen: state.issues.get(id).map(|record| record.stage.name()),
    })
}

/// What another machine's run, or one without a kept result, left: a pushed branch, or nothing.
fn of_dead(
    run: &Run<'_>,
    polled: &Polled,
    id: &IssueId,
    claim: &Claim,
    branches: &HashMap<BranchName, Sha>,
    state: &State,
) -> Option<Found> {
    let issue = polled.recorded.get(id);
    let before = state.record_of(id, &claim.identifier);
    let pushed = branches.get(&claim.branch).filter(|head| **head != claim.base_sha);
    let (lost, record) = match pushed.filter(|head| is_wanted(run, issue, &claim.branch, head)) {
        Some(_) if issue.is_none() => {
            run.warn(
                Some(&claim.identifier),
                format!("its branch {} is pushed and the tracker has the ticket no longer", claim.branch),
            );
            return None;
        }
        Some(head) => adopted(run, claim, head, &before),
        None => given_up(run, claim, &before, issue),
    };
    Some(Found {
        id: id.clone(),
        issue: issue.cloned(),
        claim: claim.clone(),
        context: context::context_of_lost(
            run,
            id,
            issue.map_or("", |issue| &issue.title),
            claim,
            &lost.attempt,
            &lost.work,
        ),
        record,
        attempts: vec![lost.attempt],
        dead: true,
        from: StageName::Claimed,
        seen: state.issues.get(id).map(|record| record.stage.name()),
    })
}

fn adopted(run: &Run<'_>, claim: &Claim, head: &Sha, before: &IssueRecord) -> (Lost, IssueRecord) {
    let lost = lost::lost_success(run, claim, head);
    let now = run.now();
    let after = retry::record_after(before, &lost.attempt, &run.settings.limits, &run.settings.retry, now);
    let mut delivery = Delivery::found(head.clone());
    delivery.base = claim.base_sha.clone();
    delivery.attempt = claim.attempt;
    let record = IssueRecord {
        stage: Stage::Pushed(Box::new(delivery)),
        branch: Some(claim.branch.clone()),
        head_sha: Some(head.clone()),
        pull_request: None,
        ..after
    };
    (lost, record)
}

/// Nothing was accepted: the interruption is recorded. It counts when an agent had started.
fn given_up(
    run: &Run<'_>,
    claim: &Claim,
    before: &IssueRecord,
    issue: Option<&Issue>,
) -> (Lost, IssueRecord) {
    let counts = lost::had_started(run, claim);
    let lost = lost::lost_halfway(run, claim);
    let mut record = retry::interrupted(before, &run.settings.limits);
    if !counts {
        record = IssueRecord {
            interruptions: before.interruptions,
            stage: Stage::waiting(None, "its run ended before an agent had started"),
            ..record
        };
    }
    record.branch = Some(claim.branch.clone());
    record.head_sha = None;
    record.issue_updated_at = issue.and_then(|issue| issue.updated_at).or(record.issue_updated_at);
    (lost, record)
}

/// Pushed work of a ticket that is over gets no pull request; the one it has is recorded.
fn is_wanted(run: &Run<'_>, issue: Option<&Issue>, branch: &BranchName, head: &Sha) -> bool {
    let is_over = issue.is_some_and(|issue| tickets::is_over(run, issue));
    // What the forge cannot be asked now is asked again by the next run.
    !is_over || propose::opened(run, branch, head).map_or(true, |opened| opened.is_some())
}

/// Accepted work whose run ended before it was delivered.
fn undelivered(run: &Run<'_>, polled: &Polled, state: &State) -> Vec<Found> {
    let now = run.now();
    state
        .issues
        .iter()
        .filter(|(id, record)| record.stage.delivery().is_some() && !state.claims.contains_key(*id))
        .filter(|(_, record)| {
            record.fault.as_ref().is_none_or(|fault| fault.is_due(now, run.settings.max_wait()))
        })
        .filter(|(id, record)| {
            let is_there = polled.recorded.contains_key(*id);
            if !is_there {
                run.warn(
                    Some(&record.identifier),
                    "its work is accepted and the tracker has the ticket no longer",
                );
            }
            is_there
        })
        .map(|(id, record)| of_record(polled, id, &delivery_claim(run, record), record, false))
        .collect()
}

fn delivery_claim(run: &Run<'_>, record: &IssueRecord) -> Claim {
    let identity = &run.settings.identity;
    let now = run.now();
    let base = record.stage.delivery().map_or_else(|| Sha::new(""), |delivery| delivery.base.clone());
    Claim {
        identifier: record.identifier.clone(),
        run_id: identity.run_id.clone(),
        host: identity.host.clone(),
        pid: identity.pid,
        pid_started: identity.pid_started.clone(),
        ci_run_url: identity.ci_run_url.clone(),
        claimed_at: now,
        lease_expires_at: now,
        attempt: record.attempts,
        branch: record
            .branch
            .clone()
            .unwrap_or_else(|| branch_for(&run.settings.branch_prefix, &record.identifier, Some(record))),
        base_sha: base,
        purpose: Purpose::Deliver,
        ticket_state: None,
        assigned: None,
        extra: Default::default(),
    }
}

/// Tickets of ours that stayed in progress with nobody at work: a run could not move them back. One
/// a person touched since is that person's.
fn stuck(run: &Run<'_>, polled: &Polled, state: &State) -> Vec<Found> {
    state
        .issues
        .iter()
        .filter(|(id, record)| matches!(record.stage, Stage::Waiting(_)) && !state.claims.contains_key(*id))
        .filter(|(id, record)| {
            polled.recorded.get(*id).is_some_and(|issue| {
                let touched =
                    matches!((issue.updated_at, record.issue_updated_at), (Some(now), Some(then)) if now > then);
                issue.state.is_named(&run.settings.tracker.in_progress_state)
                    && tickets::way_back(run, issue).is_some()
                    && !touched
            })
        })
        .map(|(id, record)| of_record(polled, id, &delivery_claim(run, record), record, false))
        .collect()
}
