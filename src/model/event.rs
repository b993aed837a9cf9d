//! What an agent does, told in one vocabulary whatever the agent is.

use super::{Phase, Time, Usage};
use serde::Serialize;

/// One thing an agent did or said. Everything but [`AgentEvent::Noise`] counts as progress.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEvent {
    /// The session began, or told its id or model.
    Session { id: Option<String>, model: Option<String> },
    /// A turn of the model began (one answer of the model, for limits).
    Turn,
    /// The agent said itself what it is doing now.
    Phase(Phase),
    /// A tool was called.
    Tool(ToolCall),
    /// A tool answered.
    ToolResult {
        is_error: bool,
        /// Cut by [`payload`].
        output: String,
    },
    /// Words of the agent.
    Text(String),
    /// The running total of the session so far; replaces what was told before.
    Usage(Usage),
    /// The provider told where its limit stands.
    RateLimit { reached: bool, resets_at: Option<Time>, detail: String },
    /// The agent's own retry of a call to its provider. Not progress.
    Retrying { detail: String },
    /// The agent was denied a permission.
    Denied { tool: String },
    /// The agent's own end of a turn; the last one stands.
    Finished(AgentResult),
    /// A line that says nothing we know. Not progress.
    Noise,
}

impl AgentEvent {
    /// Whether the event shows life, for the stall time-out.
    pub fn is_progress(&self) -> bool {
        !matches!(self, Self::Noise | Self::Retrying { .. })
    }

    /// Whether the agent itself does something, as against a notice about something else: that a
    /// background task ended, where a limit stands.
    pub fn is_work(&self) -> bool {
        matches!(self, Self::Turn | Self::Phase(_) | Self::Tool(_) | Self::Text(_))
    }
}

/// The beginning of what a tool was given or said, for traces. It is longer than what a trace
/// shows: a secret that is cut in two is seen as none.
pub fn payload(text: &str) -> String {
    const MOST: usize = 8 * 1024;
    text.get(..text.floor_char_boundary(MOST)).unwrap_or_default().to_owned()
}

/// One tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolCall {
    pub name: String,
    /// The phase the call belongs to.
    pub phase: Option<Phase>,
    /// The file an edit or write names.
    pub file: Option<String>,
    /// The input, cut by [`payload`].
    pub preview: String,
}

/// What the agent itself said of its run. Its word is not proof: git decides whether there is work.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentResult {
    /// `None` when the agent calls it a success.
    pub fault: Option<AgentFault>,
    /// Its last words.
    pub message: String,
    pub usage: Option<Usage>,
    pub turns: Option<u64>,
}

/// Why an agent says it failed. Decided once, by the adapter that read its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentFault {
    /// A rate limit or usage limit of the provider; no attempt is spent on it.
    Limit { resets_at: Option<Time>, evidence: Evidence },
    /// The agent is not logged in, or its key is refused; a person has to mend that.
    Login,
    /// The agent's own limit of turns.
    MaxTurns,
    /// The agent's own limit of money.
    Budget,
    /// Anything else.
    Error,
}

/// What a provider's limit is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A status, a code or a field made for it.
    Structured,
    /// The provider's own phrase in the agent's own error or last words, and nothing better.
    Words,
}

/// How a process ended, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// The exit code, when it exited by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Who asked it to end, when we did.
    pub stopped: Option<StopReason>,
    /// Lines past the cap that were copied to the log and not parsed.
    pub lines_skipped: u64,
    /// The end of its standard error, at most a few kilobytes, lossily decoded.
    pub stderr_tail: String,
}

impl Ending {
    pub fn is_clean_exit(&self) -> bool {
        self.exit_code == Some(0) && self.stopped.is_none()
    }
}

/// Why Conductor ended an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Its result had come; it did not exit within the grace period. The result stands.
    ResultStands,
    /// No first event within `startup_timeout`.
    Startup,
    /// `turn_timeout` passed.
    Turn,
    /// No progress for `stall_timeout`.
    Stalled,
    /// `max_turns` was passed.
    MaxTurns,
    /// `budget.usd_per_issue` was passed.
    Budget,
    /// The run's own deadline.
    Deadline,
    /// A signal to Conductor.
    Interrupted,
    /// The ticket changed under it.
    TicketChanged,
}

impl StopReason {
    pub fn word(self) -> &'static str {
        match self {
            Self::ResultStands => "result_stands",
            Self::Startup => "startup",
            Self::Turn => "turn",
            Self::Stalled => "stalled",
            Self::MaxTurns => "max_turns",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::TicketChanged => "ticket_changed",
        }
    }
}
