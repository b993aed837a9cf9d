//! The one compare-and-swap loop. Changes that come together are committed together; a lost race
//! loads the fresh state and decides every change again.

use super::group_commit::{AtWork, GroupCommit, Slot};
use crate::model::{Capture, Refusal, RunId, Sha, State, state::Writer};
use crate::ports::{Clock, Folder, KeptFile, Snapshot, StateStore, StoreError};
use batch::{Batch, Written};
use round::{Round, Setting};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod backoff;
mod batch;
mod round;
#[cfg(test)]
mod tests;

pub use batch::{Change, Decide, Entry, LedgerError};
pub use round::WriteLimit;

/// How long an outcome waits for those of the other issues at work, to go out with them.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long a write waits for those of tickets that are at work beside it.
const LINGER: Duration = Duration::from_millis(10);

pub struct Ledger<'w> {
    store: &'w dyn StateStore,
    clock: &'w dyn Clock,
    writer: Writer,
    limit: WriteLimit<'w>,
    group: GroupCommit<Entry<'w>, Written>,
    /// The state as it was read or written last.
    snapshot: Mutex<Snapshot>,
    was_rewound: AtomicBool,
}

pub(super) type RecordSlot<'l, 'w> = Slot<'l, Entry<'w>, Written>;
/// A ticket at work, which will write.
pub(super) type TicketAtWork<'l, 'w> = AtWork<'l, Entry<'w>, Written>;

impl<'w> Ledger<'w> {
    /// Loads the newest state. Contacts the remote.
    pub fn open(
        store: &'w dyn StateStore,
        clock: &'w dyn Clock,
        run: &RunId,
        limit: WriteLimit<'w>,
    ) -> Result<Self, StoreError> {
        let snapshot = store.load()?;
        let writer = Writer { run_id: run.clone(), conductor: env!("CARGO_PKG_VERSION").to_owned() };
        Ok(Self {
            store,
            clock,
            writer,
            limit,
            group: GroupCommit::new(PATIENCE).lingering(LINGER),
            was_rewound: AtomicBool::new(snapshot.rewound),
            snapshot: Mutex::new(snapshot),
        })
    }

    /// The state as it was read or written last.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&held(&self.snapshot).state)
    }

    /// Whether, at any time in this run, the state did not follow what this machine had seen: it
    /// was deleted, replaced or set back, and what it says of open work is not to be relied on.
    pub fn was_rewound(&self) -> bool {
        self.was_rewound.load(Ordering::Relaxed)
    }

    /// Takes the state as it is now for the right one, where it was rewound: what was lost has been
    /// looked for.
    pub fn acknowledge(&self) -> Result<(), StoreError> {
        let snapshot = held(&self.snapshot).clone();
        self.store.acknowledge(&snapshot)?;
        self.was_rewound.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// What earlier attempts at the ticket left, oldest first. What cannot be read is no reason to
    /// stop anybody.
    pub fn captures(&self, issue: &str) -> Vec<Capture> {
        let snapshot = held(&self.snapshot).clone();
        let wanted = |name: &str| Capture::is_file_of(name, issue);
        match self.store.kept(&snapshot, Folder::Context, &wanted) {
            Ok(files) => files.iter().filter_map(|file| serde_json::from_slice(&file.content).ok()).collect(),
            Err(error) => {
                tracing::warn!("what earlier attempts left cannot be read: {error}");
                Vec::new()
            }
        }
    }

    /// The remote's base branch, where the store told it.
    pub fn base(&self) -> Option<Sha> {
        held(&self.snapshot).base.clone()
    }

    /// Takes a slot in the next batch for a change to come.
    pub fn slot(&self) -> RecordSlot<'_, 'w> {
        self.group.slot()
    }

    /// Commits a change by itself.
    pub fn commit_alone(&self, change: Change<'_>) -> Written {
        self.commit_alone_with(change, Vec::new())
    }

    /// The same, with files to keep.
    pub fn commit_alone_with(&self, change: Change<'_>, contexts: Vec<KeptFile>) -> Written {
        let entry = Entry { change, contexts };
        let written = self.group.alone(|| self.commit_all(vec![entry]).pop());
        written.unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// Commits a change, with those of other threads where they come together; returns when it is
    /// on the remote or cannot be.
    pub fn commit(&self, slot: &RecordSlot<'_, 'w>, entry: Entry<'w>) -> Written {
        let written = slot.call(entry, |entries| self.commit_all(entries));
        written.unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// Commits a change that no other step waits for, with the next of another ticket at work.
    pub fn commit_deferred(&self, entry: Entry<'w>) -> Written {
        let written = self.group.call_deferred(entry, |entries| self.commit_all(entries));
        written.unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// Tells of a ticket that is at work and will write.
    pub fn at_work(&self) -> TicketAtWork<'_, 'w> {
        self.group.at_work()
    }

    /// One at a time; an answer for each entry.
    fn commit_all(&self, entries: Vec<Entry<'_>>) -> Vec<Written> {
        let snapshot = held(&self.snapshot).clone();
        let setting =
            Setting { store: self.store, clock: self.clock, writer: &self.writer, limit: self.limit };
        let (results, newest) = Round::new(setting, Batch::of(entries), snapshot).run();
        if newest.rewound {
            self.was_rewound.store(true, Ordering::Relaxed);
        }
        *held(&self.snapshot) = newest;
        results
    }
}

/// A thread that panicked while holding the lock left whole values behind: they are replaced, not
/// edited.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
