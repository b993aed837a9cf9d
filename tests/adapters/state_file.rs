//! The state in a file of this machine.

use crate::git_contacts::{Place, remote};
use conductor::adapters::state::file::FileStore;
use conductor::model::{IssueId, IssueRecord, Stage, State};
use conductor::ports::{StateStore, StoreError, SwapError};
use std::fs;

fn store(place: &Place) -> FileStore {
    FileStore::new(place.path().join("state/state.json"), remote(&place.repository()), 200)
}

fn with(base: &State, key: &str) -> State {
    let mut state = base.clone();
    state.issues.insert(IssueId::new(key), IssueRecord::new(key, Stage::done("merged", None)));
    state
}

#[test]
fn a_torn_or_empty_file_is_unreadable_and_never_empty() {
    let place = Place::new();
    let store = store(&place);
    let base = store.load().unwrap();
    store.swap(&base, &with(&base.state, "T-1"), "", &[]).unwrap();
    let path = place.path().join("state/state.json");
    let whole = fs::read(&path).unwrap();
    for torn in [&whole[..whole.len() / 2], b"", b"null"] {
        fs::write(&path, torn).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Unreadable(_))), "{}", torn.len());
        let refused = store.swap(&base, &State::empty(), "", &[]);
        assert!(matches!(refused, Err(SwapError::Store(StoreError::Unreadable(_)))), "{refused:?}");
    }
}

#[test]
fn a_file_that_is_gone_is_noticed_until_somebody_says_that_it_is_right() {
    let place = Place::new();
    let store = store(&place);
    let base = store.load().unwrap();
    assert!(!base.rewound);
    store.swap(&base, &with(&base.state, "T-1"), "", &[]).unwrap();
    fs::remove_file(place.path().join("state/state.json")).unwrap();
    let gone = store.load().unwrap();
    assert!(gone.rewound && gone.version.is_none());
    store.acknowledge(&gone).unwrap();
    assert!(!store.load().unwrap().rewound);
}

#[test]
fn writers_of_one_machine_lose_nothing() {
    let place = Place::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let place = &place;
            scope.spawn(move || {
                let store = store(place);
                for number in 0..5 {
                    loop {
                        let base = store.load().unwrap();
                        let next = with(&base.state, &format!("T-{writer}-{number}"));
                        match store.swap(&base, &next, "", &[]) {
                            Ok(_) => break,
                            Err(SwapError::Moved) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(store(&place).load().unwrap().state.issues.len(), 20);
}
