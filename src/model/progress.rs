//! What a running cycle tells while it works, for people who watch. Facts only, each with its
//! time; the report at the end does not depend on them.

use super::{Failure, Outcome, Phase, Time};

/// One piece of news about one issue of this cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub at: Time,
    /// The issue's identifier.
    pub issue: String,
    pub news: News,
}

#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The claim is committed; the work is about to begin.
    Claimed { title: String },
    /// An attempt began, numbered from 1.
    Started { attempt: u32 },
    /// The agent did something; running totals of the attempt. Told as often as it happens.
    Working { phase: Phase, tool_calls: u64, tokens: u64 },
    /// A check of the attempt began.
    Gate { name: String },
    /// An attempt ended.
    AttemptEnded { attempt: u32, outcome: Outcome, failure: Option<Failure> },
    /// The next attempt comes at that time.
    Waiting { until: Time },
    /// The work is on its way to the remote.
    Publishing { branch: String },
    /// The pull request is there.
    PullRequest { url: String, created: bool },
    /// The issue is done with, in this cycle.
    Finished { outcome: Outcome, failure: Option<Failure>, error: Option<String> },
}
