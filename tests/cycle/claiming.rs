//! Who works on what: claims, races, slots, blockers, freshness.

use crate::support::agent::Script;
use crate::support::conductor::{Run, Running, World};
use crate::support::repo;
use serde_json::json;

const FIVE: [&str; 5] = ["T-1", "T-2", "T-3", "T-4", "T-5"];

#[test]
fn a_ticket_becomes_a_pull_request_and_the_next_run_is_idle() {
    let world = World::new();
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!((run.status(), run.worked_on()), ("completed".to_owned(), vec!["T-1".to_owned()]));
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!(run.dispatched("T-1")["head_sha"], json!(head));
    assert_eq!(world.record("T-1")["head_sha"], json!(head));
    assert_eq!(world.record("T-1")["status"], "in_review");
    assert_eq!(world.pulls().len(), 1);
    assert_eq!(world.ticket_state("T-1"), "In Review");

    let before = repo::refs(&world.origin());
    let again = world.once(&[]).exits(0);
    assert_eq!((again.status(), again.worked_on().len()), ("idle".to_owned(), 0));
    assert_eq!(repo::refs(&world.origin()), before, "an idle run wrote something");
}

/// Every ticket once, whoever got it; every run without an error.
fn each_ticket_is_worked_on_once(world: &World, running: Vec<Running>) {
    let runs: Vec<Run> = running.into_iter().map(|one| one.wait().exits(0)).collect();
    let mut worked_on: Vec<String> = runs.iter().flat_map(Run::worked_on).collect();
    worked_on.sort();
    assert_eq!(worked_on, FIVE);
    assert_eq!(world.started(), FIVE.map(|key| format!("{key} 1")));
    assert_eq!(world.pulls().len(), 5);
    let mut outcomes = world.outcomes();
    outcomes.sort();
    assert_eq!(outcomes, FIVE.map(|key| (key.to_owned(), "success".to_owned(), String::new())));
    assert!(world.claims().is_empty());
    for key in FIVE {
        assert_eq!(world.ticket_state(key), "In Review");
        let head = world.head_of(&format!("conductor/{key}"));
        assert_eq!(world.record(key)["head_sha"], json!(head));
    }
}

#[test]
fn eight_runs_of_one_checkout_work_on_each_of_five_tickets_once() {
    let world = World::new();
    FIVE.iter().for_each(|key| world.ticket(key));
    let running = (0..8).map(|_| world.start(&[])).collect();
    each_ticket_is_worked_on_once(&world, running);
}

#[test]
fn eight_runs_of_eight_checkouts_work_on_each_of_five_tickets_once() {
    let world = World::new();
    FIVE.iter().for_each(|key| world.ticket(key));
    let running = (0..8).map(|number| world.start_in(&format!("clone-{number}"), &[])).collect();
    each_ticket_is_worked_on_once(&world, running);
}
