//! `conductor retry`: eligible again, delivered at once, or refused with the reason.

use super::document;
use super::support::agent::Script;
use super::support::conductor::World;
use serde_json::{Value, json};

#[test]
fn a_blocked_ticket_is_worked_on_again_after_one_commit() {
    let mut world = World::new();
    world.set("limits", json!({"max_failures": 1}));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&Script::new().exit(1));
    world.once(&[]).exits(3);
    assert_eq!(world.record("T-1")["stage"], "blocked");
    world.agent(&Script::works());
    assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "attempts_exhausted");

    let commits = world.audit().len();
    let told = world.command(&["retry", "t-1"]).exits(0);
    assert!(told.stdout.contains("T-1: failures and interruptions are forgiven"), "{told}");
    assert_eq!((world.audit().len(), world.audit()[0].as_str()), (commits + 1, "retry T-1"));
    world.once(&[]).exits(0);
    assert_eq!((world.record("T-1")["stage"].clone(), world.pulls().len()), (json!("in_review"), 1));
}

#[test]
fn accepted_work_is_delivered_at_once_and_no_agent_does_it_again() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("update", "case $1 in refs/heads/conductor/T-*) echo 'not on fridays'; exit 1;; esac");
    world.once(&[]).exits(5);
    let mut state = world.state();
    let id = state["issues"].as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!(state["issues"][&id]["stage"], "ready");
    state["issues"][&id]["fault"]["next_try_at"] = json!(chrono::Utc::now() + chrono::TimeDelta::hours(1));
    world.write_state(&state);
    world.without_origin_hook("update");
    world.once(&[]).exits(5);
    assert_eq!(world.record("T-1")["stage"], "ready", "it waits");

    let told = world.command(&["retry", "--all", "--fault", "permission"]).exits(0);
    assert!(told.stdout.contains("T-1: the next run delivers its accepted work at once"), "{told}");
    world.once(&[]).exits(0);
    assert_eq!(world.record("T-1")["stage"], "in_review");
    assert_eq!((world.started(), world.pulls().len()), (vec!["T-1 1".to_owned()], 1));
}

#[test]
fn what_would_break_a_promise_is_refused_and_nothing_is_written() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let mut state = world.state();
    state["claims"] = json!({"T-2": world.foreign_claim("T-2")});
    state["issues"]["T-3"] = json!({"identifier": "T-3", "status": "blocked", "stage": "blocked"});
    world.write_state(&state);
    let commits = world.audit().len();
    for (keys, reason) in [
        (&["T-1"][..], "T-1: pull request #1 is open"),
        (&["T-2"], "T-2: run another-run on elsewhere works on it"),
        (&["T-9"], "T-9: nothing is recorded of it"),
        (&["T-3", "T-9"], "T-9: nothing is recorded of it"),
    ] {
        let told = world.command(&[&["retry"], keys].concat()).exits(2);
        assert!(told.stderr.contains(reason) && told.stdout.is_empty(), "{told}");
    }
    assert_eq!(world.audit().len(), commits);
    assert_eq!(world.record("T-3")["stage"], "blocked", "all or none");
    world.command(&["retry", "--all"]).exits(0);
    assert_eq!(world.record("T-3")["stage"], "waiting");
    let told = world.command(&["retry", "--all"]).exits(0);
    assert_eq!((told.stdout.as_str(), world.audit().len()), ("nothing waits for an operator\n", commits + 1));
}

#[test]
fn a_record_nobody_can_read_is_printed_and_removed() {
    let world = World::new();
    world.ticket("T-1");
    let record = json!({"identifier": "T-1", "status": "dreaming", "note": "kept for its reader"});
    world.write_state(&document(json!({}), json!({"T-1": record})));
    let run = world.once(&[]).exits(0);
    let (reason, detail) = run.skipped("T-1");
    assert_eq!(reason, "damaged");
    assert!(detail.contains("`conductor retry T-1`") && run.stderr.contains("cannot be read"), "{run}");

    let told = world.command(&["retry", "T-1", "--output", "json"]).exits(0);
    let shown: Value = serde_json::from_str(&told.stdout).unwrap();
    let removed = &shown["retried"][0];
    assert_eq!((&removed["issue"], &removed["change"]), (&json!("T-1"), &json!("removed")));
    let raw: Value = serde_json::from_str(removed["record"]["raw"].as_str().unwrap()).unwrap();
    assert_eq!(raw, record);
    assert_eq!(world.state()["issues"], json!({}));
    world.once(&[]).exits(0);
    assert_eq!(world.record("T-1")["stage"], "in_review");
}

#[test]
fn a_removed_record_does_not_lead_to_a_second_pull_request() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let mut state = world.state();
    state["issues"]["T-1"]["stage"] = json!("dreaming");
    world.write_state(&state);
    world.command(&["retry", "T-1"]).exits(0);
    world.move_ticket("T-1", "Todo");
    let (reason, detail) = world.once(&[]).exits(0).skipped("T-1");
    assert_eq!(reason, "in_review");
    assert!(detail.contains("pull request #1 is still open"), "{detail}");
    assert_eq!((world.started().len(), world.pulls().len()), (1, 1));
}
