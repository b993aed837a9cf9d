//! The forge refuses or is away when the work is done.

use crate::row::{KEY, Shows, breaks_after_the_agent, holds, is_seen_before_a_claim, is_whole, world};
use crate::support::agent::Script;
use crate::support::conductor::World;
use serde_json::json;
use std::time::Duration;

const FORBIDDEN: Shows<'static> = Shows {
    owner: "permission",
    kind: "forge_forbidden",
    stage: "pushed",
    exit: 5,
    words: &["branch conductor/ENG-1 is pushed", "/compare/main...conductor/ENG-1"],
    comment: &["still to be opened", "no agent runs again", "An operator's turn", "conductor/ENG-1"],
    others: Some("permission"),
};

#[test]
fn a_token_that_may_push_and_not_open_pull_requests_gets_its_pull_request_when_it_may() {
    let words = &["Resource not accessible by personal access token", "/compare/main...conductor/ENG-1"];
    holds(
        &world(),
        &Shows { words, ..FORBIDDEN },
        |world| world.github().set(|rules| rules.read_only = true),
        |world| world.github().set(|rules| rules.read_only = false),
    );
}

#[test]
fn the_switch_that_keeps_actions_from_opening_pull_requests() {
    let words = &["GitHub Actions is not permitted to create or approve pull requests"];
    holds(
        &world(),
        &Shows { words, ..FORBIDDEN },
        |world| world.github().set(|rules| rules.forbid_create = true),
        |world| world.github().set(|rules| rules.forbid_create = false),
    );
}

#[test]
fn single_sign_on_that_the_token_has_not_got() {
    let words = &["SAML enforcement", "authorize forge.token for single sign-on to acme"];
    holds(
        &world(),
        &Shows { words, ..FORBIDDEN },
        |world| world.github().set(|rules| rules.sso = true),
        |world| world.github().set(|rules| rules.sso = false),
    );
}

#[test]
fn what_a_token_may_not_is_seen_before_a_claim() {
    let all: [fn(&mut crate::support::github::Rules, bool); 3] =
        [|rules, on| rules.read_only = on, |rules, on| rules.forbid_create = on, |rules, on| rules.sso = on];
    for set in all {
        let world = world();
        world.github().set(|rules| set(rules, true));
        is_seen_before_a_claim(&world, 5, "pull requests cannot be opened", "permission", |world| {
            world.github().set(|rules| set(rules, false));
        });
    }
}

#[test]
fn another_repository_than_the_remotes_is_refused_before_a_claim() {
    let mut world = world();
    let other = crate::support::github::Repository { full_name: "acme/other".into(), id: 7, is_fork: false };
    world.github().set(|rules| rules.others.push(other));
    world.set("forge.repository", json!("acme/other"));
    for _ in 0..3 {
        let run = world.once(&[]).exits(2);
        assert!(run.stderr.contains("acme/other") && run.stderr.contains("acme/app"), "{run}");
        assert!(world.started().is_empty() && !world.has_state());
    }
    world.set("forge.repository", json!("acme/app"));
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
}

#[test]
fn a_forge_that_answers_502_for_three_cycles_opens_the_pull_request_as_decided_on_the_first_day() {
    let mut world = world();
    world.set("guards.on_protected", json!("draft"));
    world.set("gates", json!([{"name": "lint", "run": "true"}]));
    world.set("pull_request", json!({"labels": ["robot"], "body": "On day one.\n\n{{ summary }}"}));
    let script = Script::works().write(".github/notes.md", "by hand\n").commit("Touch what is protected");
    let down = |world: &World| world.github().set(|rules| rules.down = true);
    let run = breaks_after_the_agent(&world, &script, down).exits(5);
    let fault = run.dispatched(KEY)["fault"].clone();
    assert_eq!((&fault["owner"], &fault["kind"]), (&json!("service"), &json!("forge_unreachable")), "{run}");
    // What is configured meanwhile is for other changes.
    world.set("guards.on_protected", json!("allow"));
    world.set("pull_request", json!({"body": "On day four."}));
    for _ in 0..2 {
        let run = world.once(&[]).exits(5);
        assert_eq!(run.report()["standing"][0]["fault"]["owner"], "service", "{run}");
        assert_eq!(world.record(KEY)["stage"], "pushed");
    }
    world.github().set(|rules| rules.down = false);
    world.once(&[]).exits(0);
    let pull = world.github().pulls().remove(0);
    assert!(pull.draft, "it came out ready for review");
    for words in ["On day one.", ".github/notes.md", "lint"] {
        assert!(pull.body.contains(words), "{words}: {}", pull.body);
    }
    assert_eq!(pull.labels, ["robot"]);
    is_whole(&world, KEY);
}

#[test]
fn a_forge_that_is_away_lets_other_tickets_be_worked_on() {
    let shows = Shows {
        owner: "service",
        kind: "forge_unreachable",
        words: &["502"],
        comment: &["still to be opened", "no agent runs again", "tries again with its next run"],
        others: None,
        ..FORBIDDEN
    };
    holds(
        &world(),
        &shows,
        |world| world.github().set(|rules| rules.down = true),
        |world| world.github().set(|rules| rules.down = false),
    );
}

#[test]
fn a_secondary_limit_is_waited_for_and_no_agent_runs_again() {
    let world = world();
    let limit = |world: &World| {
        world.github().set(|rules| {
            rules.write_gap = Some(Duration::from_secs(7200));
            rules.retry_after = 3600;
        });
    };
    let run = breaks_after_the_agent(&world, &Script::works(), limit).exits(5);
    let fault = run.dispatched(KEY)["fault"].clone();
    assert_eq!((&fault["owner"], &fault["kind"]), (&json!("service"), &json!("forge_limited")), "{run}");
    let writes = world.github().writes().len();
    for _ in 0..2 {
        let run = world.once(&[]).exits(5);
        assert_eq!(run.report()["standing"][0]["fault"]["kind"], "forge_limited", "{run}");
    }
    assert_eq!(world.github().writes().len(), writes, "asked again before the told time");
    world.github().set(|rules| rules.write_gap = None);
    an_hour_goes_by(&world);
    world.once(&[]).exits(0);
    is_whole(&world, KEY);
}

/// What a record waits for has come.
fn an_hour_goes_by(world: &World) {
    let mut state = world.state();
    for record in state["issues"].as_object_mut().unwrap().values_mut() {
        record["fault"]["next_try_at"] = json!(chrono::Utc::now() - chrono::TimeDelta::minutes(1));
    }
    world.write_state(&state);
}
