//! Documents of version 1, in every shape the previous release wrote them, are read, worked on and
//! written back as version 2.

use super::pushed_branch;
use super::support::conductor::World;
use conductor::model::State;
use serde_json::{Value, json};

/// A record with all the fields a version 1 record had.
fn record(key: &str, status: &str, with: Value) -> Value {
    let mut record = json!({"identifier": key, "status": status, "attempts": 1, "interruptions": 0, "failures_by_phase": {},
        "branch": null, "head_sha": null, "pull_request": null, "next_attempt_at": null, "blocked_reason": null,
        "issue_updated_at": chrono::Utc::now() + chrono::TimeDelta::seconds(5)});
    for (field, value) in with.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn outcome(key: &str, usd: Value) -> Value {
    json!({"timestamp": "2026-11-22T10:00:00Z", "run_id": "old-run", "issue": key, "issue_id": key, "attempt": 1, "outcome": "failure",
        "failure": "agent_exit", "phase": "testing", "tool_calls": 12, "files_modified": 3, "tokens_used": 45000, "usd": usd,
        "duration_ms": 61000, "has_commits": true, "labels": ["bug"], "model": null, "branch": null, "pull_request": null,
        "gates": [{"name": "test", "passed": false, "duration_ms": 900}], "error_tail": "assertion failed"})
}

fn version_1(claims: Value, issues: Value) -> Value {
    json!({"version": 1, "updated_at": "2026-11-22T10:00:00Z", "updated_by": {"run_id": "old-run", "conductor": "0.1.0"},
        "claims": claims, "issues": issues,
        "rate_limit": {"backoff_until": null, "consecutive_hits": 0, "total_hits": 1, "last_hit_at": "2026-11-22T09:00:00Z"},
        // The sum of two absurd costs was infinite, which JSON has no word for.
        "usage": {"2026-11-22": {"input_tokens": 1, "output_tokens": 2, "cache_creation_tokens": 3, "cache_read_tokens": 4, "usd": null, "runs": 2}},
        "outcomes": [outcome("T-4", Value::Null), outcome("T-5", json!(0.25))]})
}

#[test]
fn every_shape_of_version_1_is_read_and_a_run_goes_on_from_it() {
    let world = World::new();
    for key in ["T-1", "T-4", "T-5", "T-6", "T-8", "T-9"] {
        world.ticket(key);
    }
    for (key, state) in [("T-2", "In Review"), ("T-3", "Done"), ("T-7", "In Progress")] {
        world.ticket(key);
        world.move_ticket(key, state);
    }
    let head = pushed_branch(&world, "T-7");
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(4);
    let pull = json!({"number": 90, "url": "https://x/90"});
    let issues = json!({
        "T-1": record("T-1", "running", json!({"attempts": 0})),
        "T-2": record("T-2", "in_review", json!({"branch": "conductor/T-2", "head_sha": head, "pull_request": pull})),
        "T-3": record("T-3", "done", json!({"branch": "conductor/T-3", "head_sha": head, "pull_request": pull})),
        "T-4": record("T-4", "failed", json!({"failures_by_phase": {"testing": 1}, "next_attempt_at": later})),
        "T-5": record("T-5", "blocked", json!({"failures_by_phase": {"testing": 2}, "blocked_reason": "failed 2 times while testing"})),
        "T-6": record("T-6", "no_changes", json!({})),
        "T-7": record("T-7", "failed", json!({"branch": "conductor/T-7", "head_sha": head, "failures_by_phase": {"committing": 1}})),
    });
    let mut dead = world.foreign_claim("T-9");
    dead["lease_expires_at"] = json!("2026-11-22T10:00:00Z");
    world.write_state(&version_1(json!({"T-8": world.foreign_claim("T-8"), "T-9": dead}), issues));

    let run = world.once(&[]).exits(0);
    let reasons = ["T-4", "T-5", "T-6", "T-8"].map(|key| run.skipped(key).0);
    assert_eq!(reasons, ["backoff", "blocked", "blocked", "claimed"], "{run}");
    assert_eq!(world.started(), ["T-1 1", "T-9 1"], "what was pushed is not done again");
    let state = world.state();
    assert_eq!(state["version"], 2);
    let stages: Vec<&str> =
        (1..=7).map(|n| state["issues"][format!("T-{n}")]["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["in_review", "in_review", "done", "waiting", "blocked", "done", "in_review"]);
    let statuses: Vec<&str> =
        (1..=7).map(|n| state["issues"][format!("T-{n}")]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["in_review", "in_review", "done", "failed", "blocked", "no_changes", "in_review"]);
    assert_eq!(state["issues"]["T-5"]["blocked_reason"], "failed 2 times while testing");
    assert_eq!((&state["issues"]["T-7"]["head_sha"], world.pulls().len()), (&json!(head), 3));
    assert_eq!(state["usage"]["2026-11-22"]["usd"], 0.0);
    assert_eq!((&state["outcomes"][0]["usd"], &state["outcomes"][1]["usd"]), (&Value::Null, &json!(0.25)));
    assert_eq!(world.claims(), ["T-8"]);
    let told = world.command(&["state", "verify"]).exits(0);
    assert!(told.stdout.contains("sound"), "{told}");
}

#[test]
fn an_older_program_refuses_this_version_and_this_one_a_later_one() {
    /// How the release before this one began to read a document.
    fn read_by_version_1(text: &str) -> Result<(), String> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            version: u32,
        }
        let head: Versioned = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match head.version {
            1 => Ok(()),
            other => Err(format!(
                "its version is {other}, this program reads version 1: use a matching release of conductor"
            )),
        }
    }
    let refused = read_by_version_1(&State::empty().to_json()).unwrap_err();
    assert!(refused.contains("its version is 2, this program reads version 1"), "{refused}");

    let world = World::new();
    world.ticket("T-1");
    world.write_state(&json!({"version": 3}));
    let run = world.once(&[]).exits(5);
    assert!(
        run.stderr.contains("its version is 3, this program reads version 2: use a matching release"),
        "{run}"
    );
    assert_eq!((world.started().len(), world.ticket_state("T-1")), (0, "Todo".to_owned()));
}
