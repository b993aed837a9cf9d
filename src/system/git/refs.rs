//! Local refs: several moved at once, on the disk when the call returns, and what is an ancestor of
//! what.

use super::{Call, GitError, Repository};
use crate::model::{BranchName, Sha};

impl Repository {
    /// Deletes local branches, all or none; those that are not there are as good as deleted.
    pub fn delete_branches(&self, branches: &[BranchName]) -> Result<(), GitError> {
        let names: Vec<(String, Option<&Sha>)> =
            branches.iter().map(|branch| (branch.full_ref(), None)).collect();
        self.update_refs(&names)
    }

    /// Creates, moves and deletes local refs, all or none, on the disk when it returns.
    pub fn update_refs(&self, updates: &[(String, Option<&Sha>)]) -> Result<(), GitError> {
        if updates.is_empty() {
            return Ok(());
        }
        let lines = updates.iter().map(|(name, to)| match to {
            Some(sha) => format!("update {name} {sha}\n"),
            None => format!("delete {name}\n"),
        });
        let lines: String = lines.collect();
        self.past_stale_locks(|| durable(self.git(["update-ref", "--stdin"]).stdin(lines.as_str())).done())
    }

    /// Whether `earlier` is among the ancestors of `later`, or the same.
    pub fn is_ancestor(&self, earlier: &Sha, later: &Sha) -> Result<bool, GitError> {
        Ok(earlier == later || self.merge_base(earlier, later)?.as_ref() == Some(earlier))
    }

    /// Whether the history ends early here.
    pub fn is_shallow(&self) -> bool {
        self.common_dir().join("shallow").metadata().is_ok_and(|file| file.len() > 0)
    }
}

/// Objects and refs of this call are on the disk when it returns, also after a loss of power.
pub(super) fn durable(call: Call) -> Call {
    call.env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.fsync")
        .env("GIT_CONFIG_VALUE_0", "committed")
}
