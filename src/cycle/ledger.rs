//! The one compare-and-swap loop. Changes handed in while a commit is on its way are committed
//! together by the next one; a lost race loads the fresh state and decides every change again.

use crate::model::{Capture, Refusal, RunId, Sha, State, state::Writer};
use crate::ports::{Clock, Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Races and passing faults before a change is given up.
const MAX_TRIES: u32 = 60;
/// Refusals and faults in a row, with nobody else writing, before they are believed.
const MAX_STRIKES: u32 = 4;

/// A transition of the state, and the refs that move, or are proved, with it.
pub struct Change<'c> {
    /// For the commit's message: `claim ENG-42`.
    pub what: String,
    pub decide: Decide<'c>,
    pub refs: Vec<RefUpdate>,
}

/// Called again for every fresher state until one of its answers is committed.
pub type Decide<'c> = Box<dyn FnMut(&State) -> Result<State, Refusal> + Send + 'c>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    Refused(Refusal),
    /// A ref of this change is not as expected on the remote.
    Ref {
        name: String,
        detail: String,
    },
    Store(StoreError),
}

pub struct Ledger<'w> {
    store: &'w dyn StateStore,
    clock: &'w dyn Clock,
    writer: Writer,
    waiting: Mutex<Vec<Waiting<'static>>>,
    snapshot: Mutex<Snapshot>,
}

/// A change on its way, and who waits for it.
struct Waiting<'c> {
    change: Change<'c>,
    contexts: Vec<KeptFile>,
    slot: Slot,
}

type Slot = Arc<Mutex<Option<Result<(), LedgerError>>>>;

impl<'w> Ledger<'w> {
    /// Loads the newest state. Contacts the remote.
    pub fn open(store: &'w dyn StateStore, clock: &'w dyn Clock, run: &RunId) -> Result<Self, StoreError> {
        let snapshot = store.load()?;
        let writer = Writer { run_id: run.clone(), conductor: env!("CARGO_PKG_VERSION").to_owned() };
        Ok(Self { store, clock, writer, waiting: Mutex::default(), snapshot: Mutex::new(snapshot) })
    }

    /// The state as it was read or written last.
    pub fn state(&self) -> State {
        held(&self.snapshot).state.clone()
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

    /// Commits a change by itself.
    pub fn commit_alone(&self, change: Change<'_>) -> Result<(), LedgerError> {
        let slot = Slot::default();
        self.commit_batch(
            &mut held(&self.snapshot),
            vec![Waiting { change, contexts: Vec::new(), slot: Arc::clone(&slot) }],
        );
        held(&slot).take().unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// Commits a change, with those of other threads where they come together; returns when it is
    /// on the remote or cannot be. The contexts are kept beside the state.
    pub fn commit(&self, change: Change<'static>, contexts: Vec<KeptFile>) -> Result<(), LedgerError> {
        let slot = Slot::default();
        held(&self.waiting).push(Waiting { change, contexts, slot: Arc::clone(&slot) });
        let mut snapshot = held(&self.snapshot);
        // Whoever held the snapshot before may have taken this change along.
        if held(&slot).is_none() {
            let batch = std::mem::take(&mut *held(&self.waiting));
            self.commit_batch(&mut snapshot, batch);
        }
        drop(snapshot);
        held(&slot).take().unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    fn commit_batch(&self, snapshot: &mut Snapshot, mut batch: Vec<Waiting<'_>>) {
        let mut strikes = 0;
        for attempt in 0..MAX_TRIES {
            let Some((next, message, refs)) = self.decide(&snapshot.state, &mut batch) else { return };
            let contexts: Vec<KeptFile> = batch.iter().flat_map(|one| one.contexts.iter().cloned()).collect();
            let error = match self.store.swap_with(snapshot, &next, &message, &refs, &contexts) {
                Ok(written) => {
                    *snapshot = written;
                    return settle(&mut batch, |_| true, &Ok(()));
                }
                Err(error) => error,
            };
            let fault = match error {
                SwapError::Moved => None,
                SwapError::RefRefused { name, detail } => {
                    let owns = |change: &Change| change.refs.iter().any(|update| update.name == name);
                    settle(&mut batch, owns, &Err(LedgerError::Ref { name: name.clone(), detail }));
                    continue;
                }
                SwapError::Refused(detail) => Some(StoreError::Unreachable(detail)),
                SwapError::Store(fault) => Some(fault),
            };
            self.pause(attempt);
            match self.store.load() {
                // The answer to our own push was lost, not the push.
                Ok(fresh)
                    if fresh.state.updated_by == next.updated_by
                        && fresh.state.updated_at == next.updated_at =>
                {
                    *snapshot = fresh;
                    return settle(&mut batch, |_| true, &Ok(()));
                }
                Ok(fresh) => {
                    strikes = if fresh.version == snapshot.version { strikes + 1 } else { 0 };
                    *snapshot = fresh;
                }
                Err(error) if strikes >= MAX_STRIKES => {
                    return settle(&mut batch, |_| true, &Err(LedgerError::Store(error)));
                }
                Err(_) => strikes += 1,
            }
            if let Some(fault) = fault.filter(|_| strikes >= MAX_STRIKES) {
                return settle(&mut batch, |_| true, &Err(LedgerError::Store(fault)));
            }
        }
        let lost =
            StoreError::Unreachable(format!("{MAX_TRIES} tries to write the state lost against other runs"));
        settle(&mut batch, |_| true, &Err(LedgerError::Store(lost)));
    }

    /// All changes, one on top of the other; those that are refused are settled. `None` when none
    /// is left.
    fn decide(&self, state: &State, batch: &mut Vec<Waiting<'_>>) -> Option<(State, String, Vec<RefUpdate>)> {
        let mut next = state.clone();
        batch.retain_mut(|Waiting { change, slot, .. }| match (change.decide)(&next) {
            Ok(decided) => {
                next = decided;
                true
            }
            Err(refusal) => {
                *held(slot) = Some(Err(LedgerError::Refused(refusal)));
                false
            }
        });
        if batch.is_empty() {
            return None;
        }
        next.updated_at = Some(self.clock.now());
        next.updated_by = Some(self.writer.clone());
        let message = batch.iter().map(|one| one.change.what.as_str()).collect::<Vec<_>>().join("\n");
        let refs = batch.iter().flat_map(|one| one.change.refs.iter().cloned()).collect();
        Some((next, message_of(&message, batch.len()), refs))
    }

    /// Longer with every lost race, and never the same for two runs.
    fn pause(&self, attempt: u32) {
        let most = 20u64.saturating_mul(1 << attempt.min(5));
        let random = RandomState::new().build_hasher().finish();
        std::thread::sleep(Duration::from_millis(5 + random % most));
    }
}

/// One change is the subject; several get a subject of their own and a line each.
fn message_of(lines: &str, count: usize) -> String {
    if count == 1 { lines.to_owned() } else { format!("{count} changes\n\n{lines}") }
}

fn settle(batch: &mut Vec<Waiting<'_>>, which: impl Fn(&Change) -> bool, result: &Result<(), LedgerError>) {
    batch.retain(|Waiting { change, slot, .. }| {
        let settled = which(change);
        if settled {
            *held(slot) = Some(result.clone());
        }
        !settled
    });
}

/// A thread that panicked while holding the lock left whole values behind: they are replaced, not
/// edited.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
