//! The whole configuration as it holds: checked, complete, immutable.

use crate::model::Secret;
pub use crate::model::agent_settings::{
    AgentContainer, AgentKind, AgentPlaces, AgentSandbox, AgentWalls, ContainerEngine, FallbackConfig,
};
use crate::model::settings::{
    AgentLimits, Backoff, Budget, GateSpec, GuardRules, Hooks, Limits, ModelsByClass, PreflightSettings,
    PullRequestSettings, RateLimitSettings, RepositorySettings, StateSettings, StatusComments, Template,
    TrackerRules, Weights, WorkspaceSettings,
};
use std::path::PathBuf;

/// Everything a run is told, checked and complete.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file all of this came from, absolute.
    pub file: PathBuf,
    pub tracker: TrackerConfig,
    pub repository: RepositorySettings,
    pub forge: ForgeKind,
    pub agent: AgentConfig,
    pub budget: Budget,
    pub limits: Limits,
    /// Between the attempts of one issue.
    pub retry: Backoff,
    /// After an agent ran into its usage limit.
    pub rate_limit: RateLimitSettings,
    pub preflight: PreflightSettings,
    pub weights: Weights,
    pub gates: Vec<GateSpec>,
    pub guards: GuardRules,
    pub hooks: Hooks,
    pub workspace: WorkspaceSettings,
    pub state: StateSettings,
    pub pull_request: PullRequestSettings,
    /// Instead of the built-in prompt.
    pub prompt: Option<Template>,
    /// The file it is in, absolute; none where it is a part of a `WORKFLOW.md`.
    pub prompt_file: Option<PathBuf>,
    /// What of the file has no effect, each with its place; only a `WORKFLOW.md` may have such.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct TrackerConfig {
    pub kind: TrackerKind,
    pub rules: TrackerRules,
    pub comments: StatusComments,
}

#[derive(Debug, Clone)]
pub enum TrackerKind {
    Linear {
        /// Key or id; the only team when left out.
        team: Option<String>,
        /// Slug, name or id.
        project: Option<String>,
        api_key: Secret,
        endpoint: String,
    },
    /// A folder of `KEY.md` files, absolute.
    Local { path: PathBuf },
    /// The job has none: see `conductor work`.
    Absent,
}

#[derive(Debug, Clone)]
pub enum ForgeKind {
    Github {
        /// `owner/name`; from the remote's URL when left out.
        repository: Option<String>,
        /// Without a slash at its end.
        api_url: String,
        token: Secret,
    },
    /// A folder of `N.md` files, absolute.
    Local { path: PathBuf },
    /// The job has none: see `conductor work`.
    Absent,
}

#[derive(Debug, Clone)]
pub struct AgentConfig {
    pub kind: AgentKind,
    /// Added to the adapter's own arguments.
    pub args: Vec<String>,
    /// `None`: by the ticket's complexity.
    pub model: Option<String>,
    /// `None`: the agent chooses.
    pub models: Option<ModelsByClass>,
    pub limits: AgentLimits,
    /// Names of environment variables the agent is given whatever they are called.
    pub pass_env: Vec<String>,
    pub walls: AgentWalls,
    /// The agent gets a home of its own instead of the user's.
    pub isolated_home: bool,
    /// Used when the first reports a limit.
    pub fallback: Option<FallbackConfig>,
}

impl Config {
    /// Every credential in it, so that it can be kept out of logs, reports and diffs.
    pub fn secrets(&self) -> Vec<Secret> {
        let mut secrets = Vec::new();
        if let TrackerKind::Linear { api_key, .. } = &self.tracker.kind {
            secrets.push(api_key.clone());
        }
        if let ForgeKind::Github { token, .. } = &self.forge {
            secrets.push(token.clone());
        }
        secrets
    }
}
