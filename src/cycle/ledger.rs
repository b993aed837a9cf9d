//! The one compare-and-swap loop. Changes that come together are committed together; a lost race
//! loads the fresh state and decides every change again.

use super::gather::{Gather, Seat};
use crate::model::{Capture, Refusal, RunId, Sha, State, state::Writer};
use crate::ports::{Clock, Folder, KeptFile, RefUpdate, Snapshot, StateStore, StoreError, SwapError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Races and passing faults before a change is given up.
const MAX_TRIES: u32 = 60;
/// Refusals and faults in a row, with nobody else writing, before they are believed.
const MAX_STRIKES: u32 = 4;
/// How long an outcome waits for those of the other issues at work, to go out with them.
const PATIENCE: Duration = Duration::from_millis(200);

/// The longest subject for changes that came together.
const MAX_SUBJECT: usize = 72;

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
    gather: Gather<Entry<'static>, Written>,
    /// The state as it was read or written last.
    snapshot: Mutex<Snapshot>,
}

/// A change, and the files that are kept beside the state with it.
pub struct Entry<'c> {
    pub change: Change<'c>,
    pub contexts: Vec<KeptFile>,
}

type Written = Result<(), LedgerError>;

pub(super) type RecordSeat<'l> = Seat<'l, Entry<'static>, Written>;

/// The entries of one commit, and what became of each.
struct Batch<'c> {
    entries: Vec<(usize, Entry<'c>)>,
    results: Vec<Option<Written>>,
}

impl<'w> Ledger<'w> {
    /// Loads the newest state. Contacts the remote.
    pub fn open(store: &'w dyn StateStore, clock: &'w dyn Clock, run: &RunId) -> Result<Self, StoreError> {
        let snapshot = store.load()?;
        let writer = Writer { run_id: run.clone(), conductor: env!("CARGO_PKG_VERSION").to_owned() };
        Ok(Self { store, clock, writer, gather: Gather::new(PATIENCE), snapshot: Mutex::new(snapshot) })
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

    /// Announces a change that is to come.
    pub fn seat(&self) -> RecordSeat<'_> {
        self.gather.seat()
    }

    /// Commits a change by itself.
    pub fn commit_alone(&self, change: Change<'_>) -> Written {
        self.commit_alone_with(change, Vec::new())
    }

    /// The same, with files to keep.
    pub fn commit_alone_with(&self, change: Change<'_>, contexts: Vec<KeptFile>) -> Written {
        let entry = Entry { change, contexts };
        let written = self.gather.alone(|| self.commit_all(vec![entry]).pop());
        written.unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// Commits a change, with those of other threads where they come together; returns when it is
    /// on the remote or cannot be.
    pub fn commit(&self, seat: &RecordSeat<'_>, entry: Entry<'static>) -> Written {
        let written = seat.call(entry, |entries| self.commit_all(entries));
        written.unwrap_or(Err(LedgerError::Refused(Refusal::Nothing)))
    }

    /// One at a time; an answer for each entry.
    fn commit_all(&self, entries: Vec<Entry<'_>>) -> Vec<Written> {
        let mut batch = Batch::of(entries);
        let mut snapshot = held(&self.snapshot).clone();
        let mut strikes = 0;
        for attempt in 0..MAX_TRIES {
            let Some((next, message, refs)) = self.decide(&snapshot.state, &mut batch) else { break };
            let contexts: Vec<KeptFile> =
                batch.entries.iter().flat_map(|(_, one)| one.contexts.iter().cloned()).collect();
            let error = match self.store.swap_with(&snapshot, &next, &message, &refs, &contexts) {
                Ok(written) => {
                    self.know(written);
                    return batch.settled(Ok(()));
                }
                Err(error) => error,
            };
            let fault = match error {
                SwapError::Moved => None,
                SwapError::RefRefused { name, detail } => {
                    let owns = |change: &Change| change.refs.iter().any(|update| update.name == name);
                    batch.settle(owns, &Err(LedgerError::Ref { name: name.clone(), detail }));
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
                    self.know(fresh);
                    return batch.settled(Ok(()));
                }
                Ok(fresh) => {
                    strikes = if fresh.version == snapshot.version { strikes + 1 } else { 0 };
                    snapshot = self.know(fresh);
                }
                Err(error) if strikes >= MAX_STRIKES => {
                    return batch.settled(Err(LedgerError::Store(error)));
                }
                Err(_) => strikes += 1,
            }
            if let Some(fault) = fault.filter(|_| strikes >= MAX_STRIKES) {
                return batch.settled(Err(LedgerError::Store(fault)));
            }
        }
        let lost =
            StoreError::Unreachable(format!("{MAX_TRIES} tries to write the state lost against other runs"));
        batch.settled(Err(LedgerError::Store(lost)))
    }

    fn know(&self, snapshot: Snapshot) -> Snapshot {
        *held(&self.snapshot) = snapshot.clone();
        snapshot
    }

    /// All changes, one on top of the other; those that are refused are settled. `None` when none
    /// is left.
    fn decide(&self, state: &State, batch: &mut Batch<'_>) -> Option<(State, String, Vec<RefUpdate>)> {
        let Batch { entries, results } = batch;
        let mut next = state.clone();
        entries.retain_mut(|(place, entry)| match (entry.change.decide)(&next) {
            Ok(decided) => {
                next = decided;
                true
            }
            Err(refusal) => {
                put(results, *place, Err(LedgerError::Refused(refusal)));
                false
            }
        });
        if entries.is_empty() {
            return None;
        }
        next.updated_at = Some(self.clock.now());
        next.updated_by = Some(self.writer.clone());
        let lines: Vec<&str> = entries.iter().map(|(_, entry)| entry.change.what.as_str()).collect();
        let refs = entries.iter().flat_map(|(_, entry)| entry.change.refs.iter().cloned()).collect();
        Some((next, message_of(&lines), refs))
    }

    /// Longer with every lost race, and never the same for two runs.
    fn pause(&self, attempt: u32) {
        let most = 20u64.saturating_mul(1 << attempt.min(5));
        let random = RandomState::new().build_hasher().finish();
        std::thread::sleep(Duration::from_millis(5 + random % most));
    }
}

impl<'c> Batch<'c> {
    fn of(entries: Vec<Entry<'c>>) -> Self {
        let results = entries.iter().map(|_| None).collect();
        Self { entries: entries.into_iter().enumerate().collect(), results }
    }

    /// Answers for some, which leave the batch.
    fn settle(&mut self, which: impl Fn(&Change) -> bool, result: &Written) {
        let results = &mut self.results;
        self.entries.retain(|(place, entry)| {
            let is_settled = which(&entry.change);
            if is_settled {
                put(results, *place, result.clone());
            }
            !is_settled
        });
    }

    /// Answers for all that are left.
    fn settled(mut self, result: Written) -> Vec<Written> {
        self.settle(|_| true, &result);
        let nothing = || Err(LedgerError::Refused(Refusal::Nothing));
        self.results.into_iter().map(|result| result.unwrap_or_else(nothing)).collect()
    }
}

fn put(results: &mut [Option<Written>], place: usize, result: Written) {
    if let Some(slot) = results.get_mut(place) {
        *slot = Some(result);
    }
}

/// What happened, as the subject; what is too long for one gets a line each below it.
fn message_of(lines: &[&str]) -> String {
    let all = lines.join("; ");
    match lines {
        [first, rest @ ..] if !rest.is_empty() && all.len() > MAX_SUBJECT => {
            format!("{first} and {} more\n\n{}", rest.len(), lines.join("\n"))
        }
        _ => all,
    }
}

/// A thread that panicked while holding the lock left whole values behind: they are replaced, not
/// edited.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_what_happened_whether_it_was_one_thing_or_several() {
        assert_eq!(message_of(&["claim T-1"]), "claim T-1");
        let two = ["record T-1: success, #1", "record T-2: failure"];
        assert_eq!(message_of(&two), "record T-1: success, #1; record T-2: failure");
        let many = ["record T-1: success, #1"; 5];
        let message = message_of(&many);
        let (subject, body) = message.split_once("\n\n").unwrap();
        assert_eq!(subject, "record T-1: success, #1 and 4 more");
        assert_eq!(body.lines().count(), 5);
    }
}
