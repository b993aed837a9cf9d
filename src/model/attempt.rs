//! One attempt at one issue: phases, outcomes, failures.

use super::{FaultKind, Session, StopReason, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the agent is doing, as its tool calls tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Reading,
    Planning,
    Implementing,
    Testing,
    Committing,
}

impl Phase {
    /// The phase a tool call belongs to, from the tool's name and, for a shell, its command.
    /// The order of the rules is the ancestor's; `None` leaves the phase as it was.
    pub fn of_tool(name: &str, command: Option<&str>) -> Option<Self> {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["read", "glob", "grep", "search"]) {
            return Some(Self::Reading);
        }
        if has(&["todo"]) {
            return Some(Self::Planning);
        }
        if has(&["bash"]) && command.is_some_and(|c| c.contains("git commit") || c.contains("git add")) {
            return Some(Self::Committing);
        }
        if has(&["edit", "write", "bash"]) {
            return Some(Self::Implementing);
        }
        if has(&["test"]) {
            return Some(Self::Testing);
        }
        None
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Planning => "planning",
            Self::Implementing => "implementing",
            Self::Testing => "testing",
            Self::Committing => "committing",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Published: the remote has the branch, the forge the pull request.
    Success,
    /// Failed, and left nothing to keep.
    Failure,
    /// Failed, and left work that was kept.
    Partial,
    /// The agent ended well and changed nothing.
    NoChanges,
    /// Ended from outside: a signal, the deadline, the ticket. Not the agent's failure.
    Interrupted,
}

impl Outcome {
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failure | Self::Partial)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Partial => "partial",
            Self::NoChanges => "no_changes",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    AgentExit,
    TimedOut,
    Stalled,
    RateLimited,
    GateFailed,
    GuardRefused,
    HookFailed,
    Workspace,
    Publish,
    Protocol,
    Budget,
}

impl Failure {
    pub fn word(self) -> &'static str {
        match self {
            Self::AgentExit => "agent_exit",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::RateLimited => "rate_limited",
            Self::GateFailed => "gate_failed",
            Self::GuardRefused => "guard_refused",
            Self::HookFailed => "hook_failed",
            Self::Workspace => "workspace",
            Self::Publish => "publish",
            Self::Protocol => "protocol",
            Self::Budget => "budget",
        }
    }

    /// The failure a stop by us stands for; `None` when the stop is an interruption or no failure.
    pub fn of_stop(reason: StopReason) -> Option<Self> {
        match reason {
            StopReason::Startup | StopReason::Turn => Some(Self::TimedOut),
            StopReason::Stalled => Some(Self::Stalled),
            StopReason::MaxTurns => Some(Self::AgentExit),
            StopReason::Budget => Some(Self::Budget),
            StopReason::ResultStands
            | StopReason::Deadline
            | StopReason::Interrupted
            | StopReason::TicketChanged => None,
        }
    }
}

/// One check run on a finished attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    pub name: String,
    pub passed: bool,
    pub duration_ms: u64,
    /// What a later release wrote of it.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl GateResult {
    pub fn new(name: impl Into<String>, passed: bool, duration_ms: u64) -> Self {
        Self { name: name.into(), passed, duration_ms, extra: BTreeMap::new() }
    }
}

/// One attempt, as it is recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub number: u32,
    pub outcome: Outcome,
    pub failure: Option<Failure>,
    /// The fault, where it is told more exactly than by the failure.
    pub fault: Option<FaultKind>,
    /// A limit of the provider that is known by words alone.
    pub limit_by_words: bool,
    pub phase: Phase,
    pub tool_calls: u64,
    pub files_modified: u64,
    pub usage: Usage,
    pub duration_ms: u64,
    pub has_commits: bool,
    pub model: Option<String>,
    pub gates: Vec<GateResult>,
    /// The end of what went wrong, at most 500 characters, redacted.
    pub error_tail: Option<String>,
    /// What a further attempt may go on with, where the agent has such a thing.
    pub session: Option<Session>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_follows_from_the_tool_and_its_command() {
        let cases = [
            ("Read", None, Some(Phase::Reading)),
            ("WebSearch", None, Some(Phase::Reading)),
            ("TodoWrite", None, Some(Phase::Planning)),
            ("Edit", None, Some(Phase::Implementing)),
            ("Bash", Some("cargo test"), Some(Phase::Implementing)),
            ("Bash", Some("git add . && git commit -m x"), Some(Phase::Committing)),
            ("run_tests", None, Some(Phase::Testing)),
            ("Task", None, None),
        ];
        for (name, command, phase) in cases {
            assert_eq!(Phase::of_tool(name, command), phase, "{name} {command:?}");
        }
    }
}
