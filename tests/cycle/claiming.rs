//! Who works on what: claims, races, slots, blockers, freshness.

use crate::support::agent::Script;
use crate::support::conductor::{Run, Running, World};
use crate::support::repo;
use crate::support::server::Reply;
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
    let outcomes = world.state()["outcomes"].clone();
    assert_eq!(world.started(), FIVE.map(|key| format!("{key} 1")), "{outcomes:#}");
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

#[test]
fn a_race_for_a_claim_is_lost_to_the_run_that_was_first() {
    let world = World::with_github();
    world.ticket("T-1");
    let origin = world.origin();
    let others = json!({"version": 1, "claims": {"T-1": world.foreign_claim("T-1")}}).to_string();
    let written = std::sync::Once::new();
    world.github().server().inject(1, Reply::Drop, move |request| {
        // Between our look at the state and our push of the claim.
        if request.path().ends_with("git-receive-pack") {
            written.call_once(|| {
                repo::commit(&origin, "conductor/state", "claim T-1", &[("state.json", &others)]);
            });
        }
        false
    });
    let run = world.once(&[]).exits(0);
    let (reason, detail) = run.skipped("T-1");
    assert_eq!((reason.as_str(), run.worked_on().len()), ("claimed", 0));
    assert!(detail.contains("another-run on elsewhere"), "{detail}");
    assert_eq!((world.started().len(), world.branches().len()), (0, 0));
    assert_eq!(world.state()["claims"]["T-1"]["run_id"], "another-run");
    assert_eq!(world.ticket_state("T-1"), "Todo");
}

#[test]
fn a_ticket_another_run_works_on_is_left_to_it() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().tell("at-work").wait("go-on").then(Script::works()));
    let first = world.start(&[]);
    world.await_fact("at-work");
    // In Progress it is no candidate; by its name it is looked at all the same.
    let second = world.once(&["--issue", "T-1", "--force"]).exits(0);
    assert_eq!(second.skipped("T-1").0, "claimed");
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
    world.tell("go-on");
    assert_eq!(first.wait().exits(0).dispatched("T-1")["outcome"], "success");
    assert_eq!(world.started(), ["T-1 1"]);
}

#[test]
fn an_old_checkout_decides_on_what_the_remote_has_now() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    assert_eq!(world.start_in("elsewhere", &["--issue", "T-1"]).wait().exits(0).worked_on(), ["T-1"]);
    world.move_ticket("T-1", "Todo");
    let base = repo::commit(&world.origin(), "main", "Meanwhile", &[("news.txt", "new\n")]);

    // This one was cloned before all of that, and has fetched nothing since.
    let run = world.once(&["--issue", "T-2"]).exits(0);
    let head = run.dispatched("T-2")["head_sha"].as_str().unwrap().to_owned();
    assert_eq!(repo::git(&world.origin(), &["rev-parse", &format!("{head}^")]), base);
    assert_eq!(world.record("T-1")["status"], "in_review", "the other run's record was lost");
    assert_eq!(world.outcomes().len(), 2);
}

#[test]
fn without_a_free_slot_nothing_is_counted() {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(1));
    world.ticket("T-1");
    let state = json!({"version": 1, "claims": {"T-9": world.foreign_claim("T-9")}, "issues": {
        "T-1": {"identifier": "T-1", "status": "failed", "attempts": 1, "failures_by_phase": {"testing": 1}}}});
    world.write_state(&state);
    let run = world.once(&[]).exits(0);
    assert_eq!((run.skipped("T-1").0.as_str(), run.status().as_str()), ("no_slot", "idle"));
    assert_eq!(world.state(), state);
    assert!(world.started().is_empty());
}

#[test]
fn fifty_done_tickets_do_not_hide_three_to_do() {
    let world = World::new();
    for number in 0..50 {
        world.ticket_file(&format!("A-{number}"), "---\ntitle: Long done\nstate: Done\n---\n");
    }
    ["T-1", "T-2", "T-3"].iter().for_each(|key| world.ticket(key));
    let run = world.once(&["--dry-run"]).exits(0);
    assert_eq!(run.worked_on(), ["T-1", "T-2", "T-3"]);
}

#[test]
fn a_blocked_ticket_waits_until_its_blocker_is_closed() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket_file("T-2", "---\ntitle: Later\nstate: Todo\nblocked_by: [T-1]\n---\n");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["T-1"]);
    assert_eq!(run.skipped("T-2"), ("blocked_by".to_owned(), "T-1 is Todo".to_owned()));
    world.move_ticket("T-1", "Done");
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-2"]);
    assert_eq!(world.record("T-1")["status"], "done");
}

#[test]
fn urgent_tickets_come_first_and_the_limit_of_a_cycle_holds() {
    let mut world = World::new();
    world.set("limits.per_cycle", json!(2));
    for (key, priority) in [("T-1", "low"), ("T-2", "none"), ("T-3", "urgent"), ("T-4", "high")] {
        world.ticket_file(key, &format!("---\ntitle: Some work\nstate: Todo\npriority: {priority}\n---\n"));
    }
    let run = world.once(&["--dry-run"]).exits(0);
    assert_eq!(run.worked_on(), ["T-3", "T-4"]);
    assert_eq!(run.skipped("T-1").0, "no_slot");
}

#[test]
fn at_most_so_many_agents_run_at_once() {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(2));
    world.set("limits.per_cycle", json!(4));
    FIVE.iter().for_each(|key| world.ticket(key));
    let count = "ls \"$world/facts\" | grep -c '^busy-' >> \"$world/counts\"";
    let script = Script::new().sh("tell busy-$key").sh(count).then(Script::works());
    world.agent(&script.sh("rm \"$world/facts/busy-$key\""));
    let run = world.once(&[]).exits(0);
    let counts = std::fs::read_to_string(world.path().join("counts")).unwrap();
    assert!(counts.lines().all(|count| count == "1" || count == "2"), "{counts}");
    assert!((2..=4).contains(&run.worked_on().len()), "{run}");
}

#[test]
fn a_closed_pull_requests_branch_is_not_used_again() {
    let world = World::with_github();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let first = world.head_of("conductor/T-1");
    let open = world.once(&["--issue", "T-1", "--force"]).exits(0);
    assert_eq!(open.skipped("T-1").0, "in_review");

    world.github().close(1);
    world.move_ticket("T-1", "Todo");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["branch"], "conductor/T-1-2");
    assert_eq!(world.head_of("conductor/T-1"), first, "the closed pull request's branch moved");
    assert_eq!(
        world.github().pulls().iter().map(|pull| pull.head.as_str()).collect::<Vec<_>>(),
        ["conductor/T-1", "conductor/T-1-2"]
    );
    assert_eq!(world.record("T-1")["pull_request"]["number"], 2);
}

#[test]
fn one_tickets_broken_workspace_does_not_stop_the_next_ticket() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    std::fs::create_dir_all(world.workspaces().join("T-1/precious")).unwrap();
    let run = world.once(&[]).exits(1);
    let broken = run.dispatched("T-1");
    assert_eq!((&broken["outcome"], &broken["failure"]), (&json!("failure"), &json!("workspace")));
    assert_eq!(
        (&broken["fault"]["owner"], &broken["fault"]["kind"]),
        (&json!("machine"), &json!("workspace_taken"))
    );
    assert_eq!(world.record("T-1")["attempts"], 0);
    assert!(broken["error"].as_str().unwrap().contains("is not a workspace of this repository"), "{broken}");
    assert_eq!(run.dispatched("T-2")["outcome"], "success");
    assert!(world.workspaces().join("T-1/precious").is_dir());
    assert_eq!((world.ticket_state("T-1").as_str(), world.claims().len()), ("Todo", 0));
}

#[test]
fn a_run_takes_the_next_ticket_as_soon_as_an_agent_is_through() {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(2));
    let keys: Vec<String> = (1..=7).map(|number| format!("T-{number}")).collect();
    keys.iter().for_each(|key| world.ticket(key));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), keys, "{run}");
    assert_eq!((world.pulls().len(), world.started().len(), world.claims().len()), (7, 7, 0));
}
