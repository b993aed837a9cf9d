//! One ticket's workspace from inside: what is uncommitted, what the work comes to, the page for
//! the agent, and whether the folder is still the one that was made.

use super::marker::{Marker, Stamp};
use super::sync::sync_later;
use super::{Continued, TakenOver, Work, Workspace, WorkspaceError, Workspaces};
use crate::files;
use crate::model::{BranchName, Sha};
use crate::system::git::{
    CommitInfo, GitError, GitErrorKind, Object, Range, Reading, Repository, Worktree, WorktreeStatus,
};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
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
        if !status.is_dirty || self.marker().prepared.is_empty() {
            return Ok(status.is_dirty.then(Vec::new));
        }
        let same = self.still_prepared();
        let (prepared, work): (Vec<_>, Vec<_>) =
            self.worktree.untracked()?.into_iter().partition(|path| same.contains(path));
        Ok((status.is_changed || !work.is_empty()).then_some(prepared))
    }

    pub(super) fn stamp(&self, path: &str) -> Option<Stamp> {
        Stamp::of(&self.path().join(path))
    }

    pub(super) fn marker(&self) -> MutexGuard<'_, Marker> {
        self.marker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what is uncommitted and tells what there is. The diff's text is read up to
    /// `max_patch` bytes.
    pub fn finish(&self, all: &Workspaces, message: &str, reading: Reading) -> Result<Work, WorkspaceError> {
        let head = self.mended(|| self.commit(all, message))?;
        let work = self.look(all, &head, reading)?;
        if head == self.base || (work.missing_base_commits == 0 && work.files.is_empty()) {
            // Commits that undo each other are nothing to review.
            return Ok(Work::default());
        }
        let own = self.taken_over().own.clone();
        let moved: Vec<(&str, &Sha)> = work
            .files
            .iter()
            .filter(|file| file.new_mode == "160000")
            .map(|file| (file.path.as_str(), &file.new_id))
            .collect();
        let stray_submodules = self.repository.stray_submodules(&head, &moved)?;
        Ok(Work { head: Some(head), own, stray_submodules, ..work })
    }

    /// Commits what is uncommitted and takes it over; the head there is then.
    fn commit(&self, all: &Workspaces, message: &str) -> Result<Sha, WorkspaceError> {
        let nested = self.check_intact()?;
        self.worktree.clear_locks()?;
        self.flatten(&nested)?;
        let status = self.worktree.status()?;
        let head = match self.uncommitted(&status)? {
            Some(prepared) => {
                let head = self.worktree.commit_all(message, all.fallback_author(), &prepared)?;
                self.taken_over().own.insert(head.clone());
                head
            }
            None => status.head,
        };
        self.take_over(&[&head])?;
        self.note_newest(&head);
        Ok(head)
    }

    /// Remembers the newest head of the ticket's branch that Conductor's own repository has.
    pub(super) fn note_newest(&self, head: &Sha) {
        self.taken_over().newest = Some(head.clone());
    }

    pub(super) fn newest_head(&self) -> Sha {
        let newest = self.taken_over().newest.clone();
        newest.unwrap_or_else(|| self.marker().head.clone())
    }

    /// Takes commits of the clone over into Conductor's own repository, with all they need beyond
    /// the start.
    pub(super) fn take_over(&self, heads: &[&Sha]) -> Result<(), WorkspaceError> {
        let start = self.marker().start.clone();
        self.take_over_since(heads, &start)
    }

    /// The same with a commit that was taken over before.
    pub(super) fn take_over_since(&self, heads: &[&Sha], known: &Sha) -> Result<(), WorkspaceError> {
        let mut here = self.taken_over();
        let is_here = |head: &Sha| *head == self.base || head == known || here.heads.contains(head);
        let new: Vec<&Sha> = heads.iter().copied().filter(|head| !is_here(head)).collect();
        let imported = self.repository.import(&self.worktree, &new, &[&self.base, known]);
        let imported = imported.and_then(|commits| {
            self.repository.import_large(&self.worktree, &new)?;
            Ok(commits)
        });
        let imported = imported.map(|commits| {
            here.heads.extend(new.into_iter().cloned());
            here.commits.extend(commits.into_iter().map(|commit| (commit.id.clone(), commit)));
        });
        imported.map_err(|error| match error.kind {
            GitErrorKind::Failed => WorkspaceError::Damaged(format!(
                "what was committed in {} cannot be taken over: {error}",
                self.path().display()
            )),
            _ => error.into(),
        })
    }

    fn taken_over(&self) -> MutexGuard<'_, TakenOver> {
        self.taken_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `head` has beyond the base.
    pub(super) fn look(&self, all: &Workspaces, head: &Sha, reading: Reading) -> Result<Work, GitError> {
        let here = self.taken_over();
        look(&all.repository, &self.base, head, reading, &here.commits)
    }

    /// Puts a page for the agent where git does not see it: a folder that ignores itself. Its path
    /// from the workspace, or `None` when the repository has such a folder of its own.
    pub fn put_page(&self, text: &str) -> Result<Option<&'static str>, WorkspaceError> {
        self.check_intact()?;
        let folder = self.path().join(PAGES);
        let io = |error: std::io::Error| WorkspaceError::Io(format!("{}: {error}", folder.display()));
        if let Ok(found) = folder.symlink_metadata() {
            let ignore = folder.join(".gitignore");
            let is_ours =
                found.is_dir() && files::read(&ignore, files::SMALL).is_ok_and(|text| text == b"*\n");
            if !is_ours {
                return Ok(None);
            }
            // Made anew: an earlier agent may have put a link in the place of the page.
            std::fs::remove_dir_all(&folder).map_err(io)?;
        }
        std::fs::create_dir(&folder).map_err(io)?;
        files::write_new(&folder.join(".gitignore"), "*\n").map_err(io)?;
        files::write_new(&self.path().join(PAGE), text).map_err(io)?;
        Ok(Some(PAGE))
    }

    /// Back to a clean start for the next attempt. Killed half-way, it leaves what the next run
    /// throws away.
    pub fn reset(&self) -> Result<(), WorkspaceError> {
        let admin = self.worktree.admin();
        self.mended(|| {
            self.check_intact()?;
            Marker::drop_in(admin)?;
            self.worktree.clear_locks()?;
            self.worktree.forget_unfinished()?;
            Ok(self.worktree.reset(&self.branch, &self.base)?)
        })?;
        self.repository.fill_submodules(&self.worktree, &self.base)?;
        self.taken_over().newest = None;
        let marker = Marker::new(&self.key, &self.branch, &self.base, &self.base, &self.base);
        marker.write(admin)?;
        sync_later(&self.worktree, &marker);
        *self.marker() = marker;
        Ok(())
    }

    /// Whether the folder is still there and still this clone, without what would keep git from
    /// working in it. A deleted one would read as "every file removed". Answers with the folders in
    /// it that are repositories of their own.
    pub(super) fn check_intact(&self) -> Result<Vec<PathBuf>, WorkspaceError> {
        let damaged = |what: &str| {
            Err(WorkspaceError::Damaged(format!("the workspace {} {what}", self.path().display())))
        };
        if !self.is_folder() {
            return damaged("was deleted during the attempt");
        }
        let nested = self.worktree.clear_obstacles();
        if !self.worktree.has_own_repository() {
            return damaged("was turned into another repository during the attempt");
        }
        self.repository.put_back_settings(&self.worktree)?;
        Ok(nested)
    }
}

/// What `head` has beyond `base`, with all that is asked of it before it leaves the machine. Commits
/// that were read before are not read again.
pub(super) fn look(
    repository: &Repository,
    base: &Sha,
    head: &Sha,
    reading: Reading,
    known: &HashMap<Sha, Object>,
) -> Result<Work, GitError> {
    let Range { behind, ahead, patches, files, steps, is_cut } =
        repository.range(base, head.as_str(), reading)?;
    let files = match files {
        Some(files) => files,
        None => repository.diff(base, head.as_str())?,
    };
    let mut work = Work {
        commits: ahead,
        files,
        patches,
        steps,
        is_cut,
        missing_base_commits: behind,
        ..Work::default()
    };
    // What cannot be read whole is refused unread.
    if reading.patch > 0 && !is_cut && work.patches.size <= reading.patch {
        work.links = links(repository, &work)?;
        match stored(repository, &work.commits, known)? {
            Some(stored) => work.stored = stored,
            None => work.is_cut = true,
        }
    }
    Ok(work)
}

/// The commits as they are stored; `None` when they are too large to be read.
fn stored(
    repository: &Repository,
    commits: &[CommitInfo],
    known: &HashMap<Sha, Object>,
) -> Result<Option<Vec<Object>>, GitError> {
    let mut stored: Vec<Object> =
        commits.iter().filter_map(|commit| known.get(&commit.sha)).cloned().collect();
    let rest: Vec<Sha> =
        commits.iter().map(|commit| &commit.sha).filter(|sha| !known.contains_key(sha)).cloned().collect();
    let read = match repository.raw_commits(&rest) {
        Err(error) if error.kind == GitErrorKind::Protocol => return Ok(None),
        read => read?,
    };
    stored.extend(read.into_iter().flatten());
    Ok((stored.len() == commits.len()).then_some(stored))
}

/// Where the symbolic links of a change point, those of commits between included.
fn links(repository: &Repository, work: &Work) -> Result<HashMap<Sha, String>, GitError> {
    let all = work.steps.iter().flat_map(|step| &step.files).chain(&work.files);
    let ids: BTreeSet<&Sha> = all.filter(|file| file.new_mode == "120000").map(|file| &file.new_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
    let blobs = repository.objects(&names)?;
    let targets = ids.into_iter().zip(blobs).filter_map(|(id, blob)| Some((id.clone(), blob?.data)));
    Ok(targets.map(|(id, data)| (id, String::from_utf8_lossy(&data).into_owned())).collect())
}
