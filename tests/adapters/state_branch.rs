//! The state on a branch of a real remote: what it refuses, loses, cannot do and forgets.

use crate::git_contacts::{Place, remote};
use crate::support::repo;
use conductor::adapters::state::branch::{BranchStore, BranchStoreOptions};
use conductor::model::state::Writer;
use conductor::model::{BranchName, IssueId, IssueRecord, RunId, Sha, Stage, State};
use conductor::ports::{RefFault, RefUpdate, Snapshot, StateStore, SwapError};
use conductor::system::git::Repository;
use std::path::Path;

fn store_in(checkout: &Path) -> (BranchStore, Repository) {
    let repository = Repository::open(checkout).unwrap();
    let options = BranchStoreOptions {
        branch: BranchName::new("conductor/state"),
        file: "state.json".to_owned(),
        base: BranchName::new("main"),
        keep_outcomes: 200,
    };
    (BranchStore::new(repository.clone(), remote(&repository), options), repository)
}

fn store(place: &Place) -> BranchStore {
    store_in(&place.checkout()).0
}

/// A state that says something of a ticket.
fn saying(key: &str, words: &str) -> State {
    let mut state = State::empty();
    let record = IssueRecord::new(key, Stage::blocked(words));
    state.issues.insert(IssueId::new(key), record);
    state.updated_by = Some(Writer { run_id: RunId::new("r"), conductor: "0".to_owned() });
    state
}

fn write(store: &BranchStore, words: &str) -> Snapshot {
    let base = store.load().unwrap();
    store.swap(&base, &saying("T-1", words), "say something", &[]).unwrap()
}

fn words(snapshot: &Snapshot) -> Option<String> {
    snapshot.state.issues.get(&IssueId::new("T-1"))?.blocked_reason().map(str::to_owned)
}

fn new_ref(place: &Place, name: &str) -> RefUpdate {
    let to = repo::sha(&place.checkout(), "HEAD").map(Sha::new);
    RefUpdate { name: name.to_owned(), to, expect: None }
}

fn state_head(place: &Place) -> Option<String> {
    repo::sha(&place.origin(), "refs/heads/conductor/state")
}

/// The refusal of that ref.
fn refused_ref(result: Result<Snapshot, SwapError>) -> (String, RefFault, String) {
    match result {
        Err(SwapError::RefRefused { name, kind, detail }) => (name, kind, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_state_is_cleaned_of_tokens_and_control_characters_before_it_leaves() {
    let place = Place::new();
    let store = store(&place);
    let token = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    let written = write(&store, &format!("\u{1b}[31mpush of {token} failed"));
    assert_eq!(words(&written).unwrap(), "push of *** failed");
    let text = repo::file_at(&place.origin(), "conductor/state", "state.json");
    assert!(!text.contains(token) && text.contains("push of *** failed"), "{text}");
    assert_eq!(*store.load().unwrap().state, *written.state);
}

#[test]
fn a_document_the_host_refuses_is_told_in_the_host_s_words_and_passes_without_free_text() {
    let place = Place::new();
    place.hook(
        "update",
        "git show \"$3:state.json\" | grep -q FORBIDDEN || exit 0\n\
         echo 'error: push declined: a secret was found' >&2\necho 'see state.json' >&2\nexit 1",
    );
    let store = store(&place);
    let base = store.load().unwrap();
    let state = saying("T-1", "FORBIDDEN");
    let error = store.swap(&base, &state, "record T-1", &[]).unwrap_err();
    let SwapError::Refused(detail) = error else { panic!("{error:?}") };
    assert!(detail.contains("a secret was found") && detail.contains("see state.json"), "{detail}");
    assert_eq!(state_head(&place), None);
    let written = store.swap(&base, &state.without_free_text(), "record T-1", &[]).unwrap();
    assert_eq!(written.state.issues.len(), 1);
}

#[test]
fn a_ref_that_is_refused_is_named_with_every_line_and_the_state_is_not_written() {
    let place = Place::new();
    place.hook("update", "[ \"$1\" != refs/heads/bad ] || { echo 'rule 1' >&2; echo 'rule 2' >&2; exit 1; }");
    let store = store(&place);
    let base = store.load().unwrap();
    let refs = [new_ref(&place, "refs/heads/good"), new_ref(&place, "refs/heads/bad")];
    let (name, kind, detail) = refused_ref(store.swap(&base, &saying("T-1", "x"), "record T-1", &refs));
    assert_eq!((name.as_str(), kind), ("refs/heads/bad", RefFault::Refused));
    assert!(detail.contains("rule 1") && detail.contains("rule 2"), "{detail}");
    assert_eq!(state_head(&place), None);
    store.swap(&base, &saying("T-1", "x"), "record T-1", &refs[..1]).unwrap();
}

#[test]
fn a_host_that_refuses_the_whole_push_for_one_ref_is_asked_which_one_it_minds() {
    let place = Place::new();
    place.hook(
        "pre-receive",
        "while read old new name; do [ \"$name\" != refs/heads/bad ] || { echo 'not this one' >&2; exit 1; }; done",
    );
    let store = store(&place);
    let base = store.load().unwrap();
    let bad = [new_ref(&place, "refs/heads/bad")];
    let (name, kind, detail) = refused_ref(store.swap(&base, &saying("T-1", "x"), "record T-1", &bad));
    assert_eq!((name.as_str(), kind), ("refs/heads/bad", RefFault::Refused));
    assert!(detail.contains("not this one"), "{detail}");
    assert_eq!(state_head(&place), None);
    place.hook(
        "pre-receive",
        "while read old new name; do [ \"$name\" != refs/heads/conductor/state ] || exit 1; done",
    );
    let good = [new_ref(&place, "refs/heads/good")];
    let refused = store.swap(&base, &saying("T-1", "x"), "record T-1", &good);
    assert!(matches!(refused, Err(SwapError::Refused(_))), "{refused:?}");
}

#[test]
fn a_remote_that_cannot_move_refs_together_gets_them_one_after_the_other() {
    let place = Place::new();
    repo::git(&place.origin(), &["config", "receive.advertiseAtomic", "false"]);
    let store = store(&place);
    let base = store.load().unwrap();
    let good = [new_ref(&place, "refs/heads/good")];
    let written = store.swap(&base, &saying("T-1", "one"), "record T-1", &good).unwrap();
    assert!(repo::sha(&place.origin(), "refs/heads/good").is_some());
    let stale = [RefUpdate { expect: Some(Sha::new("1".repeat(40))), ..new_ref(&place, "refs/heads/other") }];
    let (name, kind, _) = refused_ref(store.swap(&written, &saying("T-1", "two"), "record T-1", &stale));
    assert_eq!((name.as_str(), kind), ("refs/heads/other", RefFault::Stale));
    assert_eq!(words(&store.load().unwrap()).unwrap(), "one");
}

#[test]
fn a_push_whose_answer_is_lost_is_found_by_its_commit() {
    let place = Place::new();
    let store = store(&place);
    let base = write(&store, "before");
    place.hook("post-receive", "kill -9 $PPID");
    let result = store.swap(&base, &saying("T-1", "after"), "record T-1", &[]);
    let Err(SwapError::Unanswered { version, .. }) = result else { panic!("{result:?}") };
    std::fs::remove_file(place.origin().join("hooks/post-receive")).unwrap();
    let fresh = store.load().unwrap();
    assert_eq!(words(&fresh).unwrap(), "after");
    assert!(store.holds(&fresh, &version).unwrap());
    assert!(!store.holds(&base, &version).unwrap());
    let later = write(&store, "later");
    assert!(store.holds(&later, &version).unwrap());
}

#[test]
fn a_push_with_a_branch_whose_answer_is_lost_is_no_lost_race_when_others_write_on_top() {
    let place = Place::new();
    let store = store(&place);
    let base = write(&store, "before");
    let named = "GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x";
    place.hook(
        "post-receive",
        &format!(
            "rm \"$0\"; state=refs/heads/conductor/state\n\
             top=$({named} git commit-tree -p $state -m 'by another run' $state^{{tree}})\n\
             git update-ref $state \"$top\"; kill -9 $PPID"
        ),
    );
    let result = store.swap(
        &base,
        &saying("T-1", "after"),
        "record T-1",
        &[new_ref(&place, "refs/heads/conductor/T-1")],
    );
    let Err(SwapError::Unanswered { version, .. }) = result else { panic!("{result:?}") };
    assert!(store.holds(&store.load().unwrap(), &version).unwrap());
}

#[test]
fn a_push_whose_answer_is_lost_is_done_although_a_further_one_is_refused() {
    let place = Place::new();
    let store = store(&place);
    let base = write(&store, "before");
    place.hook("post-receive", "rm \"$0\"; : > refuse; kill -9 $PPID");
    place.hook("pre-receive", "[ ! -e refuse ] || { rm refuse; echo 'try again later' >&2; exit 1; }");
    let branch = [new_ref(&place, "refs/heads/conductor/T-1")];
    let written = store.swap(&base, &saying("T-1", "after"), "record T-1", &branch).unwrap();
    assert_eq!(written.version, state_head(&place));
    assert_eq!(words(&store.load().unwrap()).unwrap(), "after");
}

#[test]
fn a_shallow_clone_fetches_one_commit_of_the_state_however_long_its_past() {
    let place = Place::new();
    let text = saying("T-1", "newest").to_json();
    for number in 0..120 {
        repo::commit(
            &place.origin(),
            "conductor/state",
            &format!("record {number}"),
            &[("state.json", if number == 119 { &text } else { "{}" })],
        );
    }
    let url = format!("file://{}", place.origin().display());
    let clone = place.path().join("shallow");
    repo::git(place.path(), &["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
    let (store, repository) = store_in(&clone);
    let first = store.load().unwrap();
    assert_eq!(words(&first).unwrap(), "newest");
    assert!(first.base.is_some() && repository.contacts() == 2);
    let seen = "refs/conductor/remote/origin/conductor/state";
    assert_eq!(repo::git(&clone, &["rev-list", "--count", seen]), "1");
    // Later looks add what is new, and know that it follows.
    repo::commit(&place.origin(), "conductor/state", "more", &[("more", "x")]);
    let second = store.load().unwrap();
    assert!(!second.rewound);
    assert_eq!(repo::git(&clone, &["rev-list", "--count", seen]), "2");
    assert_eq!(repository.contacts(), 3);
    store.swap(&second, &saying("T-1", "from here"), "record T-1", &[]).unwrap();
    assert_eq!(repo::git(&place.origin(), &["rev-list", "--count", "conductor/state"]), "122");
}

#[test]
fn a_shallow_clone_without_a_state_begins_one() {
    let place = Place::new();
    let url = format!("file://{}", place.origin().display());
    let clone = place.path().join("shallow");
    repo::git(place.path(), &["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
    let (store, _) = store_in(&clone);
    let first = store.load().unwrap();
    assert!(first.version.is_none() && first.base.is_some() && !first.rewound);
    store.swap(&first, &saying("T-1", "x"), "record T-1", &[]).unwrap();
    assert!(state_head(&place).is_some());
}

#[test]
fn a_state_branch_that_is_deleted_replaced_or_set_back_is_noticed_by_this_run_and_the_next() {
    let damage: [fn(&Place, &str); 3] = [
        |place, _| drop(repo::git(&place.origin(), &["branch", "-D", "conductor/state"])),
        |place, _| {
            repo::git(&place.origin(), &["branch", "-D", "conductor/state"]);
            let text = State::empty().to_json();
            repo::commit(&place.origin(), "conductor/state", "begin anew", &[("state.json", &text)]);
        },
        |place, first| drop(repo::git(&place.origin(), &["branch", "-f", "conductor/state", first])),
    ];
    for (number, damage) in damage.iter().enumerate() {
        let place = Place::new();
        let this = store(&place);
        let first = write(&this, "first").version.unwrap();
        let last = write(&this, "last").version.unwrap();
        damage(&place, &first);
        let seen_by_this = this.load().unwrap();
        let next = store(&place);
        let seen_by_next = next.load().unwrap();
        assert!(seen_by_this.rewound && seen_by_next.rewound, "damage {number}");
        // What was there is kept, and can be put back.
        let kept = repo::sha(&place.checkout(), "refs/conductor/state-seen/origin/conductor/state");
        assert_eq!(kept, Some(last));
        next.acknowledge(&seen_by_next).unwrap();
        assert!(!next.load().unwrap().rewound, "damage {number}");
        assert!(!write(&next, "goes on").rewound);
        assert!(!next.load().unwrap().rewound, "damage {number}");
    }
}

#[test]
fn a_state_that_another_clone_wrote_is_no_surprise() {
    let place = Place::new();
    let this = store(&place);
    write(&this, "here");
    repo::checkout("origin.git", &place.path().join("other"));
    write(&store_in(&place.path().join("other")).0, "there");
    let fresh = this.load().unwrap();
    assert!(!fresh.rewound);
    assert_eq!(words(&fresh).unwrap(), "there");
}

#[test]
fn the_runs_of_a_machine_queue_up_and_know_what_the_one_before_wrote() {
    let place = Place::new();
    // As in a vault: a push moves no tracking ref that a fetch beside it is about to move.
    repo::git(&place.checkout(), &["config", "--unset-all", "remote.origin.fetch"]);
    write(&store(&place), "0");
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let (store, repository) = store_in(&place.checkout());
                let mut snapshot = store.load().unwrap();
                let looked = repository.contacts();
                let turn = store.turn();
                if turn.news != conductor::ports::News::None {
                    snapshot = store.newest_known().unwrap();
                }
                let number: u32 = words(&snapshot).unwrap().parse().unwrap();
                store.swap(&snapshot, &saying("T-1", &(number + 1).to_string()), "count", &[]).unwrap();
                assert_eq!(repository.contacts(), looked + 1);
            });
        }
    });
    assert_eq!(words(&store(&place).load().unwrap()).unwrap(), "6");
}
