//! `conductor demo`, as somebody runs it who has nothing yet: no repository, no home, no identity.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// An empty folder to stand in, an empty one for what is temporary, and a home.
struct Nowhere {
    _root: TempDir,
    here: PathBuf,
    temporary: PathBuf,
    home: PathBuf,
}

impl Nowhere {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let make = |name: &str| {
            let folder = root.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let (here, temporary, home) = (make("here"), make("temporary"), make("home"));
        Self { _root: root, here, temporary, home }
    }

    /// Without a home, unless the caller sets one.
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.here).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("TMPDIR", &self.temporary);
        command
    }

    fn conductor(&self, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_conductor"), args)
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(entries(&self.temporary), Vec::<PathBuf>::new());
        assert_eq!(entries(&self.here), Vec::<PathBuf>::new());
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn succeed(command: Command) -> String {
    let output = run(command);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}\n{told}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn two_cycles_bring_six_tickets_to_their_ends_and_leave_nothing_behind() {
    let nowhere = Nowhere::new();
    let output = run(nowhere.conductor(&["demo"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}\n{told}");
    assert!(!text.contains('\u{1b}') && !told.contains('\u{1b}'), "plain when piped");

    let (first, rest) = text.split_once("The second cycle").unwrap();
    assert!(first.contains("3 succeeded, 1 without changes, 2 skipped"), "{first}");
    assert!(first.contains("1 blocked_by: TALLY-3 (TALLY-2 is Todo)"), "{first}");
    // Both are about the sum, and would get into each other's way.
    assert!(first.contains("1 overlap: TALLY-6 (TALLY-1"), "{first}");
    assert!(rest.contains("2 succeeded"), "{rest}");
    let retried = first.lines().find(|line| line.starts_with("success     TALLY-4")).unwrap();
    assert!(first.contains("attempts") && retried.split_whitespace().any(|word| word == "2"), "{retried}");
    // The urgent one comes first.
    let order: Vec<&str> = first.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(order.iter().find(|word| word.starts_with("TALLY-")), Some(&"TALLY-1"), "{first}");
    assert!(told.contains("TALLY-4: attempt 1 ended: partial (gate_failed)"), "{told}");

    let ends = rest.split_once("What there is now").unwrap().1;
    let states: BTreeMap<&str, String> = ends
        .lines()
        .filter(|line| line.starts_with("TALLY-"))
        .map(|line| (&line[..7], line[9..32].split_whitespace().filter(|w| !w.starts_with('#')).collect()))
        .collect();
    let expected = [
        ("TALLY-1", "Donemerged"),
        ("TALLY-2", "Donemerged"),
        ("TALLY-3", "InReviewopen"),
        ("TALLY-4", "InReviewopen"),
        ("TALLY-5", "Canceled"),
        ("TALLY-6", "InReviewopen"),
    ];
    assert_eq!(states, expected.map(|(key, end)| (key, end.to_owned())).into(), "{ends}");
    for key in ["TALLY-1", "TALLY-2", "TALLY-4", "TALLY-5"] {
        assert!(ends.contains(&format!("claim {key}")), "{ends}");
    }
    nowhere.assert_nothing_is_left();
}

#[test]
fn as_json_both_reports_are_one_document() {
    let nowhere = Nowhere::new();
    let text = succeed(nowhere.conductor(&["demo", "--output", "json", "--quiet"]));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["schema"], &document["kept"]), (&Value::from(1), &Value::Null));
    let outcomes = |cycle: usize| -> BTreeMap<String, (String, u64)> {
        let dispatched = document["cycles"][cycle]["dispatched"].as_array().unwrap();
        dispatched
            .iter()
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                (text("issue"), (text("outcome"), one["attempts"].as_u64().unwrap()))
            })
            .collect()
    };
    let expect = |all: &[(&str, &str, u64)]| -> BTreeMap<String, (String, u64)> {
        all.iter().map(|(key, outcome, tries)| ((*key).into(), ((*outcome).into(), *tries))).collect()
    };
    let first = [
        ("TALLY-1", "success", 1),
        ("TALLY-2", "success", 1),
        ("TALLY-4", "success", 2),
        ("TALLY-5", "no_changes", 1),
    ];
    assert_eq!(outcomes(0), expect(&first));
    assert_eq!(outcomes(1), expect(&[("TALLY-3", "success", 1), ("TALLY-6", "success", 1)]));
    assert_eq!(document["cycles"].as_array().unwrap().len(), 2);
    nowhere.assert_nothing_is_left();
}

#[test]
fn a_kept_world_works_and_every_command_it_names_does_what_it_says() {
    let nowhere = Nowhere::new();
    let text = succeed(nowhere.conductor(&["demo", "--quiet", "--keep", "new folder/world"]));
    let world = nowhere.here.join("new folder/world");
    let git = |args: &[&str]| {
        let mut command = nowhere.command("git", args);
        command.current_dir(world.join("origin.git"));
        succeed(command)
    };
    let log = git(&["log", "--format=%B", "conductor/state"]);
    for ticket in 1..=6 {
        assert!(log.contains(&format!("record TALLY-{ticket}: ")), "{log}");
    }
    for ticket in 1..=6 {
        assert!(log.contains(&format!("claim TALLY-{ticket}")), "{log}");
    }
    // What was merged was passed on: the README's line stands on the command it is about.
    assert!(git(&["show", "conductor/TALLY-3:README.md"]).contains("| `average` |"));
    assert!(git(&["show", "conductor/TALLY-3:commands/average.sh"]).contains("count"));
    let state: Value = serde_json::from_str(&git(&["show", "conductor/state:state.json"])).unwrap();
    let tries: Vec<&str> = state["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|outcome| outcome["issue"] == "TALLY-4")
        .map(|outcome| outcome["failure"].as_str().unwrap_or("none"))
        .collect();
    assert_eq!(tries, ["gate_failed", "none"]);
    assert_eq!(state["claims"], Value::Object(Default::default()));

    let project = world.join("project");
    let once = ["once", "--output", "json", "-C", project.to_str().unwrap()];
    let report: Value = serde_json::from_str(&succeed(nowhere.conductor(&once))).unwrap();
    assert_eq!(report["status"], "idle");
    assert_eq!(git(&["log", "--format=%B", "conductor/state"]), log, "an idle cycle writes nothing");

    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_once("  # ").map(|(command, _)| command))
        .collect();
    assert_eq!(named.len(), 5, "{text}");
    for command in named {
        assert!(!succeed(nowhere.command("sh", &["-c", command])).is_empty(), "{command}");
    }
    assert_eq!(entries(&world.join("workspaces")), Vec::<PathBuf>::new());
    assert_eq!(entries(&nowhere.temporary), Vec::<PathBuf>::new());
    let status = nowhere.command("git", &["-C", project.to_str().unwrap(), "status", "--porcelain"]);
    assert_eq!(succeed(status), "");
}

#[test]
fn a_folder_with_something_in_it_is_not_taken() {
    let nowhere = Nowhere::new();
    fs::create_dir(nowhere.here.join("mine")).unwrap();
    fs::write(nowhere.here.join("mine/letter.txt"), "dear").unwrap();
    fs::write(nowhere.here.join("file"), "").unwrap();
    for (folder, said) in [("mine", "--keep"), ("file", "--keep")] {
        let output = run(nowhere.conductor(&["demo", "--keep", folder]));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(said) && told.contains(folder), "{told}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(entries(&nowhere.here.join("mine")), [nowhere.here.join("mine/letter.txt")]);
    assert_eq!(entries(&nowhere.temporary), Vec::<PathBuf>::new());
}

#[test]
fn a_person_s_own_git_configuration_has_no_part_in_it_and_stays_as_it_is() {
    let nowhere = Nowhere::new();
    let hooks = nowhere.home.join("template/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["pre-commit", "pre-push", "pre-receive", "post-checkout"] {
        let path = hooks.join(hook);
        fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let config = format!(
        "[user]\n\tuseConfigOnly = true\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n\
         [init]\n\ttemplateDir = {0}/template\n\tdefaultBranch = trunk\n[core]\n\thooksPath = {0}/template/hooks\n\
         \tautocrlf = true\n\tsafecrlf = true\n[safe]\n\tbareRepository = explicit\n\
         [protocol \"file\"]\n\tallow = never\n[clone]\n\tdefaultRemoteName = upstream\n",
        nowhere.home.display()
    );
    fs::write(nowhere.home.join(".gitconfig"), &config).unwrap();
    let before = entries(&nowhere.home).len();
    let mut command = nowhere.conductor(&["demo"]);
    command.env("HOME", &nowhere.home);
    assert!(succeed(command).contains("2 succeeded"));
    assert_eq!(fs::read_to_string(nowhere.home.join(".gitconfig")).unwrap(), config);
    assert_eq!(entries(&nowhere.home).len(), before);
    nowhere.assert_nothing_is_left();
}

#[test]
fn an_interrupted_demo_ends_at_once_and_leaves_nothing_behind() {
    let nowhere = Nowhere::new();
    let mut command = nowhere.conductor(&["demo"]);
    let mut demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("attempt 1 started")));
    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let told: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let output = demo.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}\n{told:?}");
    assert!(text.contains("interrupted") && !text.contains("The second cycle"), "{text}");
    nowhere.assert_nothing_is_left();
}

#[test]
fn the_scripted_agent_does_nothing_on_its_own() {
    let nowhere = Nowhere::new();
    let output = run(nowhere.conductor(&["__demo-agent"]));
    assert_eq!(output.status.code(), Some(2));
    let prompt = nowhere.home.join("prompt.md");
    fs::write(&prompt, "Identifier: ENG-1\n").unwrap();
    let mut command = nowhere.conductor(&["__demo-agent"]);
    let output = command.env("CONDUCTOR_PROMPT_FILE", &prompt).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(1) && told.contains("`ENG-1` is not a ticket of the demo"),
        "{told}"
    );
    nowhere.assert_nothing_is_left();
}
