//! `conductor status`: whose turn it is, and what stands against it.

use super::document;
use super::support::agent::Script;
use super::support::conductor::World;
use serde_json::{Value, json};

fn shown(world: &World) -> String {
    world.command(&["status"]).exits(0).stdout
}

fn standing(world: &World) -> Value {
    let run = world.command(&["status", "--output", "json"]).exits(0);
    serde_json::from_str(&run.stdout).unwrap()
}

#[track_caller]
fn fits_a_terminal(text: &str) {
    let long = text.lines().filter(|line| line.chars().count() > 80 && line.trim().contains(' '));
    assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new(), "{text}");
    assert!(text.lines().count() <= 50, "{text}");
}

#[test]
fn each_ticket_says_its_stage_whose_turn_it_is_and_the_next_try() {
    let mut world = World::new();
    world.set("limits", json!({"max_failures": 1}));
    world.set("agent.max_attempts", json!(1));
    world.set("budget", json!({"tokens_per_day": 1_000_000, "usd_per_day": 20}));
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key);
    }
    world.origin_hook(
        "update",
        "case $1 in refs/heads/conductor/T-3) echo 'branches are made on mondays only'; exit 1;; esac",
    );
    world.agent(&Script::works().on("T-2", Script::new().exit(9)));
    world.once(&[]).exits(5);
    let standing = standing(&world);
    let tickets = standing["tickets"].as_array().unwrap();
    let told: Vec<[&str; 3]> = tickets
        .iter()
        .map(|one| ["issue", "stage", "turn"].map(|field| one[field].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [["T-3", "ready", "operator"], ["T-2", "blocked", "person"], ["T-1", "in_review", "reviewer"]]
    );
    assert_eq!((&standing["schema"], &standing["budget"]["tokens_allowed"]), (&json!(1), &json!(1_000_000)));
    assert_eq!(tickets[0]["fault"]["kind"], "remote_refused");
    assert_eq!(standing["outcomes"].as_array().unwrap().len(), 3);

    let text = shown(&world);
    fits_a_terminal(&text);
    for part in [
        "ready: an operator's turn",
        "permission fault remote_refused, 1 time since ",
        "branches are made on mondays only",
        "blocked: a person's turn",
        "`conductor retry T-2`",
        "in review: a reviewer's turn",
        "pull request #1",
        "budget    used today: 0 of 1.0M tokens, $0.00 of $20.00",
        "partial (agent_exit) in ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn claims_say_their_age_and_whether_their_runs_live() {
    let world = World::new();
    let mut dead = world.foreign_claim("T-2");
    dead["lease_expires_at"] = json!(chrono::Utc::now() - chrono::TimeDelta::hours(1));
    let claims = json!({"T-1": world.foreign_claim("T-1"), "T-2": dead});
    let issues = json!({"T-1": {"identifier": "T-1", "status": "failed", "stage": "waiting"}});
    world.write_state(&document(claims, issues));
    let standing = standing(&world);
    let alive: Vec<bool> = standing["claims"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["alive"].as_bool().unwrap())
        .collect();
    assert_eq!(alive, [true, false]);
    assert!(standing["claims"][1]["because"].as_str().unwrap().starts_with("its lease ended at"));
    let text = shown(&world);
    fits_a_terminal(&text);
    for part in
        ["run another-run on elsewhere works on", "lives: as far as is known here", "dead: its lease ended"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn limits_damage_and_clocks_that_disagree_are_said_first() {
    let world = World::new();
    let soon = chrono::Utc::now() + chrono::TimeDelta::minutes(30);
    let issues = json!({
        "T-1": {"identifier": "T-1", "status": "dreaming"},
        "T-2": {"identifier": "T-2", "status": "failed", "stage": "waiting", "waiting": {"until": "9999-12-31T23:59:59Z", "why": "it failed"}},
    });
    let mut state = document(json!({}), issues);
    state["updated_at"] = json!(chrono::Utc::now() + chrono::TimeDelta::days(10));
    state["rate_limit"] = json!({"backoff_until": soon, "last_hit_at": chrono::Utc::now()});
    world.write_state(&state);
    let text = shown(&world);
    fits_a_terminal(&text);
    for part in [
        "limit     nothing is begun until ",
        "damaged   issues T-1: cannot be read",
        "`dreaming`, expected one of",
        "clocks    updated_at: the last write is ",
        "which has not come",
        "issues T-2: waiting.until is 9999-12-31T23:59:59Z",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let standing = standing(&world);
    assert_eq!(standing["damaged"][0]["identifier"], "T-1");
    assert_eq!(standing["clocks"].as_array().unwrap().len(), 2);
    assert!(standing["deferred"]["until"].is_string());
    assert_eq!(standing["tickets"][0]["next_try_at"], Value::Null, "nobody waits that long");
}

#[test]
fn many_tickets_fit_on_one_screen() {
    let world = World::new();
    let issues: serde_json::Map<String, Value> = (0..40)
        .map(|number| {
            let key = format!("T-{number}");
            (key.clone(), json!({"identifier": key, "status": "blocked", "stage": "blocked", "blocked": {"why": "failed 3 times"}}))
        })
        .collect();
    world.write_state(&document(json!({}), Value::Object(issues)));
    let text = shown(&world);
    fits_a_terminal(&text);
    assert!(text.contains("32 blocked: `conductor status --output json`"), "{text}");
    assert_eq!(standing(&world)["tickets"].as_array().unwrap().len(), 40);
}
