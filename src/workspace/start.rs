//! Where a new workspace starts, and what it holds of earlier attempts.

use crate::model::Sha;
use crate::system::git::CommitInfo;

/// What a workspace holds of earlier attempts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Continued {
    /// Newest first.
    pub commits: Vec<CommitInfo>,
    /// Paths that are changed and not committed.
    pub uncommitted: Vec<String>,
    /// Why saved work could not be gone on from, for people.
    pub lost: Option<String>,
}

impl Continued {
    /// There is nothing of earlier attempts.
    pub fn is_empty(&self) -> bool {
        self.commits.is_empty() && self.uncommitted.is_empty()
    }
}

/// Where a new workspace starts.
pub(super) struct Start {
    /// What the work is reviewed against.
    pub base: Sha,
    pub head: Sha,
    /// The commit whose files are there: the head, or saved work on top of it.
    pub tip: Sha,
    pub lost: Option<String>,
}

impl Start {
    pub fn clean(base: &Sha) -> Self {
        Self { base: base.clone(), head: base.clone(), tip: base.clone(), lost: None }
    }
}
