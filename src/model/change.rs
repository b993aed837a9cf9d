//! A pull request: what is asked for and what the forge has.

use super::{BranchName, Sha};
use serde::{Deserialize, Serialize};

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestDraft {
    pub title: String,
    /// May be longer than the forge takes; the adapter cuts it with a note.
    pub body: String,
    pub head: BranchName,
    /// The commit that was pushed as the head.
    pub head_sha: Sha,
    /// The branch was not there before this run pushed it: no pull request is open for it, unless
    /// somebody opened one at once.
    pub is_new_branch: bool,
    pub base: String,
    pub draft: bool,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    /// The ticket's identifier.
    pub issue: String,
}

/// A pull request the forge has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub url: String,
    pub state: PullRequestState,
    pub head: BranchName,
    /// The head commit the forge sees, where it tells.
    pub head_sha: Option<Sha>,
    pub draft: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    Open,
    Closed,
    Merged,
}
