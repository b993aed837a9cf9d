//! A workspace that an agent broke costs what cannot be saved, and no more: where git cannot work
//! in it, its folder of git is set aside and made anew around the files.

use super::{Workspace, WorkspaceError, leftover};
use crate::system::git::{GitErrorKind, NewClone, Renewed};
use std::collections::HashSet;
use std::path::PathBuf;

impl Workspace {
    /// Does something in the clone; where git cannot, once more with a folder of git that was made
    /// anew. What fails even then is this machine's, or said to be the agent's.
    pub(super) fn mended<T>(&self, act: impl Fn() -> Result<T, WorkspaceError>) -> Result<T, WorkspaceError> {
        match act() {
            Err(error) if may_be_mended(&error) => {
                self.renew(error)?;
                act()
            }
            done => done,
        }
    }

    fn renew(&self, why: WorkspaceError) -> Result<(), WorkspaceError> {
        if !self.is_folder() {
            return Err(why);
        }
        let aside = leftover::damaged_place(self.path());
        let tip = self.newest_head();
        let barrier = self.worktree.barrier();
        let new =
            NewClone { path: self.path(), branch: &self.branch, tip: &tip, refs: &[], barrier: &barrier };
        let prepared: Vec<String> = self.still_prepared().into_iter().collect();
        match self.repository.renew(&self.worktree, &new, &prepared, &aside) {
            Ok(Renewed::Done { is_kept }) => {
                let place = match is_kept {
                    true => format!(
                        "; what was in its place is now {}: look into it and delete it",
                        aside.display()
                    ),
                    false => String::new(),
                };
                tracing::warn!(
                    "git cannot work in {} as the agent left it ({why}); its files are kept, in a repository made anew{place}",
                    self.path().display()
                );
                Ok(())
            }
            Ok(Renewed::Stuck(words)) => Err(WorkspaceError::Damaged(format!(
                "{why}; the folder {} cannot be moved away: {words}",
                self.worktree.git_dir().display()
            ))),
            // The agent's folder of git was not to blame.
            Err(error) => Err(error.into()),
        }
    }

    /// Paths that hooks put there and nobody changed since.
    pub(super) fn still_prepared(&self) -> HashSet<String> {
        let marker = self.marker();
        let same = marker.prepared.iter().filter(|(path, then)| self.stamp(path) == Some(**then));
        same.map(|(path, _)| path.clone()).collect()
    }

    /// Repositories that the agent made inside the workspace become the files they are.
    pub(super) fn flatten(&self, nested: &[PathBuf]) -> Result<(), WorkspaceError> {
        if nested.is_empty() {
            return Ok(());
        }
        Ok(self.worktree.flatten(nested, &self.base, &self.still_prepared())?)
    }

    /// Whether the folder is there, and no link or file in its place.
    pub(super) fn is_folder(&self) -> bool {
        self.path().symlink_metadata().is_ok_and(|found| found.is_dir())
    }
}

fn may_be_mended(error: &WorkspaceError) -> bool {
    match error {
        WorkspaceError::Damaged(_) => true,
        WorkspaceError::Git(error) => matches!(error.kind, GitErrorKind::Failed | GitErrorKind::Protocol),
        WorkspaceError::Foreign(_)
        | WorkspaceError::Refused { .. }
        | WorkspaceError::Carried(_)
        | WorkspaceError::Io(_) => false,
    }
}
