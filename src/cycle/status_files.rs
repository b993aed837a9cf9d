//! What a run leaves on disk for people: the `status.json` of the run while it lives, and one per
//! ticket, which stays. An observer of the event stream: events change what is known, and a heartbeat
//! of the main thread writes it at most once a second. Makes the run's folder and removes old ones.

use super::run_folder::RunFolder;
use super::world::{Settings, World};
use crate::files;
use crate::model::cycle_event::{AgentTotals, CycleEvent, CycleEventKind, Observer};
use crate::model::live::{LiveIssue, LiveRun};
use crate::model::state::RateLimit;
use crate::model::{Outcome, Phase, Time, Usage};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    folder: Arc<RunFolder<'c>>,
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
    pub fn new(world: &'c World, settings: &'c Settings, folder: Arc<RunFolder<'c>>) -> Self {
        Self { world, settings, board: Mutex::default(), writing: Mutex::default(), folder }
    }

    /// The work begins: makes the run's folder, removes old ones.
    fn open(&self, queued: usize, at_once: usize, rate_limit: RateLimit, live: &BTreeSet<String>) {
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
        self.folder.try_to(|| {
            std::fs::create_dir_all(self.folder.path)?;
            prune(self.folder.path.parent().unwrap_or(self.folder.path), live)
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
    fn begin(&self, issue: &str, attempt: u32, now: Time) {
        let identity = &self.settings.identity;
        let status = LiveIssue {
            issue: issue.to_owned(),
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
        let dir = self.folder.of_issue(issue);
        // At once: who follows the log asks it whether the ticket is worked on.
        self.folder.try_to(|| {
            std::fs::create_dir_all(&dir)?;
            replace(&dir.join(STATUS), &status)
        });
        if let Some(board) = self.board().as_mut() {
            board.live.queued = board.live.queued.saturating_sub(1);
            let running = Running { status, spending: Usage::default(), is_behind: true };
            board.running.insert(issue.to_owned(), running);
        }
    }

    fn entered(&self, issue: &str, workspace: &Path) {
        self.amend(issue, |Running { status, .. }, _| {
            status.workspace_path = Some(workspace.to_string_lossy().into_owned());
        });
        // At once: should this run be lost, it proves whose work is in there.
        self.write();
    }

    /// An agent runs.
    fn agent_started(&self, issue: &str, number: u32, pid: Option<u32>) {
        self.amend(issue, |Running { status, .. }, board| {
            (status.attempt, status.pid, status.phase) = (number, pid, Phase::Reading);
            (status.tool_calls, status.files_modified, status.tokens_used) = (0, 0, 0);
            board.live.total_attempts += 1;
        });
    }

    /// Where the agent is; `usage` is that of its attempt so far.
    fn working(&self, issue: &str, totals: &AgentTotals) {
        self.amend(issue, |Running { status, spending, .. }, _| {
            *spending = totals.usage;
            (status.phase, status.tool_calls) = (totals.phase, totals.tool_calls);
            status.files_modified = totals.files_modified;
            status.tokens_used = totals.usage.total_tokens();
        });
    }

    /// The agent is gone.
    fn agent_ended(&self, issue: &str) {
        self.amend(issue, |Running { status, spending, .. }, board| {
            board.spent = board.spent.plus(&std::mem::take(spending));
            status.pid = None;
        });
    }

    /// The ticket is done with in this run.
    fn end(&self, issue: &str, outcome: Outcome) {
        self.amend(issue, |Running { status, .. }, board| {
            status.outcome = Some(outcome);
            match outcome.is_failure() {
                true => board.live.failed += 1,
                false => board.live.completed += 1,
            }
        });
        self.write();
        if let Some(board) = self.board().as_mut() {
            board.running.remove(issue);
        }
    }

    /// Brings the disk up to date, when the last time is long enough ago.
    fn catch_up(&self) {
        let now = self.world.clock.monotonic();
        let is_due = |board: &Board| now.saturating_sub(board.written) >= EVERY;
        if self.board().as_ref().is_some_and(is_due) {
            self.write();
        }
    }

    /// The run was told to end.
    fn stopping(&self) {
        let first = |board: &mut Board| !std::mem::replace(&mut board.live.stopping, true);
        if self.board().as_mut().is_some_and(first) {
            self.write();
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
            let path = self.folder.of_issue(&status.issue).join(STATUS);
            self.folder.try_to(|| replace(&path, status));
        }
        self.folder.try_to(|| replace(&self.live_file(), &live));
    }

    fn live_file(&self) -> PathBuf {
        self.world.workspaces.files().join(STATUS)
    }

    fn board(&self) -> MutexGuard<'_, Option<Board>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for StatusFiles<'_> {
    fn on(&self, event: &CycleEvent) {
        match (&event.kind, event.issue.as_deref()) {
            (CycleEventKind::DispatchStarted { queued, slots, rate_limit, runs_with_claims }, _) => {
                self.open(*queued, *slots, rate_limit.clone(), runs_with_claims);
            }
            (CycleEventKind::Heartbeat, _) => self.catch_up(),
            (CycleEventKind::Stopping, _) => self.stopping(),
            (CycleEventKind::Claimed { attempt, .. }, Some(issue)) => self.begin(issue, *attempt, event.at),
            (CycleEventKind::WorkspaceReady { path }, Some(issue)) => self.entered(issue, path),
            (CycleEventKind::AgentStarted { attempt, pid }, Some(issue)) => {
                self.agent_started(issue, *attempt, *pid);
            }
            (CycleEventKind::AgentActivity { totals, .. }, Some(issue)) => self.working(issue, totals),
            (CycleEventKind::AgentEnded(end), Some(issue)) => {
                self.working(issue, &end.totals);
                self.agent_ended(issue);
            }
            (CycleEventKind::Finished { outcome, .. }, Some(issue)) => self.end(issue, *outcome),
            _ => {}
        }
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
        let live = files::read(&file, files::SMALL)
            .ok()
            .and_then(|text| serde_json::from_slice::<LiveRun>(&text).ok());
        if live.is_some_and(|live| live.run_id == own) {
            self.folder.try_to(|| std::fs::remove_file(&file));
        }
    }
}

/// Readers see the old document or the new one, never half of it.
fn replace(path: &Path, document: &impl Serialize) -> io::Result<()> {
    files::write_private(path, serde_json::to_vec(document)?)
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
