//! Killed at each border, and gone on from there: one pull request, no commit lost, one outcome of
//! each attempt, the ticket where it belongs.

use crate::jobs::Jobs;
use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::github::is_create;
use crate::support::repo;
use rustix::process::Signal;
use serde_json::json;
use std::fs;

fn one_ticket() -> World {
    let world = World::new();
    world.ticket("T-1");
    world
}

/// The origin kills the program when the state was written so many times from now on.
fn dies_at_write(world: &World, number: u32) {
    drop(fs::remove_file(world.path().join("writes")));
    world.origin_hook(
        "post-receive",
        &format!(
            "while read -r old new ref; do\n\
             if [ \"$ref\" = refs/heads/conductor/state ]; then\n\
             n=$(( $(cat \"$world/writes\" 2>/dev/null || echo 0) + 1 )); echo $n > \"$world/writes\"\n\
             if [ $n = {number} ]; then kill_conductor; fi\n\
             fi\ndone"
        ),
    );
}

#[track_caller]
fn is_done_once(world: &World) {
    assert_eq!(world.pulls().len(), 1);
    assert_eq!(world.branches().len(), 1);
    assert_eq!(world.ticket_state("T-1"), "In Review");
    assert_eq!(world.record("T-1")["stage"], "in_review");
    assert!(world.claims().is_empty());
    let successes = world.outcomes().iter().filter(|(_, outcome, _)| outcome == "success").count();
    assert_eq!(successes, 1, "{:?}", world.outcomes());
    assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "work.txt"), "T-1");
}

#[test]
fn a_claim_that_dies_before_it_hands_out_is_taken_up_by_the_next_cycle() {
    let world = one_ticket();
    dies_at_write(&world, 1);
    assert!(Jobs::of(&world).begin_claim(&[]).wait().ended_by_signal());
    assert_eq!(world.claims(), ["T-1"]);
    world.without_origin_hook("post-receive");
    world.once(&[]).exits(0);
    is_done_once(&world);
    assert_eq!(world.started().len(), 1);
}

#[test]
fn a_claim_that_dies_after_it_handed_out_is_gone_on_from() {
    let world = one_ticket();
    dies_at_write(&world, 2);
    let jobs = Jobs::of(&world);
    assert!(jobs.begin_claim(&[]).wait().ended_by_signal());
    assert_eq!(world.ticket_state("T-1"), "Todo", "it died before it told the ticket");
    world.without_origin_hook("post-receive");
    jobs.work("T-1").exits(0);
    jobs.publish().exits(0);
    is_done_once(&world);
}

#[test]
fn work_that_was_killed_goes_on_from_its_commits_on_the_same_machine() {
    let world = one_ticket();
    let first = Script::new().write("kept.txt", "kept").commit("Keep this").tell("begun").hang();
    let script = Script::new().when("! [ -e \"$world/facts/begun\" ]", first);
    world.agent(&script.then(Script::new().sh("test -f kept.txt && tell went-on")).then(Script::works()));
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    let running = jobs.begin_work("T-1", "T-1", &[]);
    world.await_fact("begun");
    running.kill();
    assert!(!jobs.clone_of("T-1").join("out/result.json").exists());
    jobs.work("T-1").exits(0);
    assert!(world.knows("went-on"));
    jobs.publish().exits(0);
    is_done_once(&world);
    repo::file_at(&world.origin(), "conductor/T-1", "kept.txt");
}

#[test]
fn work_that_is_told_to_stop_writes_an_interrupted_result_with_its_commits() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = one_ticket();
        let first = Script::new().write("kept.txt", "kept").commit("Keep this").tell("begun").hang();
        world.agent(&Script::new().at_attempt(1, first));
        let jobs = Jobs::of(&world);
        jobs.claim().exits(0);
        let running = jobs.begin_work("T-1", "T-1", &[]);
        world.await_fact("begun");
        running.signal(signal);
        let result = running.wait().exits(0).report();
        assert_eq!(result["attempts"][0]["outcome"], "interrupted", "{result}");
        assert_ne!(result["change"], json!(null), "{result}");
        jobs.carry_back("T-1");
        let published = jobs.publish().exits(0).report();
        assert_eq!(published["published"][0]["outcome"], "interrupted", "{published}");
        repo::file_at(&world.origin(), "refs/conductor/wip/T-1", "kept.txt");
        assert_eq!(world.ticket_state("T-1"), "Todo");
        assert!(world.claims().is_empty());
    }
}

#[test]
fn work_that_is_done_is_not_done_again() {
    let world = one_ticket();
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    let again = jobs.work("T-1").exits(0);
    assert_eq!(again.report()["attempts"][0]["outcome"], "success");
    assert_eq!(world.started(), ["T-1 1"]);
    jobs.publish().exits(0);
    is_done_once(&world);
}

#[test]
fn a_job_that_died_for_good_is_named_and_its_claim_ends_with_its_lease() {
    let world = one_ticket();
    world.agent(
        &Script::new()
            .when("! [ -e \"$world/facts/begun\" ]", Script::new().tell("begun").hang())
            .then(Script::works()),
    );
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    let running = jobs.begin_work("T-1", "T-1", &[]);
    world.await_fact("begun");
    running.kill();
    let published = jobs.begin_publish(&[&jobs.assignments()]).wait().exits(3).report();
    assert_eq!(published["missing"][0]["issue"], "T-1", "{published}");
    assert_eq!(world.claims(), ["T-1"], "the claim ends with its lease and not before");
    let mut state = world.state();
    let claim = state["claims"].as_object_mut().unwrap().values_mut().next().unwrap();
    claim["lease_expires_at"] = json!("2026-01-01T00:00:00Z");
    world.write_state(&state);
    // Its agent had run, wherever that was: it counts.
    world.command(&["recover"]).exits(0);
    assert_eq!(world.record("T-1")["interruptions"], 1);
    world.once(&[]).exits(0);
    is_done_once(&world);
}

#[test]
fn a_publish_that_dies_is_gone_on_from_by_the_next() {
    // The claim taken over; the branch pushed and the outcome recorded; the claim ended.
    for number in 1..=3 {
        let world = one_ticket();
        let jobs = Jobs::of(&world);
        jobs.claim().exits(0);
        jobs.work("T-1").exits(0);
        dies_at_write(&world, number);
        assert!(jobs.begin_publish(&[&jobs.results()]).wait().ended_by_signal(), "{number}");
        world.without_origin_hook("post-receive");
        if number == 1 {
            // Its result is still to come: no other run takes the ticket up meanwhile.
            assert_eq!(world.once(&["--issue", "T-1"]).exits(0).skipped("T-1").0, "claimed");
        }
        jobs.publish().exits(0);
        is_done_once(&world);
        assert_eq!(world.started(), ["T-1 1"], "{number}: paid work is not done again");
        assert_eq!(world.outcomes().len(), 1, "{number}");
    }
}

#[test]
fn what_a_dead_publish_left_half_done_is_finished_by_a_cycle_too() {
    let world = one_ticket();
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    dies_at_write(&world, 2);
    assert!(jobs.begin_publish(&[&jobs.results()]).wait().ended_by_signal());
    world.without_origin_hook("post-receive");
    world.once(&[]).exits(0);
    is_done_once(&world);
    assert_eq!(world.started(), ["T-1 1"]);
    let again = jobs.publish().exits(0).report();
    assert_eq!(again["already"][0]["issue"], "T-1", "{again}");
}

#[test]
fn a_publish_that_dies_with_its_pull_request_open_opens_no_second_one() {
    let world = World::with_github();
    world.ticket("T-1");
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    let kill = world.killer();
    world.github().server().lose_answers(1, move |request| {
        is_create(request) && {
            kill();
            true
        }
    });
    assert!(jobs.begin_publish(&[&jobs.results()]).wait().ended_by_signal());
    jobs.publish().exits(0);
    assert_eq!(world.github().pulls().len(), 1);
    assert_eq!(world.record("T-1")["stage"], "in_review");
    assert_eq!(world.outcomes().len(), 1);
}

#[test]
fn two_that_publish_the_same_result_at_once_deliver_it_once() {
    let world = one_ticket();
    let jobs = Jobs::of(&world);
    jobs.claim().exits(0);
    jobs.work("T-1").exits(0);
    // Both have their own checkout.
    let results = jobs.results().display().to_string();
    let other = world.begin_in("publishing-too", &["publish", "--output", "json", &results]);
    let one = jobs.publish();
    let two = other.wait();
    let codes = [one.code(), two.code()];
    assert!(codes.contains(&0) && codes.iter().all(|code| [0, 2].contains(code)), "{one}\n{two}");
    assert!(comes_true(|| world.claims().is_empty()));
    is_done_once(&world);
    assert_eq!(world.outcomes().len(), 1);
}
