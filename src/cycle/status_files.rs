//! What a run leaves on disk for people: the `status.json` of the run while it lives, and one per
//! ticket, which stays. Owns the run's folder and the removal of old ones. The workers only say what
//! changed; the main thread writes it, so often and no oftener. Nothing here stops the work: trouble
//! with the disk is told once.

use super::world::{Settings, World};
use crate::model::live::{LiveIssue, LiveRun};
use crate::model::state::RateLimit;
use crate::model::{Issue, Outcome, Phase, Usage, safe_key};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Runs whose folders are kept.
const KEPT_RUNS: usize = 50;
pub(super) const STATUS: &str = "status.json";
/// Between two writings of what goes on.
const EVERY: Duration = Duration::from_secs(1);

pub(super) struct StatusFiles<'c> {
    world: &'c World,
    settings: &'c Settings,
    /// `None` until there is work.
    board: Mutex<Option<Board>>,
    /// Held while files are written, so that no older word replaces a newer one.
    writing: Mutex<()>,
    has_failed: AtomicBool,
}

/// What is known at this moment.
struct Board {
    live: LiveRun,
    running: BTreeMap<String, Running>,
    /// Of the attempts that ended.
    spent: Usage,
    /// When the disk was brought up to date last; the clock's monotonic time.
    written: Duration,
}

/// A ticket at work.
struct Running {
    status: LiveIssue,
    /// Of the attempt that goes on.
    spending: Usage,
    /// The disk does not have the last word.
    is_behind: bool,
}

impl<'c> StatusFiles<'c> {
    pub fn new(world: &'c World, settings: &'c Settings) -> Self {
        Self {
            world,
            settings,
            board: Mutex::default(),
            writing: Mutex::default(),
            has_failed: AtomicBool::new(false),
        }
    }

    /// The work begins: makes the run's folder, removes old ones.
    pub fn open(&self, queued: usize, at_once: usize, rate_limit: RateLimit, live: &BTreeSet<String>) {
        let now = self.world.clock.now();
        let identity = &self.settings.identity;
        let status = LiveRun {
            run_id: identity.run_id.clone(),
            pid: identity.pid,
            pid_started: identity.pid_started.clone(),
            started_at: now,
            updated_at: now,
            running: Vec::new(),
            queued,
            completed: 0,
            failed: 0,
            total_attempts: 0,
            max_concurrent: at_once,
            stopping: false,
            rate_limit,
            usage: Usage::default(),
        };
        self.try_to(|| {
            std::fs::create_dir_all(&self.settings.run_dir)?;
            prune(self.settings.run_dir.parent().unwrap_or(&self.settings.run_dir), live)
        });
        let board = Board {
            live: status,
            running: BTreeMap::new(),
            spent: Usage::default(),
            written: Duration::ZERO,
        };
        *self.board() = Some(board);
        self.write();
    }

    /// A ticket's turn has come.
    pub fn begin(&self, issue: &Issue, attempt: u32) {
        let now = self.world.clock.now();
        let identity = &self.settings.identity;
        let status = LiveIssue {
            issue: issue.identifier.clone(),
            pid: None,
            started: now,
            last_update: now,
            phase: Phase::Reading,
            files_modified: 0,
            tool_calls: 0,
            tokens_used: 0,
            workspace_path: None,
            attempt,
            outcome: None,
            run_id: identity.run_id.clone(),
            run_pid: identity.pid,
            run_pid_started: identity.pid_started.clone(),
        };
        let dir = self.settings.run_dir.join(safe_key(&issue.identifier));
        // At once: who follows the log asks it whether the ticket is worked on.
        self.try_to(|| {
            std::fs::create_dir_all(&dir)?;
            replace(&dir.join(STATUS), &status)
        });
        if let Some(board) = self.board().as_mut() {
            board.live.queued = board.live.queued.saturating_sub(1);
            let running = Running { status, spending: Usage::default(), is_behind: true };
            board.running.insert(issue.identifier.clone(), running);
        }
    }

    pub fn entered(&self, issue: &Issue, workspace: &Path) {
        self.amend(&issue.identifier, |Running { status, .. }, _| {
            status.workspace_path = Some(workspace.to_string_lossy().into_owned());
        });
        // At once: should this run be lost, it proves whose work is in there.
        self.write();
    }

    /// An agent runs.
    pub fn attempt(&self, issue: &str, number: u32, pid: Option<u32>) {
        self.amend(issue, |Running { status, .. }, board| {
            (status.attempt, status.pid, status.phase) = (number, pid, Phase::Reading);
            (status.tool_calls, status.files_modified, status.tokens_used) = (0, 0, 0);
            board.live.total_attempts += 1;
        });
    }

    /// Where the agent is; `usage` is that of its attempt so far.
    pub fn working(&self, issue: &str, phase: Phase, tool_calls: u64, files: u64, usage: Usage) {
        self.amend(issue, |Running { status, spending, .. }, _| {
            *spending = usage;
            (status.phase, status.tool_calls, status.files_modified) = (phase, tool_calls, files);
            status.tokens_used = usage.total_tokens();
        });
    }

    /// The agent is gone.
    pub fn agent_ended(&self, issue: &str) {
        self.amend(issue, |Running { status, spending, .. }, board| {
            board.spent = board.spent.plus(&std::mem::take(spending));
            status.pid = None;
        });
    }

    /// The ticket is done with in this run.
    pub fn end(&self, issue: &Issue, outcome: Outcome) {
        self.amend(&issue.identifier, |Running { status, .. }, board| {
            status.outcome = Some(outcome);
            match outcome.is_failure() {
                true => board.live.failed += 1,
                false => board.live.completed += 1,
            }
        });
        self.write();
        if let Some(board) = self.board().as_mut() {
            board.running.remove(&issue.identifier);
        }
    }

    /// Brings the disk up to date, when the last time is long enough ago.
    pub fn catch_up(&self) {
        let now = self.world.clock.monotonic();
        let is_due = |board: &Board| now.saturating_sub(board.written) >= EVERY;
        if self.board().as_ref().is_some_and(is_due) {
            self.write();
        }
    }

    /// The run was told to end.
    pub fn stopping(&self) {
        let first = |board: &mut Board| !std::mem::replace(&mut board.live.stopping, true);
        if self.board().as_mut().is_some_and(first) {
            self.write();
        }
    }

    /// Runs what needs the disk; the first trouble is told.
    pub fn try_to(&self, write: impl FnOnce() -> io::Result<()>) {
        if let Err(error) = write()
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            let dir = self.settings.run_dir.display();
            tracing::warn!("the run's records in {dir} could not be written: {error}");
        }
    }

    fn amend(&self, issue: &str, change: impl FnOnce(&mut Running, &mut Board)) {
        let mut board = self.board();
        let Some(board) = board.as_mut() else { return };
        let Some((issue, mut running)) = board.running.remove_entry(issue) else { return };
        change(&mut running, board);
        running.status.last_update = self.world.clock.now();
        running.is_behind = true;
        board.running.insert(issue, running);
    }

    /// Writes the run's status, and those of the tickets that changed.
    fn write(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (live, changed) = {
            let mut board = self.board();
            let Some(board) = board.as_mut() else { return };
            board.written = self.world.clock.monotonic();
            board.live.updated_at = self.world.clock.now();
            let running = &mut board.running;
            board.live.running = running.values().map(|one| one.status.clone()).collect();
            board.live.usage = running.values().fold(board.spent, |sum, one| sum.plus(&one.spending));
            let changed: Vec<LiveIssue> = running
                .values_mut()
                .filter_map(|one| std::mem::take(&mut one.is_behind).then(|| one.status.clone()))
                .collect();
            (board.live.clone(), changed)
        };
        for status in &changed {
            self.try_to(|| {
                replace(&self.settings.run_dir.join(safe_key(&status.issue)).join(STATUS), status)
            });
        }
        self.try_to(|| replace(&self.live_file(), &live));
    }

    fn live_file(&self) -> PathBuf {
        self.world.workspaces.files().join(STATUS)
    }

    fn board(&self) -> MutexGuard<'_, Option<Board>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StatusFiles<'_> {
    /// The run is over: its live status goes, unless another run of this repository has taken its
    /// place meanwhile.
    fn drop(&mut self) {
        let own = self.settings.identity.run_id.clone();
        if self.board().take().is_none() {
            return;
        }
        let file = self.live_file();
        let live = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice::<LiveRun>(&text).ok());
        if live.is_some_and(|live| live.run_id == own) {
            self.try_to(|| std::fs::remove_file(&file));
        }
    }
}

/// Readers see the old document or the new one, never half of it.
fn replace(path: &Path, document: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".status-").tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(document)?)?;
    file.persist(path)?;
    Ok(())
}

/// Keeps the newest runs, and those that still hold a claim: a run's id begins with its time.
fn prune(runs: &Path, live: &BTreeSet<String>) -> io::Result<()> {
    let mut names: Vec<String> = std::fs::read_dir(runs)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !live.contains(name))
        .collect();
    names.sort_unstable();
    let surplus = names.len().saturating_sub(KEPT_RUNS);
    for old in names.iter().take(surplus) {
        // Another run that prunes at the same moment may have been faster.
        let _gone = std::fs::remove_dir_all(runs.join(old));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_runs_and_those_with_claims_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..KEPT_RUNS + 3 {
            std::fs::create_dir_all(dir.path().join(format!("run-{number:03}/ENG-1"))).unwrap();
        }
        prune(dir.path(), &BTreeSet::from(["run-001".to_owned()])).unwrap();
        let left = |name: &str| dir.path().join(name).exists();
        assert_eq!(
            ["run-000", "run-001", "run-002", "run-003", "run-052"].map(left),
            [false, true, false, true, true]
        );
    }
}
