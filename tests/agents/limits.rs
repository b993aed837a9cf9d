//! Limits of providers and of the tracker: told from failures, kept in the state, obeyed by the
//! next run without a word to the tracker.

use crate::fake::{WORK, in_hours, play, speaker, world, written};
use crate::support::conductor::World;
use serde_json::{Value, json};

/// The next run does nothing but say so.
#[track_caller]
fn assert_deferred(world: &World) -> Value {
    let run = world.once(&[]).exits(4);
    let report = run.report();
    assert_eq!(report["status"], "deferred", "{run}");
    assert_eq!(report["deferred_until"], world.state()["rate_limit"]["backoff_until"], "{run}");
    assert_eq!(report["requests"]["tracker"], 0, "{run}");
    report
}

#[test]
fn a_limit_told_in_fields_spends_no_attempt_and_defers_everybody_until_its_end() {
    let (until, _) = in_hours(2);
    let world =
        speaker(&format!("echo ran >> $world/ran; say result '\"limit\": true, \"resets_at\": \"{until}\"'"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{run}");
    assert_eq!(world.state()["rate_limit"]["backoff_until"], until);
    let record = world.record("T-1");
    assert_eq!((&record["attempts"], &record["failures_by_phase"]), (&json!(0), &json!({})), "{record}");
    assert_eq!(world.ticket_state("T-1"), "Todo");
    let report = assert_deferred(&world);
    assert!(report["deferred_because"].as_str().unwrap().contains("limit"), "{report}");
    assert_eq!(written(&world, "ran"), "ran\n");
}

#[test]
fn a_success_with_an_error_flag_or_the_words_of_a_usage_limit_is_none() {
    for recorded in ["claude-usage-limit", "claude-429-maxretries2"] {
        let world = world("claude", &format!("{}exit 1", play(recorded)));
        world.ticket("T-1");
        let run = world.once(&[]).exits(3);
        assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{recorded}: {run}");
        assert_eq!(world.record("T-1")["attempts"], 0, "{recorded}");
        assert_deferred(&world);
    }
    let world = world("claude", &format!("{}exit 1", play("claude-404-model")));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "agent_exit", "{run}");
}

#[test]
fn a_providers_own_notice_counts_where_nothing_better_is_told() {
    let world = speaker("echo 'Weekly limit reached ∙ resets Mon 3pm'; exit 1");
    world.ticket("T-1");
    world.once(&[]).exits(3);
    assert_eq!(world.state()["rate_limit"]["consecutive_hits"], 1);
    assert_eq!(world.record("T-1")["attempts"], 0);
    assert_deferred(&world);
}

#[test]
fn a_failing_test_that_is_about_limits_is_a_failing_test() {
    for words in [
        "FAIL test_limiter: rate limit test expected 3 got 4",
        "429",
        "capacity",
        "TypeError at app.js:429:7",
        "disk at capacity",
        "API error: usage limit reached",
    ] {
        // On standard error anybody may say anything, the program under test too.
        let out = if words.starts_with("API") { "" } else { words };
        let mut world = speaker(&format!("echo '{out}'; echo '{words}' >&2; exit 1"));
        world.set("agent.max_attempts", json!(1));
        world.ticket("T-1");
        let run = world.once(&[]).exits(3);
        assert_eq!(run.dispatched("T-1")["failure"], "agent_exit", "{words}: {run}");
        assert_eq!(world.state()["rate_limit"]["total_hits"], 0, "{words}");
        assert_eq!(world.record("T-1")["attempts"], 1, "{words}");
    }
}

#[test]
fn a_gate_that_prints_about_limits_is_a_failed_gate() {
    let mut world = speaker(&format!("{WORK}say result '\"ok\": true'"));
    world.set("gates", json!([{"name": "test", "run": "echo 'HTTP 429 Too Many Requests'; exit 1"}]));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "gate_failed", "{run}");
    assert_eq!(world.state()["rate_limit"]["total_hits"], 0);
}

#[test]
fn a_reset_in_the_year_9999_holds_nobody_back_for_longer_than_the_longest_wait() {
    let mut world = speaker("say result '\"limit\": true, \"resets_at\": \"9999-01-01T00:00:00Z\"'");
    world.set("rate_limit", json!({"max_wait": "1h"}));
    world.ticket("T-1");
    world.once(&[]).exits(3);
    let until: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(world.state()["rate_limit"]["backoff_until"].clone()).unwrap();
    let wait = until - chrono::Utc::now();
    assert!(wait <= chrono::TimeDelta::hours(1) && wait > chrono::TimeDelta::minutes(50), "{until}");
    assert_deferred(&world);
}

#[test]
fn an_end_in_the_year_9999_that_an_old_document_names_stops_nobody() {
    let world = speaker(&format!("{WORK}say result '\"ok\": true'"));
    world.write_state(&json!({"version": 1, "rate_limit": {
        "backoff_until": "9999-01-01T00:00:00Z", "consecutive_hits": 1, "total_hits": 1,
        "last_hit_at": "2026-01-01T00:00:00Z"}}));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
}

#[test]
fn tickets_that_wait_are_given_back_when_a_limit_is_hit_before_their_turn() {
    let (until, _) = in_hours(2);
    let mut world =
        speaker(&format!("echo ran >> $world/ran; say result '\"limit\": true, \"resets_at\": \"{until}\"'"));
    world.set("limits.max_concurrent", json!(1));
    ["T-1", "T-2", "T-3"].iter().for_each(|key| world.ticket(key));
    let run = world.once(&[]).exits(3);
    assert_eq!(written(&world, "ran"), "ran\n", "{run}");
    for key in ["T-2", "T-3"] {
        assert_eq!(world.ticket_state(key), "Todo");
        assert!(!world.state()["issues"].as_object().unwrap().contains_key(key));
        let (reason, detail) = run.skipped(key);
        assert_eq!(reason, "backoff", "{detail}");
        assert!(detail.contains(&format!("until {}", &until[..10])), "{detail}");
    }
    assert!(world.claims().is_empty());
}

#[test]
fn a_trackers_limit_with_a_far_end_is_noted_and_not_waited_for() {
    let world = World::with_linear();
    let reset = chrono::Utc::now() + chrono::TimeDelta::hours(3);
    world.linear().limit(0, reset.timestamp_millis());
    let run = world.once(&[]).exits(4);
    assert_eq!(run.status(), "deferred");
    let told: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(world.state()["rate_limit"]["backoff_until"].clone()).unwrap();
    assert_eq!(told.timestamp_millis(), reset.timestamp_millis());
    assert_eq!(run.report()["deferred_until"], world.state()["rate_limit"]["backoff_until"]);
    let asked = world.linear().operations().len();
    assert_deferred(&world);
    assert_eq!(world.linear().operations().len(), asked);
}
