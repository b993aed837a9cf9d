//! Budgets of a day and of an issue, and a home of the agent's own.

use crate::fake::{WORK, play, speaker, world, written};
use serde_json::json;
use std::path::Path;

#[test]
fn an_agent_that_passes_the_issues_budget_is_ended_and_the_issue_waits_for_somebody() {
    let mut world = speaker("say usage '\"usd\": 0.2'; say usage '\"usd\": 0.3'; sleep 600");
    world.set("budget", json!({"usd_per_issue": 0.25}));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    let done = run.dispatched("T-1");
    assert_eq!((&done["failure"], &done["attempts"]), (&json!("budget"), &json!(1)), "{run}");
    let record = world.record("T-1");
    assert_eq!(record["status"], "blocked", "{record}");
    assert!(record["blocked_reason"].as_str().unwrap().contains("budget.usd_per_issue"), "{record}");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.skipped("T-1").0, "blocked");
}

#[test]
fn claude_is_told_what_is_left_of_the_issues_budget() {
    let mut world =
        world("claude", &format!("echo \"$@\" >> $world/args\n{}exit 1", play("claude-maxturns")));
    world.set("budget", json!({"usd_per_issue": 0.01}));
    world.ticket("T-1");
    world.once(&[]).exits(3);
    let args = written(&world, "args");
    let told: Vec<_> = args
        .lines()
        .map(|line| line.split(' ').skip_while(|word| *word != "--max-budget-usd").nth(1).unwrap())
        .collect();
    assert_eq!(told, ["0.0100", "0.0023"]);
}

#[test]
fn a_day_that_is_used_up_begins_nothing_more_and_says_so() {
    let mut world = speaker(&format!(
        "echo ran >> $world/ran; say usage '\"input_tokens\": 20'\n{WORK}say result '\"ok\": true'"
    ));
    world.set("budget", json!({"tokens_per_day": 10}));
    world.set("limits.max_concurrent", json!(1));
    ["T-1", "T-2"].iter().for_each(|key| world.ticket(key));
    world.once(&[]).exits(0);
    let run = world.once(&[]).exits(4);
    let report = run.report();
    assert_eq!((&report["status"], &report["requests"]["tracker"]), (&json!("deferred"), &json!(0)), "{run}");
    assert!(report["deferred_until"].as_str().unwrap().ends_with("T00:00:00Z"), "{run}");
    assert!(
        report["deferred_because"].as_str().unwrap().contains("budget.tokens_per_day: 20 of 10"),
        "{run}"
    );
    assert_eq!(written(&world, "ran"), "ran\n");
    assert!(world.claims().is_empty());
}

#[test]
fn an_isolated_agent_has_a_home_of_its_own_that_ends_with_the_run() {
    let mut world = speaker(&format!(
        "echo \"$HOME\" > $world/home-of-agent; echo x > $HOME/kept; env > $world/env\n{WORK}"
    ));
    world.set("agent.isolated_home", json!(true));
    world.set("gates", json!([{"name": "home", "run": format!("test \"$HOME\" = '{}'", world.path().join("home").display())}]));
    world.env("XDG_CONFIG_HOME", "/home/of/the/user/.config");
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let home = written(&world, "home-of-agent");
    let home = Path::new(home.trim());
    assert!(home.starts_with(world.checkout().join(".git/conductor/runs")), "{}: {run}", home.display());
    assert!(!home.exists());
    let env = written(&world, "env");
    assert!(!env.contains("XDG_CONFIG_HOME") && env.contains("GIT_AUTHOR_NAME="), "{env}");
}
