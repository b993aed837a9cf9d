//! One lock per repository, held over the few calls git itself does not serialise: fetching into
//! the same refs, and registering worktrees. Waiting for it ends: with the time that the holder's
//! own calls may take, and when the run is told to stop.

use super::call::REMOTE_TIMEOUT;
use super::error::{GitError, GitErrorKind};
use super::{GitStop, Repository};
use crate::files;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A holder's contact may take its whole time, and a moment more.
const PATIENCE: Duration = REMOTE_TIMEOUT.saturating_add(Duration::from_secs(20));
/// Between two looks at whether waiting must end.
const LOOK: Duration = Duration::from_millis(40);

/// Held until dropped.
#[derive(Debug)]
pub struct RepositoryLock {
    _file: File,
}

impl Repository {
    /// Waits for the lock. What dead processes left in Conductor's own refs is removed by the
    /// first holder.
    pub fn lock(&self) -> Result<RepositoryLock, GitError> {
        let path = self.own_folder().join("lock");
        let file = lock_file(&path, PATIENCE, self.stop())?;
        self.sweep_once();
        Ok(RepositoryLock { _file: file })
    }
}

/// Opens the file, which is made with its folder when it is not there, and locks it.
pub fn lock_file(path: &Path, patience: Duration, stop: &GitStop) -> Result<File, GitError> {
    let fails = |kind, detail: String| GitError { kind, what: "lock".to_owned(), detail };
    let io = |error: std::io::Error| fails(GitErrorKind::Failed, format!("{}: {error}", path.display()));
    let file = open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(io(error)),
    }
    let begun = Instant::now();
    let patience = stop.allowance(patience, false).unwrap_or_default();
    let waiting = wait_beside(file).map_err(io)?;
    loop {
        match waiting.recv_timeout(LOOK) {
            Ok(locked) => return locked.map_err(io),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(fails(GitErrorKind::Failed, format!("{}: waiting for it ended", path.display())));
            }
        }
        if stop.ends(begun, false) {
            return Err(fails(GitErrorKind::Stopped, String::new()));
        }
        if begun.elapsed() >= patience {
            let holder = holder(path).map_or_else(String::new, |pid| format!(" by process {pid}"));
            let detail = format!(
                "{} has been held{holder} for {}: end that process, then run again",
                path.display(),
                humantime::format_duration(patience)
            );
            return Err(fails(GitErrorKind::Failed, detail));
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let open = || files::append(path);
    open().or_else(|_| {
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        open()
    })
}

/// The kernel queues those who wait and wakes them in turn; it knows no time limit, so the wait has
/// a thread of its own. When nobody listens any more, the lock is let go as soon as it is had.
fn wait_beside(file: File) -> std::io::Result<mpsc::Receiver<std::io::Result<File>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
        let locked = loop {
            match file.lock() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                locked => break locked,
            }
        };
        let _unheard = sender.send(locked.map(|()| file));
    })?;
    Ok(receiver)
}

/// The process that holds the lock, where the system tells.
#[cfg(unix)]
fn holder(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = path.metadata().ok()?.ino().to_string();
    let locks = files::read_text(Path::new("/proc/locks"), files::SMALL).ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 08:02:131 0 EOF`; those who wait have `->` after the number.
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = fields.as_slice() else { return None };
        (place.rsplit(':').next() == Some(inode.as_str())).then(|| pid.parse().ok()).flatten()
    })
}

#[cfg(not(unix))]
fn holder(_: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_lock_a_stranger_holds_ends_the_wait_with_its_path_and_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conductor/lock");
        let held = lock_file(&path, LONG, &GitStop::default()).unwrap();
        let error = lock_file(&path, Duration::from_millis(50), &GitStop::default()).unwrap_err();
        assert_eq!(error.kind, GitErrorKind::Failed);
        assert!(error.detail.contains("conductor/lock has been held"), "{error}");
        let pid = std::process::id().to_string();
        assert!(!cfg!(target_os = "linux") || error.detail.contains(&pid), "{error}");
        drop(held);
        lock_file(&path, LONG, &GitStop::default()).unwrap();
    }

    #[test]
    fn a_stop_ends_the_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let stop = GitStop::default();
        let _held = lock_file(&path, LONG, &stop).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock_file(&path, LONG, &stop));
            std::thread::sleep(Duration::from_millis(20));
            stop.stop();
            assert_eq!(waiting.join().unwrap().unwrap_err().kind, GitErrorKind::Stopped);
        });
    }
}
