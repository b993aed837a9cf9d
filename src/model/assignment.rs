//! The assignment: everything a job needs to work on one claimed ticket without a key of tracker or
//! forge. A contract, with a version and a JSON Schema (`conductor schema assignment`). The claim
//! keeps the digest of the file, so that an edited one makes a result nobody takes.

use super::agent_settings::{AgentKind, AgentWalls, FallbackConfig};
use super::carried::{self, Bundle, CarriedError};
use super::settings::{
    AgentLimits, Backoff, GateSpec, GuardRules, Hooks, KeepWorkspace, Limits, ModelRules,
    PullRequestSettings, RateLimitSettings, Template,
};
use super::{BranchName, Capture, Claim, Issue, IssueRecord, OutcomeRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version this program reads and writes.
pub const VERSION: u32 = 1;
/// The document's name in its folder.
pub const FILE: &str = "assignment.json";
/// Work of an earlier attempt, beside the document.
pub const EARLIER: &str = "earlier.bundle";

/// The repository for jobs that cannot fetch it, beside the folders of all assignments.
pub const REPOSITORY: &str = "repository.bundle";

const SCHEMA: &str = include_str!("assignment.schema.json");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub version: u32,
    /// The release that wrote it.
    pub conductor: String,
    pub claim: Claim,
    /// The ticket as it was after the claim.
    pub issue: Issue,
    /// What is remembered of the ticket.
    pub record: IssueRecord,
    /// Its earlier attempts, oldest first.
    #[serde(default)]
    pub outcomes: Vec<OutcomeRecord>,
    /// What they left for the next one.
    #[serde(default)]
    pub captures: Vec<Capture>,
    /// Work to go on from, in [`EARLIER`].
    #[serde(default)]
    pub earlier: Option<Bundle>,
    pub rules: WorkRules,
}

/// The rules of the work, from the configuration of the job that claimed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkRules {
    /// The remote's name in the checkout.
    pub remote: String,
    pub base_branch: String,
    pub branch_prefix: String,
    pub agent: AgentRules,
    pub limits: Limits,
    pub retry: Backoff,
    pub rate_limit: RateLimitSettings,
    pub gates: Vec<GateSpec>,
    pub guards: GuardRules,
    pub hooks: Hooks,
    pub pull_request: PullRequestSettings,
    /// Instead of the built-in prompt.
    pub prompt: Option<Template>,
    pub keep_workspace: KeepWorkspace,
    /// Variables that hold a key of the tracker or the forge: none may be set where the work is done.
    pub key_variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentRules {
    #[serde(flatten)]
    pub kind: AgentKind,
    pub args: Vec<String>,
    pub models: ModelRules,
    pub limits: AgentLimits,
    pub pass_env: Vec<String>,
    #[serde(flatten)]
    pub walls: AgentWalls,
    pub isolated_home: bool,
    pub fallback: Option<FallbackConfig>,
}

impl Assignment {
    /// Reads a document of this version.
    pub fn parse(text: &[u8]) -> Result<Self, CarriedError> {
        carried::parse("assignment", VERSION, text)
    }

    /// Whether the parts fit each other, and hold nothing that git or the run could take for something
    /// else; an error says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let (claim, rules) = (&self.claim, &self.rules);
        BranchName::parse(rules.base_branch.clone()).map_err(|error| format!("base_branch: {error}"))?;
        let is_plain = !rules.remote.is_empty() && !rules.remote.chars().any(char::is_control);
        if !is_plain || rules.remote.starts_with('-') {
            return Err("remote: it is no name of a remote".to_owned());
        }
        if self.issue.identifier != claim.identifier {
            return Err("issue and claim are of two tickets".to_owned());
        }
        if !claim.branch.as_str().starts_with(&rules.branch_prefix) {
            return Err("branch: it does not begin with branch_prefix".to_owned());
        }
        let command = |kind: &AgentKind| matches!(kind, AgentKind::Command { argv } if argv.is_empty());
        if command(&rules.agent.kind)
            || rules.agent.fallback.as_ref().is_some_and(|other| command(&other.kind))
        {
            return Err("agent: there is no command".to_owned());
        }
        Ok(())
    }

    /// The document's JSON Schema.
    pub fn schema() -> Result<Value, serde_json::Error> {
        carried::with_shared_definitions(SCHEMA)
    }
}
