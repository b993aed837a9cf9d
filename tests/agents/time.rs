//! Time: what an agent is given of it, and what becomes of its processes.

use crate::fake::{WORK, speaker, written};
use crate::support::conductor::World;
use crate::support::repo;
use serde_json::{Value, json};

/// The report's entry of `T-1` after one cycle with one attempt.
fn ended(mut world: World, key: &str, value: &str) -> Value {
    world.set(&format!("agent.{key}"), json!(value));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let run = world.once(&[]);
    run.dispatched("T-1")
}

#[track_caller]
fn assert_failed(done: &Value, failure: &str, words: &str) {
    assert_eq!(done["failure"], failure, "{done:#}");
    assert!(done["error"].as_str().unwrap().contains(words), "{done:#}");
}

fn is_alive(pid: &str) -> bool {
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::test_kill_process(pid).is_ok()
}

#[test]
fn a_result_followed_by_a_process_that_never_exits_is_a_success() {
    let script = format!("trap '' TERM\n{WORK}say result '\"ok\": true'\nwhile :; do sleep 600; done");
    let done = ended(speaker(&script), "grace_period", "200ms");
    assert_eq!(done["outcome"], "success", "{done:#}");
}

#[test]
fn noise_after_a_result_does_not_keep_it_waiting() {
    let script = format!("{WORK}say result '\"ok\": true'\nwhile :; do echo noise; sleep 0.05; done");
    let done = ended(speaker(&script), "grace_period", "200ms");
    assert_eq!(done["outcome"], "success", "{done:#}");
    assert!(done["duration_ms"].as_u64().unwrap() < 60_000, "{done:#}");
}

#[test]
fn an_agent_that_says_nothing_is_ended_at_the_startup_timeout() {
    let done = ended(speaker("sleep 600"), "startup_timeout", "500ms");
    assert_failed(&done, "timed_out", "agent.startup_timeout");
}

#[test]
fn an_agent_that_falls_silent_is_stalled() {
    let done =
        ended(speaker("say session '\"id\": \"s\"'; echo half > half.txt; sleep 600"), "stall_timeout", "1s");
    assert_failed(&done, "stalled", "agent.stall_timeout");
    assert_eq!(done["outcome"], "partial");
}

#[test]
fn noise_is_no_life() {
    let script = "say session '\"id\": \"s\"'; while :; do echo still here; sleep 0.05; done";
    let done = ended(speaker(script), "stall_timeout", "1s");
    assert_failed(&done, "stalled", "agent.stall_timeout");
}

#[test]
fn an_agent_that_works_for_ever_is_ended_at_the_turn_timeout() {
    let script = "while :; do say text '\"text\": \"working\"'; sleep 0.05; done";
    let done = ended(speaker(script), "turn_timeout", "1s");
    assert_failed(&done, "timed_out", "agent.turn_timeout");
}

#[test]
fn turns_are_counted_here_and_ended_at_the_limit() {
    let mut world = speaker("for i in 1 2 3 4; do say turn; done; sleep 600");
    world.set("agent.max_turns", json!(3));
    let done = ended(world, "turn_timeout", "60s");
    assert_failed(&done, "agent_exit", "agent.max_turns");
}

#[test]
fn hooks_that_leave_a_child_behind_print_much_or_do_not_end_hold_nothing_up() {
    let mut world = speaker(WORK);
    world.set(
        "hooks",
        json!({
            "before_run": "head -c 300000 /dev/zero | tr '\\0' x; sleep 600 & echo $! > ../../hook",
            "after_run": "trap '' TERM; while :; do sleep 600; done",
            "timeout": "1s",
        }),
    );
    world.set("agent.grace_period", json!("200ms"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(!is_alive(&written(&world, "hook")));
}

#[test]
fn a_grandchild_in_a_session_of_its_own_does_not_survive_the_run() {
    let world = speaker(&format!(
        "setsid sh -c 'trap \"\" TERM HUP; echo $$ > '$world'/daemon; tell() {{ :; }}; while :; do sleep 600; done' > /dev/null 2>&1 &\n\
         while ! [ -s $world/daemon ]; do sleep 0.02; done\n{WORK}"
    ));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(!is_alive(&written(&world, "daemon")));
}

#[test]
fn a_retry_after_a_timeout_finds_no_old_child_and_goes_on_from_the_work_so_far() {
    let mut world = speaker(&format!(
        "if [ $CONDUCTOR_ATTEMPT = 1 ]; then\n\
         echo half > half.txt\n\
         setsid sh -c 'trap \"\" TERM HUP; echo $$ > '$world'/old; while :; do sleep 600; done' > /dev/null 2>&1 &\n\
         while :; do say text; sleep 0.05; done\n\
         fi\n\
         kill -0 $(cat $world/old) 2> /dev/null && echo alive > $world/found\n\
         git status --porcelain > $world/status\n{WORK}"
    ));
    world.set("agent.turn_timeout", json!("2s"));
    world.set("agent.grace_period", json!("200ms"));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!((&done["outcome"], &done["attempts"]), (&json!("success"), &json!(2)), "{run}");
    assert_eq!(
        (written(&world, "found"), written(&world, "status")),
        (String::new(), "A  half.txt\n".to_owned())
    );
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "half.txt"), "half");
}
