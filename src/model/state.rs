//! The state document: what runs remember of each other. A contract (see the README's
//! "State document"): shapes change only with their version.
//!
//! Transitions borrow a state and return a new one or a [`Refusal`]; no clock, no I/O. Unknown
//! fields survive a rewrite.

mod compaction;
pub mod document;
pub mod transitions;

use super::damaged::Damaged;
use super::{
    Attempt, BranchName, Failure, GateResult, IssueId, IssueRecord, Outcome, Phase, RunId, Session, Sha,
    Stage, Time,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The version this program reads and writes.
pub const VERSION: u32 = 2;

type Extra = BTreeMap<String, Value>;

/// All that runs remember. Its form as text is `document`'s.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub updated_at: Option<Time>,
    pub updated_by: Option<Writer>,
    pub claims: BTreeMap<IssueId, Claim>,
    pub issues: BTreeMap<IssueId, IssueRecord>,
    pub rate_limit: RateLimit,
    /// Day (`YYYY-MM-DD`, UTC) → what its runs used.
    pub usage: BTreeMap<String, DayUsage>,
    pub outcomes: Vec<OutcomeRecord>,
    /// What a credential was last seen to be allowed, by service.
    pub access: BTreeMap<String, AccessLook>,
    /// Tickets that cycles held back for their overlaps.
    pub held_back: BTreeMap<IssueId, HeldBack>,
    /// Records that could not be understood; kept as they are.
    pub damaged: Vec<Damaged>,
    pub extra: Extra,
}

/// A look at what a credential may do, remembered so that not every run looks again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLook {
    /// Of the credential and of what it was looked at for; no secret can be read from it.
    pub fingerprint: String,
    pub checked_at: Time,
    #[serde(flatten)]
    pub extra: Extra,
}

impl AccessLook {
    pub fn new(fingerprint: String, checked_at: Time) -> Self {
        Self { fingerprint, checked_at, extra: Extra::new() }
    }
}

/// How often a ticket was held back because it probably changes the files of others. Ends with its
/// claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    pub cycles: u32,
    /// The last time, and the run that counted it: each counts once.
    pub at: Time,
    pub run_id: RunId,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    pub run_id: RunId,
    pub conductor: String,
}

/// Who works on an issue, and until when that may be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub identifier: String,
    pub run_id: RunId,
    pub host: String,
    pub pid: u32,
    /// When the process started, in the host's own terms: a pid alone may be somebody else's.
    #[serde(default)]
    pub pid_started: Option<String>,
    #[serde(default)]
    pub ci_run_url: Option<String>,
    pub claimed_at: Time,
    pub lease_expires_at: Time,
    pub attempt: u32,
    pub branch: BranchName,
    pub base_sha: Sha,
    #[serde(default)]
    pub purpose: Purpose,
    /// The state the ticket was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_state: Option<String>,
    /// The work is another job's: what that one was handed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<Assigned>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// What binds the result of another job to the claim it was made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assigned {
    /// The SHA-256 of the assignment's file.
    pub digest: String,
    /// The commit of the base's history that the work builds on.
    pub fork: Sha,
    /// The ticket's labels when it was claimed.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Earlier failures count no longer.
    #[serde(default)]
    pub anew: bool,
    /// A process delivers the result, the one the claim names; until then at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publishing_until: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Claim {
    /// Whether another job works for this claim, or its result is not on record yet: the process that
    /// made it may be gone.
    pub fn is_handed_out(&self) -> bool {
        self.assigned.is_some() && self.purpose == Purpose::Work
    }
}

/// What a claim is held for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An agent works on the ticket.
    #[default]
    Work,
    /// Accepted work is being delivered: no agent, no slot.
    Deliver,
}

/// The provider's limit, shared by all runners.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    #[serde(default)]
    pub backoff_until: Option<Time>,
    #[serde(default)]
    pub consecutive_hits: u32,
    #[serde(default)]
    pub total_hits: u32,
    #[serde(default)]
    pub last_hit_at: Option<Time>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DayUsage {
    #[serde(default, deserialize_with = "count")]
    pub input_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    pub output_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    pub cache_creation_tokens: u64,
    #[serde(default, deserialize_with = "count")]
    pub cache_read_tokens: u64,
    #[serde(default, deserialize_with = "amount")]
    pub usd: f64,
    #[serde(default, deserialize_with = "count")]
    pub runs: u64,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Sums of earlier releases could overflow, which JSON writes as `null`.
pub(super) fn amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(bounded(Option::<f64>::deserialize(deserializer)?.unwrap_or(0.0)))
}

/// A count of tokens as it was told: whole and not negative. What is no number counts nothing.
pub(super) fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let told = Value::deserialize(deserializer)?;
    Ok(told.as_u64().unwrap_or_else(|| told.as_f64().map_or(0, super::usage::tokens)))
}

/// The same where nothing may have been told.
fn told_amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map(bounded))
}

fn bounded(told: f64) -> f64 {
    if told.is_finite() { told.clamp(0.0, MOST_USD) } else { 0.0 }
}

/// The most a sum of money is believed to be.
pub const MOST_USD: f64 = 1e9;

/// The day a moment belongs to, in the words of [`State::usage`].
pub fn day_of(at: Time) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// One attempt in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    pub timestamp: Time,
    pub run_id: RunId,
    pub issue: String,
    pub issue_id: IssueId,
    pub attempt: u32,
    pub outcome: Outcome,
    #[serde(default)]
    pub failure: Option<Failure>,
    pub phase: Phase,
    #[serde(default)]
    pub tool_calls: u64,
    #[serde(default)]
    pub files_modified: u64,
    #[serde(default)]
    pub tokens_used: u64,
    #[serde(default, deserialize_with = "told_amount")]
    pub usd: Option<f64>,
    #[serde(default)]
    pub duration_ms: u64,
    #[serde(default)]
    pub has_commits: bool,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub branch: Option<BranchName>,
    #[serde(default)]
    pub pull_request: Option<String>,
    #[serde(default)]
    pub gates: Vec<GateResult>,
    #[serde(default)]
    pub error_tail: Option<String>,
    /// The agent's session, where a further attempt may go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl OutcomeRecord {
    /// Whether both tell of one attempt of one run.
    pub fn is_of_the_same_attempt(&self, other: &Self) -> bool {
        let of = |outcome: &Self| (outcome.attempt, outcome.timestamp);
        of(self) == of(other) && self.issue_id == other.issue_id && self.run_id == other.run_id
    }

    /// An attempt as a line of the history.
    pub fn of(attempt: &Attempt, issue: &str, issue_id: &IssueId, run_id: &RunId, at: Time) -> Self {
        Self {
            timestamp: at,
            run_id: run_id.clone(),
            issue: issue.to_owned(),
            issue_id: issue_id.clone(),
            attempt: attempt.number,
            outcome: attempt.outcome,
            failure: attempt.failure,
            phase: attempt.phase,
            tool_calls: attempt.tool_calls,
            files_modified: attempt.files_modified,
            tokens_used: attempt.usage.total_tokens(),
            usd: attempt.usage.usd,
            duration_ms: attempt.duration_ms,
            has_commits: attempt.has_commits,
            labels: Vec::new(),
            model: attempt.model.clone(),
            branch: None,
            pull_request: None,
            gates: attempt.gates.clone(),
            error_tail: attempt.error_tail.clone(),
            session: attempt.session.clone(),
            extra: Default::default(),
        }
    }
}

/// Why a transition is not possible on the state as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing of what was asked is possible or needed any more.
    Nothing,
    /// The claim the transition builds on is no longer this run's.
    ClaimLost,
}

impl State {
    pub fn empty() -> Self {
        Self {
            updated_at: None,
            updated_by: None,
            claims: BTreeMap::new(),
            issues: BTreeMap::new(),
            rate_limit: RateLimit::default(),
            usage: BTreeMap::new(),
            outcomes: Vec::new(),
            access: BTreeMap::new(),
            held_back: BTreeMap::new(),
            damaged: Vec::new(),
            extra: Extra::new(),
        }
    }

    /// The issue's record as a fresh or existing value.
    pub fn record_of(&self, id: &IssueId, identifier: &str) -> IssueRecord {
        self.issues.get(id).cloned().unwrap_or_else(|| IssueRecord::new(identifier, Stage::Claimed))
    }
}

/// What stands for words that a host did not take.
const WITHHELD: &str = "the words were left out: the remote refused them";

impl State {
    /// The same without what programs and people said: for a host that refuses the document.
    pub fn without_free_text(&self) -> Self {
        let mut state = self.clone();
        let withhold = |text: &mut Option<String>| {
            if let Some(text) = text {
                WITHHELD.clone_into(text);
            }
        };
        for record in state.issues.values_mut() {
            if let Some(fault) = &mut record.fault {
                WITHHELD.clone_into(&mut fault.message);
                fault.remedy = None;
            }
            match &mut record.stage {
                Stage::Blocked(block) => WITHHELD.clone_into(&mut block.why),
                Stage::Waiting(wait) => WITHHELD.clone_into(&mut wait.why),
                _ => {}
            }
        }
        state.outcomes.iter_mut().for_each(|outcome| withhold(&mut outcome.error_tail));
        state
    }
}
