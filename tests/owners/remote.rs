//! The remote refuses a branch, a wip ref or the state itself.

use crate::row::{KEY, Shows, breaks_after_the_agent, holds, is_seen_before_a_claim, is_whole, world};
use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;

/// An `update` hook that refuses refs of that pattern with two lines.
fn refuse(world: &World, pattern: &str) {
    world.origin_hook(
        "update",
        &format!(
            "case \"$1\" in {pattern})\n\
             echo 'GH013: Repository rule violations found' >&2\n\
             echo 'Commits must have verified signatures: https://docs.example/rules' >&2\n\
             exit 1;;\nesac"
        ),
    );
}

#[test]
fn a_branch_a_rule_refuses_is_told_with_every_line_and_no_agent_runs_again() {
    let words = &["GH013: Repository rule violations found", "https://docs.example/rules", "conductor/ENG-1"];
    let shows = Shows {
        owner: "permission",
        kind: "remote_refused",
        stage: "ready",
        exit: 5,
        words,
        comment: &["still to be pushed", "GH013: Repository rule violations found", "An operator's turn"],
        others: None,
    };
    // What a rule says of one branch says nothing of the next.
    holds(
        &world(),
        &shows,
        |world| refuse(world, "refs/heads/conductor/ENG-1"),
        |world| world.without_origin_hook("update"),
    );
}

#[test]
fn a_rule_that_refuses_every_branch_spends_two_tickets_and_no_more() {
    let world = world();
    for _ in 0..3 {
        world.linear().world().add(Ticket::default());
    }
    refuse(&world, "refs/heads/conductor/ENG-*");
    for _ in 0..3 {
        world.once(&["--max-concurrent", "1"]).exits(5);
    }
    assert!(world.started().len() <= 2, "{:?}", world.started());
    world.without_origin_hook("update");
    for _ in 0..2 {
        world.once(&[]).exits(0);
    }
    ["ENG-1", "ENG-2", "ENG-3", "ENG-4"].iter().for_each(|key| is_whole(&world, key));
}

#[test]
fn a_wip_namespace_the_remote_does_not_take_costs_a_warning() {
    let mut world = world();
    world.set("agent.max_attempts", json!(1));
    repo::git(&world.origin(), &["config", "receive.hideRefs", "refs/conductor"]);
    let fails = Script::works().write("half.txt", "half").exit(7);
    world.agent(&crate::agent::in_changing_phases().then(fails));
    for cycle in 1..=2 {
        let run = world.once(&[]).exits(3);
        let told = run.dispatched(KEY);
        assert_eq!((&told["outcome"], &told["failure"]), (&json!("partial"), &json!("agent_exit")), "{run}");
        assert!(told["warnings"].to_string().contains("refs/conductor/wip"), "{told:#}");
        assert_eq!((world.outcomes().len(), world.claims().len()), (cycle, 0));
    }
    repo::git(&world.origin(), &["config", "--unset", "receive.hideRefs"]);
    world.agent(&Script::new().sh("[ -e half.txt ] && tell half").then(Script::works()));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched(KEY)["outcome"], "success", "{run}");
    assert!(world.knows("half"), "the work so far was not there");
    assert_eq!(world.github().pulls().len(), 1);
}

#[test]
fn a_state_refused_for_the_shape_of_a_token_is_written_without_free_text() {
    let mut world = world();
    world.linear().world().add(Ticket { title: "Paint the wall", ..Ticket::default() });
    world.set("agent.max_attempts", json!(1));
    // A shape that this host knows and nobody else.
    world.origin_hook(
        "pre-receive",
        "while read old new ref; do case \"$ref\" in refs/heads/conductor/state)\n\
         if git cat-file -p \"$new:state.json\" | grep -q acme_secret_; then\n\
         echo 'GH009: Secrets detected! This push failed.' >&2; exit 1; fi;; esac; done",
    );
    let fails = Script::new()
        .sh("echo token acme_secret_0123456789abcdef >&2; echo acme_secret_0123456789abcdef")
        .exit(1);
    world.agent(&Script::new().on(KEY, fails).then(Script::works()));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("ENG-2")["stage"], "in_review", "{run}");
    let mut outcomes: Vec<(String, String)> =
        world.outcomes().into_iter().map(|one| (one.0, one.1)).collect();
    outcomes.sort();
    let expected =
        [(KEY, "failure"), ("ENG-2", "success")].map(|(key, word)| (key.to_owned(), word.to_owned()));
    assert_eq!(outcomes, expected, "{run}");
    assert!(world.claims().is_empty());
    is_whole(&world, "ENG-2");
    world.agent(&Script::works());
    world.once(&[]).exits(0);
    assert_eq!(world.record(KEY)["stage"], "in_review");
}

#[test]
fn a_branch_named_like_the_prefix_is_a_fault_of_the_configuration_before_a_claim() {
    let world = world();
    repo::git(&world.origin(), &["branch", "conductor", "main"]);
    is_seen_before_a_claim(&world, 2, "repository.branch_prefix", "", |_| {
        repo::git(&world.origin(), &["branch", "-D", "conductor"]);
    });
}

#[test]
fn a_branch_named_like_the_prefix_that_only_the_checkout_has_is_in_nobodys_way() {
    let world = world();
    repo::git(&world.checkout(), &["branch", "conductor", "main"]);
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
    assert!(repo::sha(&world.checkout(), "refs/heads/conductor").is_some());
}

#[test]
fn a_remote_that_is_away_when_the_work_is_done_gets_it_from_the_next_cycle_that_reaches_it() {
    let world = world();
    let gone = world.path().join("gone.git");
    let run = breaks_after_the_agent(&world, &Script::works(), |world| {
        std::fs::rename(world.origin(), &gone).unwrap();
    })
    .exits(5);
    assert!(run.stderr.contains("could not be written"), "{run}");
    for _ in 0..2 {
        world.once(&[]).exits(5);
    }
    std::fs::rename(&gone, world.origin()).unwrap();
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
    assert_eq!(world.outcomes().len(), 1);
}
