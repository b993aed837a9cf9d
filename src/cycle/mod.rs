//! The story of one cycle, readable aloud: load the state; recover and deliver what earlier runs
//! left; poll and select tickets; for each, when a slot is free: claim it, work on it, push it,
//! propose it, announce it; record how far it came; report.
//!
//! A change goes through the stages claimed, ready, pushed, proposed, in review. Each stage has one
//! next step, which looks before it acts, so that any run can go on where another stopped. Knows no
//! tracker, forge, agent or store by name.

pub mod border;
mod claims;
mod deferral;
mod deliver;
mod dispatch;
mod dispatched;
mod events;
mod evolve;
mod faults;
mod follow;
mod group_commit;
mod intake;
mod judge;
mod ledger;
mod model_choice;
pub mod operator;
mod outages;
mod plan;
mod recover;
mod run;
mod run_folder;
mod status_files;
mod step_times;
mod stop;
mod ticket;
mod tickets;
mod trace_files;
mod work;
mod world;
mod writes;

pub use deferral::Deferral;
pub use evolve::{EvolveError, Evolving, Proposed, evolve};
pub use plan::plan;
pub use stop::Interrupt;
pub use world::{CycleError, Fallback, Identity, Ran, Request, Settings, Surroundings, World};

use crate::model::cycle_event::CycleEventKind;
use crate::model::report::{
    Advanced, CycleStatus, Dispatched, KeptOut, Recovered, Requests, SkipReason, Skipped,
};
use crate::model::text::counted;
use crate::model::{CycleReport, Fault, Outcome, Time};
use crate::policy::faults::{self as table, Exit};
use events::Events;
use intake::access::{self, WorkIs};
use intake::{conflicts, outside, poll, select};
use ledger::{Ledger, WriteLimit};
use run::Run;

/// Runs one cycle.
pub fn run(
    world: &World,
    settings: &Settings,
    request: &Request,
    interrupt: &Interrupt,
) -> Result<Ran, CycleError> {
    cycle(world, settings, request, interrupt, &Taking { work: WorkIs::Here, take: &dispatch_all })
}

/// What becomes of the tickets a cycle takes in.
struct Taking<'t> {
    work: WorkIs,
    take: &'t dyn Fn(&Run<'_>, &select::Selection, &Request, &access::Seen, &mut Told),
}

fn dispatch_all(
    run: &Run<'_>,
    selection: &select::Selection,
    request: &Request,
    seen: &access::Seen,
    told: &mut Told,
) {
    let worked = dispatch::dispatch(run, selection, request, seen);
    told.dispatched = worked.dispatched;
    told.skipped.extend(worked.skipped);
    told.trouble = told.trouble.take().or(worked.trouble);
}

/// A cycle up to the tickets it takes in; what becomes of those is told.
fn cycle(
    world: &World,
    settings: &Settings,
    request: &Request,
    interrupt: &Interrupt,
    taking: &Taking<'_>,
) -> Result<Ran, CycleError> {
    let started_at = world.clock.now();
    let events = Events::open(world, settings);
    let deadline = settings.limits.deadline.map(|deadline| world.clock.monotonic().saturating_add(deadline));
    let limit = WriteLimit { interrupt, deadline };
    if !request.dry_run
        && let Err(error) = world.workspaces.clear_stale_locks()
    {
        let message = format!("lock files of dead processes could not be removed: {error}");
        events.emit(None, CycleEventKind::Warning { message });
    }
    let ledger = events.time("load state", None, || {
        Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)
    })?;
    let run = Run::new(world, settings, ledger, &events, interrupt);
    name_damage(&run);
    let mut told = Told::default();
    let deferral = deferral::now(&run);
    if let Some(deferral) = deferral.filter(|_| !has_undelivered(&run)) {
        told.defer(deferral);
    } else {
        let turned = turn(&run, request, taking, &mut told).and_then(|()| told.take_limit());
        match turned {
            Err(CycleError::Limited { until, detail }) if !request.dry_run => {
                told.defer(deferral::defer(&run, until, detail)?);
            }
            turned => turned?,
        }
    }
    told.answer_for_deferred(request);
    Ok(report(&run, started_at, told))
}

/// What the report will say.
#[derive(Default)]
struct Told {
    status: Option<CycleStatus>,
    deferral: Option<Deferral>,
    dispatched: Vec<Dispatched>,
    skipped: Vec<Skipped>,
    kept_out: Vec<KeptOut>,
    kept_out_partial: bool,
    recovered: Vec<Recovered>,
    advanced: Vec<Advanced>,
    trouble: Option<CycleError>,
}

impl Told {
    fn defer(&mut self, deferral: Deferral) {
        self.status = Some(CycleStatus::Deferred);
        self.deferral = Some(deferral);
    }

    /// Of tickets somebody asked for it is said that everything waits.
    fn answer_for_deferred(&mut self, request: &Request) {
        let Some(deferral) = &self.deferral else { return };
        let until = deferral.until.format("%F %T UTC");
        let detail = format!("nothing is begun until {until}: {}", deferral.why);
        for name in &request.issues {
            let is = |issue: &str| issue.eq_ignore_ascii_case(name.trim());
            let is_told = self.dispatched.iter().any(|one| is(&one.issue))
                || self.skipped.iter().any(|one| is(&one.issue));
            if !is_told {
                let (issue, detail) = (name.trim().to_owned(), detail.clone());
                self.skipped.push(Skipped { issue, reason: SkipReason::Backoff, detail });
            }
        }
    }

    /// The tracker's limit, met on the way to the first ticket, is a deferral like any other.
    fn take_limit(&mut self) -> Result<(), CycleError> {
        let is_limit = |trouble: &mut CycleError| matches!(trouble, CycleError::Limited { .. });
        if !self.dispatched.is_empty() {
            return Ok(());
        }
        self.trouble.take_if(is_limit).map_or(Ok(()), Err)
    }
}

/// Damaged records that are named one by one in a run.
const NAMED_DAMAGE: usize = 5;

/// Records nobody can read are told in every run until a person has seen to them: the first few by
/// name, the others by their number.
fn name_damage(run: &Run<'_>) {
    let state = run.ledger.state();
    for damaged in state.damaged.iter().take(NAMED_DAMAGE) {
        run.warn(None, format!("state: {}; see `conductor state verify`", run.redact(&damaged.sentence())));
    }
    let more = state.damaged.len().saturating_sub(NAMED_DAMAGE);
    if more > 0 {
        let more = counted(more, "more record");
        run.warn(None, format!("state: {more} cannot be read; see `conductor state verify`"));
    }
}

fn has_undelivered(run: &Run<'_>) -> bool {
    let state = run.ledger.state();
    !run.living().dead(&state).is_empty()
        || state.issues.values().any(|record| record.stage.delivery().is_some())
}

fn turn(run: &Run<'_>, request: &Request, taking: &Taking<'_>, told: &mut Told) -> Result<(), CycleError> {
    let mut polled = run.time("poll tracker", None, || poll::poll(run, request))?;
    if request.dry_run {
        recover::foresee(run, &mut polled)?;
    } else {
        let recovery = run.time("recover", None, || recover::recover(run, &mut polled))?;
        if run.ledger.was_rewound() {
            recover::rewound::adopt(run, &polled)?;
        }
        told.recovered = recovery.recovered;
        told.advanced = recovery.advanced;
        told.trouble = recovery.trouble;
    }
    if let Some(deferral) = deferral::now(run) {
        told.defer(deferral);
        return Ok(());
    }
    let mut selection = run.time("select", None, || select::select(run, &polled, request));
    if request.dry_run {
        let others = outside::explain(run, request, &polled, &selection);
        told.skipped.append(&mut selection.skipped);
        told.skipped.extend(others.running);
        told.kept_out = others.kept_out;
        told.kept_out_partial = others.is_partial;
        told.status = Some(CycleStatus::DryRun);
        told.dispatched =
            selection.issues.iter().map(|issue| select::would_dispatch(run, issue, &selection)).collect();
        return Ok(());
    }
    told.skipped.append(&mut selection.skipped);
    std::thread::scope(|scope| {
        if let Some(past) = &selection.past {
            scope.spawn(|| conflicts::calibrate(run, past));
        }
        if !selection.issues.is_empty() && run.interrupt.signal().is_none() {
            take_in(run, &selection, request, taking, told);
        }
    });
    conflicts::count_held_back(run, &selection.compared);
    Ok(())
}

/// New work, unless it would end where earlier work stands.
fn take_in(
    run: &Run<'_>,
    selection: &select::Selection,
    request: &Request,
    taking: &Taking<'_>,
    told: &mut Told,
) {
    if let Some(fault) = standing_refusal(run) {
        leave(selection, &fault, told);
        return;
    }
    match access::look(run, taking.work) {
        Ok(seen) => (taking.take)(run, selection, request, &seen, told),
        Err(error) => {
            if let CycleError::Fault(fault) = &error {
                leave(selection, fault, told);
            }
            told.trouble = told.trouble.take().or(Some(error));
        }
    }
}

/// A refusal the next ticket would meet as well: one of every ticket's steps, or of a second
/// ticket's branch.
fn standing_refusal(run: &Run<'_>) -> Option<Fault> {
    if let Some(fault) = run.outages.end_of_dispatch() {
        return Some(fault);
    }
    outages::refused_branches(&run.ledger.state()).get(1).cloned()
}

fn leave(selection: &select::Selection, fault: &Fault, told: &mut Told) {
    let reason = table::held_reason(fault.owner).unwrap_or(SkipReason::Service);
    told.skipped.extend(selection.issues.iter().map(|issue| Skipped {
        issue: issue.identifier.clone(),
        reason,
        detail: fault.message.clone(),
    }));
}

fn report(run: &Run<'_>, started_at: Time, told: Told) -> Ran {
    let idle = told.dispatched.is_empty() && told.recovered.is_empty() && told.advanced.is_empty();
    let status = told.status.unwrap_or(match run.interrupt.signal() {
        Some(_) => CycleStatus::Interrupted,
        None if idle => CycleStatus::Idle,
        None => CycleStatus::Completed,
    });
    let exit = exit_of(run, &told, status);
    let requests = Requests {
        tracker: run.world.tracker.requests(),
        forge: run.world.forge.requests(),
        git_remote: run.world.workspaces.contacts(),
    };
    let duration = run.elapsed();
    let report = CycleReport {
        schema: 1,
        run_id: run.settings.identity.run_id.to_string(),
        status,
        started_at,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        deferred_until: told.deferral.as_ref().map(|deferral| deferral.until),
        deferred_because: told.deferral.map(|deferral| run.redact(&deferral.why)),
        dispatched: told.dispatched,
        skipped: told.skipped,
        kept_out: told.kept_out,
        kept_out_partial: told.kept_out_partial,
        recovered: told.recovered,
        advanced: told.advanced,
        standing: standing(run),
        sandbox: run.world.sandbox,
        requests,
        timings: Some(run.timings()),
    };
    Ran { report, trouble: told.trouble, exit }
}

/// Faults that stand until somebody mends them, of every ticket.
fn standing(run: &Run<'_>) -> Vec<crate::model::report::StandingFault> {
    let state = run.ledger.state();
    let open = state.issues.values().filter(|record| record.stage.delivery().is_some());
    open.filter_map(|record| {
        let fault = record.fault.clone().filter(|fault| table::stands(fault.owner))?;
        Some(crate::model::report::StandingFault {
            issue: record.identifier.clone(),
            stage: record.stage.name(),
            fault,
        })
    })
    .collect()
}

/// The highest of all that applies.
fn exit_of(run: &Run<'_>, told: &Told, status: CycleStatus) -> Exit {
    let mut exit = told.trouble.as_ref().map_or(Exit::Success, CycleError::exit);
    for done in &told.dispatched {
        if let Some(fault) = &done.fault {
            let is_provider = fault.owner == crate::model::Owner::Provider;
            exit = exit.or(if is_provider { Exit::AttemptFailed } else { table::exit_of(fault) });
        }
        if done.outcome.is_some_and(Outcome::is_failure) && done.fault.is_none() {
            exit = exit.or(Exit::AttemptFailed);
        }
    }
    if status != CycleStatus::DryRun {
        for standing in standing(run) {
            exit = exit.or(table::exit_of(&standing.fault));
        }
    }
    if status == CycleStatus::Deferred { exit.or(Exit::Deferred) } else { exit }
}

/// Whether any attempt of the report failed.
pub fn has_failures(report: &CycleReport) -> bool {
    report.dispatched.iter().any(|done| done.outcome.is_some_and(Outcome::is_failure))
}
