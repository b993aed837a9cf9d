//! What earlier runs left at a workspace's place: whole ones are saved and removed, half-made and
//! half-removed ones thrown away, and what belongs to somebody else is left alone with an error.

use super::marker::Marker;
use super::{Workspace, WorkspaceError, Workspaces, earlier_ref};
use crate::model::{Sha, safe_key};
use crate::system::git::{Worktree, trash_for};
use std::path::{Path, PathBuf};

/// Begins the names of folders whose work could not be saved.
const DAMAGED: &str = ".damaged-";

impl Workspaces {
    /// The clone that is noted for that place, behind its walls.
    pub(super) fn noted_at(&self, path: &Path) -> Option<Worktree> {
        Some(self.repository.registered_at(path)?.behind(self.barrier(path)))
    }

    /// Ends what an earlier run left of a ticket that is over, and saves what is in it. Nothing
    /// there is nothing to do; a foreign folder is left alone, with an error.
    pub fn clear_away(&self, identifier: &str) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        let path = self.root.join(&key);
        let is_left = path.symlink_metadata().is_ok()
            || self.repository.registrations().any(|worktree| worktree.path().ends_with(&key));
        if !is_left {
            return Ok(());
        }
        let path = self.contained(&key)?;
        self.repository.clear_ref_locks(&super::own_refs(&key))?;
        self.clear(&key, &path)
    }

    /// Saves and removes what an earlier run of this machine left at the ticket's place, so that its
    /// newest work is known before a start is chosen. Nothing there costs nothing.
    pub fn rescue_place(&self, identifier: &str) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        if self.root.join(&key).symlink_metadata().is_err() {
            return Ok(());
        }
        let path = self.contained(&key)?;
        self.clear_place(&key, &path)
    }

    /// Makes room for a workspace.
    pub(super) fn clear(&self, key: &str, path: &Path) -> Result<(), WorkspaceError> {
        self.clear_place(key, path)?;
        Ok(self.repository.remove_unfinished_registrations(key)?)
    }

    /// Removes what is at the place and saves the work in it.
    pub(super) fn clear_place(&self, key: &str, path: &Path) -> Result<(), WorkspaceError> {
        let occupied = path.symlink_metadata().is_ok();
        let Some(worktree) = self.noted_at(path) else {
            return if occupied { self.clear_unregistered(path) } else { Ok(()) };
        };
        let marker = Marker::read(worktree.admin(), key);
        worktree.end_orphans();
        let Some(marker) = marker else { return self.throw_away(key, &worktree) };
        let left = Workspace::new(&self.repository, worktree, marker);
        match self.rescue(&left) {
            Err(error) => self.put_aside(&left, &format!("could not be saved: {error}")),
            Ok(_) if occupied && !left.has_sound_files() => {
                self.put_aside(&left, "may be damaged: the machine stopped before the files were on the disk")
            }
            Ok(_) => self.remove(&left),
        }
    }

    /// Saves what a dead run left in a workspace that was whole.
    pub(super) fn rescue(&self, left: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        if left.has_sound_files() {
            return self.save(left);
        }
        // The folder is gone, or the machine went down before its files were on the disk: what was
        // committed may be whole, which is checked as it is taken over.
        if !left.worktree.has_own_repository() {
            return Ok(None);
        }
        let head = left.worktree.head()?;
        left.take_over(&[&head])?;
        let Marker { start, head: begun, refused, .. } = left.marker().clone();
        if head == start || head == begun || self.repository.is_ancestor(&head, &left.base)? {
            return Ok(None);
        }
        if refused {
            self.set_aside(&left.key, &[head])?;
            return Ok(None);
        }
        self.keep(&left.key, &head)?;
        Ok(Some(head))
    }

    /// Half made or half removed: nobody's work. Its head stays reachable.
    fn throw_away(&self, key: &str, worktree: &Worktree) -> Result<(), WorkspaceError> {
        tracing::info!(
            "{}: a run was stopped while it made or removed it; removed",
            worktree.path().display()
        );
        if let Err(error) = self.keep_head(key, worktree) {
            tracing::debug!("{}: {error}", worktree.path().display());
        }
        Ok(self.repository.remove_worktree(worktree)?)
    }

    fn keep_head(&self, key: &str, worktree: &Worktree) -> Result<(), WorkspaceError> {
        if !worktree.has_own_repository() {
            return Ok(());
        }
        let (head, base) = (worktree.head()?, self.base()?);
        if !self.has_commit(&head) {
            self.repository.import(worktree, &[&head], &[&base])?;
        }
        self.set_aside_branch(key, &head, &base)
    }

    /// A whole workspace whose files cannot be read or trusted: its folder is kept beside.
    fn put_aside(&self, left: &Workspace, why: &str) -> Result<(), WorkspaceError> {
        let aside = damaged_place(left.path());
        Marker::drop_in(left.worktree.admin())?;
        self.repository.unregister(&left.worktree, &aside)?;
        tracing::warn!(
            "what an earlier run left in {} {why}; the folder is now {}: look into it and delete it",
            left.path().display(),
            aside.display()
        );
        Ok(())
    }

    /// A folder nobody noted: an empty one is taken, any other is somebody else's.
    fn clear_unregistered(&self, path: &Path) -> Result<(), WorkspaceError> {
        std::fs::remove_dir(path).map_err(|_| {
            WorkspaceError::Foreign(format!(
                "{} exists and is not a workspace of this repository: move it away or set workspace.root",
                path.display()
            ))
        })
    }

    /// Keeps a head reachable that is in no saved work; it is no start for anything.
    fn set_aside_branch(&self, key: &str, head: &Sha, base: &Sha) -> Result<(), WorkspaceError> {
        if self.repository.is_ancestor(head, base)? || self.refused(key)?.contains(head) {
            return Ok(());
        }
        if let Some(wip) = self.local(&super::wip_ref(key))?
            && self.repository.is_ancestor(head, &wip)?
        {
            return Ok(());
        }
        Ok(self.repository.update_refs(&[(earlier_ref(key, head), Some(head))])?)
    }
}

impl Workspace {
    fn has_sound_files(&self) -> bool {
        self.path().symlink_metadata().is_ok() && self.marker().tree_is_sound(self.worktree.admin())
    }
}

pub(super) fn damaged_place(path: &Path) -> PathBuf {
    let name = trash_for(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!("{DAMAGED}{}", name.trim_start_matches(".trash-")))
}
