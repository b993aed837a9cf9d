//! The queue of this machine's runs that write the state: those of one repository, and the first
//! of each such queue among those of other clones. Without it each of them would lose against all
//! others but one, and try again; in a queue every push is one that wins.
//!
//! Only saves work: whoever gets no turn because a run does not get on goes ahead without one.

use crate::files;
use crate::model::BranchName;
use crate::model::ids::short_hash;
use crate::ports::{News, Turn};
use crate::system::git::{GitStop, Remote, Repository, lock_file};
use crate::system::turn;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Without a write, or a change of turns, in that time, the queue is left.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Queue {
    path: PathBuf,
    /// What the queue is called on this machine.
    name: String,
    stop: GitStop,
    /// The count when this run looked at the state or wrote it last.
    known: AtomicU64,
}

impl Queue {
    /// Runs of one repository stand in one queue per remote and branch.
    pub fn new(repository: &Repository, remote: &Remote, branch: &BranchName) -> Self {
        let url = remote.url();
        // A path means one place only as seen from the repository.
        let place = repository.dir().join(url);
        let place = place.canonicalize().map_or_else(|_| url.to_owned(), |path| path.display().to_string());
        let name = short_hash(&format!("{place} {branch}"));
        Self {
            path: repository.own_folder().join(format!("queue-{name}")),
            name: format!("state-{name}"),
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
        let is_known = self.count() == self.known.load(Ordering::Relaxed);
        self.note_progress();
        let among_clones = turn::take(&self.name, PATIENCE, &|| self.stop.is_stopped());
        let news = match (among_clones.has_waited, is_known) {
            (true, _) => News::Elsewhere,
            (false, false) => News::Here,
            (false, true) => News::None,
        };
        // Let go in this order: the next of this repository must not wait for its own.
        Turn { news, held: Some(Box::new((among_clones.turn, held))) }
    }

    /// The state is about to be looked at: what others did until now is no news afterwards.
    pub fn note_look(&self) {
        self.known.store(self.count(), Ordering::Relaxed);
    }

    /// Those who wait see that there is no standstill.
    pub fn note_progress(&self) {
        let count = self.count().wrapping_add(1);
        if let Err(error) = files::write(&self.path, count.to_string()) {
            tracing::debug!("{}: {error}", self.path.display());
        }
        self.known.store(count, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        let text = files::read_text(&self.path, files::SMALL).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }
}
