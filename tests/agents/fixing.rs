//! Further turns for a session whose gate failed.

use crate::fake::{play, published, speaker, transcript, world, written};
use crate::support::conductor::World;
use serde_json::{Value, json};

const GATE: &str = "grep -q good work.txt || { echo 'work.txt is not good'; exit 1; }";

/// Claude, whose first turn does it badly; `again` is what it does in a resumed session.
fn claude(again: &str) -> World {
    let script = format!(
        "echo \"$@\" >> $world/args; cat >> $world/prompts\n\
         case \"$*\" in\n*--resume*) {again}; git add -A; git commit -qm Again; {};;\n\
         *) echo bad > work.txt; git add -A; git commit -qm Once; {};;\nesac",
        play("claude-resume2").trim_end(),
        play("claude-success").trim_end()
    );
    let mut world = world("claude", &script);
    world.set("gates", json!([{"name": "good", "run": GATE}]));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world
}

fn turns(world: &World) -> Vec<String> {
    written(world, "args").lines().map(str::to_owned).collect()
}

#[test]
fn a_failed_gate_is_shown_to_the_same_session_which_may_mend_it() {
    let world = claude("echo good > work.txt");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["attempts"]), (&json!("success"), &json!(1)), "{run}");
    assert_eq!(published(&world, "T-1", "work.txt"), "good");
    let turns = turns(&world);
    assert_eq!(turns.len(), 2, "{turns:?}");
    assert!(!turns[0].contains("--resume") && turns[1].contains("--resume 644c580a-"), "{turns:?}");
    assert!(written(&world, "prompts").contains("work.txt is not good"));
    // The second turn tells the session's total, which has the first one in it.
    let usage = &world.state()["usage"];
    let day = usage.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        [&day["input_tokens"], &day["output_tokens"], &day["cache_read_tokens"]],
        [&json!(407), &json!(579), &json!(4000)]
    );
    assert!((day["usd"].as_f64().unwrap() - 0.0144).abs() < 0.001, "{day}");
    assert_eq!(done["tool_calls"], 2);
}

#[test]
fn a_session_that_cannot_mend_it_has_its_turns_and_fails_as_one_attempt() {
    let world = claude("date +%N >> work.txt");
    let run = world.once(&[]).exits(3);
    let done = run.dispatched("T-1");
    assert_eq!((&done["failure"], &done["attempts"]), (&json!("gate_failed"), &json!(1)), "{run}");
    assert_eq!(turns(&world).len(), 3);
    assert_eq!(world.outcomes().len(), 1);
}

#[test]
fn no_further_turn_is_given_where_none_is_configured() {
    let mut world = claude("echo good > work.txt");
    world.set("agent.max_fix_turns", json!(0));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "gate_failed", "{run}");
    assert_eq!(turns(&world).len(), 1);
}

#[test]
fn a_codex_thread_goes_on_and_its_total_is_counted_once() {
    let script = format!(
        "read -r initialize; echo '{{\"id\":1,\"result\":{{}}}}'\n\
         read -r initialized; read -r thread; printf '%s\\n' \"$thread\" >> $world/threads\n\
         echo '{{\"id\":2,\"result\":{{\"thread\":{{\"id\":\"t-1\"}}}}}}'; read -r turn\n\
         [ -e work.txt ] && echo good > work.txt || echo bad > work.txt\n\
         sed -n 's/^.*\"dir\":\"<\",\"msg\":\\(.*\\)}}$/\\1/p' '{}' | grep '^{{\"method\"'\n\
         cat > /dev/null",
        transcript("codex-appserver-success").display()
    );
    let mut world = world("codex", &script);
    world.set("gates", json!([{"name": "good", "run": GATE}]));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["attempts"]), (&json!("success"), &json!(1)), "{run}");
    let threads: Vec<Value> =
        written(&world, "threads").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = threads.iter().map(|one| (&one["method"], &one["params"]["threadId"])).collect();
    assert_eq!(told, [(&json!("thread/start"), &json!(null)), (&json!("thread/resume"), &json!("t-1"))]);
    assert_eq!(world.state()["outcomes"][0]["tokens_used"], 3824);
}

#[test]
fn an_agent_without_sessions_gets_the_next_attempt_instead() {
    let mut world = speaker(
        "say session '\"id\": \"s\"'; echo \"$CONDUCTOR_ATTEMPT\" >> $world/ran\n\
         [ $CONDUCTOR_ATTEMPT = 2 ] && echo good > work.txt || echo bad > work.txt\n\
         say result '\"ok\": true'",
    );
    world.set("gates", json!([{"name": "good", "run": GATE}]));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["attempts"], 2, "{run}");
    assert_eq!(written(&world, "ran"), "1\n2\n");
}
