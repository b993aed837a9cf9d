//! Work that goes from job to job as a bundle: written from Conductor's own repository, and taken
//! into another one like everything from the agent's side.

use super::{WorkspaceError, Workspaces, wip_ref};
use crate::model::{Sha, safe_key};
use crate::system::git::GitErrorKind;
use std::path::Path;

/// More history is fetched into a shallow clone in this step, then all of it.
const DEEPEN: u32 = 200;

impl Workspaces {
    /// Writes what `head` has beyond `base` into a bundle.
    pub fn write_carried(
        &self,
        file: &Path,
        identifier: &str,
        head: &Sha,
        base: &Sha,
    ) -> Result<(), WorkspaceError> {
        let name = carried_ref(identifier);
        self.repository.update_refs(&[(name.clone(), Some(head))])?;
        let written = self.repository.write_bundle(file, &name, base);
        self.repository.update_refs(&[(name, None)])?;
        Ok(written?)
    }

    /// Writes the base branch, with all its history, into a bundle that can be cloned.
    pub fn write_base(&self, file: &Path, base: &Sha) -> Result<(), WorkspaceError> {
        Ok(self.repository.write_whole_bundle(file, &self.base_branch.full_ref(), base)?)
    }

    /// Whether the history here is cut off.
    pub fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }

    /// Takes `head` out of such a bundle. One that cannot be taken is [`WorkspaceError::Carried`].
    pub fn import_carried(&self, file: &Path, identifier: &str, head: &Sha) -> Result<(), WorkspaceError> {
        let imported = self.repository.import_bundle(file, &carried_ref(identifier), head);
        imported.map_err(|error| match error.kind {
            GitErrorKind::Failed | GitErrorKind::Protocol => WorkspaceError::Carried(error.to_string()),
            _ => error.into(),
        })
    }

    /// Whether `head` builds on `fork`.
    pub fn builds_on(&self, head: &Sha, fork: &Sha) -> Result<bool, WorkspaceError> {
        Ok(self.repository.is_ancestor(fork, head)?)
    }

    /// The newest commit of the base's history that the work builds on.
    pub fn fork_of(&self, base: &Sha, work: &Sha) -> Result<Option<Sha>, WorkspaceError> {
        Ok(self.repository.merge_base(base, work)?)
    }

    /// Whether a commit of the base branch is here, fetched where it was not.
    pub fn bring_base(&self, commit: &Sha) -> Result<bool, WorkspaceError> {
        if self.has_commit(commit) {
            return Ok(true);
        }
        self.remote.fetch(&[crate::system::git::FetchSpec::Branch(self.base_branch.clone())])?;
        for step in [Some(DEEPEN), None] {
            if self.has_commit(commit) || !self.repository.is_shallow() {
                break;
            }
            self.remote.deepen(&self.base_branch, step)?;
        }
        Ok(self.has_commit(commit))
    }

    /// The work of the ticket that is saved here and that no guard refused. Contacts nobody.
    pub fn saved_here(&self, identifier: &str) -> Result<Option<Sha>, WorkspaceError> {
        let key = safe_key(identifier);
        let Some(saved) = self.local(&wip_ref(&key))? else { return Ok(None) };
        let is_refused = self.refused(&key)?.contains(&saved);
        Ok((!is_refused).then_some(saved))
    }
}

/// What the work is called in a bundle.
fn carried_ref(identifier: &str) -> String {
    format!("refs/conductor/carried/{}", safe_key(identifier))
}
