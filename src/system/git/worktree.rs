//! Linked worktrees: registering, reading and removing them.
//!
//! Calls inside one name its administrative folder themselves: the `.git` file in the folder is the
//! agent's to change, and is not believed.

use super::{Call, CommitAuthor, GitError, GitErrorKind, Repository, protocol};
use crate::model::{BranchName, Sha};
use std::path::{Path, PathBuf};

/// A linked worktree of ours.
#[derive(Debug, Clone)]
pub struct Worktree {
    path: PathBuf,
    admin: PathBuf,
}

/// A worktree the repository knows of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registered {
    pub path: PathBuf,
    pub branch: Option<BranchName>,
    pub locked: bool,
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

impl Repository {
    /// Registers a worktree and checks `base` out in it, on a new branch (or, with `reset`, on one
    /// that is moved there). Only the registration is under the lock.
    pub fn add_worktree(
        &self,
        path: &Path,
        branch: &BranchName,
        base: &Sha,
        reset: bool,
    ) -> Result<Worktree, GitError> {
        {
            let _lock = self.lock()?;
            self.git(["worktree", "add", "--quiet", "--detach", "--no-checkout", "--"])
                .arg(path)
                .arg(base.as_str())
                .done()?;
        }
        let worktree = Worktree::at(path)?;
        let flag = if reset { "-B" } else { "-b" };
        let checkout = worktree.git([
            "checkout",
            "--quiet",
            "--force",
            "--no-track",
            flag,
            branch.as_str(),
            base.as_str(),
        ]);
        match checkout.done() {
            Ok(()) => Ok(worktree),
            Err(error) => {
                // Half a worktree would read as "every file removed".
                self.remove_worktree(&worktree)?;
                Err(error)
            }
        }
    }

    /// The worktrees the repository knows of, the main one first.
    pub fn worktrees(&self) -> Result<Vec<Registered>, GitError> {
        let text = self.git(["worktree", "list", "--porcelain", "-z"]).text()?;
        let mut worktrees: Vec<Registered> = Vec::new();
        for line in text.split('\0') {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match (key, worktrees.last_mut()) {
                ("worktree", _) => {
                    worktrees.push(Registered { path: PathBuf::from(value), ..Registered::default() })
                }
                ("branch", Some(last)) => {
                    last.branch = Some(BranchName::new(value.strip_prefix("refs/heads/").unwrap_or(value)));
                }
                ("locked", Some(last)) => last.locked = true,
                _ => {}
            }
        }
        Ok(worktrees)
    }

    /// Takes a worktree away: its folder and its administrative folder, which are all there is of
    /// it. Both are ours by now; git would ask a damaged one for more.
    pub fn remove_worktree(&self, worktree: &Worktree) -> Result<(), GitError> {
        let _lock = self.lock()?;
        let books = self.common_dir().join("worktrees");
        let admin = worktree.admin().canonicalize().unwrap_or_else(|_| worktree.admin().to_owned());
        if admin.parent() != books.canonicalize().ok().as_deref() && admin.parent() != Some(&books) {
            return Err(protocol("worktree", format!("{} is not one of this repository's", admin.display())));
        }
        for folder in [worktree.path(), &admin] {
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(protocol("worktree", format!("{}: {error}", folder.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a worktree whose folder is gone off the books, by its own path.
    pub fn forget_worktree(&self, path: &Path) -> Result<(), GitError> {
        let _lock = self.lock()?;
        self.git(["worktree", "remove", "--force", "--"]).arg(path).done()
    }

    /// Deletes local branches, all or none; those that are not there are as good as deleted.
    pub fn delete_branches(&self, branches: &[BranchName]) -> Result<(), GitError> {
        let lines: String = branches.iter().map(|branch| format!("delete {}\n", branch.full_ref())).collect();
        self.git(["update-ref", "--stdin"]).stdin(lines).done()
    }
}

impl Worktree {
    /// Reads where the worktree at `path` is administrated.
    pub fn at(path: &Path) -> Result<Self, GitError> {
        let file = path.join(".git");
        let text = std::fs::read_to_string(&file)
            .map_err(|error| protocol("worktree", format!("{}: {error}", file.display())))?;
        let admin = text
            .trim_end()
            .strip_prefix("gitdir: ")
            .ok_or_else(|| protocol("worktree", format!("{} is not a worktree's", file.display())))?;
        Ok(Self { path: path.to_owned(), admin: path.join(admin) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What this worktree's head is called from anywhere in the repository.
    pub fn head_name(&self) -> String {
        let id = self.admin.file_name().unwrap_or_default().to_string_lossy();
        format!("worktrees/{id}/HEAD")
    }

    /// The folder of this worktree's own HEAD and index.
    pub fn admin(&self) -> &Path {
        &self.admin
    }

    fn git<const N: usize>(&self, args: [&str; N]) -> Call {
        Call::new(&self.path, args).env("GIT_DIR", &self.admin).env("GIT_WORK_TREE", &self.path)
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
        if status.head.as_str().is_empty() {
            return Err(protocol("status", "it told no head"));
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
        // An agent that was ended in the middle of a git call leaves its lock; its tree is gone.
        let lock = self.admin.join("index.lock");
        if let Err(error) = std::fs::remove_file(&lock)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(protocol("add", format!("{}: {error}", lock.display())));
        }
        let but = but.iter().map(|path| format!(":(exclude,literal){path}\0"));
        self.git(["add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"])
            .stdin(std::iter::once(".\0".to_owned()).chain(but).collect::<String>())
            .done()?;
        let mut call = self
            .git(["commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "--file=-"])
            .stdin(message);
        if let Some(author) = author {
            for role in ["AUTHOR", "COMMITTER"] {
                call = call
                    .env(&format!("GIT_{role}_NAME"), &author.name)
                    .env(&format!("GIT_{role}_EMAIL"), &author.email);
            }
        }
        call.done()?;
        self.head()
    }

    pub fn head(&self) -> Result<Sha, GitError> {
        Ok(Sha::new(self.git(["rev-parse", "--verify", "HEAD^{commit}"]).text()?.trim()))
    }

    /// Back to `branch` at `base`, with nothing left over but ignored files.
    pub fn reset(&self, branch: &BranchName, base: &Sha) -> Result<(), GitError> {
        self.git(["checkout", "--quiet", "--force", "--no-track", "-B", branch.as_str(), base.as_str()])
            .done()?;
        self.git(["clean", "--quiet", "-ffd"]).done()
    }
}

impl GitError {
    /// Whether the program answered and said no, rather than being missing or late.
    pub fn is_refusal(&self) -> bool {
        self.kind == GitErrorKind::Failed
    }
}
