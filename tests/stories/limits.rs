//! Limits of providers: when they end, in whatever words, and who steps in meanwhile.

use crate::support::agent::Script;
use crate::support::conductor::World;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use serde_json::json;

fn backoff(world: &World) -> DateTime<Utc> {
    serde_json::from_value(world.state()["rate_limit"]["backoff_until"].clone()).unwrap()
}

#[test]
fn a_limits_end_in_words_is_a_time_on_this_machines_clock() {
    for (zone, words, hour) in [
        ("UTC", "resets 3:30pm (UTC)", 15),
        ("Asia/Kolkata", "resets 3:30pm (Asia/Kolkata)", 10),
        ("Asia/Kolkata", "resets 3:30pm", 10),
        ("Asia/Kolkata", "resets 3:30pm (UTC)", 15),
    ] {
        let mut world = World::new();
        world.env("TZ", zone);
        world.ticket("T-1");
        world.agent(
            &Script::new().sh(&format!("echo \"You've hit your 5-hour limit \u{b7} {words}\"")).exit(1),
        );
        let run = world.once(&[]).exits(3);
        assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{run}");
        let until = backoff(&world);
        let minute = if hour == 10 { 0 } else { 30 };
        assert_eq!((until.hour(), until.minute()), (hour, minute), "{zone}, {words}: {until}");
        let wait = until - Utc::now();
        assert!(wait > TimeDelta::minutes(-6) && wait <= TimeDelta::days(1), "{wait}");
    }
}

#[test]
fn an_end_in_a_zone_that_is_not_this_machines_is_not_guessed() {
    let mut world = World::new();
    world.env("TZ", "UTC");
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo 'Weekly limit reached \u{2219} resets 3pm (Asia/Kolkata)'").exit(1));
    world.once(&[]).exits(3);
    let wait = backoff(&world) - Utc::now();
    assert!(wait <= TimeDelta::seconds(60), "the configured wait: {wait}");
}

#[test]
fn a_fallback_that_is_not_there_spends_nothing_and_the_limit_holds() {
    let mut world = World::new();
    world.set("agent.fallback", json!({"kind": "codex", "command": "/nowhere/codex"}));
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo 'Claude AI usage limit reached'").exit(1));
    let run = world.once(&[]).exits(3);
    let told = run.dispatched("T-1");
    assert_eq!((&told["failure"], &told["fault"]["owner"]), (&json!("rate_limited"), &json!("provider")));
    assert!(run.stderr.contains("agent.fallback cannot step in"), "{run}");
    assert!(run.stderr.contains("/nowhere/codex"), "{run}");
    assert_eq!((&world.record("T-1")["attempts"], world.outcomes().len()), (&json!(0), 1));
    world.once(&[]).exits(4);
}

#[test]
fn what_is_shown_of_a_limit_is_what_is_waited_for() {
    let world = World::new();
    let now = Utc::now();
    world.write_state(&json!({"version": 2, "claims": {}, "issues": {}, "outcomes": [],
        "updated_at": now,
        "rate_limit": {"backoff_until": "9999-01-01T00:00:00Z", "consecutive_hits": 1, "total_hits": 1,
            "last_hit_at": now}}));
    for command in ["status", "usage"] {
        let json = world.command(&[command, "--output", "json"]).exits(0).report();
        let until: DateTime<Utc> =
            serde_json::from_value(json["rate_limit"]["backoff_until"].clone()).unwrap();
        assert!(until - now <= TimeDelta::hours(25), "{command}: {json:#}");
        let told = world.command(&[command]).exits(0);
        let limit = told.stdout.lines().find(|line| line.starts_with("limit")).unwrap_or_default();
        assert!(limit.contains("until 20"), "{command}: {told}");
    }
}
