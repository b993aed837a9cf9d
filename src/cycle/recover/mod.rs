//! Recover: what runs left undone is taken over and brought on by the same steps that would have
//! done it. A claim is won before anything is done to a ticket.

pub(super) mod found;
pub(super) mod kept_result;
pub(super) mod lost;
pub(super) mod rewound;

use super::deliver::{self, Parcel, settle};
use super::follow::closed;
use super::intake::poll::Polled;
use super::ledger::Change;
use super::run::Run;
use super::world::CycleError;
use super::{tickets, writes};
use crate::model::report::{Advanced, Recovered, RecoveryAction, SkipReason, Skipped};
use crate::model::settings::KeepWorkspace;
use crate::model::{Claim, Conclusion, Purpose, Refusal, Stage, StageName, State};
use crate::ports::KeptFile;
use chrono::TimeDelta;
use found::Found;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a delivery may take.
const LEASE: TimeDelta = TimeDelta::minutes(30);

/// What recovering came to.
#[derive(Default)]
pub(super) struct Recovery {
    pub recovered: Vec<Recovered>,
    pub advanced: Vec<Advanced>,
    pub trouble: Option<CycleError>,
}

/// Brings on every record that needs no agent.
pub(super) fn recover(run: &Run<'_>, polled: &mut Polled) -> Result<Recovery, CycleError> {
    closed::end_closed(run, polled)?;
    let found = found::find(run, polled)?;
    if found.is_empty() {
        return Ok(Recovery::default());
    }
    let won = take_over(run, found)?;
    let mut recovery = Recovery::default();
    for one in won {
        bring_on(run, polled, one, &mut recovery);
    }
    Ok(recovery)
}

/// Wins the claims of what was found, and records the interruptions, in one transition.
fn take_over(run: &Run<'_>, found: Vec<Found>) -> Result<Vec<Found>, CycleError> {
    let names: Vec<&str> = found.iter().map(|one| one.identifier()).collect();
    let what = format!("recover {}", names.join(", "));
    let contexts: Vec<KeptFile> = found.iter().filter_map(|one| one.context.clone()).collect();
    let won: Arc<Mutex<Vec<bool>>> = Arc::default();
    let claims: Vec<Claim> = found.iter().map(|one| claim_of(run, one)).collect();
    let (result, own, now) = (Arc::clone(&won), run.settings.identity.run_id.clone(), run.now());
    let decide = |state: &State| {
        let mut next = state.clone();
        let mut taken = Vec::new();
        for (one, claim) in found.iter().zip(&claims) {
            let is_won = one.is_still(&next);
            taken.push(is_won);
            if !is_won {
                continue;
            }
            next.claims.insert(one.id.clone(), claim.clone());
            let done = Conclusion {
                issue_id: one.id.clone(),
                claimed_by: own.clone(),
                run_id: own.clone(),
                at: now,
                record: one.record.clone(),
                attempts: one.attempts.clone(),
                labels: one.labels(),
                keeps_claim: one.issue.is_some(),
            };
            next = next.conclude(&done)?;
        }
        let any = taken.contains(&true);
        *result.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        if any { Ok(next) } else { Err(Refusal::Nothing) }
    };
    let written = writes::must(run, Change { what, refs: Vec::new(), decide: Box::new(decide) }, contexts)?;
    let won = won.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut won = won.into_iter();
    Ok(found.into_iter().filter(|_| written && won.next() == Some(true)).collect())
}

fn claim_of(run: &Run<'_>, one: &Found) -> Claim {
    let identity = &run.settings.identity;
    let now = run.now();
    Claim {
        run_id: identity.run_id.clone(),
        host: identity.host.clone(),
        pid: identity.pid,
        pid_started: identity.pid_started.clone(),
        ci_run_url: identity.ci_run_url.clone(),
        claimed_at: now,
        lease_expires_at: now.checked_add_signed(LEASE).unwrap_or(now),
        purpose: Purpose::Deliver,
        ..one.claim.clone()
    }
}

/// Delivers what is accepted; gives the others' tickets back.
fn bring_on(run: &Run<'_>, polled: &mut Polled, one: Found, recovery: &mut Recovery) {
    let Found { id, issue, claim, record, dead, from, .. } = one;
    let Some(issue) = issue else {
        recovery.recovered.push(Recovered { issue: claim.identifier, action: RecoveryAction::Released });
        return;
    };
    let is_delivery = record.stage.delivery().is_some();
    let mut parcel = Parcel {
        issue,
        seen_at: polled.at,
        claim: Claim { run_id: run.settings.identity.run_id.clone(), ..claim },
        record,
        unwritten: None,
        is_fresh: false,
        is_new_branch: false,
        is_judged: false,
        kept: None,
        created: false,
        stays_where_it_is: false,
        announced: None,
        unseen: None,
        warnings: Vec::new(),
        trouble: None,
    };
    if is_delivery {
        deliver::carry(run, &mut parcel);
    } else {
        let at = tickets::give_back(run, &parcel.issue, &mut parcel.record);
        parcel.record.issue_updated_at = at.or(parcel.issue.updated_at).or(parcel.record.issue_updated_at);
    }
    settle::settle(run, &mut parcel);
    if dead && is_delivery {
        put_away(run, &mut parcel);
    }
    for warning in &parcel.warnings {
        run.warn(Some(&parcel.issue.identifier), warning.as_str());
    }
    let to = parcel.record.stage.name();
    let identifier = parcel.issue.identifier.clone();
    if dead && (!is_delivery || to == StageName::InReview) {
        recovery.recovered.push(Recovered { issue: identifier.clone(), action: action_of(&parcel) });
    }
    if is_delivery && from != to {
        recovery.advanced.push(Advanced { issue: identifier, from, to });
    }
    recovery.trouble = recovery.trouble.take().or(parcel.trouble.take());
    if !is_delivery {
        polled.activate(run, &id);
    }
}

/// What the dead run had on this machine of work that is pushed since.
fn put_away(run: &Run<'_>, parcel: &mut Parcel) {
    let record = &parcel.record;
    let is_pushed = !matches!(record.stage, Stage::Ready(_)) && parcel.trouble.is_none();
    if !is_pushed || run.settings.keep == KeepWorkspace::Always {
        return;
    }
    if let Err(error) = run.world.workspaces.clear_away(&record.identifier) {
        parcel.warnings.push(format!("its workspace could not be removed: {error}"));
    }
}

fn action_of(parcel: &Parcel) -> RecoveryAction {
    match parcel.record.stage.name() {
        StageName::Blocked => RecoveryAction::Blocked,
        StageName::InReview if parcel.created => RecoveryAction::AdoptedBranch,
        StageName::InReview => RecoveryAction::AdoptedPullRequest,
        _ => RecoveryAction::Released,
    }
}

/// What recovering would do to the candidates, without doing it.
pub(super) fn foresee(run: &Run<'_>, polled: &mut Polled) -> Result<(), CycleError> {
    for one in found::find(run, polled)? {
        let is_delivery = one.record.stage.delivery().is_some();
        let detail = match one.record.stage.name() {
            StageName::Blocked => Some("a lost run's claim will block it"),
            _ if is_delivery && one.dead => Some("a lost run's pushed branch will be adopted"),
            _ if is_delivery => continue,
            _ => None,
        };
        match detail {
            None => polled.activate(run, &one.id),
            Some(detail) => {
                polled.active.retain(|issue| issue.id != one.id);
                if let Some(named) = &mut polled.named {
                    let before = named.len();
                    named.retain(|issue| issue.id != one.id);
                    if named.len() == before {
                        continue;
                    }
                }
                let (issue, detail) = (one.claim.identifier, detail.to_owned());
                polled.faults.push(Skipped { issue, reason: SkipReason::Claimed, detail });
            }
        }
    }
    Ok(())
}
