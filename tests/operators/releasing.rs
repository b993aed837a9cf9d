//! `conductor release` and `conductor recover`: claims end in what their runs left.

use super::support::agent::Script;
use super::support::conductor::World;
use super::{document, pushed_branch};
use serde_json::{Value, json};

/// A claim whose run is long gone.
fn dead_claim(world: &World, key: &str) -> Value {
    let mut claim = world.foreign_claim(key);
    let past = chrono::Utc::now() - chrono::TimeDelta::hours(2);
    claim["claimed_at"] = json!(past - chrono::TimeDelta::hours(1));
    claim["lease_expires_at"] = json!(past);
    claim
}

#[test]
fn a_dead_claim_with_a_pushed_branch_ends_in_its_pull_request() {
    let world = World::new();
    world.ticket("T-1");
    let head = pushed_branch(&world, "T-1");
    world.write_state(&document(json!({"T-1": dead_claim(&world, "T-1")}), json!({})));
    let commits = world.audit().len();
    let told = world.command(&["recover", "--dry-run"]).exits(0);
    assert!(told.stdout.contains("T-1: claimed: would take over the branch a dead run pushed"), "{told}");
    assert_eq!((world.audit().len(), world.pulls().len()), (commits, 0), "nothing was changed");

    let told = world.command(&["release", "t-1"]).exits(0);
    assert!(told.stdout.contains("T-1: run another-run on elsewhere was dead (its lease ended"), "{told}");
    assert!(told.stdout.contains("T-1: it is in review now"), "{told}");
    let record = world.record("T-1");
    assert_eq!((&record["stage"], &record["head_sha"]), (&json!("in_review"), &json!(head)));
    assert_eq!((world.claims().len(), world.pulls().len(), world.started().len()), (0, 1, 0));
    assert_eq!(world.ticket_state("T-1"), "In Review");
}

#[test]
fn recover_does_what_needs_no_agent_and_nothing_else() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    pushed_branch(&world, "T-1");
    world.write_state(&document(json!({"T-1": dead_claim(&world, "T-1")}), json!({})));
    let report = world.command(&["recover", "--output", "json"]).exits(0);
    assert_eq!((report.status().as_str(), report.worked_on()), ("completed", vec![]));
    assert_eq!(report.recovered(), [("T-1".to_owned(), "adopted_branch".to_owned())]);
    assert_eq!((world.started().len(), world.ticket_state("T-2")), (0, "Todo".to_owned()));
    let commits = world.audit().len();
    let idle = world.command(&["recover", "--output", "json"]).exits(0);
    assert_eq!((idle.status().as_str(), world.audit().len()), ("idle", commits));
    let told = world.command(&["recover", "--dry-run"]).exits(0);
    assert!(told.stdout.starts_with("nothing to recover"), "{told}");
}

#[test]
fn what_stands_against_a_delivery_is_told_with_the_exit_code_of_once() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("update", "case $1 in refs/heads/conductor/T-*) echo 'not on fridays'; exit 1;; esac");
    world.once(&[]).exits(5);
    let told = world.command(&["recover", "--dry-run"]).exits(0);
    assert!(
        told.stdout.contains("T-1: ready: would push its branch") && told.stdout.contains("not on fridays"),
        "{told}"
    );
    world.command(&["recover"]).exits(5);
    world.without_origin_hook("update");
    let report = world.command(&["recover", "--output", "json"]).exits(0).report();
    assert_eq!(report["advanced"][0], json!({"issue": "T-1", "from": "ready", "to": "in_review"}));
    assert_eq!((world.started().len(), world.pulls().len()), (1, 1));
}

#[test]
fn a_killed_runs_claim_is_given_back_with_its_ticket_and_its_work() {
    let world = World::new();
    world.ticket("T-1");
    let script = Script::new().sh("echo half > half.txt").commit("Half of it").tell("half").hang();
    world.agent(&script);
    let run = world.start(&[]);
    world.await_fact("half");
    run.kill();
    assert_eq!(world.claims(), ["T-1"]);
    let told = world.command(&["release", "T-1"]).exits(0);
    assert!(told.stdout.contains("on this machine is gone)"), "{told}");
    assert_eq!((world.claims().len(), world.ticket_state("T-1")), (0, "Todo".to_owned()));
    assert_eq!(world.outcomes()[0].1, "interrupted");
    world.agent(&Script::new().sh("test -f half.txt").sh("echo rest > rest.txt").commit("The rest"));
    world.once(&[]).exits(0);
    assert_eq!((world.record("T-1")["stage"].clone(), world.pulls().len()), (json!("in_review"), 1));
}

#[test]
fn a_run_that_lives_keeps_its_claim_unless_the_operator_insists() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().tell("at-work").wait("go"));
    let run = world.start(&[]);
    world.await_fact("at-work");
    let told = world.command(&["release", "T-1"]).exits(2);
    assert!(told.stderr.contains("runs on this machine") && told.stderr.contains("a second agent"), "{told}");
    assert_eq!(world.claims(), ["T-1"]);

    let told = world.command(&["release", "T-1", "--force"]).exits(0);
    assert!(told.stdout.contains("was taken over although it lives"), "{told}");
    assert_eq!(world.claims().len(), 0);
    world.tell("go");
    let first = run.wait();
    assert_eq!(world.pulls().len(), 0, "what it does after this is not recorded: {first}");
    world.once(&[]).exits(0);
    assert_eq!((world.record("T-1")["stage"].clone(), world.pulls().len()), (json!("in_review"), 1));
    assert_eq!(world.claims().len(), 0);
}

#[test]
fn a_claim_nobody_has_and_one_on_a_strangers_branch_are_refused() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let told = world.command(&["release", "T-1"]).exits(2);
    assert!(told.stderr.contains("T-1: nobody holds it; it is in review"), "{told}");
    let told = world.command(&["release", "T-9"]).exits(2);
    assert!(told.stderr.contains("nothing is recorded of it"), "{told}");

    let mut claim = dead_claim(&world, "T-2");
    claim["branch"] = json!("main");
    world.ticket("T-2");
    let mut state = world.state();
    state["claims"] = json!({ "T-2": claim });
    world.write_state(&state);
    let told = world.command(&["release", "T-2"]).exits(2);
    assert!(told.stderr.contains("branch main is none of ours"), "{told}");
    assert_eq!(world.claims(), ["T-2"]);
    let told = world.command(&["release", "T-2", "--force"]).exits(0);
    assert!(told.stdout.contains("T-2: the claim was dropped; branch main stays as it is"), "{told}");
    assert_eq!(world.claims().len(), 0);
    assert!(world.head_of("main").is_some());
}
