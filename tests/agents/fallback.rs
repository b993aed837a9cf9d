//! A second agent for when the first has run into its limit.

use crate::fake::{SAY, WORK, in_hours, play, world, written};
use crate::support::conductor::World;
use serde_json::json;

/// Claude at its limit, which is lifted in three hours, and a second agent that speaks the protocol.
fn limited(second: &str) -> World {
    let claude = format!(
        "echo claude >> $world/ran; echo half > half.txt\n{} | sed 's/1795345909/{}/'\nexit 1",
        play("claude-oauth-usage-limit").trim_end(),
        in_hours(3).1
    );
    let mut world = world("claude", &claude);
    let second = world.script("second", &format!("{SAY}echo second >> $world/ran\n{second}"));
    world.set("agent.fallback", json!({"kind": "command", "command": [second]}));
    world.ticket("T-1");
    world
}

#[test]
fn a_limit_of_the_first_agent_lets_the_second_work_and_holds_nobody_back() {
    let world = limited(&format!(
        "say session '\"id\": \"s\", \"model\": \"m-2\"'; say usage '\"input_tokens\": 7'\n{WORK}say result '\"ok\": true'"
    ));
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["attempts"]), (&json!("success"), &json!(2)), "{run}");
    assert_eq!(written(&world, "ran"), "claude\nsecond\n");
    let outcomes = world.outcomes();
    let told: Vec<_> =
        outcomes.iter().map(|(_, outcome, failure)| (outcome.as_str(), failure.as_str())).collect();
    assert_eq!(told, [("partial", "rate_limited"), ("success", "")]);
    let state = world.state();
    assert_eq!(state["rate_limit"]["backoff_until"], json!(null));
    assert_eq!(state["outcomes"][1]["model"], "m-2");
    assert_eq!(state["outcomes"][1]["tokens_used"], 7, "counted anew");
    assert_eq!(world.record("T-1")["attempts"], 1, "a limit spends no attempt");
}

#[test]
fn when_both_are_limited_nothing_is_begun_until_the_first_is_free() {
    let (until, _) = in_hours(2);
    let world = limited(&format!("say result '\"limit\": true, \"resets_at\": \"{until}\"'"));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{run}");
    assert_eq!(world.state()["rate_limit"]["backoff_until"], until);
    assert_eq!(world.record("T-1")["attempts"], 0);
    world.once(&[]).exits(4);
    assert_eq!(written(&world, "ran"), "claude\nsecond\n");
}
