//! The tracker refuses or is away when the work is done.

use crate::row::{KEY, Shows, breaks_after_the_agent, holds, is_seen_before_a_claim, is_whole, world};
use crate::support::agent::Script;
use serde_json::json;

const REFUSED: Shows<'static> = Shows {
    owner: "permission",
    kind: "tracker_forbidden",
    stage: "proposed",
    exit: 5,
    words: &["pull request #1 is open and the ticket could not be brought up to date"],
    comment: &[],
    others: Some("permission"),
};

#[test]
fn a_key_that_may_no_longer_write_leaves_one_pull_request_and_the_ticket_is_moved_when_it_may() {
    let shows = Shows { words: &["pull request #1 is open", "right to write"], ..REFUSED };
    holds(
        &world(),
        &shows,
        |world| world.linear().set(|rules| rules.read_only = true),
        |world| world.linear().set(|rules| rules.read_only = false),
    );
}

#[test]
fn a_key_that_may_only_read_is_seen_before_a_claim() {
    let world = world();
    world.linear().set(|rules| rules.read_only = true);
    is_seen_before_a_claim(&world, 5, "tickets cannot be written", "permission", |world| {
        world.linear().set(|rules| rules.read_only = false);
    });
}

#[test]
fn a_key_that_is_revoked_before_the_last_look_leaves_pushed_work() {
    // It cannot be read either, so that every further cycle ends at the poll.
    let world = world();
    let revoke = |world: &crate::support::conductor::World| world.linear().set(|rules| rules.revoked = true);
    let run = breaks_after_the_agent(&world, &Script::works(), revoke).exits(5);
    let fault = run.dispatched(KEY)["fault"].clone();
    assert_eq!((&fault["owner"], &fault["kind"]), (&json!("permission"), &json!("tracker_unauthorized")));
    assert_eq!(world.record(KEY)["stage"], "pushed");
    for _ in 0..2 {
        let run = world.once(&[]).exits(5);
        assert!(run.stderr.to_lowercase().contains("auth"), "{run}");
    }
    world.linear().set(|rules| rules.revoked = false);
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
}

#[test]
fn a_move_that_is_refused_is_tried_again_each_cycle() {
    holds(
        &world(),
        &REFUSED,
        |world| world.linear().set(|rules| rules.forbidden_fields = vec!["issueUpdate"]),
        |world| world.linear().set(|rules| rules.forbidden_fields.clear()),
    );
}

#[test]
fn a_link_that_is_refused_is_tried_again_each_cycle() {
    holds(
        &world(),
        &REFUSED,
        |world| world.linear().set(|rules| rules.forbidden_fields = vec!["attachmentCreate"]),
        |world| world.linear().set(|rules| rules.forbidden_fields.clear()),
    );
}

#[test]
fn a_move_that_this_ticket_alone_is_refused_stops_no_other_ticket() {
    let world = world();
    world.agent(&Script::works());
    let refuse = |world: &crate::support::conductor::World| {
        world.linear().fail_field("issueUpdate", 3, "State is not allowed by this team's workflow");
    };
    let shows = Shows {
        owner: "service",
        kind: "tracker_unreachable",
        words: &["State is not allowed by this team's workflow"],
        others: None,
        ..REFUSED
    };
    // Each cycle asks once for this ticket; the fourth is let through.
    holds(&world, &shows, refuse, |_| {});
}

#[test]
fn a_comment_that_is_refused_never_fails_the_work() {
    let mut world = world();
    world.set("tracker.comment", json!(true));
    world.linear().set(|rules| rules.forbidden_fields = vec!["commentCreate", "commentUpdate"]);
    let run = breaks_after_the_agent(&world, &Script::works(), |_| {}).exits(0);
    let told = run.dispatched(KEY);
    assert_eq!((&told["outcome"], &told["stage"]), (&json!("success"), &json!("in_review")), "{run}");
    assert!(told["warnings"].to_string().contains("comment"), "{told}");
    let linear = world.linear().world();
    assert_eq!((linear.state_of(KEY), linear.links_of(KEY).len()), ("In Review", 1));
    drop(linear);
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
}

#[test]
fn a_tracker_that_is_away_when_the_work_is_done_gets_its_ticket_moved_when_it_is_back() {
    let world = world();
    let down = |world: &crate::support::conductor::World| world.linear().set(|rules| rules.down = true);
    let run = breaks_after_the_agent(&world, &Script::works(), down).exits(5);
    let fault = run.dispatched(KEY)["fault"].clone();
    assert_eq!((&fault["owner"], &fault["kind"]), (&json!("service"), &json!("tracker_unreachable")));
    assert_eq!((world.record(KEY)["stage"].as_str(), world.claims().len()), (Some("pushed"), 0));
    for _ in 0..2 {
        world.once(&[]).exits(5);
        assert_eq!(world.record(KEY)["stage"], "pushed");
    }
    world.linear().set(|rules| rules.down = false);
    let run = world.once(&[]).exits(0);
    assert_eq!(run.advanced(), [(KEY.to_owned(), "pushed".to_owned(), "in_review".to_owned())]);
    is_whole(&world, KEY);
}
