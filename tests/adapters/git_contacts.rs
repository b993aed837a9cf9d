//! Contacts with a real remote that refuses, hangs or is gone, and the locks that dead processes
//! leave.

use crate::support::repo;
use conductor::model::{BranchName, Sha};
use conductor::system::git::{FetchSpec, GitErrorKind, RefPush, RefResult, Remote, Repository};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A bare origin with a first commit, and a checkout of it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let origin = folder.path().join("origin.git");
        repo::bare(&origin);
        repo::commit(&origin, "main", "Begin", &[("README.md", "# A project\n")]);
        repo::checkout("origin.git", &folder.path().join("clone"));
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn origin(&self) -> PathBuf {
        self.path().join("origin.git")
    }

    pub fn checkout(&self) -> PathBuf {
        self.path().join("clone")
    }

    pub fn repository(&self) -> Repository {
        Repository::open(&self.checkout()).unwrap()
    }

    /// A hook of the origin, which can be called by the lines of a shell script.
    pub fn hook(&self, name: &str, lines: &str) {
        let path = self.origin().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        script(&path, lines);
    }

    /// An SSH program of the user's; nothing is reached by it.
    fn ssh(&self, name: &str, lines: &str) -> (Repository, Remote) {
        let path = self.path().join(name);
        script(&path, lines);
        repo::git(&self.checkout(), &["config", "core.sshCommand", path.to_str().unwrap()]);
        let url = "ssh://git@example.invalid/x.git";
        repo::git(&self.checkout(), &["remote", "set-url", "origin", url]);
        let repository = self.repository();
        let remote = Remote::new(&repository, "origin", url.to_owned());
        (repository, remote)
    }
}

pub fn script(path: &Path, lines: &str) {
    fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn remote(repository: &Repository) -> Remote {
    Remote::new(repository, "origin", "origin.git".to_owned())
}

fn main_branch() -> [FetchSpec; 1] {
    [FetchSpec::Branch(BranchName::new("main"))]
}

fn new_branch(place: &Place, name: &str) -> RefPush {
    let head = repo::sha(&place.checkout(), "HEAD").map(Sha::new);
    RefPush { name: format!("refs/heads/{name}"), to: head, expect: None }
}

fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn a_refused_push_tells_every_line_of_the_host() {
    let place = Place::new();
    place.hook(
        "pre-receive",
        "printf 'error: GH006: Protected branch update failed.\\n\\033[31merror: 2 of 2 checks are expected.\\033[0m\\n\\n' >&2\n\
         echo 'Ask the owners of the branch.' >&2; exit 1",
    );
    let repository = place.repository();
    let results = remote(&repository).push(&[new_branch(&place, "conductor/T-1")], false).unwrap();
    let [RefResult::Refused(words)] = results.as_slice() else { panic!("{results:?}") };
    assert!(words.summary.starts_with("[remote rejected]"), "{words:?}");
    assert_eq!(
        words.remote,
        [
            "error: GH006: Protected branch update failed.",
            "error: 2 of 2 checks are expected.",
            "Ask the owners of the branch."
        ]
    );
}

#[test]
fn a_contact_that_fails_as_a_whole_carries_the_words_and_the_next_step() {
    let place = Place::new();
    fs::rename(place.origin(), place.path().join("moved.git")).unwrap();
    let repository = place.repository();
    let errors = [
        remote(&repository).fetch(&main_branch()).unwrap_err(),
        remote(&repository).push(&[new_branch(&place, "x")], false).unwrap_err(),
        remote(&repository).branches().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, GitErrorKind::Unreachable, "{error}");
        assert!(error.detail.contains("origin.git"), "{error}");
        assert!(error.detail.contains("next: `git ls-remote origin`"), "{error}");
    }
}

#[test]
fn ssh_never_asks_and_fails_at_once_with_what_to_do() {
    let place = Place::new();
    let told = place.path().join("told");
    let (_, remote) = place.ssh(
        "ssh",
        &format!("echo \"$@\" > '{}'\necho 'Host key verification failed.' >&2; exit 255", told.display()),
    );
    let error = remote.fetch(&main_branch()).unwrap_err();
    assert_eq!(error.kind, GitErrorKind::Unreachable);
    for part in ["Host key verification failed.", "known_hosts", "BatchMode=yes"] {
        assert!(error.detail.contains(part), "{part}: {error}");
    }
    assert!(fs::read_to_string(told).unwrap().contains("BatchMode=yes"));
}

#[test]
fn a_stop_ends_a_hanging_contact_with_its_children_and_hurries_later_ones() {
    let place = Place::new();
    let pids = place.path().join("pids");
    let (repository, remote) =
        place.ssh("hangs", &format!("trap '' TERM\necho $$ >> '{}'\nsleep 300", pids.display()));
    let hanging = || remote.fetch(&main_branch()).unwrap_err();
    std::thread::scope(|scope| {
        let first = scope.spawn(hanging);
        while fs::read_to_string(&pids).unwrap_or_default().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let begun = Instant::now();
        repository.stop().stop();
        assert_eq!(first.join().unwrap().kind, GitErrorKind::Stopped);
        let (second, third, fourth) = (hanging(), hanging(), hanging());
        assert_eq!(
            [second.kind, third.kind, fourth.kind].map(|kind| kind == GitErrorKind::Stopped),
            [false, false, true]
        );
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    });
    for pid in fs::read_to_string(&pids).unwrap().lines() {
        let begun = Instant::now();
        while is_alive(pid) {
            assert!(begun.elapsed() < Duration::from_secs(10), "{pid} lives on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_contact_has_a_limit_without_any_signal() {
    let place = Place::new();
    let (repository, _) = place.ssh("hangs", "sleep 300");
    let repository = repository.with_contact_limit(Duration::from_millis(300));
    let begun = Instant::now();
    let error =
        Remote::new(&repository, "origin", "ssh://x@y/z".to_owned()).fetch(&main_branch()).unwrap_err();
    assert_eq!(error.kind, GitErrorKind::TimedOut);
    assert!(error.to_string().contains("gave no answer within 300ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// A lock file that is that old.
fn lock(path: &Path, age: Duration) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn locks_of_dead_processes_are_removed_and_those_of_the_living_stay() {
    let place = Place::new();
    let git = place.checkout().join(".git");
    let old = Duration::from_secs(3600);
    let stale = ["refs/conductor/remote/origin/main.lock", "refs/conductor/wip/T-1.lock", "packed-refs.lock"];
    stale.iter().for_each(|name| lock(&git.join(name), old));
    let others = ["refs/heads/main.lock", "HEAD.lock", "index.lock"];
    others.iter().for_each(|name| lock(&git.join(name), old));
    let young = git.join("refs/conductor/wip/T-2.lock");
    lock(&young, Duration::ZERO);
    let repository = place.repository();
    let begun = Instant::now();
    remote(&repository).fetch(&main_branch()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "it waited for the dead");
    for name in stale {
        assert!(!git.join(name).exists(), "{name}");
    }
    for path in others.iter().map(|name| git.join(name)).chain([young]) {
        assert!(path.exists(), "{}", path.display());
    }
}

#[test]
fn a_lock_on_the_whole_repository_stays_while_a_call_may_hold_it() {
    let place = Place::new();
    let packed = place.checkout().join(".git/packed-refs.lock");
    lock(&packed, Duration::from_secs(300));
    assert!(place.repository().remove_stale_locks().is_empty());
    assert!(packed.exists());
}

#[test]
fn what_fails_on_a_lock_that_was_left_meanwhile_is_tried_again() {
    let place = Place::new();
    let repository = place.repository();
    let head = repo::sha(&place.checkout(), "HEAD").map(Sha::new);
    repository.update_ref("refs/conductor/wip/T-1", head.as_ref()).unwrap();
    let path = place.checkout().join(".git/refs/conductor/wip/T-1.lock");
    lock(&path, Duration::from_secs(30));
    repository.update_ref("refs/conductor/wip/T-1", None).unwrap();
    assert!(!path.exists());
    assert_eq!(repo::sha(&place.checkout(), "refs/conductor/wip/T-1"), None);
}
