//! What a cycle is given: the world it acts in, the rules of the run, who it is and what it was
//! asked for; and why it could not run.

use crate::gates::commands::Commands;
use crate::guards::Guards;
use crate::model::cycle_event::{CycleEvent, Observer};
use crate::model::settings::{
    AgentLimits, Backoff, Budget, KeepWorkspace, Limits, ModelRules, PreflightSettings, PullRequestSettings,
    RateLimitSettings, StatusComments, Template, TrackerRules,
};
use crate::model::{Claim, CycleReport, Fault, RunId, Secret, Time};
use crate::policy::faults::{self, Exit};
use crate::ports::{Agent, Clock, Forge, StateStore, StoreError, Tracker, TrackerError};
use crate::workspace::{WorkspaceError, Workspaces};
use chrono::TimeDelta;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Are told what happens, beside the run's own.
    pub observers: Vec<Arc<dyn Observer>>,
    /// What holds the agent's side in bounds, for the report.
    pub sandbox: &'static str,
    /// `owner/name` of the git remote, where its address tells it.
    pub remote_name: Option<String>,
}

impl World {
    /// Tells its observers.
    pub fn tell(&self, event: &CycleEvent) {
        self.observers.iter().for_each(|observer| observer.on(event));
    }
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
    /// Which attempt of that CI run this is.
    pub ci_attempt: Option<u64>,
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
    /// What is written on tickets besides their state.
    pub comments: StatusComments,
    pub base_branch: String,
    pub branch_prefix: String,
    /// The branch that holds the state, where one does.
    pub state_branch: Option<String>,
    /// The remote's address without a credential, to tell one from another.
    pub remote_id: String,
    pub lease_skew: TimeDelta,
    pub pull_request: PullRequestSettings,
    /// Instead of the built-in prompt.
    pub prompt: Option<Template>,
    pub keep: KeepWorkspace,
    pub surroundings: Surroundings,
    /// Where this run's logs go: one folder per issue.
    pub run_dir: PathBuf,
}

/// The environment this run was started in, and what of it may pass on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub base: Vec<(String, String)>,
    pub pass_env: Vec<String>,
    /// The agent's own login variables, by its kind.
    pub login: &'static [&'static str],
    /// Agents get a home of their own.
    pub isolated_home: bool,
    pub secrets: Vec<Secret>,
    /// The `http.URL.extraheader` keys a checkout may have left.
    pub extraheader_keys: Vec<String>,
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
    /// Somebody asks why nothing happens: tickets that are no candidates are asked for, too.
    pub explain: bool,
}

/// What became of a cycle that ran.
pub struct Ran {
    pub report: CycleReport,
    /// Something went wrong that belongs to no ticket: the state or the tracker could not be
    /// written. Nothing is lost; the next run finds it.
    pub trouble: Option<CycleError>,
    /// What the run exits with when no signal ended it.
    pub exit: Exit,
}

/// Why a cycle could not run, or not to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CycleError {
    /// Something that was looked at before a claim would end every ticket the same way.
    #[error("{}{}", .0.message, remedy_of(.0))]
    Fault(Box<Fault>),
    /// The configuration or the arguments name something that does not exist.
    #[error("{0}")]
    Config(String),
    /// Tracker, forge or git remote out of reach or refusing, told without secrets.
    #[error("{0}")]
    Unreachable(String),
    /// The tracker's allowance is used up.
    #[error("tracker rate limit: {detail}")]
    Limited { until: Option<Time>, detail: String },
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Tracker(TrackerError),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A fault of Conductor's own.
    #[error("{0}")]
    Internal(String),
}

/// What to do about a fault, as the end of its sentence.
fn remedy_of(fault: &Fault) -> String {
    fault.remedy.as_ref().map_or_else(String::new, |remedy| format!("; {remedy}"))
}

impl CycleError {
    /// The exit code it stands for.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Fault(fault) => faults::exit_of(fault),
            Self::Config(_) => Exit::Usage,
            Self::Store(StoreError::Machine(_)) | Self::Internal(_) => Exit::Internal,
            Self::Unreachable(_)
            | Self::Limited { .. }
            | Self::Store(_)
            | Self::Tracker(_)
            | Self::Workspace(_) => Exit::Unreachable,
        }
    }
}

impl From<StoreError> for CycleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Config(text) => Self::Config(text),
            other => Self::Store(other),
        }
    }
}

impl From<TrackerError> for CycleError {
    fn from(error: TrackerError) -> Self {
        match error {
            TrackerError::Config(text) => Self::Config(text),
            TrackerError::RateLimited { until, detail } => Self::Limited { until, detail },
            other => Self::Tracker(other),
        }
    }
}

impl Settings {
    /// Times told by others are believed up to so far from now.
    pub fn max_wait(&self) -> TimeDelta {
        TimeDelta::from_std(self.rate_limit.max_wait).unwrap_or(TimeDelta::hours(24))
    }

    /// No ticket waits longer than that by these rules.
    pub fn longest_wait(&self) -> TimeDelta {
        TimeDelta::from_std(self.retry.max).unwrap_or(TimeDelta::MAX).max(self.max_wait())
    }
}
