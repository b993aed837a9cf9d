//! One ticket at work: what was claimed, where it is worked on, and where its files are.

use crate::model::{Claim, Issue, IssueRecord};
use crate::workspace::Workspace;
use std::path::PathBuf;

/// One issue that is this run's to work on.
#[derive(Debug, Clone)]
pub(in crate::cycle) struct ClaimedIssue {
    /// With details, as it was after the claim.
    pub issue: Issue,
    pub claim: Claim,
    /// What is remembered of it, with forgiven failures forgiven.
    pub record: IssueRecord,
}

/// One ticket at work.
pub(in crate::cycle) struct Job<'c> {
    pub claimed: &'c ClaimedIssue,
    pub workspace: Workspace,
    /// This ticket's folder among the run's files.
    pub dir: PathBuf,
}

impl Job<'_> {
    pub fn issue(&self) -> &Issue {
        &self.claimed.issue
    }

    /// The private temporary folder of its children.
    pub fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// The home of an agent that gets one of its own.
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }
}
