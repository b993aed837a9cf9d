//! The story of one cycle, readable aloud: load the state, recover what dead runs left, poll,
//! select, claim, work on each issue in a thread of its own, publish, record, report.
//!
//! Owns the order of things and who may go on after which failure. Knows no tracker, forge, agent
//! or store by name.

mod attempt;
mod change;
mod check;
mod claim;
mod close;
mod context;
mod evolve;
mod gather;
mod hold;
mod keep;
mod ledger;
mod lost;
mod notes;
mod overlap;
mod plan;
mod publish;
mod put_away;
mod reconcile;
mod record;
mod records;
mod select;
mod stop;
mod supervise;
mod surroundings;
mod timings;
mod tried;
mod turns;
mod work;

pub use evolve::{EvolveError, Evolving, Proposed, evolve};
pub use hold::Hold;
pub use plan::plan;
pub use stop::Interrupt;
pub use surroundings::Surroundings;

use crate::gates::commands::Commands;
use crate::guards::Guards;
use crate::model::progress::Progress;
use crate::model::report::{CycleStatus, Dispatched, Recovered, Requests, Skipped};
use crate::model::settings::{
    AgentLimits, Backoff, Budget, KeepWorkspace, Limits, ModelRules, PreflightSettings, PullRequestSettings,
    Template, TrackerRules,
};
use crate::model::{Claim, CycleReport, IssueId, Outcome, RunId, Time};
use crate::ports::{Agent, Clock, Forge, StateStore, StoreError, Tracker, TrackerError};
use crate::workspace::{WorkspaceError, Workspaces};
use chrono::TimeDelta;
use gather::Gather;
use ledger::Ledger;
use records::Records;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use timings::Stopwatch;

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
    pub rate_limit: Backoff,
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

/// Runs one cycle.
pub fn run(
    world: &World,
    settings: &Settings,
    request: &Request,
    interrupt: &Interrupt,
) -> Result<Ran, CycleError> {
    let started_at = world.clock.now();
    let watch = Stopwatch::start(world.clock.as_ref());
    if !request.dry_run
        && let Err(error) = world.workspaces.clear_stale_locks(&settings.branch_prefix)
    {
        tracing::warn!("lock files of dead processes could not be removed: {error}");
    }
    let ledger = watch.time("load state", None, || {
        Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id)
    })?;
    let cycle = Cycle::new(world, settings, ledger, &watch, interrupt);
    let mut told = Told::default();
    match cycle.hold() {
        Some(hold) => told.defer(hold),
        None => match cycle.turn(request, &mut told) {
            Err(CycleError::Limited { until, detail }) if !request.dry_run => {
                told.defer(cycle.hold_off(until, detail)?);
            }
            turned => turned?,
        },
    }
    Ok(cycle.report(started_at, told))
}

/// What the report will say.
#[derive(Default)]
struct Told {
    status: Option<CycleStatus>,
    hold: Option<Hold>,
    dispatched: Vec<Dispatched>,
    skipped: Vec<Skipped>,
    recovered: Vec<Recovered>,
    trouble: Option<CycleError>,
}

impl Told {
    fn defer(&mut self, hold: Hold) {
        self.status = Some(CycleStatus::Deferred);
        self.hold = Some(hold);
    }
}

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
            pushes: Gather::new(publish::PATIENCE),
            removals: Gather::new(keep::PATIENCE),
        }
    }

    fn turn(&self, request: &Request, told: &mut Told) -> Result<(), CycleError> {
        let mut polled = self.watch.time("poll tracker", None, || self.poll(request))?;
        if request.dry_run {
            self.foresee(&mut polled)?;
        } else {
            told.recovered = self.watch.time("recover", None, || self.reconcile(&mut polled))?;
        }
        let mut selection = self.watch.time("select", None, || self.select(&polled, request));
        told.skipped.append(&mut selection.skipped);
        if request.dry_run {
            told.status = Some(CycleStatus::DryRun);
            told.dispatched =
                selection.issues.iter().map(|issue| self.would_dispatch(issue, &selection)).collect();
            return Ok(());
        }
        if !selection.issues.is_empty() && self.interrupt.signal().is_none() {
            let claimed = self.claim(selection, request, &mut told.skipped)?;
            let worked = self.work(claimed);
            told.dispatched = worked.dispatched;
            told.skipped.extend(worked.skipped);
            told.trouble = worked.trouble;
        }
        Ok(())
    }

    fn report(&self, started_at: Time, told: Told) -> Ran {
        let idle = told.dispatched.is_empty() && told.recovered.is_empty();
        let status = told.status.unwrap_or(match self.interrupt.signal() {
            Some(_) => CycleStatus::Interrupted,
            None if idle => CycleStatus::Idle,
            None => CycleStatus::Completed,
        });
        let requests = Requests {
            tracker: self.world.tracker.requests(),
            forge: self.world.forge.requests(),
            git_remote: self.world.workspaces.contacts(),
        };
        let duration = self.watch.elapsed();
        let report = CycleReport {
            schema: 1,
            run_id: self.settings.identity.run_id.to_string(),
            status,
            started_at,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            deferred_until: told.hold.as_ref().map(|hold| hold.until),
            deferred_because: told.hold.map(|hold| self.world.guards.redact(&hold.why)),
            dispatched: told.dispatched,
            skipped: told.skipped,
            recovered: told.recovered,
            requests,
            timings: Some(self.watch.timings()),
        };
        Ran { report, trouble: told.trouble }
    }

    fn now(&self) -> Time {
        self.world.clock.now()
    }
}

/// Whether any attempt of the report failed.
pub fn has_failures(report: &CycleReport) -> bool {
    report.dispatched.iter().any(|done| done.outcome.is_some_and(Outcome::is_failure))
}

/// The tickets' ids, for a query.
fn ids<'a>(issues: impl IntoIterator<Item = &'a crate::model::Issue>) -> Vec<IssueId> {
    issues.into_iter().map(|issue| issue.id.clone()).collect()
}
