//! Workspaces over real repositories: what is whole, what is saved, what is gone on from.

use super::*;

use crate::system::git::RefPush;
use std::fs;
use std::process::Command;

mod leftover;
mod next;
mod operators;
mod saving;

const BRANCH: &str = "conductor/T-1";
const WIP: &str = "refs/conductor/wip/T-1";

/// An origin with two files, a checkout, and its workspaces.
struct World {
    folder: tempfile::TempDir,
    all: Workspaces,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]);
    let output = command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn workspaces(folder: &Path, checkout: &str) -> Workspaces {
    let repository = Repository::open(&folder.join(checkout)).unwrap();
    let url = format!("file://{}", folder.join("origin.git").display());
    let remote = Remote::new(&repository, "origin", url);
    Workspaces::new(repository, remote, "main", folder.join(format!("{checkout}-work")))
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        git(at, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(at, &["init", "-q", "-b", "main", "seed"]);
        fs::write(at.join("seed/app.txt"), "one\n").unwrap();
        fs::write(at.join("seed/README.md"), "# A project\n").unwrap();
        git(&at.join("seed"), &["add", "-A"]);
        git(&at.join("seed"), &["commit", "-qm", "Begin"]);
        git(&at.join("seed"), &["push", "-q", "../origin.git", "main"]);
        git(at, &["clone", "-q", "origin.git", "clone"]);
        let all = workspaces(at, "clone");
        Self { folder, all }
    }

    /// Another machine: a clone of its own, with this much history.
    fn elsewhere(&self, name: &str, depth: &str) -> Workspaces {
        let url = format!("file://{}", self.origin().display());
        git(self.folder.path(), &["clone", "-q", depth, &url, name]);
        workspaces(self.folder.path(), name)
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    fn checkout(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    fn create(&self, start: Option<&Sha>) -> Workspace {
        create(&self.all, start)
    }

    fn local(&self, name: &str) -> Option<Sha> {
        self.all.local(name).unwrap()
    }

    /// The checkout's refs of that kind, without the prefix.
    fn refs(&self, prefix: &str) -> Vec<Sha> {
        self.all.repository.refs(&format!("refs/conductor/{prefix}")).unwrap().into_values().collect()
    }

    /// What the base becomes when somebody else's change is merged.
    fn move_base(&self) {
        let seed = self.folder.path().join("seed");
        fs::write(seed.join("other.txt"), "theirs\n").unwrap();
        git(&seed, &["add", "-A"]);
        git(&seed, &["commit", "-qm", "Theirs"]);
        git(&seed, &["push", "-q", "../origin.git", "main"]);
    }

    fn admin(&self) -> PathBuf {
        self.checkout().join(".git/conductor/workspaces/T-1")
    }

    /// The text files of the one folder that was put aside.
    fn put_aside(&self) -> Vec<String> {
        let list = |folder: &Path| -> Vec<String> {
            let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect()
        };
        let root = self.place().parent().unwrap().to_owned();
        let aside = list(&root).into_iter().filter(|name| name.starts_with(".damaged-T-1"));
        let aside: Vec<String> = aside.collect();
        assert_eq!(aside.len(), 1);
        let mut files = list(&root.join(&aside[0]));
        files.retain(|name| name.ends_with(".txt"));
        files.sort();
        files
    }

    fn place(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("clone-work/T-1")
    }
}

fn create(all: &Workspaces, start: Option<&Sha>) -> Workspace {
    all.create("T-1", &BranchName::new(BRANCH), &all.base().unwrap(), start).unwrap()
}

fn write(workspace: &Workspace, path: &str, text: &str) {
    fs::write(workspace.path().join(path), text).unwrap();
}

fn commit(workspace: &Workspace, path: &str) -> Sha {
    write(workspace, path, path);
    git(workspace.path(), &["add", path]);
    git(workspace.path(), &["commit", "-qm", &format!("Add {path}")]);
    Sha::new(git(workspace.path(), &["rev-parse", "HEAD"]))
}

/// The paths that differ between the base and a commit.
fn changes(all: &Workspaces, head: &Sha) -> Vec<String> {
    let files = all.repository.diff(&all.base().unwrap(), head.as_str()).unwrap();
    files.into_iter().map(|file| format!("{}{}", file.kind, file.path)).collect()
}

fn is_clean_start(workspace: &Workspace) {
    assert_eq!(git(workspace.path(), &["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(workspace.path().join("app.txt")).unwrap(), "one\n");
    assert!(workspace.continued().is_empty());
}
