//! Submodules of a clone: filled from those the checkout has, without the remote, as repositories that
//! borrow the checkout's objects. One that the checkout does not have stays an empty folder.
//!
//! What an agent commits in one stays behind: a change that points to it could not be checked out by
//! anybody. Submodules within submodules are not filled.

use super::{Call, GitError, Repository, Worktree, protocol, trash};
use crate::files;
use crate::model::Sha;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// A submodule of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Submodule {
    name: String,
    path: String,
    commit: Sha,
}

impl Repository {
    /// Fills the submodules of a commit whose files are there. Nobody may be at work in the clone.
    pub fn fill_submodules(&self, clone: &Worktree, commit: &Sha) -> Result<(), GitError> {
        let all = self.modules();
        if !all.is_dir() {
            return Ok(());
        }
        for submodule in self.submodules(commit)? {
            let Some(lender) = lender(&all, &submodule.name) else { continue };
            if let Err(error) = self.fill_submodule(clone, &submodule, &lender) {
                tracing::warn!("submodule {}: stays empty: {error}", submodule.path);
                let left = clone.path().join(&submodule.path).join(".git");
                trash::delete(&left).map_err(|error| failed(&left, &error))?;
            }
        }
        Ok(())
    }

    /// Those of the moved submodules, as path and commit, whose commit the checkout does not know from a
    /// remote. What the checkout does not have at all is not told.
    pub fn stray_submodules(&self, head: &Sha, moved: &[(&str, &Sha)]) -> Result<Vec<String>, GitError> {
        let all = self.modules();
        if moved.is_empty() || !all.is_dir() {
            return Ok(Vec::new());
        }
        let known = self.submodules(head)?;
        let is_stray = |path: &str, commit: &Sha| {
            let name = &known.iter().find(|submodule| submodule.path == path)?.name;
            let module = lender(&all, name)?;
            let args =
                ["for-each-ref", "--count=1", "--contains", commit.as_str(), "refs/remotes", "refs/tags"];
            let told = Call::new(&module, args).env("GIT_DIR", &module).output().ok()?;
            (!told.success || told.stdout.is_empty()).then(|| format!("{path} ({})", commit.short()))
        };
        Ok(moved.iter().filter_map(|(path, commit)| is_stray(path, commit)).collect())
    }

    /// Where the checkout keeps the repositories of its submodules.
    fn modules(&self) -> PathBuf {
        let own = self.own_folder();
        own.parent().unwrap_or(&own).join("modules")
    }

    fn submodules(&self, commit: &Sha) -> Result<Vec<Submodule>, GitError> {
        let blob = format!("--blob={commit}:.gitmodules");
        let told = self.git(["config", &blob, "-z", "--get-regexp", r"^submodule\..*\.path$"]).output()?;
        if !told.success {
            return Ok(Vec::new());
        }
        let tree = self.git(["ls-tree", "-r", "-z", commit.as_str()]).text()?;
        let commit_at = |path: &str| {
            tree.split('\0').find_map(|line| {
                let (kind, found) = line.strip_prefix("160000 commit ")?.split_once('\t')?;
                (found == path).then(|| Sha::new(kind))
            })
        };
        let text = told.text();
        let submodule = |entry: &str| {
            let (key, path) = entry.split_once('\n')?;
            let name = key.strip_prefix("submodule.")?.strip_suffix(".path")?.to_owned();
            Some(Submodule { name, commit: commit_at(path)?, path: path.to_owned() })
        };
        Ok(text.split('\0').filter_map(submodule).collect())
    }

    fn fill_submodule(&self, clone: &Worktree, submodule: &Submodule, lender: &Path) -> Result<(), GitError> {
        let git = clone.git_dir().join("modules").join(&submodule.name);
        let files = clone.path().join(&submodule.path);
        make(&git, &files, &submodule.commit, lender).map_err(|error| failed(&files, &error))?;
        let call = Call::new(&files, ["reset", "--hard", "--quiet"]);
        call.env("GIT_DIR", &git).env("GIT_WORK_TREE", &files).done()
    }
}

/// The repository of that name among the checkout's; a name that leads elsewhere has none.
fn lender(all: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let path = all.join(name);
    (is_plain && !name.is_empty() && path.join("HEAD").is_file()).then_some(path)
}

fn make(git: &Path, folder: &Path, commit: &Sha, lender: &Path) -> io::Result<()> {
    trash::delete(git)?;
    trash::delete(folder)?;
    fs::create_dir(folder)?;
    for below in ["objects/info", "objects/pack", "refs/heads", "info"] {
        fs::create_dir_all(git.join(below))?;
    }
    let objects = lender.join("objects");
    let mut alternates = format!("{}\n", objects.display());
    for line in optional(&objects.join("info/alternates"))?.lines().filter(|line| !line.is_empty()) {
        alternates.push_str(&format!("{}\n", objects.join(line).display()));
    }
    files::write_new(&git.join("objects/info/alternates"), alternates)?;
    let shallow = optional(&lender.join("shallow"))?;
    if !shallow.is_empty() {
        files::write_new(&git.join("shallow"), shallow)?;
    }
    let format = match commit.as_str().len() {
        64 => "1\n[extensions]\n\tobjectformat = sha256",
        _ => "0",
    };
    files::write_new(
        &git.join("config"),
        format!(
            "[core]\n\tbare = false\n\tworktree = \"{}\"\n\trepositoryformatversion = {format}\n",
            quoted(folder)
        ),
    )?;
    files::write_new(&git.join("HEAD"), format!("{commit}\n"))?;
    files::write_new(&folder.join(".git"), format!("gitdir: {}\n", git.display()))
}

/// As git's configuration has a value between quotes.
fn quoted(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"")
}

fn optional(path: &Path) -> io::Result<String> {
    match files::read_linked_text(path, files::LARGE) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

fn failed(path: &Path, error: &io::Error) -> GitError {
    protocol("submodule", format!("{}: {error}", path.display()))
}
