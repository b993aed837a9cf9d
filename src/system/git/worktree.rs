//! The files of a private clone and the calls of git in it. Each call names the clone's own git
//! folder and stands behind the walls of the agent whose it is.

mod orphans;
mod special;
mod staging;
mod unfinished;

use super::refs::durable;
use super::{Call, CommitAuthor, GitError, GitStop, protocol};
use crate::files;
use crate::model::{BranchName, Sha};
use crate::system::barrier::Barrier;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A private clone of ours.
#[derive(Debug, Clone)]
pub struct Worktree {
    path: PathBuf,
    admin: PathBuf,
    barrier: Arc<Barrier>,
    stop: GitStop,
}

/// `git status`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeStatus {
    pub head: Sha,
    /// `None` when the head is detached.
    pub branch: Option<String>,
    /// Anything staged, changed or untracked (not ignored).
    pub is_dirty: bool,
    /// The same without what is untracked.
    pub is_changed: bool,
}

impl Worktree {
    /// `admin`: where it is noted; `barrier`: what every call in it is started behind.
    pub fn new(path: &Path, admin: &Path, barrier: Arc<Barrier>) -> Self {
        Self { path: path.to_owned(), admin: admin.to_owned(), barrier, stop: GitStop::default() }
    }

    /// The same with calls that end with those of the run.
    pub(super) fn stopping_with(self, stop: &GitStop) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// The clone that this program works in itself, as an agent.
    pub fn in_use(path: &Path) -> Self {
        Self::new(path, path, Arc::default())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of what is noted of it, out of the agent's reach.
    pub fn admin(&self) -> &Path {
        &self.admin
    }

    /// The clone's own folder of git, in the agent's reach.
    pub fn git_dir(&self) -> PathBuf {
        self.path.join(".git")
    }

    /// What every call in it is started behind.
    pub fn barrier(&self) -> Arc<Barrier> {
        Arc::clone(&self.barrier)
    }

    /// The same behind these walls.
    #[must_use]
    pub fn behind(self, barrier: Arc<Barrier>) -> Self {
        Self { barrier, ..self }
    }

    /// Whether there is a folder of git, and not something in its place that leads elsewhere.
    pub fn has_own_repository(&self) -> bool {
        let is_plain = |found: std::io::Result<std::fs::Metadata>, wanted: fn(&std::fs::Metadata) -> bool| {
            found.is_ok_and(|found| wanted(&found))
        };
        let git = self.git_dir();
        is_plain(git.symlink_metadata(), |found| found.is_dir())
            && is_plain(git.join("HEAD").symlink_metadata(), |found| found.is_file())
    }

    pub(super) fn git<const N: usize>(&self, args: [&str; N]) -> Call {
        own_call(self, args).behind(&self.barrier)
    }

    fn git_with(&self, args: Vec<&str>) -> Call {
        own_call(self, args).behind(&self.barrier)
    }

    /// Writes the files of a clone that was just made, by what only Conductor has written.
    pub(super) fn write_files(&self) -> Result<(), GitError> {
        own_call(self, ["reset", "--hard", "--quiet"]).done()?;
        let Some(user) = &self.barrier.user else { return Ok(()) };
        user.own(&self.path).map_err(|error| failed(&self.path, &error))
    }

    /// Whether the clone holds `later` on top of `earlier`.
    pub fn is_ancestor(&self, earlier: &Sha, later: &Sha) -> Result<bool, GitError> {
        Ok(self.git(["merge-base", "--is-ancestor", earlier.as_str(), later.as_str()]).output()?.success)
    }

    pub fn status(&self) -> Result<WorktreeStatus, GitError> {
        let text = self
            .git([
                "status",
                "--porcelain=v2",
                "--branch",
                "-z",
                "--untracked-files=normal",
                "--ignore-submodules=none",
            ])
            .text()?;
        let mut status =
            WorktreeStatus { head: Sha::new(""), branch: None, is_dirty: false, is_changed: false };
        for line in text.split('\0').filter(|line| !line.is_empty()) {
            if let Some(oid) = line.strip_prefix("# branch.oid ") {
                status.head = Sha::new(oid);
            } else if let Some(name) = line.strip_prefix("# branch.head ") {
                status.branch = (name != "(detached)").then(|| name.to_owned());
            } else if !line.starts_with("# ") {
                status.is_dirty = true;
                status.is_changed |= !line.starts_with("? ");
            }
        }
        // A branch without a commit is told as `(initial)`.
        if !status.head.as_str().bytes().all(|byte| byte.is_ascii_hexdigit())
            || status.head.as_str().is_empty()
        {
            return Err(protocol("status", "the head is on no commit"));
        }
        Ok(status)
    }

    /// Every untracked file that is not ignored.
    pub fn untracked(&self) -> Result<Vec<String>, GitError> {
        let text = self.git(["ls-files", "--others", "--exclude-standard", "-z"]).text()?;
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// Commits everything that is not ignored onto the current head, but for those paths.
    pub fn commit_all(
        &self,
        message: &str,
        author: Option<&CommitAuthor>,
        but: &[String],
    ) -> Result<Sha, GitError> {
        self.stage_all(but)?;
        let call = self
            .git(["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "--file=-"])
            .stdin(message);
        by(call, author).done()?;
        self.head()
    }

    /// The tree that [`Self::commit_all`] would commit; head, index and files stay as they are.
    pub fn tree_of_all(&self, but: &[String]) -> Result<Sha, GitError> {
        self.clear_locks()?;
        let index = self.git_dir().join("conductor-index");
        self.copy_index(&index).map_err(|error| failed(&index, &error))?;
        let own = |call: Call| durable(call.env("GIT_INDEX_FILE", &index));
        let tree = self.add_readable(but, own).and_then(|()| own(self.git(["write-tree"])).text());
        // The next one is copied over it where this fails.
        let _ = std::fs::remove_file(&index);
        Ok(Sha::new(tree?.trim()))
    }

    /// Copies the index, as far as it is a file, to what is certainly a new one.
    fn copy_index(&self, to: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let from = self.git_dir().join("index");
        let Some(found) = from.symlink_metadata().ok().filter(std::fs::Metadata::is_file) else {
            return Ok(());
        };
        // By its time git knows which files may have changed in the moment it was written.
        files::copy_new(&from, to)?.set_modified(found.modified()?)
    }

    /// Writes a commit that no ref points to.
    pub fn commit_tree(
        &self,
        tree: &Sha,
        parent: &Sha,
        message: &str,
        author: Option<&CommitAuthor>,
    ) -> Result<Sha, GitError> {
        let args = ["commit-tree", "--no-gpg-sign", "-p", parent.as_str(), "-F", "-", tree.as_str()];
        Ok(Sha::new(durable(by(self.git(args).stdin(message), author)).text()?.trim()))
    }

    /// Makes the index that of a commit; the files stay as they are.
    pub(super) fn reset_index(&self, commit: &Sha) -> Result<(), GitError> {
        self.git(["reset", "--quiet", "--mixed", commit.as_str()]).done()
    }

    /// Moves the head back to `to`; what came since is staged.
    pub fn uncommit(&self, to: &Sha) -> Result<(), GitError> {
        self.git(["reset", "--quiet", "--soft", to.as_str()]).done()
    }

    /// The paths that are staged against `base`.
    pub fn staged(&self, base: &Sha) -> Result<Vec<String>, GitError> {
        let args = ["diff-index", "--cached", "--name-only", "--no-renames", "-z", base.as_str(), "--"];
        let text = self.git(args).text()?;
        Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    pub fn head(&self) -> Result<Sha, GitError> {
        Ok(Sha::new(self.git(["rev-parse", "--verify", "HEAD^{commit}"]).text()?.trim()))
    }

    /// Brings every file to the disk.
    #[cfg(target_os = "linux")]
    pub fn sync(&self) -> std::io::Result<()> {
        Ok(rustix::fs::syncfs(files::open_folder(&self.path)?)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }

    /// Back to `branch` at `base`, with nothing left over but ignored files.
    pub fn reset(&self, branch: &BranchName, base: &Sha) -> Result<(), GitError> {
        self.git(["symbolic-ref", "HEAD", &branch.full_ref()]).done()?;
        self.git(["reset", "--hard", "--quiet", base.as_str()]).done()?;
        self.git(["clean", "--quiet", "-ffd"]).done()
    }
}

/// A call in a clone that nobody but Conductor has written to yet.
fn own_call<'a>(worktree: &Worktree, args: impl IntoIterator<Item = &'a str>) -> Call {
    let mut call = Call::new(worktree.path(), args);
    call.stop = worktree.stop.clone();
    call.env("GIT_DIR", worktree.git_dir()).env("GIT_WORK_TREE", worktree.path())
}

fn by(mut call: Call, author: Option<&CommitAuthor>) -> Call {
    let Some(author) = author else { return call };
    for role in ["AUTHOR", "COMMITTER"] {
        call = call
            .env(&format!("GIT_{role}_NAME"), &author.name)
            .env(&format!("GIT_{role}_EMAIL"), &author.email);
    }
    call
}

fn failed(path: &Path, error: &std::io::Error) -> GitError {
    protocol("worktree", format!("{}: {error}", path.display()))
}
