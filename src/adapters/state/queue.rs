//! The queue of this machine's runs that write the state. Each of them alone would lose against
//! all others but one, and try again; in a queue every push is one that wins.
//!
//! Only saves work: whoever gets no turn because a run does not get on goes ahead without one.

use crate::model::BranchName;
use crate::model::ids::short_hash;
use crate::ports::Turn;
use crate::system::git::{GitStop, Remote, Repository, lock_file};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Without a write, or a change of turns, in that time, the queue is left.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Queue {
    path: PathBuf,
    stop: GitStop,
    /// The count when this run looked at the state or wrote it last.
    known: AtomicU64,
}

impl Queue {
    /// Runs of one repository stand in one queue per remote and branch.
    pub fn new(repository: &Repository, remote: &Remote, branch: &BranchName) -> Self {
        let name = format!("queue-{}", short_hash(&format!("{} {branch}", remote.url())));
        Self {
            path: repository.common_dir().join("conductor").join(name),
            stop: repository.stop().clone(),
            known: AtomicU64::new(0),
        }
    }

    /// Waits as long as those in front get on.
    pub fn turn(&self) -> Turn {
        let mut seen = self.count();
        let held = loop {
            match lock_file(&self.path, PATIENCE, &self.stop) {
                Ok(file) => break Some(file),
                Err(error) => {
                    let now = self.count();
                    if now == seen || self.stop.is_stopped() {
                        tracing::debug!("writing the state without a turn: {error}");
                        break None;
                    }
                    seen = now;
                }
            }
        };
        let others_wrote = self.count() != self.known.load(Ordering::Relaxed);
        self.note_progress();
        Turn { others_wrote, held: held.map(|file| Box::new(file) as Box<_>) }
    }

    /// The state is about to be looked at: what others did until now is no news afterwards.
    pub fn note_look(&self) {
        self.known.store(self.count(), Ordering::Relaxed);
    }

    /// Those who wait see that there is no standstill.
    pub fn note_progress(&self) {
        let count = self.count().wrapping_add(1);
        if let Err(error) = std::fs::write(&self.path, count.to_string()) {
            tracing::debug!("{}: {error}", self.path.display());
        }
        self.known.store(count, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }
}
