//! What the README, the workflows and the other papers say, held against what there is.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conductor::model::plan::{Complexity, ComplexityClass, Term};
use conductor::model::report::{
    Advanced, CycleReport, CycleStatus, Dispatched, Recovered, RecoveryAction, ReportedPullRequest, Requests,
    SkipReason, Skipped,
};
use conductor::model::{GateResult, StageName, State, Usage};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The fenced block after that comment.
fn example(marker: &str) -> String {
    let readme = file("README.md");
    let (_, after) = readme.split_once(&format!("<!-- {marker} -->\n```")).unwrap();
    let (_, block) = after.split_once('\n').unwrap();
    block.split_once("\n```").unwrap().0.to_owned()
}

#[test]
fn the_readme_begins_with_its_two_commands() {
    let readme = file("README.md");
    let first = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(first, "cargo run -- demo\ncargo test\n");
    let picture = first_picture(&readme);
    assert!(readme.find(&picture) < readme.find("```sh"), "the picture comes first");
    assert!(file(&picture).starts_with("<svg ") && file(&picture).contains("cargo run -- demo"));
    let script = file(".ci/run");
    for command in ["cargo run --locked -- demo", "cargo test --locked\n"] {
        assert!(script.contains(command), "{command}");
    }
}

#[test]
fn the_guards_lists_are_those_of_the_readme() {
    use conductor::model::guarded_paths::{BUILD_FILES, PROTECTED};
    let readme = file("README.md");
    let section = readme.split_once("\n### Guards\n").unwrap().1.split_once("\n## ").unwrap().0;
    for (begins, ends, list) in
        [("unless you set it: ", ".\n", PROTECTED), ("a draft that names them: ", ".\n", BUILD_FILES)]
    {
        let told = section.split_once(begins).unwrap().1.split_once(ends).unwrap().0;
        let told: Vec<&str> = told.split(", ").map(|item| item.trim_matches('`')).collect();
        assert_eq!(told, list);
    }
}

fn first_picture(readme: &str) -> String {
    readme.split_once("![").unwrap().1.split_once("](").unwrap().1.split_once(')').unwrap().0.to_owned()
}

#[test]
fn the_quick_start_works_as_it_is_written() {
    let steps = readme_steps();
    assert_eq!(steps.len(), 3);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_conductor"), path("bin/conductor")).unwrap();
    let search = format!("{}:{}", path("bin").display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-e", "-c", &steps.concat()]).current_dir(folder.path()).env_clear();
    shell.env("PATH", search).env("HOME", folder.path()).env("TMPDIR", folder.path());
    for role in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{role}_NAME"), "Reader").env(format!("GIT_{role}_EMAIL"), "reader@localhost");
    }
    let output = shell.output().unwrap();
    let told = format!("{output:?}");
    assert!(output.status.success(), "{told}");
    let at = |name: &str| fs::read_to_string(path(&format!("hello/{name}"))).unwrap();
    assert!(at("pulls/1.md").contains("HELLO-1: Say hello"), "{told}");
    assert!(at("tickets/HELLO-1.md").contains("state: In Review"), "{told}");
    let mut again = std::process::Command::new(env!("CARGO_BIN_EXE_conductor"));
    let again = again.args(["once", "-C"]).arg(path("hello/work")).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stdout).starts_with("nothing to do"), "{again:?}");
}

/// The blocks of the quick start, in their order.
fn readme_steps() -> Vec<String> {
    let readme = file("README.md");
    let blocks = readme.split("<!-- quick start -->\n```sh\n").skip(1);
    blocks.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn the_shown_cycle_report_has_the_fields_it_has() {
    let shown: Value = serde_json::from_str(&example("cycle report")).unwrap();
    let real = serde_json::to_value(full_report()).unwrap();
    assert_eq!(fields(&shown), fields(&real));
}

#[test]
fn the_shown_state_document_is_read_and_written_back_as_it_is_shown() {
    let text = example("state document");
    let shown: Value = serde_json::from_str(&text).unwrap();
    let state = State::parse(text.as_bytes()).unwrap();
    let written: Value = serde_json::from_str(&state.to_json()).unwrap();
    assert_eq!(fields(&shown), fields(&written));
    assert!(state.damaged.is_empty(), "{:?}", state.damaged);
    let schema: Value = serde_json::from_str(conductor::model::document::SCHEMA).unwrap();
    assert!(jsonschema::is_valid(&schema, &shown));
    assert!(state.extra.is_empty() && state.outcomes.iter().all(|outcome| outcome.extra.is_empty()));
}

#[test]
fn the_inputs_and_outputs_of_the_action_are_all_described() {
    let (readme, action) = (file("README.md"), file("action.yml"));
    let section = |from: &str, to: &str| {
        let inside = action.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
        let names: Vec<String> = inside
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .map(|line| line.trim().trim_end_matches(':').to_owned())
            .collect();
        names
    };
    let (inputs, outputs) = (section("\ninputs:", "\noutputs:"), section("\noutputs:", "\nruns:"));
    assert_eq!((inputs.len(), outputs.len()), (9, 7));
    for input in inputs {
        assert!(readme.contains(&format!("\n| `{input}` |")), "{input}");
    }
    let described = readme.split("\nOutputs: ").nth(1).unwrap().lines().next().unwrap();
    for output in outputs {
        assert!(described.contains(&format!("`{output}`")), "{output}");
    }
}

#[test]
fn every_word_of_a_report_is_described() {
    let readme = file("README.md");
    let row = |field: &str| {
        let start = format!("| `{field}` | `");
        let line = readme.lines().find(|line| line.starts_with(&start)).unwrap();
        line.split('`').skip(3).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    // `reads` takes a word only when the enum has it; the counts catch what was added there since.
    fn reads<T: serde::de::DeserializeOwned>(words: &BTreeSet<String>) -> bool {
        words.iter().all(|word| serde_json::from_value::<T>(Value::String(word.clone())).is_ok())
    }
    let (outcomes, failures, phases) = (row("outcome"), row("failure"), row("phase"));
    assert!(reads::<conductor::model::Outcome>(&outcomes) && outcomes.len() == 5, "{outcomes:?}");
    assert!(reads::<conductor::model::Failure>(&failures) && failures.len() == 11, "{failures:?}");
    assert!(reads::<conductor::model::Phase>(&phases) && phases.len() == 5, "{phases:?}");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    use CycleStatus::{Completed, Deferred, DryRun, Idle, Interrupted};
    assert_eq!(
        row("status"),
        words(&[Completed, Idle, Deferred, Interrupted, DryRun].map(CycleStatus::word))
    );
    use SkipReason as S;
    let reasons = [
        S::State,
        S::LabelMissing,
        S::LabelExcluded,
        S::Assignee,
        S::Project,
        S::Team,
        S::BlockedBy,
        S::Claimed,
        S::InReview,
        S::Done,
        S::Backoff,
        S::Blocked,
        S::NoSlot,
        S::StateLimit,
        S::Overlap,
        S::AttemptsExhausted,
        S::Untrusted,
        S::ChangedSincePoll,
        S::Permission,
        S::Machine,
        S::Login,
        S::Service,
        S::Damaged,
    ];
    assert_eq!(row("reason"), words(&reasons.map(SkipReason::word)));
    use RecoveryAction::{AdoptedBranch, AdoptedPullRequest, Blocked, Released};
    let actions = [AdoptedBranch, AdoptedPullRequest, Released, Blocked];
    assert_eq!(row("action"), words(&actions.map(RecoveryAction::word)));
}

#[test]
fn every_exit_code_is_described_once() {
    let readme = file("README.md");
    for code in ["| 0 |", "| 1 |", "| 2 |", "| 3 |", "| 4 |", "| 5 |", "| 130, 143 |"] {
        assert_eq!(readme.lines().filter(|line| line.starts_with(code)).count(), 1, "{code}");
    }
}

#[test]
fn the_links_inside_the_readme_lead_somewhere() {
    let readme = file("README.md");
    let anchors: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(|title| {
            let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect();
    let mut links = 0;
    for link in readme.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(anchors.contains(link), "#{link} is not among {anchors:?}");
        links += 1;
    }
    assert!(links > 10);
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(readme.contains(&format!("]({licence})")) && !file(licence).is_empty());
    }
}

#[test]
fn the_workflows_use_the_rust_the_crate_names() {
    let manifest = file("Cargo.toml");
    let version = manifest.split_once("rust-version = \"").unwrap().1.split('"').next().unwrap().to_owned();
    let workflow = file(".github/workflows/ci.yml");
    let installed: Vec<&str> = workflow
        .split("rustup toolchain install ")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    assert_eq!(installed, [format!("{version}.0"), format!("{version}.0")]);
}

#[test]
fn no_banned_crate_is_in_the_lock_file() {
    let (bans, lock) = (file("deny.toml"), file("Cargo.lock"));
    let banned: Vec<&str> =
        bans.split("{ crate = \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(banned, ["aws-lc-sys", "openssl-sys", "tokio"]);
    for name in banned {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name}");
    }
}

/// Every path of keys in the document; list items count as one, and what optional values hold
/// does not.
fn fields(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                found.insert(format!("{path}.{key}"));
                walk(value, &format!("{path}.{key}"), found);
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    assert!(value.as_object().is_some_and(|map: &Map<String, Value>| !map.is_empty()));
    found
}

fn full_report() -> CycleReport {
    CycleReport {
        schema: 1,
        run_id: String::new(),
        status: CycleStatus::Completed,
        started_at: Default::default(),
        duration_ms: 0,
        deferred_until: None,
        deferred_because: None,
        dispatched: vec![Dispatched {
            issue: String::new(),
            title: String::new(),
            url: None,
            outcome: None,
            failure: None,
            attempts: 1,
            phase: None,
            branch: String::new(),
            head_sha: None,
            commits: 1,
            files_changed: 1,
            pull_request: Some(ReportedPullRequest { number: 1, url: String::new(), created: true }),
            tool_calls: 0,
            model: None,
            model_reason: Some(String::new()),
            complexity: Some(Complexity {
                score: 0,
                class: ComplexityClass::Simple,
                terms: vec![Term { name: "", points: 0, because: Some(String::new()) }],
            }),
            usage: Usage::default(),
            gates: vec![GateResult::new("", true, 1)],
            duration_ms: 1,
            error: None,
            blocked_reason: None,
            stage: None,
            fault: None,
            kept: None,
            log: None,
            warnings: Vec::new(),
        }],
        skipped: vec![Skipped { issue: String::new(), reason: SkipReason::Done, detail: String::new() }],
        kept_out: Vec::new(),
        kept_out_partial: false,
        advanced: vec![Advanced { issue: String::new(), from: StageName::Pushed, to: StageName::InReview }],
        standing: Vec::new(),
        sandbox: "none",
        recovered: vec![Recovered { issue: String::new(), action: RecoveryAction::Released }],
        requests: Requests::default(),
        timings: None,
    }
}
