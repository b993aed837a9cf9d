//! What an ending means: denied tools, missing logins, notices after a result, streams of agents that
//! were not configured, numbers that are none.

use crate::fake::{WORK, play, speaker, transcript, world};
use serde_json::{Value, json};
use std::fs;

/// A line of shell that prints a line of JSON.
fn print(line: &Value) -> String {
    format!("cat <<'END'\n{line}\nEND\n")
}

/// Claude's result, with these fields besides.
fn result(more: Value) -> String {
    let mut line = json!({"type": "result", "subtype": "success", "is_error": false, "result": "Done."});
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    print(&line)
}

fn call(id: &str, name: &str) -> String {
    let call = json!({"type": "assistant", "message": {"id": id, "content": [
        {"type": "tool_use", "id": id, "name": name, "input": {}}]}});
    let answer = json!({"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": id, "is_error": true, "content": "permission denied"}]}});
    print(&call) + &print(&answer)
}

#[test]
fn an_agent_whose_every_tool_call_was_denied_has_failed_and_the_ticket_stays_open() {
    let denials =
        json!([{"tool_name": "Bash", "tool_use_id": "a"}, {"tool_name": "Edit", "tool_use_id": "b"}]);
    let script = call("a", "Bash") + &call("b", "Edit") + &result(json!({"permission_denials": denials}));
    let mut world = world("claude", &script);
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["failure"]), (&json!("failure"), &json!("agent_exit")), "{run}");
    let error = done["error"].as_str().unwrap();
    assert!(
        error.contains("every tool call was denied (Bash, Edit): give the agent its permissions"),
        "{error}"
    );
    assert_eq!(world.record("T-1")["status"], "failed");
}

#[test]
fn one_call_that_worked_makes_no_changes_an_answer() {
    let read = json!({"type": "assistant", "message": {"id": "r", "content": [
        {"type": "tool_use", "id": "r", "name": "Read", "input": {}}]}});
    let answer = json!({"type": "user", "message": {"content": [
        {"type": "tool_result", "tool_use_id": "r", "content": "text"}]}});
    let script = call("a", "Bash") + &print(&read) + &print(&answer) + &result(json!({}));
    let world = world("claude", &script);
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "no_changes", "{run}");
}

#[test]
fn an_agent_that_is_not_logged_in_says_so() {
    let mut world = world("claude", &format!("{}exit 1", play("claude-401-retries0")));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let run = world.once(&[]).exits(2);
    let done = run.dispatched("T-1");
    assert!(done["error"].as_str().unwrap().contains("not logged in, or its key is refused"), "{run}");
    assert_eq!((&done["fault"]["owner"], &done["fault"]["kind"]), (&json!("login"), &json!("not_logged_in")));
    assert_eq!(world.record("T-1")["attempts"], 0);
    assert_eq!(world.state()["rate_limit"]["total_hits"], 0);
}

#[test]
fn a_result_a_background_notice_and_a_hang_end_as_the_result_says() {
    // The first turn with its result, then the notice and the new `init`, and nothing more.
    let recorded = fs::read_to_string(transcript("claude-background")).unwrap();
    let lines: Vec<&str> = recorded.lines().collect();
    let result = lines.iter().position(|line| line.contains(r#""type":"result""#)).unwrap();
    let init = result
        + 1
        + lines[result + 1..].iter().position(|line| line.contains(r#""subtype":"init""#)).unwrap();
    let before = format!("head -{} '{}'\n", result + 1, transcript("claude-background").display());
    let notice =
        format!("sed -n '{},{}p' '{}'\n", result + 2, init + 1, transcript("claude-background").display());
    let mut world = world("claude", &format!("{WORK}{before}sleep 0.2\n{notice}exec sleep 600"));
    world.set("agent.grace_period", json!("1s"));
    world.set("agent.stall_timeout", json!("5m"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!(done["outcome"], "success", "{run}");
    assert!(done["duration_ms"].as_u64().unwrap() < 60_000, "{run}");
}

#[test]
fn work_after_a_result_goes_on_until_the_next_result() {
    let script = format!(
        "say result '\"ok\": true'; sleep 0.1; say tool '\"name\": \"edit\"'; sleep 1.5\n{WORK}say result '\"ok\": true'"
    );
    let mut world = speaker(&script);
    world.set("agent.grace_period", json!("500ms"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
}

#[test]
fn notices_without_end_after_a_result_do_not_outlive_the_turn_timeout() {
    let script = format!(
        "{WORK}say result '\"ok\": true'; while :; do say usage '\"input_tokens\": 1'; sleep 0.05; done"
    );
    let mut world = speaker(&script);
    world.set("agent.grace_period", json!("500ms"));
    world.set("agent.turn_timeout", json!("2s"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
}

#[test]
fn a_command_that_prints_another_agents_stream_is_judged_by_its_exit_code() {
    for (line, code, outcome) in [
        (r#"{"type":"session"}"#, 0, "success"),
        (r#"{"type":"result","status":"error"}"#, 0, "success"),
        (
            r#"{"type":"result","subtype":"success","is_error":true,"result":"Weekly limit reached"}"#,
            0,
            "success",
        ),
        (r#"{"type":"result","status":"success"}"#, 3, "partial"),
    ] {
        let mut world = speaker(&format!("echo '{line}'\n{WORK}echo working; exit {code}"));
        world.set("agent.max_attempts", json!(1));
        world.ticket("T-1");
        let run = world.once(&[]);
        assert_eq!(run.dispatched("T-1")["outcome"], outcome, "{line}: {run}");
    }
}

#[test]
fn numbers_that_are_none_cost_no_other_number() {
    let usage = r#""input_tokens": null, "output_tokens": 2.5, "cache_read_tokens": -7, "usd": 0.25"#;
    let world = speaker(&format!("say usage '{usage}'\n{WORK}say result '\"ok\": true'"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let told = &run.dispatched("T-1")["usage"];
    assert_eq!((&told["output_tokens"], &told["cache_read_tokens"]), (&json!(2), &json!(0)), "{run}");
    assert_eq!((&told["input_tokens"], &told["usd"]), (&json!(0), &json!(0.25)), "{run}");
}

#[test]
fn costs_beyond_all_measure_leave_a_document_that_the_next_run_can_read() {
    let mut world = speaker(&format!(
        "say usage '\"usd\": 1.7e308, \"input_tokens\": 1e300'\n{WORK}say result '\"ok\": true'"
    ));
    world.set("limits.max_concurrent", json!(1));
    ["T-1", "T-2"].iter().for_each(|key| world.ticket(key));
    world.once(&[]).exits(0);
    let usage = &world.state()["usage"];
    let day = usage.as_object().unwrap().values().next().unwrap();
    assert!(day["usd"].as_f64().is_some_and(|usd| usd.is_finite() && usd <= 2e6), "{usage}");
    world.once(&[]).exits(0);
}
