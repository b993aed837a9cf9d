//! What one cycle did, as data. The shape is a contract (`once --output json`): renderers take it,
//! nothing else writes to standard output.

use super::plan::Complexity;
pub use super::skip::{KeptOut, KeptOutIssue, SkipReason, Skipped};
use super::{Failure, Fault, GateResult, Issue, Outcome, Phase, StageName, Time, Usage};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct CycleReport {
    pub schema: u32,
    pub run_id: String,
    pub status: CycleStatus,
    pub started_at: Time,
    pub duration_ms: u64,
    pub deferred_until: Option<Time>,
    /// What holds everything back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_because: Option<String>,
    pub dispatched: Vec<Dispatched>,
    pub skipped: Vec<Skipped>,
    /// Tickets that are no candidates; only a dry run asks for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_out: Vec<KeptOut>,
    /// There are more of those than were asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept_out_partial: bool,
    pub recovered: Vec<Recovered>,
    /// Issues moved on without an agent.
    pub advanced: Vec<Advanced>,
    /// Faults of accepted work that stand until somebody mends them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<StandingFault>,
    /// What holds the agent's side in bounds.
    pub sandbox: &'static str,
    pub requests: Requests,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleStatus {
    Completed,
    Idle,
    Deferred,
    Interrupted,
    DryRun,
}

impl CycleStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Idle => "idle",
            Self::Deferred => "deferred",
            Self::Interrupted => "interrupted",
            Self::DryRun => "dry_run",
        }
    }
}

/// An issue that was worked on (in a dry run: that would be).
#[derive(Debug, Clone, Serialize)]
pub struct Dispatched {
    pub issue: String,
    pub title: String,
    pub url: Option<String>,
    /// `None` only in a dry run.
    pub outcome: Option<Outcome>,
    pub failure: Option<Failure>,
    pub attempts: u32,
    pub phase: Option<Phase>,
    pub branch: String,
    pub head_sha: Option<String>,
    pub commits: u64,
    pub files_changed: u64,
    pub pull_request: Option<ReportedPullRequest>,
    pub tool_calls: u64,
    pub model: Option<String>,
    /// Why that model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    pub usage: Usage,
    pub gates: Vec<GateResult>,
    pub duration_ms: u64,
    pub error: Option<String>,
    /// Why no later cycle takes it up by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_reason: Option<String>,
    /// How far its change has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageName>,
    /// What is wrong, and whose it is to put right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// Where refused work is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptWork>,
    /// The folder or file that holds the run's log.
    pub log: Option<String>,
    /// Things that went less than well and did not stop the issue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Dispatched {
    /// The entry of an issue nothing has happened to yet.
    pub fn of(issue: &Issue) -> Self {
        Self {
            issue: issue.identifier.clone(),
            title: issue.title.clone(),
            url: issue.url.clone(),
            outcome: None,
            failure: None,
            attempts: 0,
            phase: None,
            branch: String::new(),
            head_sha: None,
            commits: 0,
            files_changed: 0,
            pull_request: None,
            tool_calls: 0,
            model: None,
            model_reason: None,
            complexity: None,
            usage: Usage::default(),
            gates: Vec::new(),
            duration_ms: 0,
            error: None,
            blocked_reason: None,
            stage: None,
            fault: None,
            kept: None,
            log: None,
            warnings: Vec::new(),
        }
    }
}

/// Where work is that a guard refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptWork {
    /// The ref's full name, in Conductor's own repository.
    #[serde(rename = "ref")]
    pub name: String,
    /// A file `git fetch` reads; none when a secret is in it.
    pub bundle: Option<String>,
    /// Whether the remote has the ref as well.
    pub on_remote: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedPullRequest {
    pub number: u64,
    pub url: String,
    /// Opened by this run, rather than found.
    pub created: bool,
}

/// A change that was brought on without an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advanced {
    pub issue: String,
    pub from: StageName,
    pub to: StageName,
}

/// Accepted work that cannot be delivered yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StandingFault {
    pub issue: String,
    pub stage: StageName,
    pub fault: Fault,
}

/// A dead run's claim, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovered {
    pub issue: String,
    pub action: RecoveryAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryAction {
    /// Its branch was on the remote, complete: the pull request and the ticket were seen to.
    AdoptedBranch,
    /// Its pull request existed: adopted.
    AdoptedPullRequest,
    /// Nothing was published: the claim was released and the interruption recorded.
    Released,
    /// As released, and that was one interruption too many.
    Blocked,
}

impl RecoveryAction {
    pub fn word(self) -> &'static str {
        match self {
            Self::AdoptedBranch => "adopted_branch",
            Self::AdoptedPullRequest => "adopted_pull_request",
            Self::Released => "released",
            Self::Blocked => "blocked",
        }
    }

    /// What a person is told.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AdoptedBranch => "a lost run's pushed branch was adopted",
            Self::AdoptedPullRequest => "a lost run's pull request was adopted",
            Self::Released => "a lost run's claim was released",
            Self::Blocked => "a lost run's claim was released; interrupted too often, so it is blocked",
        }
    }
}

/// Contacts with the world outside, counted where they are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    pub tracker: u64,
    pub forge: u64,
    pub git_remote: u64,
}

/// Where the time went, in milliseconds, in the order things began.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Timings {
    pub total_ms: f64,
    pub steps: Vec<TimedStep>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimedStep {
    pub step: String,
    /// The ticket, where the step belongs to one.
    pub issue: Option<String>,
    pub started_ms: f64,
    pub duration_ms: f64,
}
