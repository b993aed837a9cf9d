//! What earlier runs left at a workspace's place: whole ones are saved and removed, half-made and
//! half-removed ones thrown away, and what belongs to somebody else is left alone with an error.

use super::marker::Marker;
use super::{Workspace, WorkspaceError, Workspaces, earlier_ref};
use crate::model::{BranchName, Sha, safe_key};
use crate::system::git::{Worktree, delete_folder, trash_for};
use std::path::{Path, PathBuf};

/// What git writes into a worktree's lock while it registers it.
const REGISTERING: &str = "initializing";
/// Begins the names of folders whose work could not be saved.
const DAMAGED: &str = ".damaged-";

impl Workspaces {
    /// Ends what an earlier run left of a ticket that is over, and saves what is in it. Nothing
    /// there is nothing to do; a locked or foreign folder is left alone, with an error.
    pub fn clear_away(&self, identifier: &str, branch: &BranchName) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        let path = self.root.join(&key);
        let is_left = path.symlink_metadata().is_ok()
            || self.repository.registrations().any(|worktree| worktree.path().ends_with(&key));
        if !is_left {
            return Ok(());
        }
        let path = self.contained(&key)?;
        self.repository.clear_ref_locks(&super::own_refs(&key, branch))?;
        self.clear(&key, &path, branch, &self.base()?)?;
        self.forget(std::slice::from_ref(branch))
    }

    /// Deletes the local branch of a workspace whose run ended between the folder and the branch, when
    /// it holds nothing but the head that is on the remote.
    pub fn forget_pushed(&self, branch: &BranchName, head: &Sha) -> Result<(), WorkspaceError> {
        match self.repository.loose_ref(&branch.full_ref()) {
            Some(there) if there == *head => self.forget(std::slice::from_ref(branch)),
            _ => Ok(()),
        }
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
    pub(super) fn clear(
        &self,
        key: &str,
        path: &Path,
        branch: &BranchName,
        base: &Sha,
    ) -> Result<(), WorkspaceError> {
        let known = self.repository.worktrees()?;
        let elsewhere =
            known.iter().find(|worktree| worktree.branch.as_ref() == Some(branch) && worktree.path != path);
        if let Some(elsewhere) = elsewhere {
            return Err(WorkspaceError::Foreign(format!(
                "branch {branch} is checked out in {}: switch that checkout to another branch",
                elsewhere.path.display()
            )));
        }
        self.clear_place(key, path)?;
        self.repository.remove_unfinished_registrations(key)?;
        let name = branch.full_ref();
        if let Some(head) = self.local(&name)? {
            self.set_aside_branch(key, &head, base)?;
        }
        Ok(())
    }

    /// Removes what is at the place and saves the work in it.
    pub(super) fn clear_place(&self, key: &str, path: &Path) -> Result<(), WorkspaceError> {
        let occupied = path.symlink_metadata().is_ok();
        let Some(worktree) = self.repository.registered_at(path) else {
            return if occupied { self.clear_unregistered(path) } else { Ok(()) };
        };
        let marker = Marker::read(worktree.admin(), key);
        match worktree.lock_reason() {
            Some(reason) if marker.is_some() || reason != REGISTERING => {
                return Err(WorkspaceError::Foreign(format!(
                    "the workspace {} is locked: `git worktree unlock` it when nobody uses it",
                    path.display()
                )));
            }
            _ => {}
        }
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
        // committed is in the repository.
        let name = left.worktree.head_name();
        let found = self.repository.objects(&[name])?.pop().flatten();
        let Some(head) = found.map(|commit| commit.id) else { return Ok(None) };
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
        let found = self.repository.objects(&[worktree.head_name()]).ok().and_then(|mut all| all.pop()?);
        if let Some(head) = found.map(|commit| commit.id) {
            self.set_aside_branch(key, &head, &self.base()?)?;
        }
        Ok(self.repository.remove_worktree(worktree)?)
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

    /// A folder no worktree is registered for: what a stopped `git worktree add` leaves is removed.
    fn clear_unregistered(&self, path: &Path) -> Result<(), WorkspaceError> {
        if !self.is_remainder(path) {
            return Err(WorkspaceError::Foreign(format!(
                "{} exists and is not a workspace of this repository: move it away or set workspace.root",
                path.display()
            )));
        }
        let aside = trash_for(path);
        let io = |error: std::io::Error| WorkspaceError::Io(format!("{}: {error}", path.display()));
        std::fs::rename(path, &aside).map_err(io)?;
        delete_folder(&aside).map_err(io)
    }

    /// Whether a folder holds nothing, or nothing but the link of a registration that was begun
    /// here and not finished.
    fn is_remainder(&self, path: &Path) -> bool {
        if path.symlink_metadata().map_or(true, |found| !found.is_dir()) {
            return false;
        }
        let Ok(entries) = std::fs::read_dir(path) else { return false };
        let entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let [link] = entries.as_slice() else { return entries.is_empty() };
        if !link.ends_with(".git") || !link.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return false;
        }
        let all = self.repository.common_dir().join("worktrees");
        std::fs::read_to_string(link).is_ok_and(|text| {
            let admin = text.trim_end().strip_prefix("gitdir: ").map(Path::new);
            text.is_empty() || admin.is_some_and(|admin| admin.parent() == Some(&all))
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

fn damaged_place(path: &Path) -> PathBuf {
    let name = trash_for(path).file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!("{DAMAGED}{}", name.trim_start_matches(".trash-")))
}
