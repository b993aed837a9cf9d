//! One row of the table: a fault that begins when the agent is done, stays for three cycles, and is
//! mended before the fourth.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::linear::world::Ticket;
use serde_json::{Value, json};

pub const KEY: &str = "ENG-1";

/// How a fault is to show while it lasts.
#[derive(Debug, Clone, Copy)]
pub struct Shows<'s> {
    pub owner: &'s str,
    pub kind: &'s str,
    /// Where the change waits.
    pub stage: &'s str,
    pub exit: i32,
    /// Of the fault's message and remedy.
    pub words: &'s [&'s str],
    /// What the ticket's comment says meanwhile; nothing where it cannot be written.
    pub comment: &'s [&'s str],
    /// Why a ticket that comes meanwhile is left; `None` when it is worked on.
    pub others: Option<&'s str>,
}

/// A Linear with one ticket, a GitHub.
pub fn world() -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket { title: "Mend the door", ..Ticket::default() });
    world
}

/// A cycle in which `begin` happens when the agent has done its work and before it ends.
pub fn breaks_after_the_agent(world: &World, script: &Script, begin: impl FnOnce(&World)) -> Run {
    world.agent(&script.clone().tell("worked").wait("broken"));
    let run = world.start(&[]);
    world.await_fact("worked");
    begin(world);
    world.tell("broken");
    let run = run.wait();
    world.agent(script);
    run
}

/// The whole row with an agent that works.
pub fn holds(world: &World, shows: &Shows<'_>, begin: impl FnOnce(&World), mend: impl FnOnce(&World)) {
    let first = breaks_after_the_agent(world, &Script::works(), begin).exits(shows.exit);
    let told = first.dispatched(KEY);
    assert_eq!(told["outcome"], "success", "{first}");
    waits(world, shows, &told["fault"], &first);
    for cycle in 2..=3 {
        if cycle == 3 {
            world.linear().world().add(Ticket { title: "Paint the wall", ..Ticket::default() });
        }
        let run = world.once(&[]).exits(shows.exit);
        let standing = run.report()["standing"].clone();
        let fault = standing.as_array().and_then(|all| all.iter().find(|one| one["issue"] == KEY).cloned());
        let fault = fault.unwrap_or_else(|| panic!("cycle {cycle} does not tell of it: {run}"));
        waits(world, shows, &fault["fault"], &run);
        assert_eq!(world.record(KEY)["fault"]["tries"], cycle, "{run}");
        if cycle == 3 {
            match shows.others {
                Some(reason) => assert_eq!(run.skipped("ENG-2").0, reason, "{run}"),
                None => assert_eq!(run.dispatched("ENG-2")["outcome"], "success", "{run}"),
            }
        }
    }
    mend(world);
    let run = world.once(&[]).exits(0);
    let advanced = (KEY.to_owned(), shows.stage.to_owned(), "in_review".to_owned());
    assert!(run.advanced().contains(&advanced), "{run}");
    is_whole(world, KEY);
    is_whole(world, "ENG-2");
    let idle = world.once(&[]).exits(0);
    assert_eq!(idle.status(), "idle", "{idle}");
    assert_eq!(world.started(), ["ENG-1 1", "ENG-2 1"]);
}

/// Accepted, not delivered, not lost, nobody's claim, and said so.
fn waits(world: &World, shows: &Shows<'_>, fault: &Value, run: &Run) {
    assert_eq!((&fault["owner"], &fault["kind"]), (&json!(shows.owner), &json!(shows.kind)), "{run}");
    let said = format!("{} {}", fault["message"], fault["remedy"]);
    for words in shows.words {
        assert!(said.contains(words), "{words}: {said}\n{run}");
    }
    let record = world.record(KEY);
    assert_eq!(record["stage"], shows.stage, "{record:#}\n{run}");
    assert!(!world.claims().contains(&KEY.to_owned()), "{run}");
    let of_it = |one: &(String, String, String)| one.0 == KEY;
    let outcomes: Vec<String> = world.outcomes().into_iter().filter(of_it).map(|one| one.1).collect();
    assert_eq!(outcomes, ["success"], "{run}");
    let linear = world.linear().world();
    let comments = linear.comments_of(KEY);
    if !shows.comment.is_empty() {
        assert_eq!(comments.len(), 1, "{comments:#?}\n{run}");
        for words in shows.comment {
            assert!(comments[0].contains(words), "{words}: {}\n{run}", comments[0]);
        }
    }
}

/// In review with one pull request, by one agent, and its ticket says so.
#[track_caller]
pub fn is_whole(world: &World, key: &str) {
    let record = world.record(key);
    assert_eq!((&record["stage"], &record["fault"]), (&json!("in_review"), &Value::Null), "{record:#}");
    assert_eq!(record["failures_by_phase"], json!({}), "{record:#}");
    let starts = world.started().into_iter().filter(|line| line.starts_with(&format!("{key} "))).count();
    assert_eq!(starts, 1, "agents of {key}");
    let pulls = world.github().pulls();
    let own: Vec<_> =
        pulls.iter().filter(|pull| pull.head.starts_with(&format!("conductor/{key}"))).collect();
    assert_eq!(own.len(), 1, "{pulls:#?}");
    assert_eq!(record["pull_request"]["number"], json!(own[0].number));
    assert_eq!(record["head_sha"], json!(world.head_of(&own[0].head)));
    let linear = world.linear().world();
    assert_eq!(linear.state_of(key), "In Review");
    assert_eq!(linear.links_of(key).len(), 1, "{:?}", linear.links_of(key));
    let comments = linear.comments_of(key);
    assert_eq!(comments.len(), 1, "{comments:#?}");
    assert!(comments[0].contains("in review: pull request"), "{}", comments[0]);
    assert!(!comments[0].contains("Next:"), "an old fault is still told: {}", comments[0]);
}

/// A fault that is seen before a claim: no ticket is touched, however many cycles it lasts.
pub fn is_seen_before_a_claim(
    world: &World,
    exit: i32,
    words: &str,
    reason: &str,
    mend: impl FnOnce(&World),
) {
    for _ in 0..3 {
        let run = world.once(&[]).exits(exit);
        assert!(run.stderr.contains(words), "{words}: {run}");
        if !reason.is_empty() {
            assert_eq!(run.skipped(KEY).0, reason, "{run}");
        }
        assert!(world.started().is_empty(), "{run}");
        assert!(!world.has_state() || world.claims().is_empty(), "{run}");
        assert_eq!(world.linear().world().state_of(KEY), "Todo", "{run}");
    }
    mend(world);
    world.once(&[]).exits(0);
    is_whole(world, KEY);
}
