//! The local tracker on real files.

use conductor::adapters::tracker::local::LocalTracker;
use conductor::model::settings::{AssigneeRule, TrackerRules};
use conductor::model::{Issue, IssueId, Priority, StateKind};
use conductor::ports::{Candidates, Link, Tracker, TrackerError};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn rules() -> TrackerRules {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    TrackerRules {
        active_states: words(&["Todo", "Ready"]),
        terminal_states: words(&["Done", "Canceled"]),
        in_progress_state: "In Progress".to_owned(),
        in_review_state: "In Review".to_owned(),
        done_state: "Done".to_owned(),
        required_labels: Vec::new(),
        excluded_labels: Vec::new(),
        assignee: AssigneeRule::Any,
    }
}

fn tracker(folder: &TempDir) -> LocalTracker {
    LocalTracker::new(folder.path().to_owned(), rules())
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn ticket(front: &str) -> String {
    format!("---\ntitle: A ticket\n{front}---\nWhat is to be done.\n")
}

fn candidates(folder: &TempDir) -> Candidates {
    tracker(folder).candidates(&[]).unwrap()
}

fn names(issues: &[Issue]) -> Vec<&str> {
    issues.iter().map(|issue| issue.identifier.as_str()).collect()
}

fn issue(folder: &TempDir, key: &str) -> Issue {
    tracker(folder).find(key).unwrap().unwrap()
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

fn link(url: &str) -> Link {
    Link { url: url.to_owned(), title: "Pull request #1".to_owned(), body: String::new() }
}

/// Only what was there: no lock, no temporary file.
fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_ticket_comes_out_in_our_words() {
    let front = "---\ntitle: Add a flag\nstate: Todo\npriority: high\nlabels: [cli, 'good first']\nestimate: 2.5\n\
                 blocked_by: [T-2]\nassignee: ada@example.com\nmood: {any: thing}\n---\n\nBody.\n\n---\nStill body.\n";
    let folder = folder(&[("T-1.md", front), ("T-2.md", &ticket("state: Done\n"))]);
    let light = candidates(&folder).active.remove(0);
    assert_eq!(
        (light.id.as_str(), light.identifier.as_str(), light.title.as_str()),
        ("T-1", "T-1", "Add a flag")
    );
    assert_eq!((light.description.as_str(), light.has_details), ("", false));
    assert_eq!((light.state.name.as_str(), light.state.kind), ("Todo", StateKind::Open));
    assert_eq!((light.priority, light.estimate), (Priority::High, Some(2.5)));
    assert_eq!(light.labels, ["cli", "good first"]);
    assert_eq!(light.assignee.as_ref().unwrap().email.as_deref(), Some("ada@example.com"));
    assert_eq!(light.blocked_by[0].identifier, "T-2");
    assert_eq!(
        (light.blocked_by[0].state.name.as_str(), light.blocked_by[0].state.kind),
        ("Done", StateKind::Closed)
    );

    let whole = tracker(&folder).refresh(std::slice::from_ref(&light.id)).unwrap().remove(0);
    assert_eq!((whole.description.as_str(), whole.has_details), ("Body.\n\n---\nStill body.", true));
    assert_eq!(whole.updated_at, light.updated_at);
    assert_eq!(whole.updated_at.unwrap().timestamp_subsec_nanos() % 1_000_000, 0, "milliseconds");
}

#[test]
fn tickets_in_active_states_are_candidates_and_others_come_by_id() {
    let folder = folder(&[
        ("A-1.md", &ticket("state: todo\n")),
        ("A-2.md", &ticket("state: Done\n")),
        ("A-3.md", &ticket("")),
        ("A-4.md", &ticket("state: READY\n")),
        ("A-5.md", &ticket("state: Somewhere else\n")),
    ]);
    let ids = ["A-2", "A-9", "A-1", "../A-2", ".", ""].map(IssueId::new);
    let found = tracker(&folder).candidates(&ids).unwrap();
    assert_eq!(names(&found.active), ["A-1", "A-3", "A-4"]);
    assert_eq!(found.active[1].state.name, "Todo", "the first active state when none is said");
    assert_eq!(names(&found.also), ["A-2", "A-1"]);
    assert_eq!(found.faults, []);
    assert_eq!(names(&tracker(&folder).refresh(&ids).unwrap()), ["A-2", "A-1"]);
    assert_eq!(tracker(&folder).requests(), 0);
}

#[test]
fn priorities_are_words_or_linears_numbers() {
    for (written, priority) in [
        ("1", Priority::Urgent),
        ("Urgent", Priority::Urgent),
        ("2", Priority::High),
        ("normal", Priority::Medium),
        ("medium", Priority::Medium),
        ("4", Priority::Low),
        ("0", Priority::None),
        ("none", Priority::None),
        ("~", Priority::None),
        ("", Priority::None),
    ] {
        let folder = folder(&[("A-1.md", &ticket(&format!("priority: {written}\n")))]);
        assert_eq!(candidates(&folder).active[0].priority, priority, "{written}");
    }
}

#[test]
fn blockers_are_found_by_key_and_those_that_are_not_there_block_as_missing() {
    let folder = folder(&[
        ("A-1.md", &ticket("blocked_by: [a-2, A-3, A-99, ../A-2]\n")),
        ("A-2.md", &ticket("state: In Review\n")),
        ("A-3.md", "---\ntitle: [\n---\n"),
    ]);
    let blockers = |issue: &Issue| -> Vec<String> {
        issue
            .blocked_by
            .iter()
            .map(|b| format!("{} {} {:?}", b.identifier, b.state.name, b.state.kind))
            .collect()
    };
    let expected =
        ["A-2 In Review Started", "A-3 unreadable Unknown", "A-99 missing Unknown", "../A-2 missing Unknown"];
    assert_eq!(blockers(&candidates(&folder).active[0]), expected);
    assert_eq!(blockers(&issue(&folder, "A-1")), expected);
}

#[test]
fn a_ticket_is_found_whatever_its_case() {
    let folder = folder(&[("Eng-1.md", &ticket("")), ("ENG-2.md", &ticket("")), ("eng-2.md", &ticket(""))]);
    assert_eq!(issue(&folder, " eng-1 ").identifier, "Eng-1");
    assert_eq!(issue(&folder, "eng-2").identifier, "eng-2", "the exact one first");
    for unknown in ["ENG-3", "", "../ENG-2", "."] {
        assert_eq!(tracker(&folder).find(unknown).unwrap(), None, "{unknown}");
    }
}

#[test]
fn broken_tickets_are_told_with_file_and_line_and_do_not_stop_the_others() {
    let cases: [(&str, &[u8], &str); 14] = [
        ("B-01", b"no front matter\n", "line 1: no front matter: the first line must be `---`"),
        ("B-02", b"", "line 1: no front matter: the first line must be `---`"),
        (
            "B-03",
            b"---\ntitle: x\n",
            "line 1: the front matter is not closed: a second line `---` is missing",
        ),
        ("B-04", b"---\n- a\n- b\n---\n", "line 2: expected mapping start"),
        ("B-05", b"---\njust text\n---\n", "line 2: expected mapping start"),
        ("B-06", b"---\n# c\ntitle: \"\"\n---\n", "line 3: `title` is missing or empty"),
        ("B-07", b"---\nstate: Todo\n---\n", "line 1: `title` is missing or empty"),
        ("B-08", b"---\ntitle: x\nlabels: bug\n---\n", "line 3: expected sequence start"),
        (
            "B-09",
            b"---\ntitle: x\npriority: soon\n---\n",
            "line 3: `priority: soon` is none of urgent, high, medium, low, none, 0 to 4",
        ),
        (
            "B-10",
            b"---\ntitle: x\n\nstate: >-\n  Todo\n---\n",
            "line 4: `state` must stand on one line: `state: Todo`",
        ),
        (
            "B-11",
            b"---\n{title: x, state: Todo}\n---\n",
            "line 1: `state` must stand on one line: `state: Todo`",
        ),
        ("B-12", b"---\ntitle: x\n---\nok\n\xff\n", "line 5: not UTF-8"),
        ("B-13", b"---\ntitle: x\nestimate: .nan\n---\n", "line 3: `estimate` is not a number"),
        ("B-14", b"---\r\ntitle: x\r\ntitle: y\r\n---\r\n", "line 3: duplicate mapping key: title"),
    ];
    let folder = folder(&[("A-1.md", &ticket(""))]);
    for (key, bytes, _) in cases {
        fs::write(folder.path().join(format!("{key}.md")), bytes).unwrap();
    }
    let found = candidates(&folder);
    assert_eq!(names(&found.active), ["A-1"]);
    assert_eq!(found.faults.len(), cases.len());
    for ((key, _, detail), fault) in cases.iter().zip(&found.faults) {
        let file = folder.path().join(format!("{key}.md"));
        assert_eq!(fault.identifier, *key);
        let said = fault.detail.strip_prefix(&format!("{}: ", file.display())).unwrap();
        assert!(said.starts_with(detail), "{key}: {said}");
        assert_eq!(tracker(&folder).find(key).unwrap_err(), TrackerError::Config(fault.detail.clone()));
    }
    let steering = b"---\ntitle: x\npriority: \"a\\e[2Jb\\nc\"\n---\n";
    fs::write(folder.path().join("A-2.md"), steering).unwrap();
    let detail = candidates(&folder).faults[0].detail.clone();
    assert!(!detail.contains(char::is_control) && detail.contains("`priority: ab c`"), "{detail}");

    let ids = ["B-04", "A-1"].map(IssueId::new);
    assert_eq!(names(&tracker(&folder).refresh(&ids).unwrap()), ["A-1"]);
}

#[test]
fn a_description_of_a_megabyte_is_read_and_a_file_beyond_all_measure_is_not() {
    let big = "x".repeat(1 << 20);
    let folder = folder(&[("A-1.md", &format!("---\ntitle: Big\n---\n{big}"))]);
    assert!(issue(&folder, "A-1").description == big);
    fs::write(folder.path().join("A-2.md"), "x".repeat((8 << 20) + 1)).unwrap();
    let found = candidates(&folder);
    assert_eq!(names(&found.active), ["A-1"]);
    assert!(found.faults[0].detail.ends_with("A-2.md: longer than 8 MB"), "{:?}", found.faults);
}

#[cfg(unix)]
#[test]
fn what_is_no_ticket_is_left_alone() {
    use std::os::unix::ffi::OsStringExt;
    let elsewhere = folder(&[("SECRET.md", &ticket(""))]);
    let folder = folder(&[
        ("A-1.md", &ticket("")),
        ("README.md", "# These are our tickets\n"),
        (".A-2.md", &ticket("")),
        ("A-3.md~", &ticket("")),
        ("A-4.txt", &ticket("")),
        (".md", &ticket("")),
    ]);
    fs::create_dir(folder.path().join("A-5.md")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("SECRET.md"), folder.path().join("A-6.md")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("A-7.md")).unwrap();
    let found = candidates(&folder);
    assert_eq!((names(&found.active), found.faults), (vec!["A-1"], vec![]));
    assert_eq!(tracker(&folder).refresh(&["A-6", "A-5"].map(IssueId::new)).unwrap(), []);

    let name = std::ffi::OsString::from_vec(b"B-\xff.md".to_vec());
    fs::write(folder.path().join(name), ticket("")).unwrap();
    let fault = &candidates(&folder).faults[0];
    assert!(fault.detail.ends_with("its name is not UTF-8"), "{fault:?}");
}

#[test]
fn hostile_names_are_keys_like_any_other() {
    let keys = ["a b", "é", "--flag", "$(touch pwned)", "x.lock", "A..B", "ENG-1.old"];
    let folder = TempDir::new().unwrap();
    for key in keys {
        fs::write(folder.path().join(format!("{key}.md")), ticket("state: Todo\n")).unwrap();
    }
    for issue in candidates(&folder).active {
        tracker(&folder).move_to(&issue, "Done").unwrap().unwrap();
        assert_eq!(tracker(&folder).refresh(&[issue.id]).unwrap()[0].state.name, "Done");
    }
    assert_eq!(files(folder.path()).len(), keys.len());
}

#[test]
fn a_missing_folder_is_a_configuration_error_that_names_it() {
    let folder = folder(&[("file", "")]);
    for (path, what) in [("none", "does not exist"), ("file", "is not a folder")] {
        let path = folder.path().join(path);
        let tracker = LocalTracker::new(path.clone(), rules());
        let TrackerError::Config(text) = tracker.candidates(&[]).unwrap_err() else { panic!("{what}") };
        assert!(text.contains(&path.display().to_string()) && text.contains(what), "{text}");
    }
}

#[test]
fn a_move_changes_the_state_and_not_one_byte_besides() {
    for (before, after) in [
        ("---\ntitle: x\nstate: Todo\n---\nbody", "---\ntitle: x\nstate: In Progress\n---\nbody"),
        (
            "---\r\n# why\r\nstate:   Todo   # since Monday\r\ntitle: x\r\nown: [1, 2]  \r\n---\r\nstate: Todo\r\n",
            "---\r\n# why\r\nstate:   In Progress   # since Monday\r\ntitle: x\r\nown: [1, 2]  \r\n---\r\nstate: Todo\r\n",
        ),
        (
            "---\ntitle: x\n\"state\" : \"Todo\" # c\n---\n",
            "---\ntitle: x\n\"state\" : In Progress # c\n---\n",
        ),
        ("---\nstate: 'To''do' #x\ntitle: x\n---", "---\nstate: In Progress #x\ntitle: x\n---"),
        ("---\ntitle: x\nstate:\n---", "---\ntitle: x\nstate: In Progress\n---"),
        ("---\ntitle: x\nstate: ~ # none\n---\n", "---\ntitle: x\nstate: In Progress # none\n---\n"),
        ("---\ntitle: x\nstate: # none\n---\n", "---\ntitle: x\nstate: In Progress # none\n---\n"),
        ("---\ntitle: x\n---\n\n\nbody", "---\ntitle: x\nstate: In Progress\n---\n\n\nbody"),
        ("---\r\ntitle: x\r\n---", "---\r\ntitle: x\r\nstate: In Progress\r\n---"),
        ("\u{feff}---\ntitle: x\nstate: Todo\n---\n", "\u{feff}---\ntitle: x\nstate: In Progress\n---\n"),
        (
            "---\ntitle: x\nnotes: |\n  state: Todo\nstatement: y\nstate: Todo\n---\n",
            "---\ntitle: x\nnotes: |\n  state: Todo\nstatement: y\nstate: In Progress\n---\n",
        ),
    ] {
        let folder = folder(&[("A-1.md", before)]);
        let moved = tracker(&folder).move_to(&issue(&folder, "A-1"), "In Progress").unwrap();
        assert_eq!(text(&folder, "A-1.md"), after);
        let issue = issue(&folder, "A-1");
        assert_eq!((issue.state.name.as_str(), issue.updated_at), ("In Progress", moved));
        assert_eq!(files(folder.path()), ["A-1.md"]);
    }
}

#[test]
fn any_name_can_be_a_state_and_is_quoted_where_yaml_needs_it() {
    for (state, written) in [
        ("In Progress", "In Progress"),
        ("yes", "\"yes\""),
        ("2", "\"2\""),
        ("a: b", "\"a: b\""),
        ("a #b", "\"a #b\""),
        ("- x", "\"- x\""),
        ("Überprüfung", "\"Überprüfung\""),
        ("say \"hi\"\n---\ntitle: y", "\"say \\\"hi\\\"\\n---\\ntitle: y\""),
    ] {
        let folder = folder(&[("A-1.md", &ticket("state: Todo\n"))]);
        tracker(&folder).move_to(&issue(&folder, "A-1"), state).unwrap();
        assert_eq!(text(&folder, "A-1.md"), ticket(&format!("state: {written}\n")));
        assert_eq!(issue(&folder, "A-1").state.name, state);
    }
}

#[test]
fn a_ticket_that_is_there_already_is_left_alone() {
    let folder = folder(&[("A-1.md", &ticket("state: in progress\n")), ("A-2.md", &ticket(""))]);
    let before = (text(&folder, "A-1.md"), issue(&folder, "A-1").updated_at);
    assert_eq!(tracker(&folder).move_to(&issue(&folder, "A-1"), "In Progress").unwrap(), None);
    assert_eq!(before, (text(&folder, "A-1.md"), issue(&folder, "A-1").updated_at));
    assert_eq!(tracker(&folder).move_to(&issue(&folder, "A-2"), "Todo").unwrap(), None, "by default");
}

#[test]
fn a_pull_request_is_written_once_and_renewed() {
    let folder = folder(&[("A-1.md", &ticket("state: Todo # c\n"))]);
    let issue = issue(&folder, "A-1");
    let first = link("https://github.com/o/r/pull/17");
    assert!(tracker(&folder).link(&issue, &first).unwrap().is_some());
    let written = ticket("state: Todo # c\npull_request: https://github.com/o/r/pull/17\n");
    assert_eq!(text(&folder, "A-1.md"), written);
    assert_eq!(tracker(&folder).link(&issue, &first).unwrap(), None);
    assert_eq!(text(&folder, "A-1.md"), written);
    tracker(&folder).link(&issue, &link("/tmp/pulls/18.md")).unwrap();
    assert_eq!(text(&folder, "A-1.md"), ticket("state: Todo # c\npull_request: \"/tmp/pulls/18.md\"\n"));
}

#[test]
fn a_ticket_that_is_gone_or_broke_since_is_not_written() {
    let folder = folder(&[("A-1.md", &ticket("state: Todo\n"))]);
    let known = issue(&folder, "A-1");
    fs::write(folder.path().join("A-1.md"), "---\ntitle: [\n---\n").unwrap();
    let error = tracker(&folder).move_to(&known, "Done").unwrap_err();
    assert!(matches!(&error, TrackerError::Config(text) if text.contains("A-1.md: line 2: ")), "{error:?}");
    fs::write(folder.path().join("A-1.md"), "---\ntitle: x\nstate: \"Todo\n  still\"\n---\n").unwrap();
    let error = tracker(&folder).move_to(&known, "Done").unwrap_err();
    assert!(matches!(&error, TrackerError::Config(text) if text.contains("cannot be changed")), "{error:?}");
    fs::remove_file(folder.path().join("A-1.md")).unwrap();
    assert!(matches!(tracker(&folder).move_to(&known, "Done").unwrap_err(), TrackerError::NotFound(_)));
    assert_eq!(files(folder.path()), [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_rewritten_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("A-1.md", &ticket("state: Todo\n"))]);
    let path = folder.path().join("A-1.md");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    tracker(&folder).move_to(&issue(&folder, "A-1"), "Done").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o664);
}

#[test]
fn writers_at_the_same_moment_lose_nothing_and_readers_see_whole_files() {
    let folder = folder(&[("A-1.md", &ticket("state: Todo\n"))]);
    let known = issue(&folder, "A-1");
    std::thread::scope(|scope| {
        let mover = scope.spawn(|| {
            for n in 0..40 {
                tracker(&folder).move_to(&known, ["In Progress", "Todo"][n % 2]).unwrap();
            }
        });
        let linker = scope.spawn(|| {
            for n in 0..40 {
                tracker(&folder).link(&known, &link(&format!("https://example.com/{n}"))).unwrap();
                // Nobody else writes this key: it must still be there.
                assert!(
                    text(&folder, "A-1.md").contains(&format!("pull_request: https://example.com/{n}\n"))
                );
            }
        });
        while !(mover.is_finished() && linker.is_finished()) {
            let seen = candidates(&folder);
            assert_eq!(seen.faults, []);
            assert_eq!(issue(&folder, "A-1").description, "What is to be done.");
        }
    });
    assert_eq!(text(&folder, "A-1.md"), ticket("state: Todo\npull_request: https://example.com/39\n"));
    assert_eq!(files(folder.path()), ["A-1.md"]);
}

#[test]
fn another_process_that_holds_the_folder_is_waited_for() {
    let folder = folder(&[("A-1.md", &ticket("state: Todo\n"))]);
    let known = issue(&folder, "A-1");
    let lock = fs::File::open(folder.path()).unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        let mover = scope.spawn(|| tracker(&folder).move_to(&known, "Done").unwrap());
        // While it waits, a change by the holder of the lock.
        fs::write(folder.path().join("A-1.md"), ticket("state: Todo\nown: kept\n")).unwrap();
        drop(lock);
        mover.join().unwrap();
    });
    assert_eq!(text(&folder, "A-1.md"), ticket("state: Done\nown: kept\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_in_a_file_a_move_changes_the_state_alone_or_nothing(
        front in "[ -~\u{e9}\n\r]{0,60}",
        state in "[!-~\u{e9}]([ -~\n]{0,10}[!-~])?",
        body in "[ -~\n\r]{0,40}",
    ) {
        let written = format!("---\ntitle: x\n{front}\n---\n{body}");
        let folder = folder(&[("A-1.md", &written)]);
        if let Ok(Some(known)) = tracker(&folder).find("A-1") {
            match tracker(&folder).move_to(&known, &state) {
                Ok(Some(_)) => {
                    let moved = issue(&folder, "A-1");
                    prop_assert_eq!(&moved.state.name, &state);
                    let back = Issue { state: known.state.clone(), updated_at: known.updated_at, ..moved };
                    prop_assert_eq!(back, known);
                }
                _ => prop_assert_eq!(text(&folder, "A-1.md"), written),
            }
        }
    }
}
