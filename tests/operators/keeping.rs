//! What a later release wrote is kept by this one: unknown fields at every depth, and records with
//! words this release does not know.

use super::support::conductor::World;
use conductor::model::State;
use serde_json::{Value, json};

const SHA: &str = "0123456789012345678901234567890123456789";

/// A document with every field there is, and one more in every object.
fn full() -> Value {
    let time = "2026-11-22T10:00:00Z";
    let gates = json!([{"name": "test", "passed": true, "duration_ms": 9, "flaky": true}]);
    let usage = json!({"input_tokens": 1, "output_tokens": 2, "cache_creation_tokens": 3, "cache_read_tokens": 4, "usd": 0.5, "thought_tokens": 5});
    let fault = json!({"owner": "permission", "kind": "forge_forbidden", "message": "no", "remedy": "allow it", "since": time, "next_try_at": null, "tries": 2, "trace": "abc"});
    let delivery = json!({"head": SHA, "base": SHA, "title": "T", "body": "B", "draft": true, "labels": ["a"], "reviewers": ["b"], "notes": ["c"],
        "gates": gates, "files": ["src/a"], "commits": 1, "attempt": 1, "usage": usage, "model": "opus", "agent": "claude", "run_id": "r",
        "accepted_at": time, "signature": {"key": [1]}});
    let record = |stage: &str, status: &str, data: Value| {
        let mut record = json!({"identifier": "T", "status": status, "stage": stage, "fault": fault, "attempts": 1, "interruptions": 1,
            "failures_by_phase": {"testing": 1}, "branch": "conductor/T", "head_sha": SHA,
            "pull_request": {"number": 1, "url": "https://x/1", "node_id": "PR_1"}, "next_attempt_at": null, "blocked_reason": null,
            "issue_updated_at": time, "rounds": 1, "cost": {"usd": 0.5, "tokens": 9, "currency": "USD"}, "comment": "c", "word_limits": 1,
            "watchers": ["ann"]});
        if !data.is_null() {
            record[stage] = data;
        }
        record
    };
    let end = json!({"result": "merged", "by": "ann", "at": time, "rounds": 2});
    let mut waiting = record("waiting", "failed", json!({"until": time, "why": "w", "queue": 3}));
    waiting["next_attempt_at"] = json!(time);
    let mut blocked = record("blocked", "blocked", json!({"why": "b", "by": "ann"}));
    blocked["blocked_reason"] = json!("b");
    json!({
        "version": 2, "updated_at": time, "updated_by": {"run_id": "r", "conductor": "9.9.9"},
        "claims": {"1": {"identifier": "T-1", "run_id": "r", "host": "h", "pid": 1, "pid_started": "x", "ci_run_url": "https://ci/1",
            "claimed_at": time, "lease_expires_at": time, "attempt": 1, "branch": "conductor/T-1", "base_sha": SHA, "purpose": "deliver",
            "ci_attempt": 2}},
        "issues": {
            "1": record("claimed", "running", Value::Null),
            "2": record("ready", "running", delivery.clone()),
            "3": record("pushed", "running", delivery.clone()),
            "4": record("proposed", "running", delivery),
            "5": record("in_review", "in_review", json!({"head": SHA, "since": time, "files": ["a"], "checks": {"red": 1}})),
            "6": record("rework", "in_review", json!({"reason": "r", "round": 2, "asked_by": "ann"})),
            "7": record("merged", "done", end.clone()),
            "8": record("closed", "done", end.clone()),
            "9": record("done", "done", end),
            "10": waiting,
            "11": blocked,
        },
        "rate_limit": {"backoff_until": time, "consecutive_hits": 1, "total_hits": 2, "last_hit_at": time, "provider": "x"},
        "usage": {"2026-11-22": {"input_tokens": 1, "output_tokens": 2, "cache_creation_tokens": 3, "cache_read_tokens": 4, "usd": 0.5, "runs": 1, "thought_tokens": 5}},
        "outcomes": [{"timestamp": time, "run_id": "r", "issue": "T-1", "issue_id": "1", "attempt": 1, "outcome": "failure", "failure": "gate_failed",
            "phase": "testing", "tool_calls": 1, "files_modified": 1, "tokens_used": 9, "usd": 0.5, "duration_ms": 9, "has_commits": true,
            "labels": ["bug"], "model": "opus", "branch": "conductor/T-1", "pull_request": "https://x/1", "gates": gates, "error_tail": "e",
            "turns": 7}],
        "access": {"forge": {"fingerprint": "f", "checked_at": time, "scopes": ["repo"]}},
        "queue": {"turn": ["r"]},
    })
}

fn rewritten(document: &Value) -> Value {
    let state = State::parse(document.to_string().as_bytes()).unwrap();
    serde_json::from_str(&state.to_json()).unwrap()
}

#[test]
fn unknown_fields_survive_a_rewrite_at_every_depth() {
    let state = State::parse(full().to_string().as_bytes()).unwrap();
    assert!(state.damaged.is_empty(), "{:#?}", state.damaged);
    assert_eq!(rewritten(&full()), full());
}

#[test]
fn a_record_with_a_word_of_a_later_release_is_set_aside_and_kept_as_it_is() {
    let words = [
        ("/claims/1/purpose", "review"),
        ("/issues/2/stage", "quarantined"),
        ("/issues/2/status", "dreaming"),
        ("/issues/2/fault/owner", "weather"),
        ("/issues/2/fault/kind", "flood"),
        ("/outcomes/0/outcome", "half"),
        ("/outcomes/0/failure", "bored"),
        ("/outcomes/0/phase", "deploying"),
    ];
    for (pointer, word) in words {
        let mut document = full();
        *document.pointer_mut(pointer).unwrap() = json!(word);
        let state = State::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(state.damaged.len(), 1, "{pointer}");
        assert!(state.damaged[0].why.contains(word), "{pointer}: {}", state.damaged[0].why);
        assert_eq!(rewritten(&document), document, "{pointer}");
    }
    let mut document = full();
    document["issues"]["2"]["failures_by_phase"] = json!({"deploying": 1});
    assert_eq!(State::parse(document.to_string().as_bytes()).unwrap().damaged.len(), 1);
    assert_eq!(rewritten(&document), document);
}

#[test]
fn what_a_later_release_wrote_of_a_pull_request_survives_a_run() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let mut state = world.state();
    state["issues"]["T-1"]["pull_request"]["node_id"] = json!("PR_1");
    state["outcomes"][0]["gates"] = json!([{"name": "t", "passed": true, "duration_ms": 1, "flaky": true}]);
    state["queue"] = json!({"turn": ["r"]});
    world.write_state(&state);
    world.ticket("T-2");
    world.once(&[]).exits(0);
    let after = world.state();
    assert_eq!(after["issues"]["T-1"], state["issues"]["T-1"]);
    assert_eq!(after["outcomes"][0], state["outcomes"][0]);
    assert_eq!((&after["queue"], after["outcomes"].as_array().unwrap().len()), (&state["queue"], 2));
}
