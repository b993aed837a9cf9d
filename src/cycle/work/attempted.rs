//! One attempt that is over, with what delivering, recording and the next attempt need of it.

use super::super::judge::PullRequestText;
use crate::guards::Ground;
use crate::model::{Attempt, Capture, Failure, FaultKind, Outcome, Phase, Time, Usage, text};
use crate::workspace::Work;
use std::path::PathBuf;

/// Characters of an error that are recorded.
pub(in crate::cycle) const ERROR_TAIL: usize = 500;

/// One attempt, with what delivering needs of it.
pub(in crate::cycle) struct Attempted {
    pub attempt: Attempt,
    /// For people, redacted; empty on success.
    pub error: String,
    pub work: Work,
    /// The pull request's title and body, as the guards saw them.
    pub text: PullRequestText,
    pub is_draft: bool,
    /// Why the guards refused it, when they did.
    pub ground: Option<Ground>,
    pub notes: Vec<String>,
    /// The agent's name.
    pub agent: Option<String>,
    pub limit_resets_at: Option<Time>,
    pub log: Option<PathBuf>,
    /// Of the agent, not redacted.
    pub last_words: String,
    /// What the next attempt is told, where another job made it.
    pub capture: Option<Capture>,
}

impl Attempted {
    /// One that failed before its agent started.
    pub fn without_agent(number: u32, failure: Failure, fault: Option<FaultKind>, error: String) -> Self {
        let attempt = Attempt {
            number,
            outcome: Outcome::Failure,
            failure: Some(failure),
            fault,
            limit_by_words: false,
            phase: Phase::Reading,
            tool_calls: 0,
            files_modified: 0,
            usage: Usage::default(),
            duration_ms: 0,
            has_commits: false,
            model: None,
            gates: Vec::new(),
            error_tail: Some(text::tail(&error, ERROR_TAIL).to_owned()),
            session: None,
        };
        Self {
            attempt,
            error,
            work: Work::default(),
            text: PullRequestText::default(),
            is_draft: false,
            ground: None,
            notes: Vec::new(),
            agent: None,
            limit_resets_at: None,
            log: None,
            last_words: String::new(),
            capture: None,
        }
    }

    /// Whether the provider's limit ended it.
    pub fn is_limited(&self) -> bool {
        self.attempt.failure == Some(Failure::RateLimited)
    }

    /// Whether its work may not be gone on with: a guard refused it, or it lost its base.
    pub fn is_refused(&self) -> bool {
        self.attempt.failure == Some(Failure::GuardRefused)
    }

    /// Turns it into an interruption after all.
    pub fn interrupt(&mut self, why: &str) {
        self.attempt.outcome = Outcome::Interrupted;
        self.attempt.failure = None;
        self.error = format!("the ticket changed: {why}");
        self.attempt.error_tail = Some(text::tail(&self.error, ERROR_TAIL).to_owned());
    }
}
