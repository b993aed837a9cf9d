//! Settings as plain values, already checked and resolved. `config` makes them, every room below
//! reads the ones it needs; none of them knows where a value came from.

use super::millis;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Which tickets are ours to work on, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerRules {
    pub active_states: Vec<String>,
    pub terminal_states: Vec<String>,
    pub in_progress_state: String,
    pub in_review_state: String,
    pub done_state: String,
    pub required_labels: Vec<String>,
    pub excluded_labels: Vec<String>,
    pub assignee: AssigneeRule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssigneeRule {
    Any,
    /// Only tickets nobody is assigned to.
    Nobody,
    /// Only tickets of the credential's owner.
    Me,
    /// Only tickets of the person with this e-mail address, name or id.
    Person(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Issues worked on at the same moment, over all runners.
    pub max_concurrent: usize,
    /// Ticket state → issues from that state at the same moment.
    pub per_state: Vec<(String, usize)>,
    /// Issues dispatched by one cycle.
    pub per_cycle: Option<usize>,
    /// How long the run may take.
    #[serde(rename = "deadline_ms", with = "millis::option")]
    pub deadline: Option<Duration>,
    pub max_interruptions: u32,
    pub max_failures: u32,
    #[serde(rename = "reconcile_interval_ms", with = "millis")]
    pub reconcile_interval: Duration,
    /// Attempts per issue within one cycle.
    pub max_attempts: u32,
}

/// Exponential waiting: `min(base · 2^(n−1), max)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    #[serde(rename = "base_ms", with = "millis")]
    pub base: Duration,
    #[serde(rename = "max_ms", with = "millis")]
    pub max: Duration,
}

impl Backoff {
    /// The wait after the `n`th failure, `n` from 1.
    pub fn delay(&self, n: u32) -> Duration {
        let factor = 2u32.checked_pow(n.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.checked_mul(factor).unwrap_or(self.max).min(self.max)
    }
}

/// How long a provider's or the tracker's limit holds everybody back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimitSettings {
    /// Where no end of the limit is told.
    pub backoff: Backoff,
    /// A told end further away is not believed.
    #[serde(rename = "max_wait_ms", with = "millis")]
    pub max_wait: Duration,
}

/// What the agent is allowed in time and turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentLimits {
    #[serde(rename = "startup_timeout_ms", with = "millis")]
    pub startup_timeout: Duration,
    #[serde(rename = "turn_timeout_ms", with = "millis")]
    pub turn_timeout: Duration,
    #[serde(rename = "stall_timeout_ms", with = "millis")]
    pub stall_timeout: Duration,
    #[serde(rename = "grace_period_ms", with = "millis")]
    pub grace_period: Duration,
    pub max_turns: Option<u64>,
    /// Further turns for a session whose gates failed.
    pub max_fix_turns: u32,
    pub usd_per_issue: Option<f64>,
    /// A further attempt starts from a clean base instead of the work so far.
    pub fresh_retry: bool,
}

/// What may be spent on one UTC day; nothing is begun past it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// Of all kinds.
    pub tokens_per_day: Option<u64>,
    pub usd_per_day: Option<f64>,
}

impl Budget {
    /// Whether there is a limit per day at all.
    pub fn is_daily(&self) -> bool {
        self.tokens_per_day.is_some() || self.usd_per_day.is_some()
    }
}

/// What is written on tickets besides their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatusComments {
    /// One comment per ticket that says where the work stands.
    #[default]
    All,
    /// Only when something needs a person.
    Failures,
    Off,
}

/// How Codex is driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodexSettings {
    pub mode: CodexMode,
    /// `read-only`, `workspace-write` or `danger-full-access`.
    pub sandbox: String,
    /// `never`, `on-request`, `on-failure` or `untrusted`.
    pub approval_policy: String,
    /// Overrides of Codex's own configuration: dotted key → value.
    pub config: BTreeMap<String, Value>,
}

impl Default for CodexSettings {
    fn default() -> Self {
        Self {
            mode: CodexMode::AppServer,
            sandbox: "workspace-write".to_owned(),
            approval_policy: "never".to_owned(),
            config: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodexMode {
    AppServer,
    Exec,
}

/// A check run on a finished attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    pub name: String,
    /// A command line for `sh -c`, from the configuration file only.
    pub run: String,
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// Globs; the gate runs when a changed file matches one. Empty: always.
    pub when: Vec<String>,
}

/// What must hold before a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRules {
    pub protected_paths: Vec<String>,
    pub on_protected: ProtectedPolicy,
    /// For files that act when the change is built or the next agent starts.
    pub on_build_files: ProtectedPolicy,
    pub max_changed_files: u64,
    /// Bytes of the diff as text.
    pub max_diff_size: u64,
    pub max_commits: u64,
    pub commit_messages: MessagePolicy,
}

/// What becomes of words in the agent's commit messages that act on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePolicy {
    Keep,
    /// The commits are written anew without them.
    Clean,
    Refuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectedPolicy {
    Block,
    Draft,
    Allow,
}

/// Commands around an issue's workspace; command lines for `sh -c`, from the configuration only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    pub after_create: Option<String>,
    pub before_run: Option<String>,
    pub after_run: Option<String>,
    pub before_remove: Option<String>,
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// The checkout, absolute.
    pub path: PathBuf,
    pub remote: String,
    pub base_branch: String,
    pub branch_prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceSettings {
    /// The folder that holds one worktree per issue, absolute.
    pub root: PathBuf,
    pub keep: KeepWorkspace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepWorkspace {
    Never,
    OnFailure,
    Always,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSettings {
    pub store: StateStoreKind,
    pub branch: String,
    /// Within the branch; for the file store the file, absolute.
    pub path: PathBuf,
    pub lease_skew: TimeDelta,
    pub keep_outcomes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateStoreKind {
    Branch,
    File,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestSettings {
    pub draft: bool,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    /// Instead of the built-in title.
    pub title: Option<Template>,
    /// Instead of the built-in body.
    pub body: Option<Template>,
    /// One commit of Conductor's own instead of the agent's.
    pub squash: bool,
}

/// A template of the user's own, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub source: String,
    /// The line of its file in which it begins, from 1.
    pub first_line: u64,
    pub dialect: Dialect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// minijinja's own.
    Jinja,
    /// As in a `WORKFLOW.md`.
    Liquid,
}

/// Whether tickets are compared by the files they will probably change, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreflightSettings {
    pub enabled: bool,
    pub strictness: Strictness,
    /// Overlaps at least this probable defer a ticket, whatever the strictness; 0 to 1.
    pub threshold: Option<f64>,
    /// Cycles that hold a ticket back for its overlaps; the next one takes it.
    pub patience: u32,
    /// Newest commits that are looked at.
    pub commits: usize,
}

impl PreflightSettings {
    /// Whether any ticket can be held back.
    pub fn compares(&self) -> bool {
        self.enabled && (self.strictness != Strictness::Off || self.threshold.is_some())
    }
}

/// How much a probable conflict has to cost, against waiting, to hold a ticket back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    Off,
    Low,
    Normal,
    High,
}

impl Strictness {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// How a model is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRules {
    /// Wins whatever the ticket.
    pub fixed: Option<String>,
    /// `None`: the agent chooses.
    pub by_class: Option<ModelsByClass>,
    pub weights: Weights,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelsByClass {
    pub simple: String,
    pub moderate: String,
    pub complex: String,
}

/// Weights of complexity that differ from the defaults, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights(pub BTreeMap<String, i32>);
