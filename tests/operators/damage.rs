//! Documents that are damaged, hostile or absurd: one bad record costs that record, never the run.

use super::document;
use super::support::conductor::World;
use super::support::repo;
use conductor::model::State;
use serde_json::{Value, json};

const SHA: &str = "0123456789012345678901234567890123456789";

fn write_text(world: &World, text: &str) {
    repo::commit(&world.origin(), "conductor/state", "by another run", &[("state.json", text)]);
}

fn claim(field: &str, value: &str) -> String {
    let mut claim = json!({"identifier": "T-1", "run_id": "r", "host": "h", "pid": 1, "claimed_at": "2026-11-22T10:00:00Z",
        "lease_expires_at": "2026-11-22T10:00:00Z", "attempt": 1, "branch": "conductor/T-1", "base_sha": SHA});
    claim[field] = json!("@@");
    claim.to_string().replace("\"@@\"", value)
}

fn record(field: &str, value: &str) -> String {
    let mut record = json!({"identifier": "T-1", "status": "in_review", "stage": "in_review", "branch": "conductor/T-1", "head_sha": SHA});
    record[field] = json!("@@");
    record.to_string().replace("\"@@\"", value)
}

#[test]
fn a_bad_value_sets_its_record_aside_and_only_that() {
    let bad: Vec<(&str, String)> = vec![
        ("claims", claim("branch", r#""-rf""#)),
        ("claims", claim("branch", r#""conductor/T-1\nmain""#)),
        ("claims", claim("branch", r#""conductor/../main""#)),
        ("claims", claim("base_sha", r#""--upload-pack=touch pwned""#)),
        ("claims", claim("base_sha", r#""HEAD""#)),
        ("claims", claim("run_id", r#""a\u0007b""#)),
        ("claims", claim("pid", "-1")),
        ("claims", claim("attempt", "1e999")),
        ("claims", claim("lease_expires_at", r#""tomorrow""#)),
        ("claims", claim("claimed_at", r#""99999-01-01T00:00:00Z""#)),
        ("claims", "null".to_owned()),
        ("issues", record("head_sha", r#""-x""#)),
        ("issues", record("head_sha", "\"0123456789012345678901234567890123456789\\n\"")),
        ("issues", record("branch", r#""--force""#)),
        ("issues", record("attempts", "-1")),
        ("issues", record("interruptions", "1e999")),
        ("issues", record("failures_by_phase", r#"{"testing": -3}"#)),
        ("issues", record("pull_request", r#"{"number": -1, "url": "x"}"#)),
        ("issues", record("fault", r#"{"owner": "agent"}"#)),
        ("issues", record("in_review", r#"{"head": "--exec"}"#)),
        ("issues", record("stage", r#""ready""#)),
        ("issues", record("cost", r#"{"usd": 1e999}"#)),
        ("issues", "[]".to_owned()),
    ];
    for (place, raw) in bad {
        let text = format!(r#"{{"version": 2, "{place}": {{"T-1": {raw}, "T-2": null}}}}"#);
        let state = State::parse(text.as_bytes()).unwrap();
        assert_eq!((state.claims.len(), state.issues.len(), state.damaged.len()), (0, 0, 2), "{raw}");
        assert_eq!(state.damaged[0].text(), raw);
        assert!(state.to_json().contains("T-1"), "{raw}");
    }
    let outcome = r#"{"timestamp": "2026-11-22T10:00:00Z", "attempt": -1}"#;
    let text = format!(
        r#"{{"version": 2, "outcomes": [{outcome}], "usage": {{"someday": {{}}, "2026-11-22": 7}}, "rate_limit": 3}}"#
    );
    let state = State::parse(text.as_bytes()).unwrap();
    let places: Vec<&str> = state.damaged.iter().map(|damaged| damaged.place.word()).collect();
    assert_eq!(places, ["usage", "usage", "outcomes", "rate_limit"]);
    let again: Value = serde_json::from_str(&state.to_json()).unwrap();
    let before: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&again["usage"], &again["outcomes"], &again["rate_limit"]),
        (&before["usage"], &before["outcomes"], &before["rate_limit"])
    );
}

#[test]
fn keys_that_hold_control_characters_are_damaged_too() {
    let text = format!(
        r#"{{"version": 2, "claims": {{"T-1\n": {}, "": {}}}, "issues": {{"\u001b[2JT-1": {}}}}}"#,
        claim("pid", "1"),
        claim("pid", "1"),
        record("attempts", "1")
    );
    let state = State::parse(text.as_bytes()).unwrap();
    assert_eq!((state.claims.len(), state.issues.len(), state.damaged.len()), (0, 0, 3));
    assert!(state.damaged.iter().all(|damaged| !damaged.sentence().contains(char::is_control)));
    let again: Value = serde_json::from_str(&state.to_json()).unwrap();
    assert!(again["issues"].as_object().unwrap().contains_key("\u{1b}[2JT-1"));
}

#[test]
fn numbers_that_lift_a_budget_or_overflow_are_bounded() {
    let text = r#"{"version": 2, "usage": {"2026-11-22": {"input_tokens": -5, "output_tokens": 12.9, "usd": -1000000},
        "2026-11-23": {"input_tokens": 1e300, "usd": 1.7e308}},
        "issues": {"T-1": {"identifier": "T-1", "status": "failed", "stage": "waiting", "cost": {"usd": -3, "tokens": -7}}}}"#;
    let state = State::parse(text.as_bytes()).unwrap();
    assert!(state.damaged.is_empty(), "{:?}", state.damaged);
    let [first, second] = ["2026-11-22", "2026-11-23"].map(|day| &state.usage[day]);
    assert_eq!((first.input_tokens, first.output_tokens, first.usd), (0, 12, 0.0));
    assert!(second.usd.is_finite() && second.input_tokens < u64::MAX);
    let record = state.issues.values().next().unwrap();
    assert_eq!((record.cost.usd, record.cost.tokens), (0.0, 0));
}

#[test]
fn a_run_names_each_damaged_record_keeps_it_and_does_not_touch_its_ticket() {
    let world = World::new();
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key);
    }
    let mut claim = world.foreign_claim("T-1");
    claim["branch"] = json!("--force");
    let mut state = document(
        json!({"T-1": claim}),
        json!({"T-2": {"identifier": "T-2", "status": "in_review", "attempts": -1}}),
    );
    state["outcomes"] = json!([{"issue": "T-9", "outcome": "half"}]);
    state["usage"] = json!({"2026-11-22": "much"});
    state["rate_limit"] = json!({"backoff_until": "soon"});
    world.write_state(&state);

    let run = world.once(&[]).exits(0);
    assert_eq!((run.worked_on(), world.started()), (vec!["T-3".to_owned()], vec!["T-3 1".to_owned()]));
    for key in ["T-1", "T-2"] {
        assert_eq!(run.skipped(key).0, "damaged");
    }
    for part in [
        "T-1 in claims cannot be read",
        "T-2 in issues",
        "T-9 in outcomes",
        "in usage",
        "in rate_limit",
        "conductor state verify",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    let after = world.state();
    assert_eq!(
        (&after["claims"]["T-1"], &after["issues"]["T-2"]),
        (&state["claims"]["T-1"], &state["issues"]["T-2"])
    );
    assert_eq!(
        (&after["outcomes"][0], &after["usage"]["2026-11-22"]),
        (&state["outcomes"][0], &json!("much"))
    );
    assert_eq!(after["rate_limit"], state["rate_limit"]);
    assert_eq!(after["issues"]["T-3"]["stage"], "in_review");
}

#[test]
fn torn_and_empty_documents_stop_the_run_and_are_never_taken_for_empty() {
    let world = World::new();
    world.ticket("T-1");
    let whole = document(json!({}), json!({})).to_string();
    for text in [
        "",
        "null",
        "[]",
        "{}",
        &whole[..whole.len() - 1],
        "{\"version\": \"2\"}",
        "<<<<<<< ours\n{}",
        "{\"version\": 2, \"issues\": []}",
    ] {
        write_text(&world, text);
        let run = world.once(&[]).exits(5);
        assert!(run.stderr.contains("state unreadable, nothing was dispatched"), "{text}: {run}");
        world.command(&["retry", "--all"]).exits(5);
        world.command(&["state", "verify"]).exits(5);
    }
    assert_eq!((world.started().len(), world.ticket_state("T-1")), (0, "Todo".to_owned()));
}

#[test]
fn a_document_of_50_megabytes_is_read_and_a_larger_one_refused() {
    let of = |bytes: usize| {
        format!(
            r#"{{"version": 2, "claims": {{}}, "issues": {{}}, "outcomes": [], "later": "{}"}}"#,
            "x".repeat(bytes)
        )
    };
    let world = World::new();
    write_text(&world, &of(50_000_000));
    assert_eq!(world.once(&[]).exits(0).status(), "idle");
    world.command(&["state", "verify"]).exits(0);
    let error = State::parse(of(68_000_000).as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("it has 68") && error.contains("more than"), "{error}");
}

#[test]
fn times_in_the_year_9999_stop_nobody_for_ever() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    let far = "9999-12-31T23:59:59Z";
    let mut claim = world.foreign_claim("T-2");
    claim["lease_expires_at"] = json!(far);
    let mut state = document(
        json!({ "T-2": claim }),
        json!({"T-1": {"identifier": "T-1", "status": "failed", "stage": "waiting", "waiting": {"until": far, "why": "w"}}}),
    );
    state["rate_limit"] = json!({ "backoff_until": far });
    world.write_state(&state);
    let run = world.once(&[]).exits(0);
    assert_eq!((run.worked_on(), run.skipped("T-2").0.as_str()), (vec!["T-1".to_owned()], "claimed"));
    let told = world.command(&["state", "verify"]).exits(5);
    assert!(told.stdout.contains("`conductor release T-2 --force`"), "{told}");
    world.command(&["release", "T-2", "--force"]).exits(0);
    world.once(&[]).exits(0);
    assert_eq!(world.record("T-2")["stage"], "in_review");
}

#[test]
fn a_record_of_a_local_ticket_does_not_stop_a_linear_run() {
    let world = World::with_linear();
    let stage = |stage: &str| json!({"identifier": "T-1", "status": "failed", "stage": stage});
    let mut dead = world.foreign_claim("T-2");
    dead["lease_expires_at"] = json!("2026-11-22T10:00:00Z");
    let mut claims = json!({ "T-3": world.foreign_claim("T-3") });
    claims["T-2"] = dead;
    world.write_state(&document(claims, json!({"T-1": stage("waiting"), "T-4": stage("in_review")})));
    world.once(&[]).exits(0);
    world.command(&["recover"]).exits(0);
    assert_eq!(world.claims(), ["T-3"]);
}
