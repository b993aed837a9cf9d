//! Real repositories: a bare origin, checkouts of it, and what git says of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// git, deaf to this machine's configuration.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", "/nonexistent").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Ann").env(format!("GIT_{role}_EMAIL"), "ann@example.org");
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

pub fn try_git(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

/// What git prints, without the last newline.
#[track_caller]
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = try_git(folder, arguments);
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A bare repository in which nothing happens behind one's back.
pub fn bare(folder: &Path) {
    let parent = folder.parent().unwrap();
    git(parent, &["init", "-q", "--bare", "-b", "main", folder.to_str().unwrap()]);
}

/// A checkout of `origin` in which a person can work.
pub fn checkout(origin: &str, folder: &Path) {
    let parent = folder.parent().unwrap();
    git(parent, &["clone", "-q", origin, folder.to_str().unwrap()]);
    name_somebody(folder);
}

/// An identity in the checkout's own configuration.
pub fn name_somebody(folder: &Path) {
    git(folder, &["config", "user.name", "Ann"]);
    git(folder, &["config", "user.email", "ann@example.org"]);
}

/// A commit of these files on a branch of a bare repository, on top of what is there; its id.
pub fn commit(bare: &Path, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
    let name = format!("refs/heads/{branch}");
    let mut stream = format!(
        "commit {name}\ncommitter Ann <ann@example.org> 1700000000 +0000\ndata {}\n{message}\n",
        message.len()
    );
    if let Some(parent) = sha(bare, &name) {
        stream.push_str(&format!("from {parent}\n"));
    }
    for (path, text) in files {
        stream.push_str(&format!("M 100644 inline {path}\ndata {}\n{text}\n", text.len()));
    }
    let mut child =
        command(bare).args(["fast-import", "--quiet", "--force"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    sha(bare, &name).unwrap()
}

/// Where a name points, if it is there.
pub fn sha(folder: &Path, name: &str) -> Option<String> {
    let output = try_git(folder, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")]);
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Every ref of a repository.
pub fn refs(folder: &Path) -> BTreeMap<String, String> {
    let listed = git(folder, &["for-each-ref", "--format=%(refname) %(objectname)"]);
    listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

/// A file of a commit.
#[track_caller]
pub fn file_at(folder: &Path, name: &str, path: &str) -> String {
    git(folder, &["show", &format!("{name}:{path}")])
}

/// What of a checkout belongs to the person who works in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Belongings {
    files: BTreeMap<PathBuf, Vec<u8>>,
    head: String,
    index: Vec<u8>,
    stash: String,
    config: String,
    hooks: Vec<PathBuf>,
    refs: String,
    worktrees: String,
    /// Objects that are lost or that nothing leads to.
    fsck: String,
}

impl Belongings {
    pub fn of(checkout: &Path) -> Self {
        let inside = checkout.join(".git");
        let mut files = BTreeMap::new();
        collect(checkout, &mut files);
        let mut hooks: Vec<PathBuf> = std::fs::read_dir(inside.join("hooks"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_none_or(|extension| extension != "sample"))
            .collect();
        hooks.sort();
        Self {
            files,
            head: std::fs::read_to_string(inside.join("HEAD")).unwrap(),
            index: std::fs::read(inside.join("index")).unwrap_or_default(),
            stash: git(checkout, &["stash", "list"]),
            config: std::fs::read_to_string(inside.join("config")).unwrap(),
            hooks,
            refs: git(checkout, &["for-each-ref"]),
            worktrees: git(checkout, &["worktree", "list", "--porcelain"]),
            fsck: git(checkout, &["fsck", "--no-progress"]),
        }
    }

    /// What is no longer as it was, in few words.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        let mut differ =
            |what: &str, now: &dyn std::fmt::Debug, then: &dyn std::fmt::Debug, is_same: bool| {
                if !is_same {
                    changed.push(format!("{what}: {now:?} instead of {then:?}"));
                }
            };
        differ("files", &self.files.keys(), &before.files.keys(), self.files == before.files);
        differ("HEAD", &self.head, &before.head, self.head == before.head);
        differ("index", &self.index.len(), &before.index.len(), self.index == before.index);
        differ("stash", &self.stash, &before.stash, self.stash == before.stash);
        differ("config", &self.config, &before.config, self.config == before.config);
        differ("hooks", &self.hooks, &before.hooks, self.hooks == before.hooks);
        differ("refs", &self.refs, &before.refs, self.refs == before.refs);
        differ("worktrees", &self.worktrees, &before.worktrees, self.worktrees == before.worktrees);
        differ("fsck", &self.fsck, &before.fsck, self.fsck == before.fsck);
        changed
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            if path.file_name().is_none_or(|name| name != ".git") {
                collect(&path, files);
            }
        } else {
            let content = std::fs::read(&path).unwrap_or_default();
            files.insert(path, content);
        }
    }
}
