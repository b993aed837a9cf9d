//! What a person does to a ticket stands, at whatever moment it is done.

use crate::row::{KEY, breaks_after_the_agent, world};
use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::github::is_create;
use crate::support::linear::world::World as Tickets;
use crate::support::server::Damage;
use serde_json::json;
use std::time::Duration;

type Deed = fn(&mut Tickets);

fn close(tickets: &mut Tickets) {
    tickets.move_to(KEY, "Done");
}

fn cancel(tickets: &mut Tickets) {
    tickets.move_to(KEY, "Canceled");
}

fn archive(tickets: &mut Tickets) {
    tickets.archive(KEY);
}

fn shelve(tickets: &mut Tickets) {
    tickets.move_to(KEY, "Backlog");
}

/// The person's deed, before the `nth` request of that name from now on.
fn before(world: &World, operation: &str, nth: usize, deed: Deed) {
    let mut seen = 0;
    world.linear().before(operation, move |tickets, _| {
        seen += 1;
        if seen == nth {
            deed(tickets);
        }
    });
}

/// Nobody's claim, nothing to do, and it stays so.
fn rests(world: &World, state: &str, run: &Run) {
    assert_eq!(world.linear().world().state_of(KEY), state, "{run}");
    for _ in 0..2 {
        let next = world.once(&[]).exits(0);
        assert_eq!(world.linear().world().state_of(KEY), state, "{run}\n{next}");
    }
    assert_eq!(world.once(&[]).exits(0).status(), "idle", "{run}");
    assert!(!world.has_state() || world.claims().is_empty(), "{run}");
    assert!(world.started().len() <= 1, "{run}");
}

#[test]
fn a_ticket_that_is_over_before_anything_left_the_machine_gets_no_pull_request() {
    let over: [(Deed, &str); 2] = [(close, "Done"), (cancel, "Canceled")];
    for (deed, state) in over {
        // Before the claim is confirmed, while the agent works, before the branch is pushed.
        for moment in ["confirm", "work", "push"] {
            let world = world();
            let run = match moment {
                "confirm" => {
                    before(&world, "Refresh", 1, deed);
                    world.once(&[]).exits(0)
                }
                "work" => breaks_after_the_agent(&world, &Script::works(), |world| {
                    deed(&mut world.linear().world())
                })
                .exits(0),
                _ => {
                    before(&world, "Refresh", 2, deed);
                    world.once(&[]).exits(0)
                }
            };
            assert!(world.github().pulls().is_empty(), "{moment}: {run}");
            rests(&world, state, &run);
        }
    }
}

#[test]
fn an_archived_ticket_gets_no_pull_request() {
    let world = world();
    let run = breaks_after_the_agent(&world, &Script::works(), |world| archive(&mut world.linear().world()))
        .exits(0);
    assert!(world.github().pulls().is_empty(), "{run}");
    assert!(world.claims().is_empty());
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn a_ticket_that_is_over_when_its_pull_request_is_open_stays_where_the_person_put_it() {
    let over: [(Deed, &str); 2] = [(close, "Done"), (cancel, "Canceled")];
    for (deed, state) in over {
        let world = world();
        // The pull request is being opened, which takes its time.
        let linear = world.linear().handle();
        world.github().server().damage(1, Damage::Slow(Duration::from_secs(5)), move |request| {
            is_create(request) && {
                linear.change(deed);
                true
            }
        });
        let run = world.once(&[]).exits(0);
        assert_eq!(world.github().pulls().len(), 1, "{run}");
        rests(&world, state, &run);
        assert_eq!(world.github().pulls().len(), 1, "{run}");
    }
}

#[test]
fn accepted_work_of_a_ticket_a_person_shelved_is_delivered_and_the_ticket_stays() {
    for moment in ["work", "push"] {
        let world = world();
        let run = match moment {
            "work" => {
                breaks_after_the_agent(&world, &Script::works(), |world| shelve(&mut world.linear().world()))
            }
            _ => {
                before(&world, "Refresh", 2, shelve);
                world.once(&[])
            }
        }
        .exits(0);
        assert_eq!(world.github().pulls().len(), 1, "{moment}: {run}");
        assert_eq!(world.record(KEY)["stage"], "in_review", "{moment}: {run}");
        assert_eq!(world.record(KEY)["pull_request"]["number"], json!(1));
        rests(&world, "Backlog", &run);
    }
}

#[test]
fn a_ticket_that_is_deleted_at_any_moment_stops_no_run() {
    fn delete(tickets: &mut Tickets) {
        tickets.delete(KEY);
    }
    for nth in 1..=2 {
        let world = world();
        before(&world, "Refresh", nth, delete);
        let run = world.once(&[]);
        assert!(matches!(run.code(), 0), "{run}");
        for _ in 0..2 {
            world.once(&[]).exits(0);
        }
        assert!(!world.has_state() || world.claims().is_empty(), "{run}");
        assert!(world.github().pulls().is_empty(), "{run}");
    }
}

#[test]
fn a_ticket_a_person_reopens_after_its_pull_request_was_closed_is_begun_on_a_new_branch() {
    let world = world();
    world.once(&[]).exits(0);
    world.github().close(1);
    world.linear().world().move_to(KEY, "Todo");
    let run = world.once(&[]).exits(0);
    let pulls = world.github().pulls();
    assert_eq!(pulls.len(), 2, "{run}");
    assert_ne!(pulls[0].head, pulls[1].head);
    assert_eq!(world.linear().world().state_of(KEY), "In Review");
}
