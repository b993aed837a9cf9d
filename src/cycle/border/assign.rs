//! `claim`: the beginning of a cycle as `once` makes it, up to the claims. Each claimed ticket
//! becomes a folder with an assignment, whose digest is put into the claim: that is what a result
//! is held against.

use super::super::intake::access::{Seen, WorkIs};
use super::super::intake::claim::{self, Bid, Taken};
use super::super::intake::select::Selection;
use super::super::ledger::{Change, LedgerError};
use super::super::run::Run;
use super::super::stop::Interrupt;
use super::super::ticket;
use super::super::work::job::ClaimedIssue;
use super::super::work::saved;
use super::super::world::{CycleError, Ran, Request, Settings, World};
use super::super::{Taking, Told, cycle};
use super::files;
use crate::model::assignment::{self, Assignment, WorkRules};
use crate::model::carried::{Bundle, digest};
use crate::model::cycle_event::CycleEventKind;
use crate::model::jobs::Handed;
use crate::model::report::{SkipReason, Skipped};
use crate::model::state::Assigned;
use crate::model::{Issue, Refusal, Secret, Sha, State, safe_key};
use crate::ports::TicketUpdated;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What jobs may wait for a machine, beside the time of the work itself.
const QUEUED: Duration = Duration::from_secs(6 * 3600);

/// What is handed out, and where it goes.
pub struct Order<'o> {
    /// An empty folder.
    pub out: &'o Path,
    /// How long a claim stands; by default the longest the work can take, and six hours.
    pub lease: Option<Duration>,
    pub rules: &'o WorkRules,
    /// The base branch goes along as a bundle, for jobs that cannot fetch it.
    pub with_repository: bool,
}

/// An assignment that is on disk and not in the state yet.
struct Prepared {
    claimed: ClaimedIssue,
    assigned: Assigned,
    directory: String,
    continues: bool,
}

/// Takes tickets as a cycle would, and hands them out.
pub fn claim(
    world: &World,
    settings: &Settings,
    request: &Request,
    order: &Order<'_>,
    interrupt: &Interrupt,
) -> Result<(Ran, Vec<Handed>), CycleError> {
    if order.with_repository && world.workspaces.is_shallow() {
        return Err(CycleError::Config(
            "--with-repository: the history of this clone is cut off; check out all of it (`fetch-depth: 0`)"
                .to_owned(),
        ));
    }
    let handed = RefCell::new(Vec::new());
    let take = |run: &Run<'_>, selection: &Selection, request: &Request, seen: &Seen, told: &mut Told| {
        handed.borrow_mut().extend(hand_out(run, selection, request, seen, order, told));
    };
    let taking = Taking { work: WorkIs::Elsewhere, take: &take };
    let ran = cycle(world, settings, request, interrupt, &taking)?;
    Ok((ran, handed.into_inner()))
}

fn hand_out(
    run: &Run<'_>,
    selection: &Selection,
    request: &Request,
    seen: &Seen,
    order: &Order<'_>,
    told: &mut Told,
) -> Vec<Handed> {
    let mut prepared = Vec::new();
    for claimed in take_all(run, selection, request, seen, order, told) {
        match prepare(run, &claimed, selection, order) {
            Ok(one) => prepared.push(one),
            Err(error) => {
                let message = format!("its assignment could not be written: {error}");
                run.warn(Some(&claimed.issue.identifier), message.as_str());
                told.trouble = told.trouble.take().or(Some(error));
                give_back(run, &claimed, told);
            }
        }
    }
    if prepared.is_empty() {
        return Vec::new();
    }
    let recorded = carry_repository(run, &prepared, order).and_then(|()| record(run, &prepared));
    if let Err(error) = recorded {
        told.trouble = told.trouble.take().or(Some(error));
        for one in &prepared {
            withdraw(run, one, order, told);
        }
        return Vec::new();
    }
    tell_tickets(run, &prepared);
    prepared.into_iter().map(handed).collect()
}

/// Claims as many as there are slots, in the order of their ranks.
fn take_all(
    run: &Run<'_>,
    selection: &Selection,
    request: &Request,
    seen: &Seen,
    order: &Order<'_>,
    told: &mut Told,
) -> Vec<ClaimedIssue> {
    let lease = order.lease.unwrap_or_else(|| claim::time_for(run).saturating_add(QUEUED));
    let mut queue: VecDeque<&Issue> = selection.issues.iter().collect();
    let mut taken: Vec<ClaimedIssue> = Vec::new();
    while !queue.is_empty()
        && taken.len() < selection.at_once
        && told.trouble.is_none()
        && run.interrupt.signal().is_none()
    {
        let free = selection.at_once - taken.len();
        let batch: Vec<&Issue> = queue.drain(..free.min(queue.len())).collect();
        // Before the first of them writes, so that it writes the claims of all.
        let slots: Vec<_> = batch.iter().map(|_| run.ledger.slot()).collect();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = batch
                .iter()
                .zip(slots)
                .map(|(issue, slot)| {
                    let (issue, lease) = (*issue, Some(lease));
                    scope.spawn(move || {
                        let bid = Bid { issue, selection, force: request.force, seen, deadline: None, lease };
                        claim::take(run, &bid, slot)
                    })
                })
                .collect();
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for answer in answers {
            match answer {
                Ok(Ok(Taken::Claimed(claimed))) => taken.push(*claimed),
                Ok(Ok(Taken::Skipped(skipped))) => told.skipped.push(skipped),
                Ok(Err(error)) => told.trouble = told.trouble.take().or(Some(error)),
                Err(_) => {
                    let error =
                        CycleError::Internal("a claim ended in a fault of conductor's own".to_owned());
                    told.trouble = told.trouble.take().or(Some(error));
                }
            }
        }
    }
    told.skipped.extend(queue.iter().map(|issue| Skipped {
        issue: issue.identifier.clone(),
        reason: SkipReason::NoSlot,
        detail: "every slot of limits.max_concurrent is taken".to_owned(),
    }));
    taken
}

/// Writes a ticket's folder.
fn prepare(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    selection: &Selection,
    order: &Order<'_>,
) -> Result<Prepared, CycleError> {
    let identifier = &claimed.issue.identifier;
    let directory = safe_key(identifier);
    let dir = order.out.join(&directory);
    let failed = |error: std::io::Error| CycleError::Internal(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let (fork, earlier) = earlier(run, claimed, &dir)?;
    let continues = earlier.is_some();
    let text = text_of(run, claimed, earlier, order.rules)?;
    files::write(&dir, assignment::FILE, &text).map_err(failed)?;
    let assigned = Assigned {
        digest: digest(&text),
        fork,
        labels: claimed.issue.labels.clone(),
        anew: selection.anew.contains(&claimed.issue.id),
        publishing_until: None,
        extra: Default::default(),
    };
    Ok(Prepared { claimed: claimed.clone(), assigned, directory, continues })
}

/// The work of the attempt before, as a bundle, and the commit of the base's history that the new
/// work builds on. What cannot be put into one is not gone on from, and stays where it is.
fn earlier(run: &Run<'_>, claimed: &ClaimedIssue, dir: &Path) -> Result<(Sha, Option<Bundle>), CycleError> {
    let (base, identifier) = (&claimed.claim.base_sha, &claimed.issue.identifier);
    let clean = (base.clone(), None);
    let workspaces = &run.world.workspaces;
    let Some(head) = saved::start_of(run, claimed) else { return Ok(clean) };
    let Some(fork) = workspaces.fork_of(base, &head)?.filter(|fork| *fork != head) else { return Ok(clean) };
    let file = dir.join(assignment::EARLIER);
    let written = workspaces.write_carried(&file, identifier, &head, base);
    let bundle = written
        .map_err(|error| error.to_string())
        .and_then(|()| files::bundle(&file, &head).map_err(|error| format!("{}: {error}", file.display())));
    match bundle {
        Ok(bundle) => Ok((fork, Some(bundle))),
        Err(error) => {
            let message = format!("the work of the attempt before cannot be handed on: {error}");
            run.warn(Some(identifier), message);
            Ok(clean)
        }
    }
}

/// The document, with stars for every key that Conductor holds.
fn text_of(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    earlier: Option<Bundle>,
    rules: &WorkRules,
) -> Result<Vec<u8>, CycleError> {
    let (issue, state) = (&claimed.issue, run.ledger.state());
    let mut captures = run.ledger.captures(&issue.identifier);
    captures.retain(|capture| capture.issue_id == issue.id);
    let mut shown = issue.clone();
    // Whose ticket it is, is nothing the work needs.
    shown.creator = None;
    if let Some(person) = &mut shown.assignee {
        person.email = None;
    }
    let assignment = Assignment {
        version: assignment::VERSION,
        conductor: env!("CARGO_PKG_VERSION").to_owned(),
        claim: claimed.claim.clone(),
        issue: shown,
        record: claimed.record.clone(),
        outcomes: state.outcomes.iter().filter(|outcome| outcome.issue_id == issue.id).cloned().collect(),
        captures,
        earlier,
        rules: rules.clone(),
    };
    let written = serde_json::to_value(&assignment).and_then(|mut document| {
        without_keys(&mut document, &run.settings.surroundings.secrets);
        serde_json::to_vec_pretty(&document)
    });
    let mut text = written.map_err(|error| CycleError::Internal(format!("the assignment: {error}")))?;
    text.push(b'\n');
    Ok(text)
}

fn without_keys(value: &mut Value, keys: &[Secret]) {
    match value {
        Value::String(text) => {
            for key in keys.iter().map(Secret::reveal).filter(|key| !key.is_empty()) {
                if text.contains(key) {
                    *text = text.replace(key, "***");
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without_keys(item, keys)),
        Value::Object(fields) => fields.values_mut().for_each(|field| without_keys(field, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The newest base of all claims holds those of the others.
fn carry_repository(run: &Run<'_>, prepared: &[Prepared], order: &Order<'_>) -> Result<(), CycleError> {
    let Some(newest) = prepared.iter().max_by_key(|one| one.claimed.claim.claimed_at) else { return Ok(()) };
    if order.with_repository {
        let file = order.out.join(assignment::REPOSITORY);
        run.time("bundle repository", None, || {
            run.world.workspaces.write_base(&file, &newest.claimed.claim.base_sha)
        })?;
    }
    Ok(())
}

/// Puts the digests into the claims, all at once. Until then no result can be made for them.
fn record(run: &Run<'_>, prepared: &[Prepared]) -> Result<(), CycleError> {
    let own = run.settings.identity.run_id.clone();
    let names: Vec<&str> = prepared.iter().map(|one| one.claimed.issue.identifier.as_str()).collect();
    let what = format!("hand out {}", names.join(", "));
    let decide = |state: &State| {
        let mut next = state.clone();
        for one in prepared {
            let claim = next.claims.get_mut(&one.claimed.issue.id).filter(|claim| claim.run_id == own);
            claim.ok_or(Refusal::ClaimLost)?.assigned = Some(one.assigned.clone());
        }
        Ok(next)
    };
    let change = Change { what, refs: Vec::new(), decide: Box::new(decide) };
    run.ledger.commit_alone(change).map_err(|error| match error {
        LedgerError::Store(error) => error.into(),
        other => CycleError::Unreachable(format!("the claims could not be handed out: {other}")),
    })
}

fn tell_tickets(run: &Run<'_>, prepared: &[Prepared]) {
    std::thread::scope(|scope| {
        for one in prepared {
            scope.spawn(|| {
                let issue = &one.claimed.issue;
                let _span = run.span(&issue.identifier).entered();
                let written = ticket::say_started(run, &one.claimed);
                let fault = written.as_ref().map_or_else(Some, TicketUpdated::error);
                if let Some(error) = fault {
                    let message = format!("the ticket could not be brought up to date: {error}");
                    run.warn(Some(&issue.identifier), message);
                }
                let (title, attempt) = (issue.title.clone(), one.claimed.claim.attempt);
                run.emit(issue, CycleEventKind::Claimed { title, attempt });
            });
        }
    });
}

/// A folder nobody is to work from goes, and the claim with it.
fn withdraw(run: &Run<'_>, one: &Prepared, order: &Order<'_>, told: &mut Told) {
    let file: PathBuf = order.out.join(&one.directory).join(assignment::FILE);
    if let Err(error) = std::fs::remove_file(&file) {
        run.warn(Some(&one.claimed.issue.identifier), format!("{}: {error}", file.display()));
    }
    give_back(run, &one.claimed, told);
}

fn give_back(run: &Run<'_>, claimed: &ClaimedIssue, told: &mut Told) {
    if let Err(error) = claim::give_back(run, &claimed.issue) {
        told.trouble = told.trouble.take().or(Some(error));
    }
}

fn handed(one: Prepared) -> Handed {
    let ClaimedIssue { issue, claim, .. } = one.claimed;
    Handed {
        issue: issue.identifier,
        title: issue.title,
        url: issue.url,
        attempt: claim.attempt,
        branch: claim.branch,
        base_sha: claim.base_sha,
        directory: one.directory,
        lease_expires_at: claim.lease_expires_at,
        continues: one.continues,
    }
}
