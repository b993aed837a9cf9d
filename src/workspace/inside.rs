//! One ticket's workspace from inside: what is uncommitted, what the work comes to, the page for
//! the agent, and whether the folder is still the one that was made.

use super::marker::{Marker, Stamp};
use super::sync::sync_later;
use super::{Continued, Work, Workspace, WorkspaceError, Workspaces};
use crate::model::{BranchName, Sha};
use crate::system::git::{ChangedFile, GitError, GitErrorKind, Repository, Worktree, WorktreeStatus};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A folder of ours in a workspace.
const PAGES: &str = ".conductor-context";
const PAGE: &str = ".conductor-context/earlier-attempts.md";

impl Workspace {
    pub(super) fn new(repository: &Repository, worktree: Worktree, marker: Marker) -> Self {
        Self {
            repository: repository.clone(),
            worktree,
            key: marker.key.clone(),
            branch: marker.branch.clone(),
            base: marker.base.clone(),
            marker: Mutex::new(marker),
            continued: Continued::default(),
            taken_over: Mutex::default(),
        }
    }

    pub fn path(&self) -> &Path {
        self.worktree.path()
    }

    pub fn branch(&self) -> &BranchName {
        &self.branch
    }

    /// Notes what is there before the agent begins: as long as it stays as it is, it is no work.
    pub fn note_prepared(&self) -> Result<(), WorkspaceError> {
        let untracked = self.worktree.untracked()?.into_iter();
        let prepared = untracked.filter_map(|path| self.stamp(&path).map(|stamp| (path, stamp))).collect();
        let mut marker = self.marker();
        if marker.prepared == prepared {
            return Ok(());
        }
        marker.prepared = prepared;
        marker.write(self.worktree.admin())
    }

    pub(super) fn note_saved(&self, head: &Sha) -> Result<(), WorkspaceError> {
        let mut marker = self.marker();
        marker.saved = Some(head.clone());
        marker.write(self.worktree.admin())
    }

    pub(super) fn note_refused(&self) -> Result<(), WorkspaceError> {
        let mut marker = self.marker();
        marker.refused = true;
        marker.write(self.worktree.admin())
    }

    /// Whether there is uncommitted work, and what beside it is only prepared.
    pub(super) fn uncommitted(&self, status: &WorktreeStatus) -> Result<Option<Vec<String>>, GitError> {
        let marker = self.marker();
        if !status.is_dirty || marker.prepared.is_empty() {
            return Ok(status.is_dirty.then(Vec::new));
        }
        let is_prepared =
            |path: &String| marker.prepared.get(path).is_some_and(|then| self.stamp(path) == Some(*then));
        let (prepared, work): (Vec<_>, Vec<_>) =
            self.worktree.untracked()?.into_iter().partition(is_prepared);
        Ok((status.is_changed || !work.is_empty()).then_some(prepared))
    }

    fn stamp(&self, path: &str) -> Option<Stamp> {
        Stamp::of(&self.path().join(path))
    }

    pub(super) fn marker(&self) -> MutexGuard<'_, Marker> {
        self.marker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what is uncommitted and tells what there is. The diff's text is read up to
    /// `max_patch` bytes.
    pub fn finish(&self, all: &Workspaces, message: &str, max_patch: u64) -> Result<Work, WorkspaceError> {
        self.check_intact()?;
        let status = self.worktree.status()?;
        let head = match self.uncommitted(&status)? {
            Some(prepared) => self.worktree.commit_all(message, all.fallback_author(), &prepared)?,
            None => status.head,
        };
        self.take_over(&[&head])?;
        let work = self.look(all, head.as_str(), max_patch)?;
        if head == self.base || (work.missing_base_commits == 0 && work.files.is_empty()) {
            // Commits that undo each other are nothing to review.
            return Ok(Work::default());
        }
        let links = links(&all.repository, &head, &work.files)?;
        Ok(Work { head: Some(head), links, ..work })
    }

    /// Takes commits of the clone over into Conductor's own repository, with all they need beyond
    /// the start.
    pub(super) fn take_over(&self, heads: &[&Sha]) -> Result<(), WorkspaceError> {
        let start = self.marker().start.clone();
        self.take_over_since(heads, &start)
    }

    /// The same with a commit that was taken over before.
    pub(super) fn take_over_since(&self, heads: &[&Sha], known: &Sha) -> Result<(), WorkspaceError> {
        let mut here = self.taken_over.lock().unwrap_or_else(PoisonError::into_inner);
        let is_here = |head: &Sha| *head == self.base || head == known || here.contains(head);
        let new: Vec<&Sha> = heads.iter().copied().filter(|head| !is_here(head)).collect();
        let imported = self.repository.import(&self.worktree, &new, &[&self.base, known]);
        if imported.is_ok() {
            here.extend(new.into_iter().cloned());
        }
        imported.map_err(|error| match error.kind {
            GitErrorKind::Failed => WorkspaceError::Damaged(format!(
                "what was committed in {} cannot be taken over: {error}",
                self.path().display()
            )),
            _ => error.into(),
        })
    }

    /// What `head` has beyond the base.
    pub(super) fn look(&self, all: &Workspaces, head: &str, max_patch: u64) -> Result<Work, GitError> {
        let range = all.repository.range(&self.base, head, max_patch)?;
        let files = match range.files {
            Some(files) => files,
            None => all.repository.diff(&self.base, head)?,
        };
        Ok(Work {
            commits: range.ahead,
            files,
            patches: range.patches,
            missing_base_commits: range.behind,
            ..Work::default()
        })
    }

    /// Puts a page for the agent where git does not see it: a folder that ignores itself. Its path
    /// from the workspace, or `None` when the repository has such a folder of its own.
    pub fn put_page(&self, text: &str) -> Result<Option<&'static str>, WorkspaceError> {
        self.check_intact()?;
        let folder = self.path().join(PAGES);
        let io = |error: std::io::Error| WorkspaceError::Io(format!("{}: {error}", folder.display()));
        if let Ok(found) = folder.symlink_metadata() {
            let ignore = folder.join(".gitignore");
            let is_ours = found.is_dir()
                && ignore.symlink_metadata().is_ok_and(|file| file.is_file())
                && std::fs::read(&ignore).is_ok_and(|text| text == b"*\n");
            if !is_ours {
                return Ok(None);
            }
            // Made anew: an earlier agent may have put a link in the place of the page.
            std::fs::remove_dir_all(&folder).map_err(io)?;
        }
        std::fs::create_dir(&folder).map_err(io)?;
        std::fs::write(folder.join(".gitignore"), "*\n").map_err(io)?;
        std::fs::write(self.path().join(PAGE), text).map_err(io)?;
        Ok(Some(PAGE))
    }

    /// Back to a clean start for the next attempt. Killed half-way, it leaves what the next run
    /// throws away.
    pub fn reset(&self) -> Result<(), WorkspaceError> {
        self.check_intact()?;
        let admin = self.worktree.admin();
        Marker::drop_in(admin)?;
        self.worktree.clear_locks()?;
        self.worktree.forget_unfinished()?;
        self.worktree.reset(&self.branch, &self.base)?;
        let marker = Marker::new(&self.key, &self.branch, &self.base, &self.base, &self.base);
        marker.write(admin)?;
        sync_later(&self.worktree, &marker);
        *self.marker() = marker;
        Ok(())
    }

    /// Whether the folder is still there and still this worktree. A deleted one would read as
    /// "every file removed".
    pub(super) fn check_intact(&self) -> Result<(), WorkspaceError> {
        let damaged = |what: &str| {
            Err(WorkspaceError::Damaged(format!("the workspace {} {what}", self.path().display())))
        };
        if !self.path().is_dir() {
            return damaged("was deleted during the attempt");
        }
        self.worktree.remove_special_files();
        if self.worktree.has_own_repository() {
            return Ok(self.repository.put_back_settings(&self.worktree)?);
        }
        damaged("was turned into another repository during the attempt")
    }
}

/// Where the symbolic links of a change point.
pub(super) fn links(
    repository: &Repository,
    head: &Sha,
    files: &[ChangedFile],
) -> Result<Vec<(String, String)>, GitError> {
    let paths: Vec<&str> =
        files.iter().filter(|file| file.new_mode == "120000").map(|file| file.path.as_str()).collect();
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = paths.iter().map(|path| format!("{head}:{path}")).collect();
    let blobs = repository.objects(&names)?;
    Ok(paths
        .into_iter()
        .zip(blobs)
        .map(|(path, blob)| {
            let target =
                blob.map(|blob| String::from_utf8_lossy(&blob.data).into_owned()).unwrap_or_default();
            (path.to_owned(), target)
        })
        .collect())
}
