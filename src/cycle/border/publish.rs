//! `publish`: results of other jobs. Each is held against the claim it was made for; its bundle is
//! taken in like everything from the agent's side; the claim is taken over by compare-and-swap; then
//! it goes the way of work that was done here. A second time there is nothing left to do.

use super::super::deliver::{self, Parcel, settle};
use super::super::events::Events;
use super::super::ledger::{Change, Ledger, WriteLimit};
use super::super::run::Run;
use super::super::stop::Interrupt;
use super::super::work::attempted::Attempted;
use super::super::work::job::ClaimedIssue;
use super::super::work::result::WorkResult;
use super::super::world::{CycleError, Ran, Settings, World};
use super::super::{Told, claims, dispatched, name_damage, report, ticket, writes};
use super::taken_in;
use crate::model::jobs::{Already, RefusedResult};
use crate::model::report::{CycleStatus, Dispatched, SkipReason, Skipped};
use crate::model::state::Assigned;
use crate::model::work_result::WorkResult as Document;
use crate::model::{Claim, Issue, IssueId, Outcome, Refusal, Sha, StageName, State, text};
use crate::policy::retry;
use crate::workspace::WorkspaceError;
use chrono::TimeDelta;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a delivery may take.
const LEASE: TimeDelta = TimeDelta::minutes(30);

/// A result as it was brought.
pub struct Brought {
    pub directory: PathBuf,
    pub result: Document,
    /// The bundle, checked against the document; `None` without a change.
    pub bundle: Option<PathBuf>,
}

/// What became of all results of one run.
pub struct Published {
    pub ran: Ran,
    pub refused: Vec<RefusedResult>,
    pub already: Vec<Already>,
}

/// How a result stands to the state.
enum Standing {
    /// Its claim waits for it.
    Waits(Claim),
    /// Its work is on record and was not delivered to the end.
    HalfDone(Claim),
    Already(StageName),
    Refused(String),
}

/// A result that is on its way.
struct Taken<'b> {
    brought: &'b Brought,
    claim: Claim,
    is_half_done: bool,
}

/// Publishes the results of one run, whose id the settings carry.
pub fn publish(
    world: &World,
    settings: &Settings,
    brought: &[Brought],
    interrupt: &Interrupt,
) -> Result<Published, CycleError> {
    let started_at = world.clock.now();
    let events = Events::open(world, settings);
    let limit = WriteLimit { interrupt, deadline: None };
    let cleared = world.workspaces.clear_stale_locks();
    let ledger = Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)?;
    let run = Run::new(world, settings, ledger, &events, interrupt);
    if let Err(error) = cleared {
        run.warn(None, format!("lock files of dead processes could not be removed: {error}"));
    }
    name_damage(&run);
    let (mut refused, mut already) = (Vec::new(), Vec::new());
    let mut taken = Vec::new();
    for one in brought {
        match standing(&run, &one.result).and_then_import(&run, one)? {
            Standing::Waits(claim) => taken.push(Taken { brought: one, claim, is_half_done: false }),
            Standing::HalfDone(claim) => taken.push(Taken { brought: one, claim, is_half_done: true }),
            Standing::Already(stage) => already.push(Already {
                directory: one.directory.display().to_string(),
                issue: text::one_line(&one.result.issue),
                stage,
            }),
            Standing::Refused(reason) => refused.push(refusal(&run, one, &reason)),
        }
    }
    let mut told = Told::default();
    deliver_all(&run, taken, &mut told, &mut refused)?;
    if !told.dispatched.is_empty() || !already.is_empty() {
        told.status = interrupt.signal().is_none().then_some(CycleStatus::Completed);
    }
    Ok(Published { ran: report(&run, started_at, told), refused, already })
}

fn refusal(run: &Run<'_>, one: &Brought, reason: &str) -> RefusedResult {
    let issue = text::one_line(&one.result.issue);
    run.warn(Some(&issue), format!("its result is not taken: {reason}"));
    let directory = one.directory.display().to_string();
    RefusedResult { directory, issue: Some(issue), reason: run.redact(reason) }
}

/// Holds a result against the claim it was made for.
fn standing(run: &Run<'_>, result: &Document) -> Standing {
    let state = run.ledger.state();
    let own = &run.settings.identity.run_id;
    let id = &result.issue_id;
    let refused = |why: &str| Standing::Refused(why.to_owned());
    let Some(claim) = state.claims.get(id) else { return without_claim(run, result, &state) };
    if claim.run_id != *own {
        let (holder, host) = (&claim.run_id, text::one_line(&claim.host));
        return Standing::Refused(format!("the ticket is claimed by run {holder} on {host} since"));
    }
    let Some(assigned) = &claim.assigned else {
        return refused("its claim was not handed out to another job");
    };
    if result.assignment != assigned.digest {
        return refused(
            "it was made for another assignment than the one that was handed out: that one was edited, or is of another claim",
        );
    }
    let is_of_claim = result.issue == claim.identifier
        && result.branch == claim.branch
        && result.base_sha == claim.base_sha;
    if !is_of_claim {
        return refused("ticket, branch or base are not those of the claim: it was edited");
    }
    if !claim.branch.as_str().starts_with(&run.settings.branch_prefix) {
        return refused("its claim names a branch that is none of ours");
    }
    if is_held(run, claim) {
        let (host, pid) = (text::one_line(&claim.host), claim.pid);
        return Standing::Refused(format!("another `conductor publish` (process {pid} on {host}) is at it"));
    }
    let record = state.issues.get(id);
    let is_delivery = |delivery: &crate::model::Delivery| delivery.run_id.as_deref() == Some(own.as_str());
    match record.and_then(|record| record.stage.delivery()).filter(|delivery| is_delivery(delivery)) {
        Some(_) => Standing::HalfDone(claim.clone()),
        None => Standing::Waits(claim.clone()),
    }
}

/// No claim: either the result was recorded, or its claim was given back.
fn without_claim(run: &Run<'_>, result: &Document, state: &State) -> Standing {
    let own = &run.settings.identity.run_id;
    let numbers: Vec<u32> = result.attempts.iter().map(|one| one.attempt.number).collect();
    let is_recorded = state.outcomes.iter().any(|outcome| {
        outcome.run_id == *own && outcome.issue_id == result.issue_id && numbers.contains(&outcome.attempt)
    });
    match state.issues.get(&result.issue_id).filter(|_| is_recorded) {
        Some(record) => Standing::Already(record.stage.name()),
        None => Standing::Refused(format!(
            "the claim of run {own} is gone: its lease ended or it was given back, and the ticket is taken up again"
        )),
    }
}

/// Whether a process that delivers the result lives, as far as can be told here.
fn is_held(run: &Run<'_>, claim: &Claim) -> bool {
    let identity = &run.settings.identity;
    let until = claim.assigned.as_ref().and_then(|assigned| assigned.publishing_until);
    if until.is_none_or(|until| until <= run.now()) {
        return false;
    }
    // An earlier attempt of this very CI run is over.
    let attempt = claim.extra.get(claims::CI_ATTEMPT).and_then(serde_json::Value::as_u64);
    let is_earlier = claim.ci_run_url.is_some()
        && claim.ci_run_url == identity.ci_run_url
        && attempt != identity.ci_attempt;
    // Jobs of one CI run are told apart by their machines and processes.
    let process = Claim { ci_run_url: None, assigned: None, ..claim.clone() };
    !is_earlier && (run.world.is_alive)(&process)
}

impl Standing {
    /// Takes in the bundle of a result whose claim waits for it.
    fn and_then_import(self, run: &Run<'_>, one: &Brought) -> Result<Self, CycleError> {
        let Self::Waits(claim) = self else { return Ok(self) };
        match import(run, one, &claim) {
            Ok(()) => Ok(Self::Waits(claim)),
            Err(WorkspaceError::Carried(why)) => Ok(Self::Refused(why)),
            Err(error) => Err(error.into()),
        }
    }
}

fn import(run: &Run<'_>, one: &Brought, claim: &Claim) -> Result<(), WorkspaceError> {
    let (Some(file), Some(bundle), Some(assigned)) = (&one.bundle, &one.result.change, &claim.assigned)
    else {
        return Ok(());
    };
    let workspaces = &run.world.workspaces;
    let refused = |why: String| Err(WorkspaceError::Carried(why));
    if !workspaces.bring_base(&assigned.fork)? {
        let fork = assigned.fork.short();
        return refused(format!("commit {fork}, on which it builds, is not in this repository"));
    }
    run.time("import", Some(&claim.identifier), || {
        workspaces.import_carried(file, &claim.identifier, &bundle.head)
    })?;
    if !workspaces.builds_on(&bundle.head, &assigned.fork)? {
        return refused("its commits do not descend from the base they were to build on".to_owned());
    }
    Ok(())
}

/// Looks at the tickets, takes the claims over, and delivers one after the other.
fn deliver_all(
    run: &Run<'_>,
    taken: Vec<Taken<'_>>,
    told: &mut Told,
    refused: &mut Vec<RefusedResult>,
) -> Result<(), CycleError> {
    if taken.is_empty() {
        return Ok(());
    }
    let ids: Vec<IssueId> = taken.iter().map(|one| one.brought.result.issue_id.clone()).collect();
    let tickets = run.time("look at tickets", None, || run.world.tracker.refresh(&ids))?;
    let mut tickets: HashMap<IssueId, Issue> =
        tickets.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
    let mut possible = Vec::new();
    for one in taken {
        let issue = tickets.remove(&one.brought.result.issue_id);
        let claimed = claimed(run, &one, issue);
        match taken_in::impossible(run, &claimed, &one.brought.result).filter(|_| !one.is_half_done) {
            Some(why) => refused.push(refusal(run, one.brought, &why)),
            None => possible.push((one, claimed)),
        }
    }
    for ((one, claimed), is_ours) in take_over(run, possible)? {
        if !is_ours {
            let why = "its claim was taken over by another run in this moment";
            refused.push(refusal(run, one.brought, why));
        } else if run.interrupt.signal().is_some() {
            told.skipped.push(Skipped {
                issue: claimed.issue.identifier.clone(),
                reason: SkipReason::NoSlot,
                detail: "the run was interrupted before its turn; publish it again".to_owned(),
            });
        } else {
            deliver_one(run, &one, &claimed, told);
        }
    }
    Ok(())
}

/// The claim as this run takes it over, the ticket as it was when it was claimed.
fn claimed(run: &Run<'_>, one: &Taken<'_>, issue: Option<Issue>) -> ClaimedIssue {
    let identity = &run.settings.identity;
    let now = run.now();
    let until = now.checked_add_signed(LEASE).unwrap_or(now);
    let mut claim = Claim {
        host: identity.host.clone(),
        pid: identity.pid,
        pid_started: identity.pid_started.clone(),
        ci_run_url: identity.ci_run_url.clone(),
        // Until the outcome is on record the claim waits for its result, whoever brings it.
        lease_expires_at: until.max(one.claim.lease_expires_at),
        ..one.claim.clone()
    };
    if let Some(assigned) = &mut claim.assigned {
        assigned.publishing_until = Some(until);
    }
    claim.extra.remove(claims::CI_ATTEMPT);
    if let Some(attempt) = identity.ci_attempt {
        claim.extra.insert(claims::CI_ATTEMPT.to_owned(), attempt.into());
    }
    let id = &one.brought.result.issue_id;
    let mut record = run.ledger.state().record_of(id, &claim.identifier);
    let mut issue = issue.unwrap_or_else(|| gone(id, &claim.identifier));
    if let Some(Assigned { labels, anew, .. }) = &claim.assigned {
        if *anew && !one.is_half_done {
            record = retry::renewed(&record);
        }
        record.issue_updated_at = issue.updated_at;
        issue.labels.clone_from(labels);
    }
    if let Some(then) = &claim.ticket_state {
        issue.state.name.clone_from(then);
    }
    ClaimedIssue { issue, claim, record }
}

/// A ticket the tracker has no longer.
fn gone(id: &IssueId, identifier: &str) -> Issue {
    Issue {
        id: id.clone(),
        identifier: identifier.to_owned(),
        title: String::new(),
        description: String::new(),
        has_details: false,
        url: None,
        state: crate::model::TicketState { name: String::new(), kind: crate::model::StateKind::Unknown },
        team: None,
        priority: crate::model::Priority::None,
        labels: Vec::new(),
        estimate: None,
        assignee: None,
        creator: None,
        blocked_by: Vec::new(),
        created_at: None,
        updated_at: None,
        archived: false,
        elsewhere: None,
    }
}

type Candidate<'b> = (Taken<'b>, ClaimedIssue);

/// Wins the claims, all in one transition; whether each was won.
fn take_over<'b>(
    run: &Run<'_>,
    candidates: Vec<Candidate<'b>>,
) -> Result<Vec<(Candidate<'b>, bool)>, CycleError> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = candidates.iter().map(|(_, claimed)| claimed.claim.identifier.as_str()).collect();
    let what = format!("publish {}", names.join(", "));
    let won: Arc<Mutex<BTreeMap<IssueId, bool>>> = Arc::default();
    let result = Arc::clone(&won);
    let decide = |state: &State| {
        let mut next = state.clone();
        let mut wins = BTreeMap::new();
        for (one, claimed) in &candidates {
            let is_still = next.claims.get(&claimed.issue.id) == Some(&one.claim);
            if is_still {
                next.claims.insert(claimed.issue.id.clone(), claimed.claim.clone());
            }
            wins.insert(claimed.issue.id.clone(), is_still);
        }
        let any = wins.values().any(|won| *won);
        *result.lock().unwrap_or_else(PoisonError::into_inner) = wins;
        if any { Ok(next) } else { Err(Refusal::Nothing) }
    };
    let change = Change { what, refs: Vec::new(), decide: Box::new(decide) };
    let written = writes::must(run, change, Vec::new())?;
    let won = won.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_won = |claimed: &ClaimedIssue| written && won.get(&claimed.issue.id) == Some(&true);
    let with_answer = |one: Candidate<'b>| {
        let won = is_won(&one.1);
        (one, won)
    };
    Ok(candidates.into_iter().map(with_answer).collect())
}

fn deliver_one(run: &Run<'_>, one: &Taken<'_>, claimed: &ClaimedIssue, told: &mut Told) {
    let _span = run.span(&claimed.issue.identifier).entered();
    let begun = run.elapsed();
    let dir = run.folder().of_issue(&claimed.issue.identifier);
    run.folder().try_to(|| std::fs::create_dir_all(&dir));
    let mut parcel = Parcel { is_fresh: false, ..Parcel::new(claimed, begun) };
    let worked = if one.is_half_done {
        parcel.is_judged = false;
        go_on(run, parcel, begun)
    } else {
        let head: Option<&Sha> = one.brought.result.change.as_ref().map(|change| &change.head);
        match taken_in::attempts(run, claimed, &one.brought.result, head) {
            Ok(attempts) => {
                parcel.warnings.extend(
                    one.brought.result.warnings.iter().take(20).map(|told| run.redact(&text::one_line(told))),
                );
                // What was written anew is what is kept and delivered.
                let is_empty = |last: &Attempted| last.attempt.outcome == Outcome::NoChanges;
                let head = head.filter(|_| !attempts.last().is_some_and(is_empty)).cloned();
                let head = attempts.last().and_then(|last| last.work.head.clone()).or(head);
                let result = WorkResult::brought(run, claimed, attempts, head);
                ticket::conclude(run, claimed, parcel, result, begun)
            }
            Err(error) => {
                told.trouble = told.trouble.take().or(Some(error.into()));
                return;
            }
        }
    };
    told.dispatched.push(worked.dispatched);
    told.trouble = told.trouble.take().or(worked.trouble);
}

/// Work that is on record is brought on from where it is.
fn go_on(run: &Run<'_>, mut parcel: Parcel, begun: std::time::Duration) -> ticket::Worked {
    deliver::carry(run, &mut parcel);
    settle::settle(run, &mut parcel);
    let trouble = parcel.trouble.take();
    let dispatched: Dispatched = dispatched::dispatched(run, &parcel, &[], Outcome::Success, begun);
    ticket::Worked { dispatched, trouble }
}
