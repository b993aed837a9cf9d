//! A ticket's workspace: a private clone on a branch of its own, from the remote's base.
//!
//! Owns where workspaces are, whose they are, and what is kept of them. Refuses folders that are
//! not ours, never wipes work it has not saved, and never takes a half-made tree for work. What is
//! in a clone is the agent's: git is called in it behind the agent's walls only, and its commits
//! are taken over before they are looked at.

use crate::model::ids::short_hash;
use crate::model::{BranchName, Sha, safe_key};
use crate::system::barrier::Barrier;
use crate::system::git::{
    CommitAuthor, FetchSpec, GitError, NewClone, Object, Patches, RefPush, Remote, Repository, Worktree,
    sweep_trash,
};
use marker::Marker;
use start::Start;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

mod carried;
mod error;
mod found;
mod inside;
mod leftover;
mod lost;
mod marker;
mod mend;
mod migrate;
mod next;
mod prefix;
mod repository_history;
mod reworded;
mod saved;
mod squashed;
mod start;
mod sync;
#[cfg(test)]
mod tests;

pub use crate::system::git::{ChangedFile, CommitInfo, Reading, RefResult as Pushed, Step};
pub use error::WorkspaceError;
pub use found::Found;
pub use saved::SavedRef;
pub use start::Continued;

/// What a program is started behind that may write to that folder only.
pub type Walls = Box<dyn Fn(&Path) -> Barrier + Send + Sync>;

/// All workspaces of one repository.
pub struct Workspaces {
    repository: Repository,
    remote: Remote,
    base_branch: BranchName,
    root: PathBuf,
    walls: Walls,
    author: OnceLock<Option<CommitAuthor>>,
}

/// One ticket's workspace.
#[derive(Debug)]
pub struct Workspace {
    repository: Repository,
    worktree: Worktree,
    key: String,
    branch: BranchName,
    base: Sha,
    /// As it is in the worktree's administrative folder.
    marker: Mutex<Marker>,
    continued: Continued,
    taken_over: Mutex<TakenOver>,
}

/// What of a clone Conductor's own repository has.
#[derive(Debug, Default)]
struct TakenOver {
    heads: BTreeSet<Sha>,
    /// The newest head of the ticket's branch among them.
    newest: Option<Sha>,
    /// Which of the commits Conductor made of what was left uncommitted.
    own: BTreeSet<Sha>,
    /// Commits that were read on the way, as they are stored.
    commits: HashMap<Sha, Object>,
}

/// What is in a workspace after an attempt.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// `None`: nothing was changed.
    pub head: Option<Sha>,
    /// Newest first.
    pub commits: Vec<CommitInfo>,
    /// What differs from the base, all commits together.
    pub files: Vec<ChangedFile>,
    /// What each commit changed, newest first.
    pub steps: Vec<Step>,
    /// The commits as they are stored.
    pub stored: Vec<Object>,
    /// There is more than could be read: more commits, or larger ones.
    pub is_cut: bool,
    /// The agent's own head, where the commits were written anew.
    pub original: Option<Sha>,
    /// Which of the commits Conductor made.
    pub own: BTreeSet<Sha>,
    /// Submodules that were moved to commits of the workspace's own, which nobody else has.
    pub stray_submodules: Vec<String>,
    /// Targets of the symbolic links among them, by what is stored.
    pub links: HashMap<Sha, String>,
    pub patches: Patches,
    /// Commits of the base the head no longer has.
    pub missing_base_commits: u64,
}

impl Workspaces {
    pub fn new(repository: Repository, remote: Remote, base_branch: &str, root: PathBuf) -> Self {
        let base_branch = BranchName::new(base_branch);
        Self {
            repository,
            remote,
            base_branch,
            root,
            walls: Box::new(|_| Barrier::default()),
            author: OnceLock::new(),
        }
    }

    /// Calls git in a workspace behind these walls.
    #[must_use]
    pub fn behind(self, walls: Walls) -> Self {
        Self { walls, ..self }
    }

    /// What every call of git in that workspace is started behind.
    fn barrier(&self, path: &Path) -> Arc<Barrier> {
        Arc::new((self.walls)(path))
    }

    /// Contacts with the remote so far.
    pub fn contacts(&self) -> u64 {
        self.repository.contacts()
    }

    /// Where Conductor's own files of this repository are.
    pub fn files(&self) -> PathBuf {
        self.repository.own_folder()
    }

    /// The remote's base as the last fetch saw it; fetches when none has been made.
    pub fn base(&self) -> Result<Sha, WorkspaceError> {
        let name = self.remote.tracking_ref(&self.base_branch);
        let read = || -> Result<Option<Sha>, GitError> { Ok(self.repository.refs(&name)?.remove(&name)) };
        if self.repository.contacts() > 0
            && let Some(base) = read()?
        {
            return Ok(base);
        }
        self.remote.fetch(&[FetchSpec::Branch(self.base_branch.clone())])?;
        read()?.ok_or_else(|| {
            WorkspaceError::Foreign(format!(
                "repository.base_branch: the remote has no branch `{}`",
                self.base_branch
            ))
        })
    }

    /// The remote's branches, as it has them now.
    pub fn remote_branches(&self) -> Result<std::collections::HashMap<BranchName, Sha>, WorkspaceError> {
        Ok(self.remote.branches()?)
    }

    /// A workspace on `branch`: clean at `base`, or, where an earlier attempt saved its work, at
    /// `start` with its commits and its uncommitted files. Whatever an earlier run left at its
    /// place is saved under the ticket's wip ref first, or thrown away where it is half made.
    pub fn create(
        &self,
        identifier: &str,
        branch: &BranchName,
        base: &Sha,
        start: Option<&Sha>,
    ) -> Result<Workspace, WorkspaceError> {
        let key = safe_key(identifier);
        let path = self.contained(&key)?;
        sweep_trash(path.parent().unwrap_or(&path));
        self.repository.clear_ref_locks(&own_refs(&key))?;
        let start = self.starting_point(&key, base, start)?;
        self.remote.fetch_large(&start.tip)?;
        let worktree = self.check_out(&key, &path, branch, &start)?;
        let made = self.complete(&key, worktree.clone(), branch, start);
        if made.is_err() {
            // It has no marker: the next run throws it away where this fails.
            let _ = self.repository.remove_worktree(&worktree);
        }
        made
    }

    /// A worktree with the files of the start.
    fn check_out(
        &self,
        key: &str,
        path: &Path,
        branch: &BranchName,
        start: &Start,
    ) -> Result<Worktree, WorkspaceError> {
        let (refs, barrier) = (self.known_refs(branch), self.barrier(path));
        let new = NewClone { path, branch, tip: &start.tip, refs: &refs, barrier: &barrier };
        if path.symlink_metadata().is_err() {
            match self.repository.add_clone(&new) {
                Ok(worktree) => return Ok(worktree),
                // Noted with its folder gone: looked into below.
                Err(error) if error.is_refusal() => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.clear(key, path)?;
        Ok(self.repository.add_clone(&new)?)
    }

    /// Uncommits what had been uncommitted, and says that the workspace is whole.
    fn complete(
        &self,
        key: &str,
        worktree: Worktree,
        branch: &BranchName,
        start: Start,
    ) -> Result<Workspace, WorkspaceError> {
        if start.head != start.tip {
            worktree.uncommit(&start.head)?;
        }
        let marker = Marker::new(key, branch, &start.base, &start.head, &start.tip);
        marker.write(worktree.admin())?;
        sync::sync_later(&worktree, &marker);
        let workspace = Workspace::new(&self.repository, worktree, marker);
        Ok(Workspace { continued: self.continued(start)?, ..workspace })
    }

    /// What a workspace knows besides its branch: the base, by the names agents know it by.
    fn known_refs(&self, branch: &BranchName) -> Vec<(String, Sha)> {
        let Some(base) = self.repository.loose_ref(&self.remote.tracking_ref(&self.base_branch)) else {
            return Vec::new();
        };
        let theirs = format!("refs/remotes/origin/{}", self.base_branch);
        let own = (*branch != self.base_branch).then(|| (self.base_branch.full_ref(), base.clone()));
        own.into_iter().chain([(theirs, base)]).collect()
    }

    /// Pushes commits to branches that must not be there yet. Answers for each, in the order given.
    pub fn push(&self, branches: &[(BranchName, Sha)]) -> Result<Vec<Pushed>, WorkspaceError> {
        let update = |(branch, head): &(BranchName, Sha)| RefPush {
            name: branch.full_ref(),
            to: Some(head.clone()),
            expect: None,
        };
        Ok(self.remote.push(&branches.iter().map(update).collect::<Vec<_>>(), false)?)
    }

    /// Ends a workspace: the folder and its registration. Killed half-way, it leaves what the next
    /// run throws away.
    pub fn remove(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        Marker::drop_in(workspace.worktree.admin())?;
        Ok(self.repository.remove_worktree(&workspace.worktree)?)
    }

    /// Removes the lock files that dead processes left on Conductor's own refs: for the beginning
    /// of a run, before its first fetch. Costs no call of git.
    pub fn clear_stale_locks(&self) -> Result<(), WorkspaceError> {
        Ok(self.repository.clear_ref_locks(&["refs/conductor/".to_owned()])?)
    }

    /// Who an agent commits as, where git would not know: it has no identity, or the agent has
    /// another home.
    pub fn identity(&self, is_out_of_sight: bool) -> Option<(String, String)> {
        if let Some(author) = self.fallback_author() {
            return Some((author.name.clone(), author.email.clone()));
        }
        let read = |key| self.repository.config(key).ok().flatten();
        if is_out_of_sight { Some((read("user.name")?, read("user.email")?)) } else { None }
    }

    /// Who commits when git has no identity; asked once.
    fn fallback_author(&self) -> Option<&CommitAuthor> {
        let look = || {
            let known = self.repository.config("user.email").ok().flatten().is_some();
            (!known).then(|| CommitAuthor {
                name: "Conductor".to_owned(),
                email: "conductor@localhost".to_owned(),
            })
        };
        self.author.get_or_init(look).as_ref()
    }

    /// The path of a key's workspace, checked to be inside the root.
    fn contained(&self, key: &str) -> Result<PathBuf, WorkspaceError> {
        let io = |error: std::io::Error| WorkspaceError::Io(format!("{}: {error}", self.root.display()));
        create_private(&self.root).map_err(io)?;
        let root = self.root.canonicalize().map_err(io)?;
        if !is_own(&root).map_err(io)? {
            return Err(WorkspaceError::Foreign(format!(
                "workspace.root: {} belongs to somebody else; set workspace.root to a folder of your own",
                root.display()
            )));
        }
        let path = root.join(key);
        if path.parent() == Some(root.as_path()) {
            return Ok(path);
        }
        Err(WorkspaceError::Foreign(format!("{} is not inside {}", path.display(), root.display())))
    }
}

fn wip_ref(key: &str) -> String {
    format!("refs/conductor/wip/{key}")
}

fn earlier_ref(key: &str, head: &Sha) -> String {
    format!("refs/conductor/wip-earlier/{key}/{}", head.short())
}

fn refused_ref(key: &str, head: &Sha) -> String {
    format!("refs/conductor/refused/{key}/{}", head.short())
}

/// What is written of a ticket among Conductor's own refs.
fn own_refs(key: &str) -> [String; 3] {
    [wip_ref(key), format!("refs/conductor/wip-earlier/{key}/"), format!("refs/conductor/refused/{key}/")]
}

/// The message of a commit that saves what had not been committed.
fn saved_message(key: &str) -> String {
    format!("wip: unfinished work on {key}")
}

fn is_saved_commit(key: &str, subject: &str) -> bool {
    subject == saved_message(key)
}

/// The folder that holds the workspaces of the repository at `common_dir` when none is configured.
pub fn default_root(temp: &Path, common_dir: &Path) -> PathBuf {
    let name = common_dir.to_string_lossy();
    temp.join("conductor_workspaces").join(short_hash(&name))
}

#[cfg(unix)]
fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// In a shared temporary folder somebody else can be first; their folder is not trusted.
#[cfg(unix)]
fn is_own(folder: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(folder.metadata()?.uid() == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_own(_: &Path) -> std::io::Result<bool> {
    Ok(true)
}
