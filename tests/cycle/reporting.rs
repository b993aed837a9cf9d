//! What a run says: the report's shape, exit codes, what the flags change.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::repo::{self, Belongings};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

#[track_caller]
fn has_exactly(value: &Value, names: &str) {
    let mut found: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted: Vec<&str> = names.split_whitespace().collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

const REPORT: &str = "schema run_id status started_at duration_ms deferred_until dispatched skipped recovered advanced sandbox requests";

#[test]
fn the_json_report_is_one_document_with_the_promised_fields() {
    let mut world = World::new();
    world.set("gates", json!([{"name": "lint", "run": "true"}]));
    world.ticket("T-1");
    world.ticket_file("T-2", "---\ntitle: Later\nstate: Todo\nblocked_by: [T-1]\n---\n");
    let mut claim = world.foreign_claim("T-3");
    claim["lease_expires_at"] = json!(Utc::now() - TimeDelta::hours(1));
    world.write_state(&json!({"version": 1, "claims": {"T-3": claim}}));
    let run = world.once(&[]).exits(0);
    let report = run.report();
    has_exactly(&report, REPORT);
    assert_eq!(
        (&report["schema"], &report["status"], &report["deferred_until"]),
        (&json!(1), &json!("completed"), &json!(null))
    );
    let one = &report["dispatched"][0];
    has_exactly(
        one,
        "issue title url outcome failure attempts phase branch head_sha commits files_changed pull_request \
         tool_calls model model_reason complexity usage gates duration_ms stage error log",
    );
    has_exactly(&one["pull_request"], "number url created");
    has_exactly(&one["usage"], "input_tokens output_tokens cache_creation_tokens cache_read_tokens usd");
    has_exactly(&one["gates"][0], "name passed duration_ms");
    assert_eq!((&one["title"], &one["branch"]), (&json!("The work of T-1"), &json!("conductor/T-1")));
    assert_eq!((&one["commits"], &one["files_changed"], &one["error"]), (&json!(1), &json!(1), &json!(null)));
    assert!(one["log"].as_str().unwrap().ends_with("T-1/output.log"));
    has_exactly(&report["skipped"][0], "issue reason detail");
    has_exactly(&report["recovered"][0], "issue action");
    has_exactly(&report["requests"], "tracker forge git_remote");
    assert!(run.stderr.contains("T-1"), "progress goes to standard error: {run}");
}

#[test]
fn timings_are_told_when_asked_for() {
    let world = World::new();
    world.ticket("T-1");
    let run = world.once(&["--timings"]).exits(0);
    let report = run.report();
    has_exactly(&report, &format!("{REPORT} timings"));
    let steps = report["timings"]["steps"].as_array().unwrap();
    for name in ["load state", "claim", "agent", "push", "record"] {
        assert!(steps.iter().any(|step| step["step"] == name), "{name}: {steps:?}");
        assert!(run.stderr.contains(name), "{name}: {run}");
    }
}

#[test]
fn people_get_a_table_and_lines() {
    let world = World::new();
    world.ticket("T-1");
    let run = world.once(&["--output", "human"]).exits(0);
    assert!(
        run.stdout.contains("T-1") && run.stdout.contains("success") && run.stdout.contains("1 succeeded"),
        "{run}"
    );
    assert!(serde_json::from_str::<Value>(&run.stdout).is_err());
    let idle = world.once(&["--output", "human"]).exits(0);
    assert!(idle.stdout.contains("nothing to do"), "{idle}");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket_file("T-2", "---\ntitle: Later\nstate: Todo\nblocked_by: [T-1]\n---\n");
    let issues = || {
        let files = std::fs::read_dir(world.path().join("issues")).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> = files.map(|file| (file.path(), std::fs::read(file.path()).unwrap())).collect();
        all.sort();
        all
    };
    let before = (repo::refs(&world.origin()), Belongings::of(&world.checkout()), issues());
    let run = world.once(&["--dry-run"]).exits(0);
    assert_eq!(run.status(), "dry_run");
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["branch"]), (&json!(null), &json!("conductor/T-1")));
    assert_eq!(run.skipped("T-2").0, "blocked_by");
    assert_eq!((repo::refs(&world.origin()), Belongings::of(&world.checkout()), issues()), before);
    assert!(world.pulls().is_empty() && world.started().is_empty() && !world.workspaces().exists());
}

#[test]
fn a_named_issue_is_the_only_one_looked_at() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    let run = world.once(&["--issue", "t-2"]).exits(0);
    assert_eq!(run.worked_on(), ["T-2"]);
    assert_eq!(
        (run.report()["skipped"].as_array().unwrap().len(), world.ticket_state("T-1").as_str()),
        (0, "Todo")
    );
}

#[test]
fn a_named_issue_that_does_not_exist_is_a_usage_error() {
    let world = World::new();
    world.ticket("T-1");
    let run = world.once(&["--issue", "T-7"]).exits(2);
    assert!(run.stderr.contains("--issue T-7: the tracker knows no such issue"), "{run}");
    assert!(!world.has_state() && world.started().is_empty());
}

#[test]
fn a_named_issue_that_is_not_eligible_is_told_why_unless_forced() {
    let mut world = World::new();
    world.set("tracker.required_labels", json!(["agent"]));
    world.ticket_file("T-1", "---\ntitle: Some day\nstate: Backlog\n---\n");
    let run = world.once(&["--issue", "T-1"]).exits(0);
    assert_eq!((run.skipped("T-1").0.as_str(), run.status().as_str()), ("state", "idle"));
    assert!(!world.has_state());
    let forced = world.once(&["--issue", "T-1", "--force"]).exits(0);
    assert_eq!(forced.dispatched("T-1")["outcome"], "success", "{forced}");
    assert_eq!(world.ticket_state("T-1"), "In Review");
}

#[test]
fn force_sets_blocks_and_backoff_aside() {
    let world = World::new();
    world.ticket("T-1");
    let later = Utc::now() + TimeDelta::hours(1);
    world.write_state(&json!({"version": 1, "issues": {"T-1": {"identifier": "T-1", "status": "blocked",
        "blocked_reason": "twice in one phase", "next_attempt_at": later, "failures_by_phase": {"testing": 2}}}}));
    assert_eq!(world.once(&["--issue", "T-1"]).exits(0).skipped("T-1").0, "blocked");
    let forced = world.once(&["--issue", "T-1", "--force"]).exits(0);
    assert_eq!(forced.dispatched("T-1")["outcome"], "success");
    assert_eq!(world.record("T-1")["failures_by_phase"], json!({}));
}

#[test]
fn one_failure_among_successes_is_exit_code_3() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    world.agent(&Script::new().on("T-2", Script::new().exit(1)).then(Script::works()));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.status(), "completed");
    let outcomes = ["T-1", "T-2"].map(|key| run.dispatched(key)["outcome"].clone());
    assert_eq!(outcomes, [json!("success"), json!("failure")]);
}

fn is_deferred(run: &Run) {
    assert_eq!((run.code(), run.status().as_str(), run.worked_on().len()), (4, "deferred", 0), "{run}");
}

#[test]
fn a_backoff_defers_the_run_without_asking_the_tracker() {
    let world = World::with_linear();
    world.linear().world().add(Default::default());
    let until = Utc::now() + TimeDelta::hours(1);
    let state = json!({"version": 1, "rate_limit": {"backoff_until": until, "consecutive_hits": 1}});
    world.write_state(&state);
    let run = world.once(&[]);
    is_deferred(&run);
    let told: chrono::DateTime<Utc> = run.report()["deferred_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.timestamp(), until.timestamp());
    assert_eq!((world.linear().requests().len(), world.state()), (0, state));
}

#[test]
fn an_agents_usage_limit_spends_no_attempt_and_defers_the_next_run() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo 'Claude AI usage limit reached'").exit(1));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "rate_limited");
    assert_eq!(world.started().len(), 1);
    let record = world.record("T-1");
    assert_eq!((&record["attempts"], &record["failures_by_phase"]), (&json!(0), &json!({})));
    assert_eq!(world.ticket_state("T-1"), "Todo");
    is_deferred(&world.once(&[]));
    assert_eq!(world.started().len(), 1);
}

#[test]
fn an_error_document_takes_the_reports_place_on_standard_output() {
    let world = World::new();
    let run = world.once(&["--issue", "T-7"]).exits(2);
    let told = run.report();
    has_exactly(&told, "schema error");
    assert_eq!(told["error"]["code"], 2);
}

#[test]
fn every_commit_of_the_state_says_what_happened() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    assert_eq!(world.audit(), ["record T-1: in_review, #1", "push T-1: conductor/T-1", "claim T-1"]);
}

#[test]
fn a_log_for_programs_is_one_json_object_a_line() {
    let mut world = World::new();
    world.ticket("T-1");
    let objects = |run: &Run| -> Vec<Value> {
        run.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    };
    let run = world.once(&["--log-format", "json", "--timings", "-v"]).exits(0);
    let said: Vec<Value> = objects(&run).iter().map(|event| event["fields"]["message"].clone()).collect();
    assert!(said.contains(&json!("T-1: attempt 1 started")), "{run}");

    world.set("limits.max_concurrent", json!("none"));
    let run = world.once(&["--log-format", "json"]).exits(2);
    let [event] = &objects(&run)[..] else { panic!("{run}") };
    assert_eq!(event["level"], "ERROR");
    assert!(event["fields"]["message"].as_str().unwrap().contains("max_concurrent"), "{run}");
}

#[test]
fn completion_scripts_offer_every_public_command_and_no_other() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = world.spawn(&["completions", shell], world.path()).wait().exits(0);
        for command in ["once", "plan", "demo", "completions"] {
            assert!(run.stdout.contains(command), "{shell}: {command}");
        }
        assert!(!run.stdout.contains("__supervise") && !run.stdout.contains("__demo-agent"), "{shell}");
    }
}

#[test]
fn a_reader_that_is_gone_is_no_fault() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let config = world.path().join("clone.yml");
    for command in ["completions bash", "status", "plan", "learn", "usage", "logs T-1", "context T-1"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_conductor"))
            .arg("--config")
            .arg(&config)
            .args(command.split(' '))
            .stdout(writer)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("panicked"), "{command}: {told}");
    }
}
