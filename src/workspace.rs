//! A ticket's workspace: a worktree of its own on a branch of its own, from the remote's base.
//!
//! Owns where workspaces are, whose they are, and what is kept of them. Refuses folders that are
//! not ours, never wipes work it has not saved, and puts back what an agent changed in the parts
//! of the repository that all worktrees share.

use crate::model::ids::short_hash;
use crate::model::{BranchName, Sha, safe_key};
use crate::system::git::{CommitAuthor, FetchSpec, GitError, Patches, RefPush, Remote, Repository, Worktree};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

mod inside;
mod lost;
mod seal;
mod survey;

pub use crate::system::git::{ChangedFile, CommitInfo, RefResult as Pushed};
pub use seal::Seal;

/// All workspaces of one repository.
pub struct Workspaces {
    repository: Repository,
    remote: Remote,
    base_branch: BranchName,
    root: PathBuf,
    seal: Seal,
    author: OnceLock<Option<CommitAuthor>>,
}

/// One ticket's workspace.
#[derive(Debug)]
pub struct Workspace {
    worktree: Worktree,
    key: String,
    branch: BranchName,
    base: Sha,
    /// What hooks put there before the agent began, untracked.
    prepared: Mutex<Prepared>,
}

/// Path → size and time of change.
type Prepared = BTreeMap<String, (u64, Option<SystemTime>)>;

/// What is in a workspace after an attempt.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// `None`: nothing was changed.
    pub head: Option<Sha>,
    /// Newest first.
    pub commits: Vec<CommitInfo>,
    /// What differs from the base, all commits together.
    pub files: Vec<ChangedFile>,
    /// Path → target of every symbolic link among them.
    pub links: Vec<(String, String)>,
    pub patches: Patches,
    /// Commits of the base the head no longer has.
    pub missing_base_commits: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkspaceError {
    /// Something that is not ours is in the way.
    Foreign(String),
    /// The workspace was deleted or rewired under us.
    Damaged(String),
    Io(String),
    Git(GitError),
}

impl fmt::Display for WorkspaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(text) | Self::Damaged(text) | Self::Io(text) => f.write_str(text),
            Self::Git(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for WorkspaceError {}

impl From<GitError> for WorkspaceError {
    fn from(error: GitError) -> Self {
        Self::Git(error)
    }
}

impl Workspaces {
    pub fn new(repository: Repository, remote: Remote, base_branch: &str, root: PathBuf) -> Self {
        let seal = Seal::of(repository.common_dir());
        let base_branch = BranchName::new(base_branch);
        Self { repository, remote, base_branch, root, seal, author: OnceLock::new() }
    }

    /// Contacts with the remote so far.
    pub fn contacts(&self) -> u64 {
        self.repository.contacts()
    }

    /// Where Conductor's own files of this repository are.
    pub fn files(&self) -> PathBuf {
        self.repository.common_dir().join("conductor")
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

    /// A clean workspace on `branch` at `base`, or, where an interrupted run saved its work, at
    /// `start`. Whatever an earlier run left at its place is saved under the ticket's wip ref
    /// first.
    pub fn create(
        &self,
        identifier: &str,
        branch: &BranchName,
        base: &Sha,
        start: Option<&Sha>,
    ) -> Result<Workspace, WorkspaceError> {
        let key = safe_key(identifier);
        let path = self.contained(&key)?;
        let begun = match start {
            // What the saved work does not build on any more is no start.
            Some(start) => self.repository.merge_base(base, start)?.map(|base| (base, start)),
            None => None,
        };
        let (base, start) = begun.unwrap_or_else(|| (base.clone(), base));
        let made = |worktree| Workspace::new(worktree, &key, branch, &base);
        let mut occupied = path.symlink_metadata().is_ok();
        if !occupied {
            match self.repository.add_worktree(&path, branch, start, false) {
                Ok(worktree) => return Ok(made(worktree)),
                // Registered with its folder gone, or the branch is there: looked into below.
                Err(error) if error.is_refusal() => occupied = path.symlink_metadata().is_ok(),
                Err(error) => return Err(error.into()),
            }
        }
        self.clear(&key, &path, branch, &base, occupied)?;
        Ok(made(self.repository.add_worktree(&path, branch, start, true)?))
    }

    /// What an interrupted run saved of this ticket: on the remote, unless this machine has nothing
    /// else or has gone on from that.
    pub fn saved(&self, identifier: &str) -> Result<Option<Sha>, WorkspaceError> {
        let name = Self::wip_ref(identifier);
        let there = self.remote.fetch_ref(&name)?;
        let here = self.repository.refs(&name)?.remove(&name);
        match (here, there) {
            (Some(here), Some(there)) => {
                let goes_on = self.repository.merge_base(&there, &here)?.as_ref() == Some(&there);
                Ok(Some(if goes_on { here } else { there }))
            }
            (here, there) => Ok(there.or(here)),
        }
    }

    /// What the remote has under the ticket's wip ref now.
    pub fn saved_on_remote(&self, identifier: &str) -> Result<Option<Sha>, WorkspaceError> {
        Ok(self.remote.lookup(&Self::wip_ref(identifier))?)
    }

    /// Pushes commits to branches that must not be there yet. Answers for each, in the order given.
    pub fn push(&self, branches: &[(BranchName, Sha)]) -> Result<Vec<Pushed>, WorkspaceError> {
        self.restore_shared();
        let update = |(branch, head): &(BranchName, Sha)| RefPush {
            name: branch.full_ref(),
            to: Some(head.clone()),
            expect: None,
        };
        Ok(self.remote.push(&branches.iter().map(update).collect::<Vec<_>>(), false)?)
    }

    /// Puts back what an agent changed in the configuration and hooks all worktrees share; names
    /// the files it put back.
    pub fn restore_shared(&self) -> Vec<String> {
        self.seal.restore()
    }

    /// Ends a workspace: the folder and its registration.
    pub fn remove(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        Ok(self.repository.remove_worktree(&workspace.worktree)?)
    }

    /// Ends what an earlier run left of a ticket that is over, and saves what is in it. Nothing
    /// there is nothing to do; a locked or foreign folder is left alone, with an error.
    pub fn clear_away(&self, identifier: &str, branch: &BranchName) -> Result<(), WorkspaceError> {
        let key = safe_key(identifier);
        if self.root.join(&key).symlink_metadata().is_err() {
            return Ok(());
        }
        let path = self.contained(&key)?;
        self.clear(&key, &path, branch, &self.base()?, true)?;
        self.forget(std::slice::from_ref(branch))
    }

    /// Deletes the local branches of workspaces that were removed.
    pub fn forget(&self, branches: &[BranchName]) -> Result<(), WorkspaceError> {
        Ok(self.repository.delete_branches(branches)?)
    }

    /// Saves what is in the workspace under the ticket's wip ref; `None` when there is nothing.
    pub fn save(&self, workspace: &Workspace) -> Result<Option<Sha>, WorkspaceError> {
        workspace.check_intact()?;
        let status = workspace.worktree.status()?;
        let head = match workspace.uncommitted(&status)? {
            Some(prepared) => {
                let message = format!("wip: unfinished work on {}", workspace.key);
                workspace.worktree.commit_all(&message, self.fallback_author(), &prepared)?
            }
            None => status.head,
        };
        if head == workspace.base
            || self.repository.range(&workspace.base, head.as_str(), 0)?.ahead.is_empty()
        {
            return Ok(None);
        }
        self.keep(&workspace.key, &head)?;
        Ok(Some(head))
    }

    /// The full name of the ref that keeps a ticket's unfinished work.
    pub fn wip_ref(identifier: &str) -> String {
        wip_ref(&safe_key(identifier))
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

    /// Makes room: saves and removes what an earlier run of ours left, refuses anything else.
    fn clear(
        &self,
        key: &str,
        path: &Path,
        branch: &BranchName,
        base: &Sha,
        occupied: bool,
    ) -> Result<(), WorkspaceError> {
        let known = self.repository.worktrees()?;
        let here = known.iter().find(|worktree| worktree.path == path);
        if let Some(elsewhere) =
            known.iter().find(|worktree| worktree.branch.as_ref() == Some(branch) && worktree.path != path)
        {
            return Err(WorkspaceError::Foreign(format!(
                "branch {branch} is checked out in {}: switch that checkout to another branch",
                elsewhere.path.display()
            )));
        }
        match (occupied, here) {
            (true, None) => {
                return Err(WorkspaceError::Foreign(format!(
                    "{} exists and is not a workspace of this repository: move it away or set workspace.root",
                    path.display()
                )));
            }
            (_, Some(worktree)) if worktree.locked => {
                return Err(WorkspaceError::Foreign(format!(
                    "the workspace {} is locked: `git worktree unlock` it when nobody uses it",
                    path.display()
                )));
            }
            (true, Some(_)) => {
                let worktree = Worktree::at(path)?;
                let left = Workspace::new(worktree, key, branch, base);
                self.save(&left)?;
                self.repository.remove_worktree(&left.worktree)?;
            }
            (false, Some(_)) => self.repository.forget_worktree(path)?,
            (false, None) => {}
        }
        let name = branch.full_ref();
        if let Some(head) = self.repository.refs(&name)?.remove(&name)
            && !self.repository.range(base, head.as_str(), 0)?.ahead.is_empty()
        {
            self.keep(key, &head)?;
        }
        Ok(())
    }

    /// Points the wip ref at `head`; what it pointed to before stays reachable under its own name.
    fn keep(&self, key: &str, head: &Sha) -> Result<(), WorkspaceError> {
        let name = wip_ref(key);
        if let Some(before) = self.repository.refs(&name)?.remove(&name)
            && before != *head
        {
            let old = format!("refs/conductor/wip-earlier/{key}/{}", before.short());
            self.repository.update_ref(&old, Some(&before))?;
        }
        Ok(self.repository.update_ref(&name, Some(head))?)
    }
}

fn wip_ref(key: &str) -> String {
    format!("refs/conductor/wip/{key}")
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
