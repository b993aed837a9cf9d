//! What is wrong with a change, and whose it is to put right. A value: what follows from it is
//! decided by one table in `policy::faults`.

use super::{Failure, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whose fault it is; decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The agent failed: exit status, time-out, stall, no result.
    Agent,
    /// A gate failed or a guard refused.
    Checks,
    /// The agent's provider: usage limit, overload.
    Provider,
    /// The agent is not logged in, or its key is refused.
    Login,
    /// Tracker, forge or remote is out of reach or answers with a server error.
    Service,
    /// A credential may not do what is needed, or a rule of the host refuses it.
    Permission,
    /// This machine: disk, missing program, a workspace that cannot be made.
    Machine,
    /// A person moved, closed or edited something.
    Person,
}

impl Owner {
    pub const ALL: [Self; 8] = [
        Self::Agent,
        Self::Checks,
        Self::Provider,
        Self::Login,
        Self::Service,
        Self::Permission,
        Self::Machine,
        Self::Person,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Checks => "checks",
            Self::Provider => "provider",
            Self::Login => "login",
            Self::Service => "service",
            Self::Permission => "permission",
            Self::Machine => "machine",
            Self::Person => "person",
        }
    }
}

/// What exactly failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    AgentExit,
    TimedOut,
    Stalled,
    Protocol,
    Budget,
    GateFailed,
    GuardRefused,
    HookFailed,
    UsageLimit,
    NotLoggedIn,
    ProgramMissing,
    Workspace,
    WorkspaceTaken,
    Internal,
    RemoteUnreachable,
    RemoteRefused,
    BranchTaken,
    ForgeUnreachable,
    ForgeLimited,
    ForgeUnauthorized,
    ForgeForbidden,
    ForgeRefused,
    TrackerUnreachable,
    TrackerLimited,
    TrackerUnauthorized,
    TrackerForbidden,
    TrackerRefused,
    TicketChanged,
    Interrupted,
}

impl FaultKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::AgentExit => "agent_exit",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
            Self::Budget => "budget",
            Self::GateFailed => "gate_failed",
            Self::GuardRefused => "guard_refused",
            Self::HookFailed => "hook_failed",
            Self::UsageLimit => "usage_limit",
            Self::NotLoggedIn => "not_logged_in",
            Self::ProgramMissing => "program_missing",
            Self::Workspace => "workspace",
            Self::WorkspaceTaken => "workspace_taken",
            Self::Internal => "internal",
            Self::RemoteUnreachable => "remote_unreachable",
            Self::RemoteRefused => "remote_refused",
            Self::BranchTaken => "branch_taken",
            Self::ForgeUnreachable => "forge_unreachable",
            Self::ForgeLimited => "forge_limited",
            Self::ForgeUnauthorized => "forge_unauthorized",
            Self::ForgeForbidden => "forge_forbidden",
            Self::ForgeRefused => "forge_refused",
            Self::TrackerUnreachable => "tracker_unreachable",
            Self::TrackerLimited => "tracker_limited",
            Self::TrackerUnauthorized => "tracker_unauthorized",
            Self::TrackerForbidden => "tracker_forbidden",
            Self::TrackerRefused => "tracker_refused",
            Self::TicketChanged => "ticket_changed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whose it is. The one place that says so.
    pub const fn owner(self) -> Owner {
        match self {
            Self::AgentExit | Self::TimedOut | Self::Stalled | Self::Protocol | Self::Budget => Owner::Agent,
            Self::GateFailed | Self::GuardRefused | Self::HookFailed => Owner::Checks,
            Self::UsageLimit => Owner::Provider,
            Self::NotLoggedIn => Owner::Login,
            Self::ProgramMissing | Self::Workspace | Self::WorkspaceTaken | Self::Internal => Owner::Machine,
            Self::RemoteUnreachable
            | Self::ForgeUnreachable
            | Self::ForgeLimited
            | Self::TrackerUnreachable
            | Self::TrackerLimited => Owner::Service,
            Self::RemoteRefused
            | Self::BranchTaken
            | Self::ForgeUnauthorized
            | Self::ForgeForbidden
            | Self::ForgeRefused
            | Self::TrackerUnauthorized
            | Self::TrackerForbidden
            | Self::TrackerRefused => Owner::Permission,
            Self::TicketChanged | Self::Interrupted => Owner::Person,
        }
    }

    /// The kind an attempt's failure stands for.
    pub const fn of_failure(failure: Failure) -> Self {
        match failure {
            Failure::AgentExit => Self::AgentExit,
            Failure::TimedOut => Self::TimedOut,
            Failure::Stalled => Self::Stalled,
            Failure::RateLimited => Self::UsageLimit,
            Failure::GateFailed => Self::GateFailed,
            Failure::GuardRefused => Self::GuardRefused,
            Failure::HookFailed => Self::HookFailed,
            Failure::Workspace => Self::Workspace,
            Failure::Publish => Self::RemoteRefused,
            Failure::Protocol => Self::Protocol,
            Failure::Budget => Self::Budget,
        }
    }
}

/// What is wrong with a change at the step it waits before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub owner: Owner,
    pub kind: FaultKind,
    /// What failed and the other side's own words; redacted, at most [`MESSAGE`] characters.
    pub message: String,
    /// What to do about it: a command, a key, a setting.
    #[serde(default)]
    pub remedy: Option<String>,
    /// When it was first met.
    pub since: Time,
    /// Not tried again before; `None`: by the next cycle.
    #[serde(default)]
    pub next_try_at: Option<Time>,
    /// How often the step failed this way.
    #[serde(default)]
    pub tries: u32,
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Characters of a fault's message that are kept.
pub const MESSAGE: usize = 2000;

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>, at: Time) -> Self {
        let message: String = message.into();
        let message = super::text::cut(message.trim(), MESSAGE).into_owned();
        Self {
            owner: kind.owner(),
            kind,
            message,
            remedy: None,
            since: at,
            next_try_at: None,
            tries: 1,
            extra: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub fn not_before(mut self, at: Option<Time>) -> Self {
        self.next_try_at = at;
        self
    }

    /// The same fault met once more goes on counting.
    #[must_use]
    pub fn after(mut self, before: Option<&Fault>) -> Self {
        if let Some(before) = before.filter(|before| before.kind == self.kind) {
            self.since = before.since;
            self.tries = before.tries.saturating_add(1);
        }
        self
    }

    /// Whether the step may be tried at that moment. A time further away than `most` is not believed.
    pub fn is_due(&self, now: Time, most: chrono::TimeDelta) -> bool {
        self.next_try_at.is_none_or(|at| at <= now || at.signed_duration_since(now) > most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn the_same_fault_counts_on_and_another_begins_anew() {
        let first = Fault::new(FaultKind::ForgeForbidden, "no", at(0));
        let again = Fault::new(FaultKind::ForgeForbidden, "no", at(9)).after(Some(&first));
        assert_eq!((again.since, again.tries), (at(0), 2));
        let other = Fault::new(FaultKind::ForgeUnreachable, "502", at(9)).after(Some(&again));
        assert_eq!((other.since, other.tries), (at(9), 1));
    }

    #[test]
    fn a_told_time_is_waited_for_unless_it_is_absurd() {
        let day = TimeDelta::hours(24);
        let fault = Fault::new(FaultKind::ForgeLimited, "slow down", at(0));
        assert!(fault.is_due(at(0), day));
        let fault = fault.not_before(Some(at(60)));
        assert!(!fault.is_due(at(59), day) && fault.is_due(at(60), day));
        let year_9999 = "9999-01-01T00:00:00Z".parse().unwrap();
        assert!(fault.not_before(Some(year_9999)).is_due(at(0), day));
    }

    #[test]
    fn words_are_those_of_the_document() {
        for owner in Owner::ALL {
            assert_eq!(serde_json::to_value(owner).unwrap(), owner.word());
        }
        let kind = FaultKind::BranchTaken;
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
    }
}
