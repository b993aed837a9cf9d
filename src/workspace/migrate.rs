//! An earlier release registered its workspaces with the checkout itself: they are registered with
//! the vault instead, and the checkout forgets them. What their runs left is looked into afterwards
//! as if it had always been so.

use super::marker::Marker;
use super::{WorkspaceError, Workspaces};
use crate::model::{BranchName, Sha};
use crate::system::git::{Repository, Worktree};
use std::fs;
use std::path::Path;

impl Workspaces {
    /// Takes over every workspace of ours that `checkout` has registered and no living run is at.
    pub fn take_over(&self, checkout: &Repository) -> Result<(), WorkspaceError> {
        let Ok(root) = self.root.canonicalize() else { return Ok(()) };
        let theirs = checkout.registrations();
        for worktree in theirs.filter(|worktree| worktree.path().parent() == Some(root.as_path())) {
            let Some(key) = worktree.path().file_name().and_then(|key| key.to_str()) else { continue };
            match Marker::read(worktree.admin(), key) {
                Some(marker) if marker.maker_lives() => {}
                Some(marker) => self.adopt(checkout, &worktree, &marker)?,
                // Half made or half removed: nobody's work.
                None if worktree.lock_reason().is_none() => checkout.remove_worktree(&worktree)?,
                None => {}
            }
        }
        Ok(())
    }

    fn adopt(&self, checkout: &Repository, from: &Worktree, marker: &Marker) -> Result<(), WorkspaceError> {
        let io =
            |path: &Path, error: std::io::Error| WorkspaceError::Io(format!("{}: {error}", path.display()));
        let name = marker.branch.full_ref();
        let head = checkout.refs(&name)?.remove(&name);
        let taken: Vec<(String, Option<&Sha>)> = head.iter().map(|head| (name.clone(), Some(head))).collect();
        self.repository.update_refs(&taken)?;
        let all = self.repository.common_dir().join("worktrees");
        fs::create_dir_all(&all).map_err(|error| io(&all, error))?;
        let admin = all.join(from.admin().file_name().unwrap_or_default());
        fs::rename(from.admin(), &admin).map_err(|error| io(&admin, error))?;
        let link = from.path().join(".git");
        if from.path().is_dir() {
            fs::write(&link, format!("gitdir: {}\n", admin.display())).map_err(|error| io(&link, error))?;
        }
        Ok(checkout.delete_branches(std::slice::from_ref::<BranchName>(&marker.branch))?)
    }
}
