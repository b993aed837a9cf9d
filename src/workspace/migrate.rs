//! An earlier release registered its workspaces as linked worktrees of the checkout: each becomes a
//! private clone, and the checkout forgets it. What their runs left is looked into afterwards as if
//! it had always been so.

use super::marker::Marker;
use super::{WorkspaceError, Workspaces};
use crate::system::git::{NewClone, Repository, Worktree};
use std::sync::Arc;

impl Workspaces {
    /// Takes over every workspace of ours that `checkout` has registered and no living run is at.
    pub fn take_over(&self, checkout: &Repository) -> Result<(), WorkspaceError> {
        let Ok(root) = self.root.canonicalize() else { return Ok(()) };
        for linked in checkout.linked_worktrees().filter(|linked| linked.path().parent() == Some(&root)) {
            let Some(key) = linked.path().file_name().and_then(|key| key.to_str()) else { continue };
            match Marker::read(linked.admin(), key) {
                Some(marker) if marker.maker_lives() => {}
                Some(marker) => self.convert(checkout, &linked, &marker)?,
                // Half made or half removed: nobody's work. One that is locked is somebody's.
                None if !linked.admin().join("locked").exists() => checkout.remove_worktree(&linked)?,
                None => {}
            }
        }
        Ok(())
    }

    fn convert(
        &self,
        checkout: &Repository,
        linked: &Worktree,
        marker: &Marker,
    ) -> Result<(), WorkspaceError> {
        let id = linked.admin().file_name().unwrap_or_default().to_string_lossy();
        let head = checkout.objects(&[format!("worktrees/{id}/HEAD")])?.pop().flatten();
        let Some(head) = head.map(|commit| commit.id) else { return Ok(checkout.remove_worktree(linked)?) };
        let branch = &marker.branch;
        let (refs, barrier) = (self.known_refs(branch), Arc::default());
        let new = NewClone { path: linked.path(), branch, tip: &head, refs: &refs, barrier: &barrier };
        let clone = self.repository.convert_linked(linked, &new)?;
        marker.move_to(linked.admin(), clone.admin())?;
        checkout.forget_linked(linked)?;
        Ok(checkout.delete_branches(std::slice::from_ref(branch))?)
    }
}
