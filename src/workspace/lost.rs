//! Looking at what lost runs left: a workspace here, a branch on the remote. What is in a workspace is
//! saved before it is told; nothing is removed.

use super::marker::Marker;
use super::{Work, Workspace, WorkspaceError, Workspaces, is_saved_commit};
use crate::model::{BranchName, Sha, safe_key};
use crate::system::git::Reading;
use std::collections::HashMap;

impl Workspaces {
    /// What a lost run left in the ticket's workspace here, saved on the way. A half-made one holds
    /// no work.
    pub fn left_work(&self, identifier: &str, base: &Sha) -> Result<Work, WorkspaceError> {
        let key = safe_key(identifier);
        let path = self.contained(&key)?;
        let Some(worktree) = self.noted_at(&path) else { return Ok(Work::default()) };
        let Some(marker) = Marker::read(worktree.admin(), &key) else { return Ok(Work::default()) };
        worktree.end_orphans();
        self.repository.clear_ref_locks(&super::own_refs(&key))?;
        let left = Workspace::new(&self.repository, worktree, marker);
        let Some(head) = self.rescue(&left)? else { return Ok(Work::default()) };
        let mut work = self.between(base, &head)?;
        // The commit that saves it is not the agent's.
        work.commits.retain(|commit| !is_saved_commit(&key, commit.subject()));
        Ok(work)
    }

    /// What a lost run pushed; fetched where it is not here.
    pub fn pushed_work(&self, branch: &BranchName, base: &Sha, head: &Sha) -> Result<Work, WorkspaceError> {
        if self.repository.objects(&[head.to_string()])?.iter().any(Option::is_none) {
            self.remote.fetch_ref(&branch.full_ref())?;
        }
        self.between(base, head)
    }

    /// Everything the guards are to see of work that was found: fetched where it is not here. What
    /// it has beyond the remote's base counts; the base that a record names may be anybody's word.
    pub fn judged_work(
        &self,
        branch: &BranchName,
        base: &Sha,
        head: &Sha,
        reading: Reading,
    ) -> Result<Work, WorkspaceError> {
        if !self.has_commit(head) {
            self.remote.fetch_ref(&branch.full_ref())?;
        }
        let tracked = self.repository.loose_ref(&self.remote.tracking_ref(&self.base_branch));
        let public = tracked.map_or_else(|| self.base(), Ok)?;
        let shared = self.repository.merge_base(&public, head)?;
        let base = shared.unwrap_or_else(|| base.clone());
        let work = super::inside::look(&self.repository, &base, head, reading, &HashMap::new())?;
        Ok(Work { head: Some(head.clone()), ..work })
    }

    /// Whether the remote's branch holds that commit and more on top of it.
    pub fn is_built_upon(&self, branch: &BranchName, head: &Sha) -> Result<bool, WorkspaceError> {
        match self.remote.fetch_ref(&branch.full_ref())? {
            Some(there) => Ok(self.repository.is_ancestor(head, &there)?),
            None => Ok(false),
        }
    }

    /// Whether that commit is in this repository.
    pub fn has_commit(&self, head: &Sha) -> bool {
        let found = self.repository.objects(&[format!("{head}^{{commit}}")]);
        found.is_ok_and(|objects| objects.iter().all(Option::is_some))
    }

    /// Commits and files, without their contents.
    fn between(&self, base: &Sha, head: &Sha) -> Result<Work, WorkspaceError> {
        // It may have gone on from what was saved on an earlier base.
        let base = self.repository.merge_base(base, head)?.unwrap_or_else(|| base.clone());
        let range = self.repository.range(&base, head.as_str(), Reading::MESSAGES)?;
        let files = self.repository.diff(&base, head.as_str())?;
        Ok(Work { head: Some(head.clone()), commits: range.ahead, files, ..Work::default() })
    }
}
