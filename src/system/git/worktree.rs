//! Linked worktrees: registering, reading and removing them.
//!
//! Calls inside one name its administrative folder themselves: the `.git` file in the folder is the
//! agent's to change, and is not believed.

mod orphans;
mod unfinished;

use super::refs::durable;
use super::{Call, CommitAuthor, GitError, Repository, protocol, trash};
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
    /// Registers a worktree on a new branch at `base` (or, with `reset`, on one that is moved
    /// there) and writes its files. Only the registration is under the lock: what comes after it
    /// reads no other worktree's registration, which a killed run may have left half written.
    pub fn add_worktree(
        &self,
        path: &Path,
        branch: &BranchName,
        base: &Sha,
        reset: bool,
    ) -> Result<Worktree, GitError> {
        {
            let _lock = self.lock()?;
            self.drop_half_registrations(path.parent().unwrap_or(path))?;
            let flag = if reset { "-B" } else { "-b" };
            self.git(["worktree", "add", "--quiet", "--no-checkout", "--no-track", flag])
                .arg(branch.as_str())
                .arg("--")
                .arg(path)
                .arg(base.as_str())
                .done()?;
        }
        let worktree = Worktree::at(path)?;
        match worktree.git(["reset", "--hard", "--quiet"]).done() {
            Ok(()) => Ok(worktree),
            Err(error) => {
                // Half a worktree would read as "every file removed".
                self.remove_worktree(&worktree)?;
                Err(error)
            }
        }
    }

    /// Deletes the registrations of worktrees in `root` that do not say whose they are: `git
    /// worktree add` was killed in the middle, and git refuses to list worktrees while they are
    /// there. The caller holds the lock, so none of them is being made.
    fn drop_half_registrations(&self, root: &Path) -> Result<(), GitError> {
        for worktree in self.registrations().filter(|worktree| worktree.path.starts_with(root)) {
            let common = worktree.admin.join("commondir");
            if common.symlink_metadata().map_or(0, |file| file.len()) == 0 {
                trash::delete(&worktree.admin).map_err(|error| failed(&worktree.admin, &error))?;
            }
        }
        Ok(())
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
                _ => {}
            }
        }
        Ok(worktrees)
    }

    /// The worktree that the repository has registered for `path`, whether or not its folder is
    /// there. Costs no call of git and does not read the folder.
    pub fn registered_at(&self, path: &Path) -> Option<Worktree> {
        let mut all = self.registrations();
        all.find(|worktree| worktree.path == path)
    }

    /// Every linked worktree with a legible registration.
    pub fn registrations(&self) -> impl Iterator<Item = Worktree> {
        let entries = std::fs::read_dir(self.common_dir().join("worktrees"));
        entries.into_iter().flatten().flatten().filter_map(|entry| {
            let admin = entry.path();
            let text = std::fs::read_to_string(admin.join("gitdir")).ok().filter(|text| !text.is_empty())?;
            // Newer versions of git may write it relative to the administrative folder.
            let link = admin.join(text.trim_end());
            let path = link.parent()?;
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            Some(Worktree { path, admin })
        })
    }

    /// Deletes the administrative folders that a `git worktree add` left when it was killed before
    /// it wrote whose they are: git keeps them for ever, as they are locked.
    pub fn remove_unfinished_registrations(&self, name: &str) -> Result<(), GitError> {
        let _lock = self.lock()?;
        let entries = std::fs::read_dir(self.common_dir().join("worktrees"));
        for entry in entries.into_iter().flatten().flatten() {
            let file = entry.file_name();
            let rest = file.to_str().and_then(|file| file.strip_prefix(name));
            let is_named = rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
            let size = |part: &str| entry.path().join(part).symlink_metadata().map_or(0, |file| file.len());
            if is_named && size("gitdir") == 0 && size("HEAD") == 0 {
                trash::delete(&entry.path()).map_err(|error| failed(&entry.path(), &error))?;
            }
        }
        Ok(())
    }

    /// Removes a worktree: its folder is renamed aside first, so that its place is free at once
    /// and never holds half of it, then both it and the administrative folder are deleted.
    pub fn remove_worktree(&self, worktree: &Worktree) -> Result<(), GitError> {
        let aside = trash::place_for(worktree.path());
        self.unregister(worktree, &aside)?;
        trash::delete(&aside).map_err(|error| failed(&aside, &error))
    }

    /// Moves a worktree's folder to `aside` and deletes its registration.
    pub fn unregister(&self, worktree: &Worktree, aside: &Path) -> Result<(), GitError> {
        let _lock = self.lock()?;
        let all = self.common_dir().join("worktrees");
        let admin = worktree.admin().canonicalize().unwrap_or_else(|_| worktree.admin().to_owned());
        if admin.parent() != all.canonicalize().ok().as_deref() && admin.parent() != Some(&all) {
            return Err(protocol("worktree", format!("{} is not one of this repository's", admin.display())));
        }
        match std::fs::rename(worktree.path(), aside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(worktree.path(), &error));
            }
            _ => {}
        }
        trash::delete(&admin).map_err(|error| failed(&admin, &error))
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

    /// The repository has this worktree locked: with the reason in the lock's file.
    pub fn lock_reason(&self) -> Option<String> {
        let text = std::fs::read(self.admin.join("locked")).ok()?;
        Some(String::from_utf8_lossy(&text).trim().to_owned())
    }

    pub(super) fn git<const N: usize>(&self, args: [&str; N]) -> Call {
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

    /// Stages everything that is not ignored, but for those paths.
    pub fn stage_all(&self, but: &[String]) -> Result<(), GitError> {
        self.clear_locks()?;
        self.add_all(but).done()
    }

    fn add_all(&self, but: &[String]) -> Call {
        let but = but.iter().map(|path| format!(":(exclude,literal){path}\0"));
        self.git(["add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"])
            .stdin(std::iter::once(".\0".to_owned()).chain(but).collect::<String>())
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
        let index = self.admin.join("conductor-index");
        let copied = std::fs::copy(self.admin.join("index"), &index);
        if let Err(error) = copied
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(failed(&index, &error));
        }
        let own = |call: Call| durable(call.env("GIT_INDEX_FILE", &index));
        let tree = own(self.add_all(but)).done().and_then(|()| own(self.git(["write-tree"])).text());
        // The next one is copied over it where this fails.
        let _ = std::fs::remove_file(&index);
        Ok(Sha::new(tree?.trim()))
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
        Ok(rustix::fs::syncfs(std::fs::File::open(&self.path)?)?)
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
