//! One ticket's way through a run: claimed, worked on, delivered or kept, recorded. Ties the stages
//! together; each of them is its own room.

use super::deliver::{self, Parcel, Unwritten, settle};
use super::dispatched;
use super::faults;
use super::recover::kept_result;
use super::run::Run;
use super::stop::Stops;
use super::work::context;
use super::work::job::{ClaimedIssue, Job};
use super::work::refused;
use super::work::result::WorkResult;
use super::work::saved;
use super::world::CycleError;
use super::{tickets, work};
use crate::model::cycle_event::CycleEventKind;
use crate::model::report::Dispatched;
use crate::model::{FaultKind, IssueRecord, Outcome, Stage};
use crate::policy::ongoing::{self, Change};
use crate::ports::{TicketUpdate, TicketUpdated, TrackerError};
use crate::workspace::WorkspaceError;
use std::time::Duration;

/// What became of one ticket.
pub(super) struct Worked {
    pub dispatched: Dispatched,
    /// The outcome could not be written.
    pub trouble: Option<CycleError>,
}

/// From the claim to the record. `free` is called when no agent or check of it runs any more.
pub(super) fn run_ticket(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    stops: &Stops<'_>,
    free: &dyn Fn(),
) -> Worked {
    let issue = &claimed.issue;
    let _span = run.span(&issue.identifier).entered();
    let begun = run.elapsed();
    let (title, attempt) = (issue.title.clone(), claimed.claim.attempt);
    run.emit(issue, CycleEventKind::Claimed { title, attempt });
    let mut parcel = Parcel::new(claimed, begun);
    let (started, result) = std::thread::scope(|scope| {
        let started = scope.spawn(|| say_started(run, claimed));
        let result = work::work(run, claimed, open_workspace(run, claimed), stops);
        (started.join(), result)
    });
    note_started(run, claimed, &mut parcel, started.ok());
    // What was hit or spent must be on record before the next one begins.
    let holds = run.settings.budget.is_daily() || result.attempts.iter().any(|one| one.is_limited());
    note_end_of_dispatch(run, &result, claimed);
    if !holds {
        free();
    }
    conclude(run, claimed, parcel, result, begun)
}

/// Everything after the agent's side: the ticket is looked at again, the work delivered or kept, the
/// outcome recorded.
pub(super) fn conclude(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    mut parcel: Parcel,
    mut result: WorkResult<'_>,
    begun: Duration,
) -> Worked {
    if result.accepted.is_some() {
        look_again(run, &mut parcel, &mut result);
    }
    parcel.record = IssueRecord {
        issue_updated_at: parcel.record.issue_updated_at,
        comment: parcel.record.comment.clone(),
        ..result.record(run, claimed)
    };
    parcel.unwritten = Some(Unwritten {
        attempts: result.attempts.iter().map(|one| one.attempt.clone()).collect(),
        contexts: context::contexts(run, claimed, &result.attempts),
        limit_hit: result.limit_hit(),
    });
    match result.accepted {
        Some(_) => hand_over(run, claimed, &mut parcel, &result),
        None => give_up(run, claimed, &mut parcel, &result),
    }
    end(run, parcel, &result, begun)
}

/// Moves the ticket and says on it that work begins. The agent does not wait for it.
pub(super) fn say_started(run: &Run<'_>, claimed: &ClaimedIssue) -> Result<TicketUpdated, TrackerError> {
    let issue = &claimed.issue;
    let _span = run.span(&issue.identifier).entered();
    let working = IssueRecord { stage: Stage::Claimed, fault: None, ..claimed.record.clone() };
    let update = TicketUpdate {
        move_to: Some(run.settings.tracker.in_progress_state.clone()),
        link: None,
        comment: tickets::comment(run, &working, Some(claimed.claim.attempt)),
    };
    tickets::write(run, "move ticket", issue, &update)
}

/// What came of it; `None` when its thread panicked.
fn note_started(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    parcel: &mut Parcel,
    started: Option<Result<TicketUpdated, TrackerError>>,
) {
    match started {
        Some(Ok(written)) => {
            if let Some(error) = written.error() {
                parcel.warnings.push(format!("the ticket could not be brought up to date: {error}"));
            }
            if let Some(Ok(id)) = &written.commented {
                parcel.record.comment = Some(id.clone());
            }
            parcel.record.issue_updated_at = written.updated_at.or(claimed.issue.updated_at);
        }
        Some(Err(error)) => parcel.warnings.push(format!(
            "the ticket could not be moved to {}: {error}",
            run.settings.tracker.in_progress_state
        )),
        None => parcel.warnings.push("the ticket could not be moved: its thread failed".to_owned()),
    }
}

fn open_workspace<'c>(run: &Run<'_>, claimed: &'c ClaimedIssue) -> Result<Job<'c>, WorkspaceError> {
    let issue = &claimed.issue;
    let dir = run.folder().of_issue(&issue.identifier);
    run.time("workspace", Some(&issue.identifier), || saved::open(run, claimed)).map(|workspace| {
        run.emit(issue, CycleEventKind::WorkspaceReady { path: workspace.path().to_owned() });
        Job { claimed, workspace, dir }
    })
}

/// Faults that the next ticket would meet as well end dispatch before it is spent.
fn note_end_of_dispatch(run: &Run<'_>, result: &WorkResult<'_>, claimed: &ClaimedIssue) {
    if let Some(fault) = result.record(run, claimed).fault {
        run.outages.note_end_of_dispatch(&fault);
    }
}

/// The last look at the ticket before anything of it leaves the machine.
fn look_again(run: &Run<'_>, parcel: &mut Parcel, result: &mut WorkResult<'_>) {
    let cancelled = match tickets::look(run, &parcel.issue) {
        Ok(Some(fresh)) => {
            let change = ongoing::change(&parcel.issue, &fresh, &run.settings.tracker);
            parcel.see(fresh, run.elapsed());
            match change {
                None => None,
                // The person's state stands; accepted work is delivered all the same.
                Some(Change::MovedElsewhere(_)) => {
                    parcel.stays_where_it_is = true;
                    None
                }
                Some(change) => Some(change.to_string()),
            }
        }
        Ok(None) => Some("the tracker has the ticket no longer".to_owned()),
        Err(error) => {
            let what = "the ticket could not be refreshed before its pull request";
            parcel.unseen = Some(faults::of_tracker(run, what, &error));
            None
        }
    };
    if let Some(why) = cancelled {
        result.accepted = None;
        if let Some(last) = result.attempts.last_mut() {
            last.interrupt(&why);
        }
    }
}

/// Accepted work: pushed, proposed, announced, as far as that goes.
fn hand_over(run: &Run<'_>, claimed: &ClaimedIssue, parcel: &mut Parcel, result: &WorkResult<'_>) {
    let outcome = result.outcome();
    let dir = run.folder().of_issue(&claimed.issue.identifier);
    run.folder().try_to(|| kept_result::write(&dir, &parcel.record));
    deliver::step(run, parcel);
    std::thread::scope(|scope| {
        // Pushed work is safe; of any other the workspace's branch is the only hold.
        let is_pushed = !matches!(parcel.record.stage, Stage::Ready(_)) && parcel.trouble.is_none();
        let removal = result.job.as_ref().filter(|_| is_pushed);
        let removal = removal.map(|job| scope.spawn(move || put_away(run, job, outcome)));
        if is_pushed {
            deliver::carry(run, parcel);
        } else {
            parcel.warnings.extend(saved::keep(run, claimed, result).warnings);
        }
        settle::settle(run, parcel);
        if let Some(Ok(Some(warning))) = removal.map(std::thread::ScopedJoinHandle::join) {
            parcel.warnings.push(warning);
        }
    });
}

/// The workspace goes, in a thread of its own.
fn put_away(run: &Run<'_>, job: &Job<'_>, outcome: Outcome) -> Option<String> {
    let _span = run.span(&job.issue().identifier).entered();
    saved::put_away(run, job, outcome)
}

/// Work that does not stand: saved, the ticket given back, the outcome recorded.
fn give_up(run: &Run<'_>, claimed: &ClaimedIssue, parcel: &mut Parcel, result: &WorkResult<'_>) {
    let outcome = result.outcome();
    let kept = saved::keep(run, claimed, result);
    parcel.warnings.extend(kept.warnings);
    let fault = parcel.record.fault.as_mut().filter(|fault| fault.kind == FaultKind::GuardRefused);
    if let (Some(fault), Some(work)) = (fault, &kept.work) {
        fault.remedy = Some(refused::remedy(work));
    }
    parcel.kept = kept.work;
    if let Ok(Some(fresh)) = tickets::look(run, &parcel.issue) {
        let at = tickets::give_back(run, &fresh, &mut parcel.record);
        parcel.record.issue_updated_at = at.or(fresh.updated_at);
    }
    std::thread::scope(|scope| {
        let removal = result.job.as_ref().map(|job| scope.spawn(move || put_away(run, job, outcome)));
        settle::settle(run, parcel);
        if let Some(Ok(Some(warning))) = removal.map(std::thread::ScopedJoinHandle::join) {
            parcel.warnings.push(warning);
        }
    });
}

fn end(run: &Run<'_>, mut parcel: Parcel, result: &WorkResult<'_>, begun: Duration) -> Worked {
    let outcome = result.outcome();
    let trouble = parcel.trouble.take();
    let dispatched = dispatched::dispatched(run, &parcel, &result.attempts, outcome, begun);
    let finished =
        CycleEventKind::Finished { outcome, failure: dispatched.failure, error: dispatched.error.clone() };
    run.emit(&parcel.issue, finished);
    Worked { dispatched, trouble }
}
