//! Tickets that come to their end, or back from it: failures that would repeat for ever, pull
//! requests that were merged, blocked tickets that somebody closed.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;

#[test]
fn a_failure_that_no_retry_mends_ends_in_a_block_that_a_changed_ticket_lifts() {
    let mut world = World::new();
    world.set("hooks", json!({"after_create": "echo no dependencies >&2; exit 4"}));
    world.ticket("T-1");
    for cycle in 1..=3 {
        let run = world.once(&[]).exits(3);
        assert_eq!(run.dispatched("T-1")["failure"], "hook_failed", "{run}");
        assert_eq!((world.outcomes().len(), world.claims().len()), (cycle, 0), "one outcome a cycle: {run}");
    }
    let why = world.record("T-1")["blocked_reason"].as_str().unwrap().to_owned();
    assert_eq!(why, "failed 3 times");
    for _ in 0..2 {
        let run = world.once(&[]).exits(0);
        assert_eq!((run.status().as_str(), world.outcomes().len()), ("idle", 3), "{run}");
    }
    world.set("hooks", json!({}));
    world.move_ticket("T-1", "Backlog");
    world.move_ticket("T-1", "Todo");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
}

#[test]
fn one_failure_that_blocks_is_told_in_words_that_agree() {
    let mut world = World::new();
    world.set("limits.max_failures", json!(1));
    world.ticket("T-1");
    world.agent(&Script::new().exit(1));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["blocked_reason"], "failed 1 time", "{run}");
}

#[test]
fn a_ticket_that_comes_back_after_its_pull_request_was_merged_gets_a_new_branch() {
    let world = World::with_github();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let first = world.head_of("conductor/T-1");
    repo::git(&world.origin(), &["update-ref", "refs/heads/main", "refs/heads/conductor/T-1"]);
    world.github().merge(1);
    world.move_ticket("T-1", "Done");
    world.once(&[]).exits(0);
    assert_eq!(world.record("T-1")["status"], "done");
    world.move_ticket("T-1", "Todo");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["branch"], "conductor/T-1-2", "{run}");
    assert_eq!(world.head_of("conductor/T-1"), first, "the merged branch moved");
    assert_eq!(
        (world.github().pulls().len(), &world.record("T-1")["pull_request"]["number"]),
        (2, &json!(2))
    );
}

#[test]
fn a_blocked_ticket_that_somebody_closes_is_done_and_its_work_can_be_cleaned_away() {
    let mut world = World::with_linear();
    world.set("limits.max_failures", json!(1));
    for title in ["Mend the door", "Paint the wall"] {
        world.linear().world().add(Ticket { title, ..Ticket::default() });
    }
    world.agent(&Script::works().exit(1));
    world.once(&[]).exits(3);
    assert_eq!(world.record("ENG-1")["stage"], "blocked");
    let left = world.workspaces().join("ENG-1");
    assert!(left.is_dir());
    world.linear().world().move_to("ENG-1", "Canceled");
    let run = world.once(&[]).exits(0);
    assert_eq!(world.record("ENG-1")["stage"], "done", "{run}");
    assert_eq!(world.record("ENG-2")["stage"], "blocked", "{run}");
    assert!(!left.exists(), "{run}");
    let wip = "refs/conductor/wip/ENG-1";
    assert!(repo::sha(&world.origin(), wip).is_some());
    world.command(&["clean"]).exits(0);
    assert_eq!((repo::sha(&world.origin(), wip), repo::sha(&world.checkout(), wip)), (None, None));
    assert!(repo::sha(&world.origin(), "refs/conductor/wip/ENG-2").is_some());
    let asked = world.linear().requests().len();
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
    assert_eq!(world.linear().requests().len(), asked + 1, "an idle cycle asks once");
}

#[test]
fn a_hundred_blocked_tickets_cost_an_idle_cycle_no_further_request() {
    let world = World::with_linear();
    let id =
        world.linear().world().add(Ticket { title: "Mend the door", state: "Done", ..Ticket::default() });
    let blocked = |key: &str| json!({"identifier": key, "status": "blocked", "stage": "blocked", "blocked": {"why": "failed 3 times"}});
    let mut issues: serde_json::Map<String, serde_json::Value> = (0..100)
        .map(|number| (format!("00000000-0000-4000-8000-{number:012}"), blocked(&format!("OLD-{number}"))))
        .collect();
    issues.insert(id, blocked("ENG-1"));
    world.write_state(&json!({"version": 2, "claims": {}, "issues": issues, "outcomes": []}));
    world.once(&[]).exits(0);
    assert_eq!(world.linear().requests().len(), 1);
}

#[test]
fn forty_damaged_records_are_counted_and_the_first_are_named() {
    let world = World::new();
    world.ticket("T-99");
    let issues: serde_json::Map<String, serde_json::Value> = (0..40)
        .map(|number| {
            let key = format!("T-{number}");
            (key.clone(), json!({"identifier": key, "status": "in_review", "attempts": -1}))
        })
        .collect();
    world.write_state(&json!({"version": 2, "claims": {}, "issues": issues, "outcomes": []}));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-99"], "{run}");
    assert_eq!(run.stderr.matches("cannot be read").count(), 6, "{run}");
    assert!(run.stderr.contains("35 more records cannot be read"), "{run}");
}

#[test]
fn a_refused_branch_costs_neither_the_outcome_nor_what_it_cost() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("update", "case $1 in refs/heads/conductor/T-1) echo 'not today' >&2; exit 1;; esac");
    world.agent(&Script::works().sh(
        r#"printf '{"type":"session","id":"s"}\n{"type":"usage","input_tokens":7,"usd":0.5}\n{"type":"result","ok":true}\n'"#,
    ));
    world.once(&[]).exits(5);
    world.once(&[]).exits(5);
    let state = world.state();
    let outcomes = state["outcomes"].as_array().unwrap();
    assert_eq!(
        (outcomes.len(), &outcomes[0]["usd"], &outcomes[0]["tokens_used"]),
        (1, &json!(0.5), &json!(7))
    );
    let day = state["usage"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&day["usd"], &day["runs"]), (&json!(0.5), &json!(1)));
    assert_eq!(world.started(), ["T-1 1"]);
}
