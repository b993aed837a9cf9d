//! The story of one cycle, readable aloud: load the state; recover and deliver what earlier runs
//! left; poll and select tickets; for each, when a slot is free: claim it, work on it, push it,
//! propose it, announce it; record how far it came; report.
//!
//! A change goes through the stages claimed, ready, pushed, proposed, in review. Each stage has one
//! next step, which looks before it acts, so that any run can go on where another stopped. Knows no
//! tracker, forge, agent or store by name.

mod claims;
mod deferral;
mod deliver;
mod dispatch;
mod evolve;
<<<<<<< HEAD
mod faults;
mod follow;
mod gather;
mod intake;
mod judge;
=======
mod group_commit;
mod hold;
mod keep;
>>>>>>> store
mod ledger;
mod model_choice;
mod outages;
mod plan;
mod recover;
mod run;
mod status_files;
mod stop;
mod ticket;
mod tickets;
mod timings;
mod told;
mod work;
mod world;
mod writes;

pub use deferral::Deferral;
pub use evolve::{EvolveError, Evolving, Proposed, evolve};
pub use plan::plan;
pub use stop::Interrupt;
pub use world::{CycleError, Fallback, Identity, Ran, Request, Settings, Surroundings, World};

<<<<<<< HEAD
use crate::model::report::{Advanced, CycleStatus, Dispatched, Recovered, Requests, SkipReason, Skipped};
use crate::model::{CycleReport, Fault, FaultKind, Outcome, Time};
use crate::policy::faults::{self as table, Exit};
use intake::{access, poll, select};
=======
use crate::gates::commands::Commands;
use crate::guards::Guards;
use crate::model::progress::Progress;
use crate::model::report::{CycleStatus, Dispatched, Recovered, Requests, Skipped};
use crate::model::settings::{
    AgentLimits, Backoff, Budget, KeepWorkspace, Limits, ModelRules, PreflightSettings, PullRequestSettings,
    RateLimitSettings, Template, TrackerRules,
};
use crate::model::{Claim, CycleReport, IssueId, Outcome, RunId, Time};
use crate::ports::{Agent, Clock, Forge, StateStore, StoreError, Tracker, TrackerError};
use crate::workspace::{WorkspaceError, Workspaces};
use chrono::TimeDelta;
<<<<<<< HEAD
use gather::Gather;
>>>>>>> agents
use ledger::Ledger;
use run::Run;
=======
use group_commit::GroupCommit;
use ledger::{Ledger, WriteLimit};
use records::Records;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
>>>>>>> store
use timings::Stopwatch;

<<<<<<< HEAD
=======
/// Everything outside that a cycle touches.
pub struct World {
    pub tracker: Box<dyn Tracker>,
    pub forge: Box<dyn Forge>,
    pub agent: Box<dyn Agent>,
    pub fallback: Option<Fallback>,
    pub store: Box<dyn StateStore>,
    pub clock: Arc<dyn Clock>,
    pub workspaces: Workspaces,
    pub commands: Commands,
    pub guards: Guards,
    /// Whether a claim's run still lives, as far as this host can tell beyond the lease.
    pub is_alive: Box<dyn Fn(&Claim) -> bool + Send + Sync>,
    pub progress: Box<dyn Fn(Progress) + Send + Sync>,
}

/// The agent that steps in when the first reports a limit.
pub struct Fallback {
    pub agent: Box<dyn Agent>,
    pub model: Option<String>,
    /// Its login variables.
    pub login: &'static [&'static str],
}

/// Who this run is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub run_id: RunId,
    pub host: String,
    pub pid: u32,
    pub pid_started: Option<String>,
    pub ci_run_url: Option<String>,
}

/// The rules of this run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub identity: Identity,
    pub tracker: TrackerRules,
    pub limits: Limits,
    pub retry: Backoff,
    pub rate_limit: RateLimitSettings,
    pub agent: AgentLimits,
    pub budget: Budget,
    pub model: ModelRules,
    pub preflight: PreflightSettings,
    pub base_branch: String,
    pub branch_prefix: String,
    pub lease_skew: TimeDelta,
    pub pull_request: PullRequestSettings,
    /// Instead of the built-in prompt.
    pub prompt: Option<Template>,
    pub keep: KeepWorkspace,
    pub surroundings: Surroundings,
    /// Where this run's logs go: one folder per issue.
    pub run_dir: PathBuf,
}

/// What one invocation asks for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Only these issues, by the names people use; all when empty.
    pub issues: Vec<String>,
    /// An operator's word: states, labels, backoff and blocks are set aside.
    pub force: bool,
    /// Decide and report; change nothing.
    pub dry_run: bool,
}

/// What became of a cycle that ran.
pub struct Ran {
    pub report: CycleReport,
    /// Something went wrong that is nobody's failed attempt: the state or the tracker could not
    /// be written. Nothing is lost; the next run finds it.
    pub trouble: Option<CycleError>,
}

/// Why a cycle could not run, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CycleError {
    /// The configuration or the arguments name something that does not exist.
    Config(String),
    /// Tracker, forge or git remote out of reach or refusing, or the state unreadable.
    Unreachable(String),
    /// The tracker's allowance is used up.
    Limited { until: Option<Time>, detail: String },
    /// A fault of Conductor's own.
    Internal(String),
}

impl fmt::Display for CycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Unreachable(text) | Self::Internal(text) => f.write_str(text),
            Self::Limited { detail, .. } => write!(f, "tracker rate limit: {detail}"),
        }
    }
}

impl std::error::Error for CycleError {}

impl From<StoreError> for CycleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Config(text) => Self::Config(text),
            StoreError::Machine(_) => Self::Internal(error.to_string()),
            StoreError::Unreachable(_) | StoreError::Unreadable(_) => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<TrackerError> for CycleError {
    fn from(error: TrackerError) -> Self {
        match error {
            TrackerError::Config(text) => Self::Config(text),
            TrackerError::RateLimited { until, detail } => Self::Limited { until, detail },
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<WorkspaceError> for CycleError {
    fn from(error: WorkspaceError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// One cycle under way: the world, the rules, and what is shared between its threads.
struct Cycle<'w> {
    world: &'w World,
    settings: &'w Settings,
    ledger: Ledger<'w>,
    watch: &'w Stopwatch<'w>,
    interrupt: &'w Interrupt,
    records: Records<'w>,
    /// Pages of CI runs that are over.
    concluded: OnceLock<HashSet<String>>,
    pushes: publish::Pushes,
    removals: keep::Removals,
}

>>>>>>> agents
/// Runs one cycle.
pub fn run(
    world: &World,
    settings: &Settings,
    request: &Request,
    interrupt: &Interrupt,
) -> Result<Ran, CycleError> {
    let started_at = world.clock.now();
    let watch = Stopwatch::start(world.clock.as_ref());
    let ledger = watch.time("load state", None, || {
        let deadline = settings.limits.deadline.map(|most| world.clock.monotonic().saturating_add(most));
        let limit = WriteLimit { interrupt, deadline };
        Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)
    })?;
    let run = Run::new(world, settings, ledger, &watch, interrupt);
    name_damage(&run);
    let mut told = Told::default();
    let deferral = deferral::now(&run);
    if let Some(deferral) = deferral.filter(|_| !has_undelivered(&run)) {
        told.defer(deferral);
    } else {
        match turn(&run, request, &mut told) {
            Err(CycleError::Limited { until, detail }) if !request.dry_run => {
                told.defer(deferral::defer(&run, until, detail)?);
            }
            turned => turned?,
        }
    }
<<<<<<< HEAD
    Ok(report(&run, started_at, told))
=======
    if !request.dry_run && cycle.ledger.was_rewound() {
        // From here on this state is the one to go on from.
        cycle.ledger.acknowledge()?;
    }
    Ok(cycle.report(started_at, told))
>>>>>>> store
}

/// What the report will say.
#[derive(Default)]
struct Told {
    status: Option<CycleStatus>,
    deferral: Option<Deferral>,
    dispatched: Vec<Dispatched>,
    skipped: Vec<Skipped>,
    recovered: Vec<Recovered>,
    advanced: Vec<Advanced>,
    trouble: Option<CycleError>,
}

impl Told {
    fn defer(&mut self, deferral: Deferral) {
        self.status = Some(CycleStatus::Deferred);
        self.deferral = Some(deferral);
    }
}

<<<<<<< HEAD
/// Records nobody can read are named in every run until a person has seen to them.
fn name_damage(run: &Run<'_>) {
    for damaged in &run.ledger.state().damaged {
        tracing::warn!("state: {}; see `conductor state verify`", run.redact(&damaged.sentence()));
=======
impl<'w> Cycle<'w> {
    fn new(
        world: &'w World,
        settings: &'w Settings,
        ledger: Ledger<'w>,
        watch: &'w Stopwatch<'w>,
        interrupt: &'w Interrupt,
    ) -> Self {
        Self {
            world,
            settings,
            ledger,
            watch,
            interrupt,
            records: Records::new(world, settings),
            concluded: OnceLock::new(),
            pushes: GroupCommit::new(publish::PATIENCE),
            removals: GroupCommit::new(keep::PATIENCE),
        }
>>>>>>> store
    }
}

fn has_undelivered(run: &Run<'_>) -> bool {
    let state = run.ledger.state();
    !run.living().dead(&state).is_empty()
        || state.issues.values().any(|record| record.stage.delivery().is_some())
}

fn turn(run: &Run<'_>, request: &Request, told: &mut Told) -> Result<(), CycleError> {
    let mut polled = run.watch.time("poll tracker", None, || poll::poll(run, request))?;
    if request.dry_run {
        recover::foresee(run, &mut polled)?;
    } else {
        let recovery = run.watch.time("recover", None, || recover::recover(run, &mut polled))?;
        told.recovered = recovery.recovered;
        told.advanced = recovery.advanced;
        told.trouble = recovery.trouble;
    }
    if let Some(deferral) = deferral::now(run) {
        told.defer(deferral);
        return Ok(());
    }
    let mut selection = run.watch.time("select", None, || select::select(run, &polled, request));
    told.skipped.append(&mut selection.skipped);
    if request.dry_run {
        told.status = Some(CycleStatus::DryRun);
        told.dispatched =
            selection.issues.iter().map(|issue| select::would_dispatch(run, issue, &selection)).collect();
        return Ok(());
    }
    if !selection.issues.is_empty() && run.interrupt.signal().is_none() {
        take_in(run, &selection, request, told);
    }
    Ok(())
}

/// New work, unless it would end where earlier work stands.
fn take_in(run: &Run<'_>, selection: &select::Selection, request: &Request, told: &mut Told) {
    if let Some(fault) = standing_refusal(run) {
        leave(selection, &fault, told);
        return;
    }
    match access::look(run) {
        Ok(seen) => {
            let worked = dispatch::dispatch(run, selection, request, &seen);
            told.dispatched = worked.dispatched;
            told.skipped.extend(worked.skipped);
            told.trouble = told.trouble.take().or(worked.trouble);
        }
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
    let state = run.ledger.state();
    let refused: Vec<&Fault> = state
        .issues
        .values()
        .filter(|record| record.stage.delivery().is_some())
        .filter_map(|record| record.fault.as_ref())
        .filter(|fault| fault.kind == FaultKind::RemoteRefused)
        .collect();
    refused.get(1).map(|fault| (*fault).clone())
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
    let duration = run.watch.elapsed();
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
        recovered: told.recovered,
        advanced: told.advanced,
        standing: standing(run),
        sandbox: run.world.sandbox,
        requests,
        timings: Some(run.watch.timings()),
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
