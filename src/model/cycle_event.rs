//! What happens in a running cycle, each thing once, with its time. Everything that is shown or
//! written while a cycle runs (terminal, status files, traces, timings, log) is an observer of this
//! one stream. Facts only; the report at the end does not depend on them.

use super::state::RateLimit;
use super::{AgentEvent, Ending, Failure, Outcome, Phase, Time, Usage};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct CycleEvent {
    pub at: Time,
    /// The ticket's identifier; `None` when it concerns the whole run.
    pub issue: Option<String>,
    pub kind: CycleEventKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CycleEventKind {
    /// A named step began.
    StepStarted { step: &'static str },
    /// A named step ended; `started` is counted from the beginning of the run.
    StepEnded { step: &'static str, started: Duration, took: Duration },
    /// The work on tickets begins.
    DispatchStarted {
        queued: usize,
        slots: usize,
        rate_limit: RateLimit,
        /// Runs that hold claims: what they wrote is still needed.
        runs_with_claims: BTreeSet<String>,
    },
    /// The claim is committed; the work is about to begin.
    Claimed { title: String, attempt: u32 },
    /// The ticket's workspace is there.
    WorkspaceReady { path: PathBuf },
    /// An attempt began, numbered from 1.
    AttemptStarted { attempt: u32 },
    /// The agent's process runs.
    AgentStarted { attempt: u32, pid: Option<u32> },
    /// The agent did or said something; told as often as it happens.
    AgentActivity { event: AgentEvent, totals: AgentTotals },
    /// The agent's process is gone.
    AgentEnded(Box<AgentEnd>),
    /// A check of the attempt began.
    GateStarted { name: String },
    /// An attempt ended and did not stand.
    AttemptEnded { attempt: u32, outcome: Outcome, failure: Option<Failure> },
    /// The next attempt comes at that time.
    Waiting { until: Time },
    /// The work is on its way to the remote.
    Pushing { branch: String },
    /// The pull request is there.
    PullRequest { url: String, created: bool },
    /// The ticket is done with, in this run.
    Finished { outcome: Outcome, failure: Option<Failure>, error: Option<String> },
    /// Something went wrong that stops nothing.
    Warning { message: String },
    /// A detail, for whoever looks for a fault.
    Detail { message: String },
    /// The run was told to end.
    Stopping,
    /// The main thread looked around: what an observer put off can be done.
    Heartbeat,
}

/// Running totals of an attempt's agent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentTotals {
    pub phase: Phase,
    pub turns: u64,
    pub tool_calls: u64,
    pub files_modified: u64,
    pub usage: Usage,
}

/// How an agent ended.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentEnd {
    pub attempt: u32,
    pub totals: AgentTotals,
    /// Whether the agent called it a success; `None` when it said nothing.
    pub ok: Option<bool>,
    /// Its last words.
    pub message: String,
    pub model: Option<String>,
    pub duration: Duration,
    pub ending: Ending,
}

/// Is told what happens, from several threads at once, in the order of each thread.
pub trait Observer: Send + Sync {
    fn on(&self, event: &CycleEvent);
}
