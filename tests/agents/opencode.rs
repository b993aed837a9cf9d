//! OpenCode: a stand-in that plays recorded streams.

use crate::fake::{WORK, play, world, written};
use serde_json::json;

#[test]
fn opencode_takes_a_ticket_to_a_pull_request() {
    let script =
        format!("echo \"$@\" > $world/args; cat > $world/prompt\n{WORK}{}", play("opencode-success"));
    let mut world = world("opencode", &script);
    world.set("agent.model", json!("fake/model"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["tool_calls"]), (&json!("success"), &json!(2)), "{run}");
    assert_eq!(done["usage"]["cache_read_tokens"], 3000);
    assert_eq!(written(&world, "args"), "run --format json --auto --model fake/model\n");
    assert!(written(&world, "prompt").contains("T-1"));
}

#[test]
fn a_limit_opencode_gave_up_on_spends_no_attempt() {
    let world = world("opencode", &format!("{}exit 1", play("opencode-429-forever")));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{run}");
    assert_eq!(world.record("T-1")["attempts"], 0);
}
