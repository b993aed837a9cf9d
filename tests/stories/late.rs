//! Runs that come late: what they saw is not so any more when they act.

use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Once;

const KEY: &str = "ENG-1";

fn world() -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket { title: "Mend the door", ..Ticket::default() });
    world
}

fn id_of(world: &World) -> String {
    world.linear().world().issue(KEY).id.clone()
}

/// A document in which a run that is gone claims the ticket.
fn claimed_by_the_dead(world: &World) -> Value {
    let mut claim = world.foreign_claim(KEY);
    claim["lease_expires_at"] = json!(Utc::now() - TimeDelta::hours(1));
    json!({"version": 1, "claims": {id_of(world): claim}})
}

fn write(origin: &std::path::Path, state: &Value) {
    repo::commit(origin, "conductor/state", "by another run", &[("state.json", &state.to_string())]);
}

/// Another run writes that, after this one has read the state and before it acts on it.
fn meanwhile(world: &World, deed: impl Fn(&mut crate::support::linear::world::World) + Send + 'static) {
    let once = Once::new();
    world.linear().before("Candidates", move |tickets, _| once.call_once(|| deed(tickets)));
}

#[test]
fn a_claim_that_died_between_a_look_and_a_claim_is_recovered_first_and_its_branch_adopted() {
    let world = world();
    let head = repo::commit(&world.origin(), "work-of-the-dead", "Do the work", &[("work.txt", "done\n")]);
    let head = {
        let base = repo::sha(&world.origin(), "main").unwrap();
        let tree = repo::git(&world.origin(), &["rev-parse", &format!("{head}^{{tree}}")]);
        repo::git(&world.origin(), &["update-ref", "-d", "refs/heads/work-of-the-dead"]);
        repo::git(&world.origin(), &["commit-tree", "-p", &base, "-m", "Do the work", &tree])
    };
    let (origin, state) = (world.origin(), claimed_by_the_dead(&world));
    let pushed = head.clone();
    meanwhile(&world, move |tickets| {
        repo::git(&origin, &["update-ref", "refs/heads/conductor/ENG-1", &pushed]);
        write(&origin, &state);
        tickets.move_to(KEY, "Todo");
    });
    let late = world.once(&[]).exits(0);
    assert!(world.started().is_empty(), "{late}");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.recovered(), [(KEY.to_owned(), "adopted_branch".to_owned())], "{late}\n{run}");
    assert!(world.started().is_empty(), "{run}");
    let pulls = world.github().pulls();
    assert_eq!((pulls.len(), &pulls[0].head_sha), (1, &head));
    assert_eq!(world.linear().world().state_of(KEY), "In Review");
    assert_eq!(world.record(KEY)["stage"], "in_review");
}

#[test]
fn the_slower_of_two_runs_that_recover_one_claim_does_not_touch_the_ticket() {
    let world = world();
    world.write_state(&claimed_by_the_dead(&world));
    world.linear().world().move_to(KEY, "In Progress");
    // The quicker one has recovered it, worked on it and brought it into review.
    repo::git(&world.origin(), &["update-ref", "refs/heads/conductor/ENG-1", "refs/heads/main"]);
    let head = repo::commit(&world.origin(), "conductor/ENG-1", "Do the work", &[("work.txt", "done\n")]);
    let number = world.github().open_by_hand("conductor/ENG-1", "main", None);
    let done = json!({"version": 1, "claims": {}, "issues": {id_of(&world): {
        "identifier": KEY, "status": "in_review", "attempts": 1, "branch": "conductor/ENG-1",
        "head_sha": head, "pull_request": {"number": number, "url": "https://github.example/pull/1"}}}});
    let origin = world.origin();
    meanwhile(&world, move |tickets| {
        write(&origin, &done);
        tickets.move_to(KEY, "In Review");
    });
    let run = world.once(&[]).exits(0);
    assert_eq!(world.linear().world().state_of(KEY), "In Review", "{run}");
    assert!(run.recovered().is_empty() && world.started().is_empty(), "{run}");
    assert_eq!(world.github().pulls().len(), 1, "{run}");
    assert_eq!(world.record(KEY)["status"], "in_review", "{run}");
}

#[test]
fn the_next_attempt_of_the_same_run_of_actions_takes_over_at_once() {
    let mut world = world();
    world.env("GITHUB_SERVER_URL", "https://git.example");
    world.env("GITHUB_REPOSITORY", "acme/app");
    world.env("GITHUB_RUN_ID", "7");
    world.env("GITHUB_RUN_ATTEMPT", "1");
    world.origin_hook(
        "post-receive",
        "while read old new ref; do [ \"$ref\" = refs/heads/conductor/state ] && kill_conductor; done",
    );
    world.start(&[]).wait().exits(-1);
    world.without_origin_hook("post-receive");
    assert_eq!(world.claims(), [KEY]);
    // Its runner looks like any other's, so that only the attempt says that it is over.
    world.env("GITHUB_RUN_ATTEMPT", "2");
    let run = world.start_in("another-runner", &[]).wait().exits(0);
    assert_eq!(run.recovered(), [(KEY.to_owned(), "released".to_owned())], "{run}");
    assert_eq!(run.dispatched(KEY)["outcome"], "success", "{run}");
    assert_eq!(world.github().pulls().len(), 1);
    // Nothing of the killed program can be removed from the temporary folder but by the system.
    let folder = world.path().join("tmp");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(folder).unwrap();
}
