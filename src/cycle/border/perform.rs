//! `work`: one assignment by the very functions of `once`, in a world without tracker, forge and
//! state. Whatever the work comes to, a result is written: the change as a bundle, then the document.

use super::super::events::Events;
use super::super::ledger::{Ledger, WriteLimit};
use super::super::run::Run;
use super::super::stop::{Interrupt, Stops};
use super::super::work::job::{ClaimedIssue, Job};
use super::super::work::result::WorkResult;
use super::super::work::{self as agent_side, context, saved};
use super::super::world::{CycleError, Settings, World};
use super::files;
use crate::model::assignment::Assignment;
use crate::model::carried::Bundle;
use crate::model::cycle_event::CycleEventKind;
use crate::model::state::RateLimit;
use crate::model::work_result::{self, WorkedAttempt};
use crate::model::{Sha, text};
use crate::workspace::WorkspaceError;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Work ends so long before its lease, so that its result can still be published.
const BEFORE_LEASE: Duration = Duration::from_secs(600);
/// How often the main thread looks whether it was asked to stop.
const LOOK: Duration = Duration::from_millis(100);
/// Where the run's files of the ticket go, beside the result.
const LOGS: &str = "logs";

/// One assignment and where its result goes.
pub struct Bench<'b> {
    pub assignment: &'b Assignment,
    /// Of the assignment's file.
    pub digest: &'b str,
    /// The bundle of earlier work, checked against the assignment.
    pub earlier: Option<&'b Path>,
    pub out: &'b Path,
}

/// Works on an assignment and writes its result.
pub fn work(
    world: &World,
    settings: &Settings,
    bench: &Bench<'_>,
    interrupt: &Interrupt,
) -> Result<work_result::WorkResult, CycleError> {
    let assignment = bench.assignment;
    let events = Events::open(world, settings);
    let limit = WriteLimit { interrupt, deadline: None };
    let ledger = Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)?;
    let run = Run::new(world, settings, ledger, &events, interrupt);
    let deadline = deadline(&run, assignment)?;
    bring_base(&run, assignment)?;
    let claimed = ClaimedIssue {
        issue: assignment.issue.clone(),
        claim: assignment.claim.clone(),
        record: assignment.record.clone(),
    };
    let stops = Stops::new(interrupt, world.clock.as_ref(), deadline);
    let result = beside_heartbeats(&run, &stops, || worked(&run, &claimed, bench, &stops))?;
    let written = write(&run, &claimed, bench, &result);
    if let Some(job) = result.job.as_ref().filter(|_| written.is_ok())
        && let Some(warning) = saved::put_away(&run, job, result.outcome())
    {
        run.warn(Some(&claimed.issue.identifier), warning);
    }
    let failure = result.last().and_then(|last| last.attempt.failure);
    let error = result.last().map(|last| last.error.clone()).filter(|error| !error.is_empty());
    run.emit(&claimed.issue, CycleEventKind::Finished { outcome: result.outcome(), failure, error });
    written
}

/// When the work ends, on the clock's monotonic time: before the claim's lease does.
fn deadline(run: &Run<'_>, assignment: &Assignment) -> Result<Duration, CycleError> {
    let ends = assignment.claim.lease_expires_at;
    let left = ends.signed_duration_since(run.now()).to_std().unwrap_or_default();
    let Some(left) = left.checked_sub(BEFORE_LEASE).filter(|left| !left.is_zero()) else {
        return Err(CycleError::Config(format!(
            "the lease of the claim ends at {}: too late to begin; claim the ticket again, with a longer `--lease`",
            ends.format("%F %T UTC")
        )));
    };
    let left = run.settings.limits.deadline.map_or(left, |deadline| deadline.min(left));
    Ok(run.world.clock.monotonic().saturating_add(left))
}

fn bring_base(run: &Run<'_>, assignment: &Assignment) -> Result<(), CycleError> {
    let base = &assignment.claim.base_sha;
    let missing = |why: &str| {
        CycleError::Config(format!(
            "commit {} of {}, on which the work builds, is not in this repository{why}; check out more of its history",
            base.short(),
            text::one_line(&run.settings.base_branch)
        ))
    };
    match run.world.workspaces.bring_base(base) {
        Ok(true) => Ok(()),
        Ok(false) => Err(missing("")),
        Err(error) => Err(missing(&format!(" and cannot be fetched ({error})"))),
    }
}

/// Runs it in a thread of its own while this one tells that the run lives.
fn beside_heartbeats<T: Send>(
    run: &Run<'_>,
    stops: &Stops<'_>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, CycleError> {
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        // The receiver outlives the thread.
        let worker = scope.spawn(move || drop(sender.send(work())));
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => {
                    drop(worker.join());
                    let fault = "the work ended in a fault of conductor's own".to_owned();
                    return Err(CycleError::Internal(fault));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if stops.all() {
                        run.emit_for_all(CycleEventKind::Stopping);
                    }
                    run.emit_for_all(CycleEventKind::Heartbeat);
                }
            }
        }
    })
}

fn worked<'c>(
    run: &Run<'_>,
    claimed: &'c ClaimedIssue,
    bench: &Bench<'_>,
    stops: &Stops<'_>,
) -> WorkResult<'c> {
    let issue = &claimed.issue;
    let _span = run.span(&issue.identifier).entered();
    let dir = run.folder().of_issue(&issue.identifier);
    // The agent's prompt is there when an earlier process had come so far.
    let was_begun = dir.join("prompt.md").exists();
    run.emit_for_all(CycleEventKind::DispatchStarted {
        queued: 1,
        slots: 1,
        rate_limit: RateLimit::default(),
        runs_with_claims: [claimed.claim.run_id.to_string()].into(),
    });
    let (title, attempt) = (issue.title.clone(), claimed.claim.attempt);
    run.emit(issue, CycleEventKind::Claimed { title, attempt });
    let opened = run.time("workspace", Some(&issue.identifier), || {
        let start = start(run, claimed, bench, was_begun)?;
        saved::open_at(run, claimed, start.as_ref())
    });
    let job = opened.map(|workspace| {
        run.emit(issue, CycleEventKind::WorkspaceReady { path: workspace.path().to_owned() });
        Job { claimed, workspace, dir }
    });
    agent_side::work(run, claimed, job, stops)
}

/// Where to begin: at what an earlier process saved here for this very claim, else at the work that
/// came with the assignment.
fn start(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    bench: &Bench<'_>,
    was_begun: bool,
) -> Result<Option<Sha>, WorkspaceError> {
    let (workspaces, identifier) = (&run.world.workspaces, &claimed.issue.identifier);
    workspaces.rescue_place(identifier)?;
    if was_begun && let Some(saved) = workspaces.saved_here(identifier)? {
        return Ok(Some(saved));
    }
    let (Some(file), Some(Bundle { head, .. })) = (bench.earlier, &bench.assignment.earlier) else {
        return Ok(None);
    };
    let taken = workspaces.import_carried(file, identifier, head);
    match taken.and_then(|()| workspaces.keep_saved(identifier, head)) {
        Ok(()) => Ok(Some(head.clone())),
        Err(error) => {
            let message = format!("the work of the attempt before cannot be gone on from: {error}");
            run.warn(Some(identifier), message);
            Ok(None)
        }
    }
}

/// The bundle, the logs, and last the document: where that is, the result is whole.
fn write(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    bench: &Bench<'_>,
    result: &WorkResult<'_>,
) -> Result<work_result::WorkResult, CycleError> {
    let failed = |error: std::io::Error| CycleError::Internal(format!("{}: {error}", bench.out.display()));
    std::fs::create_dir_all(bench.out).map_err(failed)?;
    let mut warnings = Vec::new();
    let change = match left(run, result) {
        Ok(Some(head)) if head != claimed.claim.base_sha => Some(carry(run, claimed, bench, &head)?),
        Ok(_) => None,
        Err(error) => {
            warnings.push(run.redact(&format!("what the work left could not be saved: {error}")));
            None
        }
    };
    let dir = run.folder().of_issue(&claimed.issue.identifier);
    if let Err(error) = files::copy_logs(&dir, &bench.out.join(LOGS)) {
        warnings.push(format!("the logs could not be copied: {error}"));
    }
    let document = work_result::WorkResult {
        version: work_result::VERSION,
        conductor: env!("CARGO_PKG_VERSION").to_owned(),
        assignment: bench.digest.to_owned(),
        run_id: claimed.claim.run_id.clone(),
        issue: claimed.issue.identifier.clone(),
        issue_id: claimed.issue.id.clone(),
        branch: claimed.claim.branch.clone(),
        base_sha: claimed.claim.base_sha.clone(),
        attempts: result
            .attempts
            .iter()
            .map(|one| WorkedAttempt {
                attempt: one.attempt.clone(),
                error: one.error.clone(),
                agent: one.agent.clone(),
                limit_resets_at: one.limit_resets_at,
                capture: Some(context::capture(run, claimed, one)),
            })
            .collect(),
        change,
        sandbox: run.world.sandbox.to_owned(),
        warnings,
        finished_at: run.now(),
    };
    let mut text = serde_json::to_vec_pretty(&document)
        .map_err(|error| CycleError::Internal(format!("the result: {error}")))?;
    text.push(b'\n');
    files::write(bench.out, work_result::FILE, &text).map_err(failed)?;
    Ok(document)
}

/// The commit of what the last attempt left.
fn left(run: &Run<'_>, result: &WorkResult<'_>) -> Result<Option<Sha>, WorkspaceError> {
    let (Some(job), Some(last)) = (&result.job, result.last()) else { return Ok(None) };
    if let Some(accepted) = &result.accepted {
        return Ok(Some(accepted.head.clone()));
    }
    match last.is_refused() {
        true => run.world.workspaces.refuse(&job.workspace),
        false => run.world.workspaces.save(&job.workspace),
    }
}

fn carry(run: &Run<'_>, claimed: &ClaimedIssue, bench: &Bench<'_>, head: &Sha) -> Result<Bundle, CycleError> {
    let file = bench.out.join(work_result::CHANGE);
    let (identifier, base) = (&claimed.issue.identifier, &claimed.claim.base_sha);
    run.world.workspaces.write_carried(&file, identifier, head, base)?;
    files::bundle(&file, head).map_err(|error| CycleError::Internal(format!("{}: {error}", file.display())))
}
