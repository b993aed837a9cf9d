//! Tickets that are over, archived above all: not begun, not moved, and put away.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;

fn with_tickets(count: usize) -> World {
    let world = World::with_linear();
    for _ in 0..count {
        world.linear().world().add(Ticket::default());
    }
    world
}

#[track_caller]
fn is_idle(world: &World) {
    let before = repo::refs(&world.origin());
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
    assert_eq!(repo::refs(&world.origin()), before, "an idle run wrote something");
}

#[test]
fn an_archived_ticket_is_not_worked_on_even_by_force() {
    let world = with_tickets(1);
    world.linear().world().archive("ENG-1");
    let run = world.once(&["--issue", "ENG-1", "--force"]).exits(0);
    let (reason, detail) = run.skipped("ENG-1");
    assert_eq!(reason, "state");
    assert!(detail.contains("archived"), "{detail}");
    assert!(world.started().is_empty() && !world.has_state());
    assert_eq!(world.linear().world().state_of("ENG-1"), "Todo");
}

#[test]
fn recorded_tickets_that_were_archived_are_put_away_with_their_workspaces() {
    let mut world = with_tickets(2);
    world.set("agent.max_attempts", json!(1));
    let fails = Script::new().write("half.txt", "half").exit(1);
    world.agent(&Script::new().on("ENG-2", fails).then(Script::works()));
    world.once(&[]).exits(3);
    let left = world.workspaces().join("ENG-2");
    assert_eq!(
        (&world.record("ENG-1")["status"], &world.record("ENG-2")["status"], left.is_dir()),
        (&json!("in_review"), &json!("failed"), true)
    );

    for key in ["ENG-1", "ENG-2"] {
        world.linear().world().archive(key);
    }
    let run = world.once(&[]).exits(0);
    assert_eq!((run.status().as_str(), world.started().len()), ("idle", 2), "{run}");
    assert_eq!(world.audit()[0], "done ENG-1, ENG-2");
    for (key, state) in [("ENG-1", "In Review"), ("ENG-2", "Todo")] {
        assert_eq!(world.record(key)["status"], "done");
        assert_eq!(world.linear().world().state_of(key), state);
    }
    // The folder goes, the work in it does not.
    assert!(!left.exists(), "{run}");
    assert_eq!(repo::sha(&world.checkout(), "refs/heads/conductor/ENG-2"), None);
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/ENG-2", "half.txt"), "half");
    is_idle(&world);
}

#[test]
fn a_workspace_that_is_always_kept_stays_when_its_ticket_is_over() {
    let mut world = World::new();
    world.set("workspace.keep", json!("always"));
    world.ticket("T-1");
    world.once(&[]).exits(0);
    world.move_ticket("T-1", "Done");
    world.once(&[]).exits(0);
    assert_eq!(world.record("T-1")["status"], "done");
    assert!(world.workspaces().join("T-1").is_dir());
}

#[test]
fn a_ticket_archived_during_the_run_ends_its_agent_and_is_not_moved() {
    let mut world = with_tickets(1);
    world.set("limits.reconcile_interval", json!("50ms"));
    world.agent(&Script::works().tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    world.linear().world().archive("ENG-1");
    let told = run.wait().exits(0).dispatched("ENG-1");
    assert_eq!(
        (&told["outcome"], &told["error"]),
        (&json!("interrupted"), &json!("the ticket changed: it was archived"))
    );
    assert_eq!((world.branches().len(), world.github().pulls().len(), world.claims().len()), (0, 0, 0));
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Progress");
    world.once(&[]).exits(0);
    assert_eq!((&world.record("ENG-1")["status"], world.started().len()), (&json!("done"), 1));
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Progress");
}

/// The run of ENG-1 dies once its branch is on the remote.
fn dies_after_its_push() -> World {
    let world = with_tickets(1);
    let pushed = "[ \"$ref\" = refs/heads/conductor/ENG-1 ] && kill_conductor";
    world.origin_hook("post-receive", &format!("while read old new ref; do {pushed}; done; :"));
    world.start(&[]).wait().exits(-1);
    world.without_origin_hook("post-receive");
    assert_eq!((world.claims().len(), world.github().pulls().len()), (1, 0));
    world
}

#[test]
fn a_lost_runs_branch_gets_no_pull_request_when_its_ticket_was_archived() {
    let world = dies_after_its_push();
    let head = world.head_of("conductor/ENG-1");
    world.linear().world().archive("ENG-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.recovered(), [("ENG-1".to_owned(), "released".to_owned())]);
    assert_eq!((world.github().pulls().len(), world.started().len(), world.claims().len()), (0, 1, 0));
    assert_eq!((world.head_of("conductor/ENG-1"), head.is_some()), (head.clone(), true));
    assert_eq!(world.linear().world().state_of("ENG-1"), "In Progress");
    world.once(&[]).exits(0);
    assert_eq!(world.record("ENG-1")["status"], "done");
    is_idle(&world);
}

#[test]
fn a_pull_request_merged_before_its_runs_death_was_noticed_is_not_opened_again() {
    let world = with_tickets(1);
    world.dies_with_its_pull_request_open();
    // Squashed: the branch's own commits are not in the base.
    world.github().merge(1);
    world.linear().world().move_to("ENG-1", "Done");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.recovered(), [("ENG-1".to_owned(), "adopted_pull_request".to_owned())]);
    assert_eq!((world.github().pulls().len(), world.started().len()), (1, 1));
    assert_eq!(world.record("ENG-1")["pull_request"]["number"], 1);
    assert_eq!(world.linear().world().state_of("ENG-1"), "Done");
    world.once(&[]).exits(0);
    assert_eq!(world.record("ENG-1")["status"], "done");
    is_idle(&world);
}
