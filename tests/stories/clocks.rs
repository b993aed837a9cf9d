//! Runners whose clocks disagree: waits are bounded, and no ticket is worked on twice.

use crate::support::conductor::World;
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
