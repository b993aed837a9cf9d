//! What dead processes left in a worktree: their locks, and calls of git that outlived their run.

use super::super::GitError;
use super::super::stale::{GitProcess, PAUSE, collect_locks, git_processes, is_lock, remove};
use super::Worktree;
use std::time::Duration;

/// How long an ended process may take to be gone.
const END: Duration = Duration::from_secs(5);

impl Worktree {
    /// Removes every lock in its folder of git. Only for a worktree in which nobody is at
    /// work: an agent that was ended in the middle of a git call leaves its lock, and its
    /// processes are gone by then.
    pub fn clear_locks(&self) -> Result<(), GitError> {
        let mut locks = Vec::new();
        for entry in std::fs::read_dir(self.git_dir()).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_lock(&path) {
                locks.push(path);
            }
        }
        collect_locks(&self.git_dir().join("refs"), &mut locks);
        locks.iter().try_for_each(|lock| remove(lock))
    }

    /// Ends the calls of git that a dead run started here: they would go on writing. Only for a
    /// worktree whose run is known to be dead.
    #[cfg(target_os = "linux")]
    pub fn end_orphans(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        let own = |process: &GitProcess| process.is_call_for(self.path(), &self.git_dir());
        let orphans: Vec<GitProcess> = git_processes().unwrap_or_default().into_iter().filter(own).collect();
        for orphan in &orphans {
            if let Some(pid) = i32::try_from(orphan.pid).ok().and_then(Pid::from_raw) {
                // Gone already is as good.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let is_alive = |orphan: &GitProcess| crate::system::host::process_started(orphan.pid).is_some();
        let mut waited = Duration::ZERO;
        while waited < END && orphans.iter().any(is_alive) {
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn end_orphans(&self) {}
}
