//! Why an attempt failed.

use super::StopReason;
use serde::{Deserialize, Serialize};

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
