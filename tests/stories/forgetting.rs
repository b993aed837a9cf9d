//! The state is gone or another one: no agent runs for what is published already.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;

fn world() -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket { title: "Mend the door", ..Ticket::default() });
    world
}

const STATE: &str = "refs/heads/conductor/state";

#[test]
fn a_state_that_was_deleted_between_two_runs_costs_no_second_agent_for_open_pull_requests() {
    let world = world();
    world.once(&[]).exits(0);
    // Somebody puts the ticket back, and the memory is gone.
    world.linear().world().move_to("ENG-1", "Todo");
    repo::git(&world.origin(), &["update-ref", "-d", STATE]);
    is_found_again(&world);
}

#[test]
fn a_state_that_is_deleted_while_a_run_works_costs_no_work() {
    let world = world();
    world.agent(&Script::works().tell("worked").wait("gone"));
    let run = world.start(&[]);
    world.await_fact("worked");
    repo::git(&world.origin(), &["update-ref", "-d", STATE]);
    world.tell("gone");
    let run = run.wait();
    assert!(matches!(run.code(), 0 | 5), "{run}");
    world.agent(&Script::works());
    for _ in 0..2 {
        world.once(&[]).exits(0);
    }
    assert_eq!(world.github().pulls().len(), 1, "{run}");
    assert_eq!(world.started(), ["ENG-1 1"], "{run}");
    assert_eq!(world.record("ENG-1")["stage"], "in_review", "{run}");
}

#[test]
fn a_merged_change_whose_ticket_nobody_moved_blocks_nobodys_files() {
    let mut world = World::with_github();
    world.set("preflight.enabled", json!(true));
    repo::commit(&world.origin(), "main", "Modules", &[("src/parse.rs", "1\n")]);
    world.agent(&Script::new().sh("echo $key >> src/parse.rs").commit("Work"));
    let ticket = |key: &str| {
        world.ticket_file(key, "---\ntitle: Numbers\nstate: Todo\n---\nSee `src/parse.rs`.\n");
    };
    ticket("T-1");
    world.once(&[]).exits(0);
    repo::git(&world.origin(), &["update-ref", "refs/heads/main", "refs/heads/conductor/T-1"]);
    world.github().merge(1);
    assert_eq!(world.ticket_state("T-1"), "In Review");
    ticket("T-2");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-2"], "{run}");
}

/// What a change in review looks like to a run whose memory says nothing of it.
fn is_found_again(world: &World) {
    for _ in 0..2 {
        let run = world.once(&[]);
        assert!(matches!(run.code(), 0 | 5), "{run}");
        assert_eq!(world.started(), ["ENG-1 1"], "{run}");
        assert_eq!(world.github().pulls().len(), 1, "{run}");
    }
}

#[test]
fn a_state_that_was_replaced_or_set_back_between_two_runs_costs_no_second_agent() {
    for replaced in [true, false] {
        let world = world();
        world.once(&[]).exits(0);
        world.linear().world().move_to("ENG-1", "Todo");
        if replaced {
            repo::git(&world.origin(), &["update-ref", "-d", STATE]);
            world.write_state(&json!({"version": 2, "claims": {}, "issues": {}, "outcomes": []}));
        } else {
            // The first commit of all: a claim of a run that is gone.
            let log = repo::git(&world.origin(), &["rev-list", STATE]);
            repo::git(&world.origin(), &["update-ref", STATE, log.lines().last().unwrap()]);
        }
        is_found_again(&world);
    }
}

#[test]
fn a_state_that_is_replaced_while_a_run_works_costs_no_work() {
    let world = world();
    world.agent(&Script::works().tell("worked").wait("gone"));
    let run = world.start(&[]);
    world.await_fact("worked");
    repo::git(&world.origin(), &["update-ref", "-d", STATE]);
    world.write_state(&json!({"version": 2, "claims": {}, "issues": {}, "outcomes": []}));
    world.tell("gone");
    let run = run.wait();
    assert!(matches!(run.code(), 0 | 5), "{run}");
    world.agent(&Script::works());
    is_found_again(&world);
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Review", "{run}");
}
