//! What dead processes leave in a repository: lock files that would stop every later call, and
//! calls of git that outlive the run that made them. A lock is removed when no process that could
//! have made it lives, or when it is older than any call may take.

use super::call::REMOTE_TIMEOUT;
use super::{GitError, Repository, protocol};
use crate::files;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// No call of ours holds a lock for longer.
const MAX_AGE: Duration = REMOTE_TIMEOUT.saturating_add(Duration::from_secs(60));
/// How long a lock is waited for whose maker may be alive: as long as git itself would wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks of files and processes differ by less.
const SKEW: Duration = Duration::from_secs(2);
pub(super) const PAUSE: Duration = Duration::from_millis(20);

impl Repository {
    /// Removes dead processes' locks on these refs. A name that ends with `/` stands for all refs
    /// below it.
    pub fn clear_ref_locks(&self, names: &[String]) -> Result<(), GitError> {
        for name in names {
            match name.strip_suffix('/') {
                Some(folder) => {
                    let mut locks = Vec::new();
                    collect_locks(&self.common_dir().join(folder), &mut locks);
                    locks.iter().try_for_each(|lock| self.clear_lock(lock))?;
                }
                None => self.clear_lock(&self.common_dir().join(format!("{name}.lock")))?,
            }
        }
        Ok(())
    }

    fn clear_lock(&self, lock: &Path) -> Result<(), GitError> {
        let mut waited = Duration::ZERO;
        while let Ok(found) = lock.symlink_metadata() {
            if !self.may_be_held(&found) {
                tracing::debug!("{}: removed, its process is dead", lock.display());
                return remove(lock);
            }
            if waited >= PATIENCE {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        Ok(())
    }

    /// Whether a living process of git could have made the lock: one in this repository that is
    /// not younger than it.
    fn may_be_held(&self, lock: &Metadata) -> bool {
        let Ok(made) = lock.modified() else { return true };
        if SystemTime::now().duration_since(made).is_ok_and(|age| age > MAX_AGE) {
            return false;
        }
        let Some(processes) = git_processes() else { return true };
        let mut places: Vec<PathBuf> =
            self.registrations().map(|worktree| worktree.path().to_owned()).collect();
        places.extend([self.common_dir().to_owned(), self.dir().canonicalize().unwrap_or_default()]);
        if self.common_dir().ends_with(".git") {
            places.extend(self.common_dir().parent().map(Path::to_owned));
        }
        processes.iter().any(|process| {
            let is_older = process.started.is_none_or(|started| started <= made + SKEW);
            is_older && places.iter().any(|place| process.is_at_work_in(place))
        })
    }
}

/// A living process of git.
pub(super) struct GitProcess {
    pub pid: u32,
    /// `None` when it cannot be told.
    started: Option<SystemTime>,
    cwd: PathBuf,
    arguments: Vec<u8>,
    environment: Vec<u8>,
}

impl GitProcess {
    fn is_at_work_in(&self, place: &Path) -> bool {
        let text = place.as_os_str().as_encoded_bytes();
        !text.is_empty()
            && (self.cwd.starts_with(place)
                || contains(&self.arguments, text)
                || self.variable("GIT_DIR").is_some_and(|dir| dir.starts_with(text)))
    }

    /// A call as this program makes it for a worktree: inside one, or the one that registers it.
    pub fn is_call_for(&self, path: &Path, admin: &Path) -> bool {
        let is = |name, value: &Path| self.variable(name) == Some(value.as_os_str().as_encoded_bytes());
        let mut arguments = self.arguments.split(|byte| *byte == 0);
        (is("GIT_DIR", admin) && is("GIT_WORK_TREE", path))
            || (arguments.any(|argument| argument == b"worktree")
                && arguments.any(|argument| argument == path.as_os_str().as_encoded_bytes()))
    }

    fn variable(&self, name: &str) -> Option<&[u8]> {
        let mut variables = self.environment.split(|byte| *byte == 0);
        variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }
}

/// The processes of git that this user may look at; `None` where there is no `/proc`.
pub(super) fn git_processes() -> Option<Vec<GitProcess>> {
    let entries = std::fs::read_dir("/proc").ok()?;
    let booted = booted_at()?;
    let found = entries.flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path();
        let stat = files::read_text(&folder.join("stat"), files::SMALL).ok()?;
        let (name, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let is_dead = matches!(fields.first(), Some(&"Z" | &"X"));
        if is_dead || !name.split_once('(')?.1.starts_with("git") {
            return None;
        }
        let ticks: Option<u64> = fields.get(19).and_then(|ticks| ticks.parse().ok());
        let started = ticks.map(|ticks| booted + Duration::from_millis(ticks.saturating_mul(1000) / TICKS));
        let cwd = std::fs::read_link(folder.join("cwd")).ok()?;
        let read = |file: &str| files::read(&folder.join(file), files::SMALL).unwrap_or_default();
        Some(GitProcess { pid, started, cwd, arguments: read("cmdline"), environment: read("environ") })
    });
    Some(found.collect())
}

/// The unit of times in `/proc`: the same on every Linux.
const TICKS: u64 = 100;

fn booted_at() -> Option<SystemTime> {
    let text = files::read_text(Path::new("/proc/stat"), files::SMALL).ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

pub(super) fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
        && path.symlink_metadata().is_ok_and(|found| !found.is_dir())
}

pub(super) fn collect_locks(folder: &Path, locks: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_locks(&path, locks);
        } else if is_lock(&path) {
            locks.push(path);
        }
    }
}

pub(super) fn remove(lock: &Path) -> Result<(), GitError> {
    match std::fs::remove_file(lock) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(protocol("lock", format!("{}: {error}; delete this file", lock.display())))
        }
        _ => Ok(()),
    }
}
