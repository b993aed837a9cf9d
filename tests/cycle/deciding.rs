//! Who waits for whom, which model, and the plan that foretells it.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::repo;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A world in which tickets are compared, and three modules to work on.
fn world() -> World {
    let mut world = World::new();
    world.set("preflight.enabled", json!(true));
    repo::commit(
        &world.origin(),
        "main",
        "Modules",
        &[("src/parse.rs", "1\n"), ("src/print.rs", "use crate::parse;\n"), ("src/check.rs", "3\n")],
    );
    world
}

fn ticket(world: &World, key: &str, title: &str, description: &str) {
    world.ticket_file(key, &format!("---\ntitle: {title}\nstate: Todo\n---\n{description}\n"));
}

fn candidates(plan: &Run) -> Vec<Value> {
    plan.report()["candidates"].as_array().unwrap().clone()
}

#[track_caller]
fn planned(plan: &Run, key: &str) -> Value {
    candidates(plan).into_iter().find(|one| one["issue"] == key).unwrap_or_else(|| panic!("no {key}: {plan}"))
}

#[test]
fn two_tickets_at_one_file_are_not_dispatched_together_and_a_third_is() {
    let world = world();
    world.agent(
        &Script::new().sh("echo $key >> src/$([ $key = T-3 ] && echo check || echo parse).rs").commit("Work"),
    );
    ticket(&world, "T-1", "Numbers are cut", "See `src/parse.rs:12`.");
    ticket(&world, "T-2", "Comments are lost", "Somewhere in parse.rs");
    ticket(&world, "T-3", "Quicker checks", "src/check.rs is slow");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-1", "T-3"]);
    let (reason, detail) = run.skipped("T-2");
    assert_eq!(reason, "overlap");
    assert!(detail.starts_with("T-1, which goes first, probably changes src/parse.rs"), "{detail}");
    assert!(detail.contains("(probability 0.") && detail.contains(", limit 0."), "{detail}");

    let waiting = world.once(&[]).exits(0);
    assert_eq!(waiting.status(), "idle");
    let detail = waiting.skipped("T-2").1;
    assert!(detail.starts_with("T-1, which is in review, probably changes src/parse.rs too ("), "{detail}");

    world.move_ticket("T-1", "Done");
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-2"]);
}

#[test]
fn what_another_run_works_on_is_spoken_for() {
    let world = world();
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    world.move_ticket("T-1", "In Progress");
    ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
    ticket(&world, "T-3", "The build is slow", "src/check.rs");
    world.write_state(&json!({"version": 1, "claims": {"T-1": world.foreign_claim("T-1")}}));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-3"]);
    assert!(run.skipped("T-2").1.starts_with("T-1, which is running, "), "{run}");
    let forced = world.once(&["--issue", "T-2", "--force"]).exits(0);
    assert_eq!(forced.worked_on(), ["T-2"]);
}

#[test]
fn a_ticket_that_predictions_held_back_for_its_patience_goes() {
    let mut world = world();
    world.set("preflight.patience", json!(2));
    world.agent(&Script::new().sh("echo $key >> src/parse.rs").commit("Work"));
    let held_back = |world: &World| world.state()["held_back"]["T-2"]["cycles"].clone();
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
    // Counted with the claim of the first, then, where nothing else is written, by itself.
    for (cycles, worked_on) in [(1, &["T-1"][..]), (2, &[])] {
        let run = world.once(&[]).exits(0);
        assert_eq!(
            (run.worked_on(), held_back(&world)),
            (worked_on.iter().map(|key| (*key).to_owned()).collect(), json!(cycles)),
            "{run}"
        );
        assert_eq!(run.skipped("T-2").0, "overlap");
    }
    let plan = world.plan(&[]).exits(0);
    let verdict = &planned(&plan, "T-2")["overlap"];
    assert_eq!((&verdict["held_back"], &verdict["cycles"]), (&json!(false), &json!(2)), "{plan}");
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-2"]);
    assert_eq!(held_back(&world), Value::Null);
}

#[test]
fn strictness_off_lets_everybody_go_and_a_threshold_is_a_limit_of_its_own() {
    for (key, value) in [("preflight.strictness", json!("off")), ("preflight.threshold", json!(1))] {
        let mut world = world();
        world.set(key, value);
        ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
        ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
        let run = world.once(&[]).exits(0);
        assert_eq!(run.worked_on(), ["T-1", "T-2"], "{key}: {run}");
        assert_eq!(world.state()["held_back"], Value::Null);
    }
}

#[test]
fn a_cycle_calibrates_on_the_repository_beside_its_work_and_the_next_plan_says_so() {
    let world = world();
    let topics = [
        ("parser", "src/parse.rs"),
        ("printer", "src/print.rs"),
        ("check", "src/check.rs"),
        ("manual", "README.md"),
    ];
    for number in 0..112 {
        let (what, file) = topics[number % topics.len()];
        let text = format!("{number}\n");
        repo::commit(&world.origin(), "main", &format!("Make the {what} better"), &[(file, &text)]);
    }
    ticket(&world, "T-1", "The parser is slow", "");
    ticket(&world, "T-2", "Typing errors of the manual", "");
    let kept = world.checkout().join(".git/conductor/cache/calibration.json");
    assert_eq!(world.plan(&[]).exits(0).report()["preflight"]["calibrated_on"], 0);
    assert!(!kept.exists(), "a plan keeps nothing");
    assert!(world.once(&[]).exits(0).worked_on().contains(&"T-1".to_owned()));
    let written = std::fs::read(&kept).unwrap();
    ticket(&world, "T-3", "The parser loses lines", "");
    ticket(&world, "T-4", "The check is too strict", "");
    let plan = world.plan(&[]).exits(0);
    let told = plan.report()["preflight"].clone();
    assert!(told["calibrated_on"].as_u64() >= Some(60), "{told}");
    assert!(told["precision"].as_f64() > Some(0.5) && told["recall"].as_f64() > Some(0.5), "{told}");
    world.once(&[]).exits(0);
    assert_eq!(std::fs::read(&kept).unwrap(), written, "once a day is enough");
    ticket(&world, "T-5", "The printer stops", "");
    ticket(&world, "T-6", "The manual is old", "");
    std::fs::write(&kept, "{\"version\": 1, \"file\": [null]}").unwrap();
    assert_eq!(
        world.plan(&[]).exits(0).report()["preflight"]["calibrated_on"],
        0,
        "what is damaged is not used"
    );
}

#[test]
fn an_overlapping_ticket_takes_no_slot() {
    let mut world = world();
    world.set("limits.per_cycle", json!(2));
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
    ticket(&world, "T-3", "Quicker checks", "src/check.rs");
    ticket(&world, "T-4", "Another readme", "README.md");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-1", "T-3"]);
    assert_eq!((run.skipped("T-2").0, run.skipped("T-4").0), ("overlap".to_owned(), "no_slot".to_owned()));
}

#[test]
fn a_history_that_cannot_be_read_stops_nobody() {
    let mut world = world();
    std::fs::create_dir(world.path().join("shim")).unwrap();
    world
        .script("shim/git", "case \" $* \" in *' ls-tree '*) exit 1;; esac\nPATH=${PATH#*:} exec git \"$@\"");
    world.env("PATH", &format!("{}:{}", world.path().join("shim").display(), std::env::var("PATH").unwrap()));
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-1", "T-2"]);
    assert!(run.stderr.contains("tickets are not compared by their files"), "{run}");
}

#[test]
fn one_ticket_alone_reads_no_history() {
    let world = world();
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    let run = world.once(&["--timings"]).exits(0);
    let report = run.report();
    let steps = report["timings"]["steps"].as_array().unwrap();
    assert!(
        steps.iter().all(|step| step["step"] != "read history" && step["step"] != "read details"),
        "{run}"
    );
    assert!(!world.checkout().join(".git/conductor/cache").exists());
}

#[test]
fn each_attempt_is_given_the_model_of_its_complexity() {
    let mut world = world();
    world.set("agent.models", json!({"simple": "small", "moderate": "middle", "complex": "large"}));
    world.set("complexity.weights", json!({"retry": 9}));
    world.agent(&Script::new().at_attempt(1, Script::new().exit(1)).then(Script::works()));
    ticket(&world, "T-1", "Fix a typo", "Short.");
    let plan = world.plan(&[]).exits(0);
    let first = planned(&plan, "T-1");
    assert_eq!((&first["model"], &first["complexity"]["score"]), (&json!("small"), &json!(-2)));
    assert_eq!(first["complexity"]["terms"][1]["name"], "title_simple");
    let done = world.once(&[]).exits(0).dispatched("T-1");
    assert_eq!((&done["model"], &done["model_reason"]), (&json!("large"), &json!("complexity 7 is complex")));
    let models: Vec<Value> =
        world.state()["outcomes"].as_array().unwrap().iter().map(|one| one["model"].clone()).collect();
    assert_eq!(models, ["small", "large"]);
}

#[test]
fn a_plan_says_why_and_changes_nothing() {
    let mut world = world();
    world.set("tracker.excluded_labels", json!(["wait"]));
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    ticket(&world, "T-2", "Comments are lost", "src/parse.rs");
    world.ticket_file("T-3", "---\ntitle: Later\nstate: Todo\nlabels: [wait]\npriority: urgent\n---\nx\n");
    world.ticket_file("T-4", "---\ntitle: [\n---\n");
    let before = (repo::refs(&world.origin()), repo::Belongings::of(&world.checkout()));
    let plan = world.plan(&[]).exits(0);
    assert_eq!((repo::refs(&world.origin()), repo::Belongings::of(&world.checkout())), before);
    assert!(!world.checkout().join(".git/conductor/cache").exists());
    let first = planned(&plan, "T-1");
    assert_eq!((&first["chosen"], &first["rank"], &first["attempt"]), (&json!(true), &json!(1), &json!(1)));
    let second = planned(&plan, "T-2");
    assert_eq!(
        (&second["chosen"], &second["reason"], &second["rank"]),
        (&json!(false), &json!("overlap"), &json!(2))
    );
    let overlap = &second["overlaps"][0];
    assert_eq!((&overlap["with"], &overlap["relation"]), (&json!("T-1"), &json!("selected")));
    assert_eq!(overlap["files"][0], "src/parse.rs");
    assert_eq!(overlap["evidence"][0], "src/parse.rs: named by the ticket; T-1: named by the ticket");
    let files = second["files"].as_array().unwrap();
    assert_eq!(
        (&files[0]["file"], &files[0]["evidence"][0]),
        (&json!("src/parse.rs"), &json!("named by the ticket"))
    );
    // `print.rs` names `parse` where it imports.
    let imports =
        |file: &&Value| file["file"] == "src/print.rs" && file["evidence"][0] == "imports a named file";
    assert!(files.iter().any(|file| imports(&file)), "{second}");
    let verdict = &second["overlap"];
    assert_eq!(
        (&verdict["held_back"], &verdict["cycles"], &verdict["patience"]),
        (&json!(true), &json!(0), &json!(6))
    );
    assert_eq!(verdict["change"][0], "the end of T-1");
    assert!(verdict["probability"].as_f64() >= verdict["limit"].as_f64(), "{verdict}");
    assert_eq!(plan.report()["preflight"]["calibrated_on"], 0);
    let third = planned(&plan, "T-3");
    assert_eq!((&third["reason"], &third["rank"]), (&json!("label_excluded"), &Value::Null));
    assert_eq!(third["complexity"]["class"], "moderate");
    assert_eq!(planned(&plan, "T-4")["reason"], "blocked");
    let matrix = world.plan(&["--format", "matrix"]).exits(0);
    assert_eq!(matrix.stdout, "{\"include\":[{\"issue\":\"T-1\"}]}\n");
}

#[test]
fn a_plan_tells_of_a_days_budget_that_is_used_up_as_the_cycle_does() {
    let mut world = world();
    world.set("budget.tokens_per_day", json!(10));
    ticket(&world, "T-1", "Numbers are cut", "src/parse.rs");
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    world.write_state(&json!({"version": 1, "usage": {today: {"input_tokens": 11}}}));
    let plan = world.plan(&[]).exits(0);
    let matrix = world.plan(&["--format", "matrix"]).exits(0);
    let run = world.once(&[]).exits(4);
    let why = |run: &Run| (run.report()["deferred_until"].clone(), run.report()["deferred_because"].clone());
    assert_eq!(why(&plan), why(&run));
    assert!(why(&plan).1.as_str().unwrap().contains("budget.tokens_per_day"), "{plan}");
    assert_eq!((candidates(&plan), matrix.stdout.as_str()), (Vec::new(), "{\"include\":[]}\n"));
}

#[test]
fn another_tickets_limit_and_failures_decide_nothing_about_this_one() {
    let world = world();
    let of = |issue: &str, attempt: u32, failure: &str, tail: &str| {
        json!({"timestamp": "2026-11-22T10:00:00Z", "run_id": "run", "issue": issue, "issue_id": issue,
            "attempt": attempt, "outcome": "failure", "failure": failure, "phase": "reading",
            "tool_calls": 0, "files_modified": 0, "tokens_used": 0, "usd": null, "duration_ms": 1,
            "has_commits": false, "labels": [], "model": null, "branch": null, "pull_request": null,
            "gates": [], "error_tail": tail})
    };
    let limited = of("T-9", 1, "rate_limited", "API Error: 429 Too Many Requests");
    let failed = of("T-9", 2, "timed_out", "the agent timed out");
    let (first, second) = ("T-1", "T-2");
    world.agent(
        &Script::new()
            .at_attempt(1, Script::new().sh("[ $key = T-1 ] && exit 1 || true"))
            .then(Script::works()),
    );
    ticket(&world, first, "Numbers are cut", "src/parse.rs");
    ticket(&world, second, "Quicker checks", "src/check.rs");
    world.write_state(&json!({"version": 1, "outcomes": [failed.clone(), failed, limited]}));
    let plan = world.plan(&[]).exits(0);
    for key in [first, second] {
        let planned = planned(&plan, key);
        assert_eq!((&planned["chosen"], &planned["advice"]), (&json!(true), &json!([])), "{plan}");
    }
    let run = world.once(&[]).exits(0);
    let told = |key: &str| (run.dispatched(key)["outcome"].clone(), run.dispatched(key)["attempts"].clone());
    assert_eq!(told(second), (json!("success"), json!(1)), "{run}");
    assert_eq!(told(first), (json!("success"), json!(2)), "its own first failure is tried again: {run}");
}

/// A ticket of a generated world: priority, the file it names, a label, its state.
type Sketch = (u8, u8, bool, u8);

fn drawn(world: &World, sketches: &[Sketch]) {
    for (number, (priority, file, labelled, state)) in sketches.iter().enumerate() {
        let file =
            ["src/parse.rs", "src/print.rs", "src/check.rs", "nothing", "docs/new.md"][usize::from(*file)];
        let state = ["Todo", "Todo", "Todo", "In Progress", "Backlog"][usize::from(*state)];
        let labels = if *labelled { "labels: [parse]\n" } else { "" };
        world.ticket_file(
            &format!("T-{number}"),
            &format!("---\ntitle: Do part {number}\nstate: {state}\npriority: {priority}\n{labels}---\nAbout {file}\n"),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_and_the_cycle_after_it_agree(
        sketches in prop::collection::vec((0u8..5, 0u8..5, any::<bool>(), 0u8..5), 1..7),
        per_cycle in prop::option::of(1usize..4),
    ) {
        let mut world = world();
        world.set("limits.per_cycle", json!(per_cycle));
        drawn(&world, &sketches);
        let plan = world.plan(&[]).exits(0);
        let run = world.once(&[]).exits(0);
        let chosen: Vec<String> = candidates(&plan)
            .iter()
            .filter(|one| one["chosen"] == true)
            .map(|one| one["issue"].as_str().unwrap().to_owned())
            .collect();
        let mut worked_on = run.worked_on();
        worked_on.sort_by_key(|key| chosen.iter().position(|other| other == key));
        prop_assert_eq!(&chosen, &worked_on, "{}\n{}", plan, run);
        let reasons = |all: &Value| -> BTreeMap<String, (Value, Value)> {
            let left = all.as_array().unwrap().iter().filter(|one| !one["reason"].is_null());
            left.map(|one| (one["issue"].to_string(), (one["reason"].clone(), one["detail"].clone()))).collect()
        };
        prop_assert_eq!(reasons(&plan.report()["candidates"]), reasons(&run.report()["skipped"]));
    }
}
