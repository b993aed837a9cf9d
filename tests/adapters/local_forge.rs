//! Pull requests in a folder, also when eight processes want them at once.

use crate::github::{FixedClock, draft};
use conductor::adapters::forge::local::LocalForge;
use conductor::model::{BranchName, PullRequestState};
use conductor::ports::{Forge, ForgeError};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn forge(folder: &Path) -> LocalForge {
    LocalForge::new(folder, Arc::new(FixedClock))
}

#[derive(Deserialize)]
struct Front {
    number: u64,
    title: String,
    head: String,
    base: String,
    state: String,
    draft: bool,
    issue: String,
    labels: Vec<String>,
    created: String,
}

fn front(path: &Path) -> (Front, String) {
    let text = std::fs::read_to_string(path).unwrap();
    let (front, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    (serde_yaml::from_str(front).unwrap_or_else(|error| panic!("{error}\n{front}")), body.to_owned())
}

#[test]
fn a_pull_request_is_a_numbered_file_people_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let pulls = folder.path().join("pulls");
    let forge = forge(&pulls);
    assert_eq!(forge.find(&BranchName::new("conductor/ENG-1")).unwrap(), []);
    let mut wanted = draft("ENG-1");
    wanted.draft = true;
    wanted.labels = vec!["bug".to_owned(), "a, b".to_owned()];
    let ensured = forge.ensure_pull_request(&wanted).unwrap();
    assert!(ensured.created && ensured.warnings.is_empty());
    assert_eq!(ensured.pull_request.number, 1);
    assert_eq!(ensured.pull_request.url, pulls.canonicalize().unwrap().join("1.md").display().to_string());
    assert_eq!(forge.find(&wanted.head).unwrap(), [ensured.pull_request]);

    let (front, body) = front(&pulls.join("1.md"));
    assert_eq!((front.number, front.title.as_str(), front.state.as_str()), (1, "Fix ENG-1", "open"));
    assert_eq!((front.head.as_str(), front.base.as_str()), ("conductor/ENG-1", "main"));
    assert_eq!((front.issue.as_str(), front.draft, front.labels), ("ENG-1", true, wanted.labels));
    assert_eq!(front.created, "2026-11-22T10:00:00.000Z");
    assert_eq!(body.trim(), wanted.body.trim());
}

#[test]
fn an_open_one_is_found_again_and_a_merged_one_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let forge = forge(folder.path());
    forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    let again = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!((again.created, again.pull_request.number), (false, 1));

    let path = folder.path().join("1.md");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("state: open", "state:   Merged # by me")).unwrap();
    let next = forge.ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!((next.created, next.pull_request.number), (true, 2));
    let found = forge.find(&BranchName::new("conductor/ENG-1")).unwrap();
    let states: Vec<_> = found.iter().map(|pull| (pull.number, pull.state)).collect();
    assert_eq!(states, [(2, PullRequestState::Open), (1, PullRequestState::Merged)]);
}

#[test]
fn hostile_text_is_only_text() {
    let folder = tempfile::tempdir().unwrap();
    let forge = forge(folder.path());
    let hostile = [
        "a: b # c",
        "\"quoted\" 'twice' \\ back",
        "line\nbreak\r\n---\nstate: merged",
        "$(touch pwned) `id` --flag",
        "rtl \u{202e}txt.exe\u{202c} \u{200f}",
        "\u{feff}bom \u{2028} \u{85} nul\u{0} esc\u{1b}[31m del\u{7f}",
        "é 日本 😀",
        "::set-output name=x::y",
        "- [ ] {a: 1} & *b !c | > %",
        &"long ".repeat(2000),
    ];
    for (index, title) in hostile.iter().enumerate() {
        let mut wanted = draft(&format!("ENG-{index}"));
        wanted.title = (*title).to_owned();
        wanted.labels = vec![(*title).to_owned()];
        wanted.body = format!("---\nstate: merged\n---\n{title}");
        let ensured = forge.ensure_pull_request(&wanted).unwrap();
        assert_eq!(ensured.pull_request.state, PullRequestState::Open, "{title:?}");
        let path = folder.path().join(format!("{}.md", index + 1));
        let (front, _) = front(&path);
        assert_eq!(front.labels, [*title], "every character comes back");
        assert!(!front.title.chars().any(char::is_control), "{title:?}");
        let head = std::fs::read_to_string(&path).unwrap();
        let head = head.split("\n---\n").next().unwrap();
        assert!(!head.contains(['\u{202e}', '\u{200f}', '\u{1b}', '\u{feff}']), "{head}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_line() {
    let cases = [
        ("no front matter at all", "1.md: no front matter"),
        ("---\nhead: conductor/ENG-1\nstate: [open\n---\n", "1.md: "),
        ("---\nhead: conductor/ENG-1\nstate: done\n---\n", "state: \"done\" is none of open, closed, merged"),
        ("---\ntitle: x\nstate: open\n---\n", "head"),
    ];
    for (text, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1.md"), text).unwrap();
        let error = forge(folder.path()).ensure_pull_request(&draft("ENG-1")).unwrap_err();
        assert!(matches!(&error, ForgeError::Protocol(text) if text.contains(expected)), "{error}");
        assert!(!folder.path().join("2.md").exists());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.md"), "---\nhead: x\nstate: open\ndraft: maybe\n---\n").unwrap();
    let error = forge(folder.path()).find(&BranchName::new("x")).unwrap_err().to_string();
    assert!(error.contains("line 4"), "{error}");
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["README.md", "007.md", "+3.md", "4.txt"] {
        std::fs::write(folder.path().join(name), "mine").unwrap();
    }
    let ensured = forge(folder.path()).ensure_pull_request(&draft("ENG-1")).unwrap();
    assert_eq!(ensured.pull_request.number, 1);
    assert_eq!(std::fs::read_to_string(folder.path().join("007.md")).unwrap(), "mine");
}

/// The test runs itself as eight processes.
#[test]
fn eight_processes_open_one_pull_request_per_branch() {
    const CHILD: &str = "CONDUCTOR_TEST_PULLS";
    if let Some(folder) = std::env::var_os(CHILD) {
        let forge = forge(Path::new(&folder));
        for key in 0..5 {
            forge.ensure_pull_request(&draft(&format!("ENG-{key}"))).unwrap();
        }
        forge.ensure_pull_request(&draft(&format!("OWN-{}", std::process::id()))).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "local_forge::eight_processes_open_one_pull_request_per_branch"])
            .env(CHILD, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut heads: Vec<String> =
        (1..=13).map(|n| front(&folder.path().join(format!("{n}.md"))).0.head).collect();
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), 13, "{heads:?}");
    // The thirteen and the lock.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 14);
}
