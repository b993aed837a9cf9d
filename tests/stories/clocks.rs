//! Runners whose clocks disagree: waits are bounded, and no ticket is worked on twice.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use chrono::{TimeDelta, Utc};
use serde_json::json;

#[test]
fn what_a_runner_ten_days_ahead_wants_to_be_waited_for_is_not_believed() {
    let world = World::new();
    world.ticket("T-1");
    let later = Utc::now() + TimeDelta::days(10);
    world.write_state(&json!({"version": 1,
        "rate_limit": {"backoff_until": later, "consecutive_hits": 1, "total_hits": 1, "last_hit_at": later},
        "issues": {"T-1": {"identifier": "T-1", "status": "failed", "attempts": 1,
            "failures_by_phase": {"testing": 1}, "next_attempt_at": later}}}));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
}

#[test]
fn a_claim_of_a_runner_whose_clock_is_ahead_or_behind_is_respected() {
    for offset in [TimeDelta::days(10), TimeDelta::minutes(-50)] {
        let world = World::new();
        world.ticket("T-1");
        let mut claim = world.foreign_claim("T-1");
        claim["claimed_at"] = json!(Utc::now() + offset);
        claim["lease_expires_at"] = json!(Utc::now() + offset + TimeDelta::hours(1));
        world.write_state(&json!({"version": 1, "claims": {"T-1": claim}}));
        let run = world.once(&[]).exits(0);
        assert_eq!(run.skipped("T-1").0, "claimed", "{run}");
        assert!(world.started().is_empty());
    }
}

/// A Linear with one ticket, whose clock is that far ahead of this machine's.
fn with_a_clock_apart(ahead: TimeDelta) -> World {
    let world = World::with_linear();
    world.linear().world().add(Ticket { title: "Mend the door", ..Ticket::default() });
    world.linear().set(|rules| rules.ahead = Some(ahead));
    world
}

/// What another run, whose clock is right, claims for an hour.
fn claimed_rightly(world: &World, ahead: TimeDelta) {
    let id = world.linear().world().issue("ENG-1").id.clone();
    let mut claim = world.foreign_claim("ENG-1");
    claim["claimed_at"] = json!(Utc::now() + ahead);
    claim["lease_expires_at"] = json!(Utc::now() + ahead + TimeDelta::hours(1));
    world.write_state(&json!({"version": 1, "claims": {id: claim}}));
}

#[test]
fn a_runner_whose_own_clock_is_days_off_takes_no_living_claim_for_dead() {
    // This machine is ten days ahead of the tracker, and two behind it.
    for ahead in [TimeDelta::days(-10), TimeDelta::days(2)] {
        let world = with_a_clock_apart(ahead);
        claimed_rightly(&world, ahead);
        let run = world.once(&[]).exits(0);
        assert_eq!(run.skipped("ENG-1").0, "claimed", "{run}");
        assert!(run.stderr.contains("this machine's clock is"), "{run}");
        assert!(world.started().is_empty() && run.recovered().is_empty(), "{run}");
    }
}

#[test]
fn what_a_runner_whose_clock_is_days_off_writes_is_in_the_servers_time() {
    for ahead in [TimeDelta::days(-10), TimeDelta::days(2)] {
        let world = with_a_clock_apart(ahead);
        world.agent(&Script::works().tell("at-work").wait("go-on"));
        let first = world.start(&[]);
        world.await_fact("at-work");
        let claim = world.state()["claims"].as_object().unwrap().values().next().unwrap().clone();
        let right = Utc::now() + ahead;
        let claimed: chrono::DateTime<Utc> = serde_json::from_value(claim["claimed_at"].clone()).unwrap();
        assert!((claimed - right).abs() < TimeDelta::minutes(2), "{claim:#}");
        // A runner whose clock is right sees a claim that lives.
        let until: chrono::DateTime<Utc> = serde_json::from_value(claim["lease_expires_at"].clone()).unwrap();
        assert!(until > right && until < right + TimeDelta::days(1), "{claim:#}");
        world.tell("go-on");
        first.wait().exits(0);
        assert_eq!(world.started(), ["ENG-1 1"]);
    }
}

#[test]
fn status_says_that_this_machines_clock_disagrees() {
    // The last write has not come yet: this clock is behind, or the writer's is ahead.
    let world = World::new();
    let later = Utc::now() + TimeDelta::days(2);
    world.write_state(&json!({"version": 2, "updated_at": later, "claims": {}, "issues": {
        "T-1": {"identifier": "T-1", "status": "failed", "stage": "waiting", "waiting": {"why": "it failed"}}},
        "outcomes": []}));
    let told = world.command(&["status"]).exits(0);
    for part in ["clocks", "which has not come", "compare the clocks"] {
        assert!(told.stdout.contains(part), "{part}: {told}");
    }
}

#[test]
fn status_asks_the_forge_whether_the_ci_runs_that_hold_claims_are_over() {
    let world = World::with_github();
    world.github().set(|rules| rules.runs.extend([(77, "in_progress"), (78, "completed")]));
    let of = |key: &str, run: u64| {
        let mut claim = world.foreign_claim(key);
        claim["ci_run_url"] = json!(format!("{}/acme/app/actions/runs/{run}", world.github().api_url()));
        claim
    };
    world.write_state(&json!({"version": 1, "claims": {"T-1": of("T-1", 77), "T-2": of("T-2", 78)}}));
    let run = world.command(&["status", "--output", "json"]).exits(0);
    let standing = run.report();
    let alive: Vec<bool> = standing["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["alive"].as_bool().unwrap())
        .collect();
    assert_eq!(alive, [true, false], "{run}");
    assert!(world.command(&["status"]).exits(0).stdout.contains("its CI run is over"));
}
