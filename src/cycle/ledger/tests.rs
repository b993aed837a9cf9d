//! The loop against a store that loses, refuses and forgets to answer.

use super::*;
use crate::cycle::stop::Interrupt;
use crate::model::{IssueId, IssueRecord, Stage, Time};
use crate::ports::{RefFault, RefUpdate, SwapError};
use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;

/// Its time goes on by so many milliseconds with every look.
struct Ticking(AtomicU64, u64);

impl Clock for Ticking {
    fn now(&self) -> Time {
        Time::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(self.1, Ordering::Relaxed))
    }
}

/// What becomes of one try to write.
#[derive(Clone)]
enum Fate {
    /// Another run is first.
    Loses,
    Refused,
    /// Written, and nobody says so.
    AnswerLost,
    Ref(&'static str),
}

#[derive(Default)]
struct Fake {
    fates: Mutex<VecDeque<Fate>>,
    /// Every document that was written, oldest first; its place is its version.
    documents: Mutex<Vec<Arc<State>>>,
    tries: AtomicU64,
}

impl Fake {
    fn fated(fates: impl IntoIterator<Item = Fate>) -> Self {
        Self { fates: Mutex::new(fates.into_iter().collect()), ..Self::default() }
    }

    fn newest(&self) -> Snapshot {
        let documents = held(&self.documents);
        let state = documents.last().cloned().unwrap_or_else(|| Arc::new(State::empty()));
        let version = (!documents.is_empty()).then(|| documents.len().to_string());
        Snapshot { state, version, base: None, rewound: false }
    }

    fn put(&self, state: State) {
        held(&self.documents).push(Arc::new(state));
    }

    fn keys(&self) -> Vec<String> {
        self.newest().state.issues.keys().map(ToString::to_string).collect()
    }
}

impl StateStore for Fake {
    fn load(&self) -> Result<Snapshot, StoreError> {
        Ok(self.newest())
    }

    fn swap_with(
        &self,
        base: &Snapshot,
        next: &State,
        _: &str,
        refs: &[RefUpdate],
        contexts: &[KeptFile],
    ) -> Result<Snapshot, SwapError> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        let newest = self.newest();
        if base.version != newest.version {
            return Err(SwapError::Moved);
        }
        let fate = held(&self.fates).pop_front();
        match fate {
            None => {}
            Some(Fate::Loses) => {
                self.put(newest.state.as_ref().clone());
                return Err(SwapError::Moved);
            }
            Some(Fate::Refused) if next.without_free_text() == *next && contexts.is_empty() => {}
            Some(Fate::Refused) => {
                held(&self.fates).push_front(Fate::Refused);
                return Err(SwapError::Refused("a rule of the host".to_owned()));
            }
            Some(Fate::AnswerLost) => {
                self.put(next.clone());
                let (version, fault) =
                    (self.newest().version.unwrap(), StoreError::Unreachable("gone".to_owned()));
                return Err(SwapError::Unanswered { version, fault });
            }
            Some(Fate::Ref(name)) if refs.iter().any(|update| update.name == name) => {
                let (name, detail) = (name.to_owned(), "not this one".to_owned());
                return Err(SwapError::RefRefused { name, kind: RefFault::Refused, detail });
            }
            Some(Fate::Ref(_)) => {}
        }
        self.put(next.clone());
        Ok(self.newest())
    }

    fn holds(&self, snapshot: &Snapshot, version: &str) -> Result<bool, StoreError> {
        let number = |text: &str| text.parse::<usize>().unwrap();
        Ok(snapshot.version.as_deref().is_some_and(|shown| number(shown) >= number(version)))
    }

    fn acknowledge(&self, _: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }

    fn kept(&self, _: &Snapshot, _: Folder, _: &dyn Fn(&str) -> bool) -> Result<Vec<KeptFile>, StoreError> {
        Ok(Vec::new())
    }
}

/// Adds the ticket with a reason; refused when it is there.
fn adds(key: &'static str) -> Change<'static> {
    let decide = move |state: &State| {
        let id = IssueId::new(key);
        if state.issues.contains_key(&id) {
            return Err(Refusal::Nothing);
        }
        let mut next = state.clone();
        let record = IssueRecord::new(key, Stage::blocked("words of a program"));
        next.issues.insert(id, record);
        Ok(next)
    };
    Change { what: format!("add {key}"), decide: Box::new(decide), refs: Vec::new() }
}

fn entry(change: Change<'static>) -> Entry<'static> {
    Entry { change, contexts: vec![KeptFile { name: "c".to_owned(), content: b"words".to_vec() }] }
}

/// The answers to the changes, committed as one batch.
fn committed(store: &Fake, tick: u64, signal: Option<i32>, entries: Vec<Entry<'static>>) -> Vec<Written> {
    let clock = Ticking(AtomicU64::new(0), tick);
    let interrupt = Interrupt::default();
    let limit = WriteLimit { interrupt: &interrupt, deadline: None };
    let ledger = Ledger::open(store, &clock, &RunId::new("r"), limit).unwrap();
    signal.into_iter().for_each(|signal| interrupt.request(signal));
    ledger.commit_all(entries)
}

#[test]
fn losing_often_is_no_fault() {
    let store = Fake::fated(vec![Fate::Loses; 500]);
    assert_eq!(committed(&store, 0, None, vec![entry(adds("T-1"))]), [Ok(())]);
    assert_eq!(store.keys(), ["T-1"]);
}

#[test]
fn after_a_signal_losing_comes_to_an_end() {
    let store = Fake::fated(vec![Fate::Loses; 500]);
    let written = committed(&store, 400, Some(15), vec![entry(adds("T-1"))]);
    let [Err(LedgerError::Store(StoreError::Unreachable(text)))] = written.as_slice() else {
        panic!("{written:?}");
    };
    assert!(text.contains("lost compare-and-swap attempts"), "{text}");
    assert!(store.tries.load(Ordering::Relaxed) < 20);
}

#[test]
fn a_refused_document_is_written_without_free_text_and_keeps_every_outcome() {
    let store = Fake::fated([Fate::Refused]);
    let written = committed(&store, 0, None, vec![entry(adds("T-1")), entry(adds("T-2"))]);
    assert_eq!(written, [Ok(()), Ok(())]);
    assert_eq!(store.keys(), ["T-1", "T-2"]);
    let state = store.newest().state;
    assert!(state.issues.values().all(|record| record.blocked_reason() != Some("words of a program")));
}

#[test]
fn a_ref_that_is_refused_is_its_own_change_s_fault_alone() {
    let store = Fake::fated([Fate::Ref("refs/heads/bad")]);
    let update = RefUpdate { name: "refs/heads/bad".to_owned(), to: None, expect: None };
    let bad = Change { refs: vec![update], ..adds("T-2") };
    let written = committed(&store, 0, None, vec![entry(adds("T-1")), entry(bad), entry(adds("T-3"))]);
    let refused = LedgerError::Ref {
        name: "refs/heads/bad".to_owned(),
        kind: RefFault::Refused,
        detail: "not this one".to_owned(),
    };
    assert_eq!(written, [Ok(()), Err(refused), Ok(())]);
    assert_eq!(store.keys(), ["T-1", "T-3"]);
}

#[test]
fn an_answer_that_was_lost_is_found_in_the_state_and_nothing_is_written_twice() {
    let store = Fake::fated([Fate::AnswerLost]);
    let written = committed(&store, 0, None, vec![entry(adds("T-1")), entry(adds("T-2"))]);
    assert_eq!(written, [Ok(()), Ok(())]);
    assert_eq!(store.tries.load(Ordering::Relaxed), 1);
}

#[test]
fn a_refusal_with_nobody_else_writing_is_believed_in_the_end() {
    struct Stubborn(Fake);
    impl StateStore for Stubborn {
        fn load(&self) -> Result<Snapshot, StoreError> {
            self.0.load()
        }
        fn swap_with(
            &self,
            _: &Snapshot,
            _: &State,
            _: &str,
            _: &[RefUpdate],
            _: &[KeptFile],
        ) -> Result<Snapshot, SwapError> {
            Err(SwapError::Refused("signed commits only".to_owned()))
        }
        fn holds(&self, _: &Snapshot, _: &str) -> Result<bool, StoreError> {
            Ok(false)
        }
        fn acknowledge(&self, _: &Snapshot) -> Result<(), StoreError> {
            Ok(())
        }
        fn kept(
            &self,
            _: &Snapshot,
            _: Folder,
            _: &dyn Fn(&str) -> bool,
        ) -> Result<Vec<KeptFile>, StoreError> {
            Ok(Vec::new())
        }
    }
    let (store, clock, interrupt) =
        (Stubborn(Fake::default()), Ticking(AtomicU64::new(0), 0), Interrupt::default());
    let limit = WriteLimit { interrupt: &interrupt, deadline: None };
    let ledger = Ledger::open(&store, &clock, &RunId::new("r"), limit).unwrap();
    let error = ledger.commit_alone(adds("T-1")).unwrap_err();
    assert!(error.to_string().contains("the remote refused the state: signed commits only"), "{error}");
}
