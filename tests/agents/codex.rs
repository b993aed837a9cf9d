//! Codex: a stand-in that answers as the recorded server did.

use crate::fake::{WORK, in_hours, play, published, transcript, world, written};
use crate::support::repo;
use serde_json::json;

/// Plays the recorded conversation once the prompt has come and `work` is done.
fn server(recording: &str, work: &str) -> String {
    limited_server(recording, work, 1_795_346_703)
}

/// The same with a limit that is lifted then.
fn limited_server(recording: &str, work: &str, resets_at: i64) -> String {
    format!(
        "env > $world/env; echo \"$@\" >> $world/args\n\
         read -r initialize; echo '{{\"id\":1,\"result\":{{}}}}'\n\
         read -r initialized; read -r thread; printf '%s\\n' \"$thread\" >> $world/thread\n\
         echo '{{\"id\":2,\"result\":{{\"thread\":{{\"id\":\"t-1\"}}}}}}'\n\
         read -r turn; printf '%s\\n' \"$turn\" >> $world/turn\n\
         {work}\n\
         sed -n 's/^.*\"dir\":\"<\",\"msg\":\\(.*\\)}}$/\\1/p' '{}' | sed 's/1795346703/{resets_at}/' | grep '^{{\"method\"'\n\
         cat > /dev/null",
        transcript(recording).display()
    )
}

#[test]
fn codex_takes_a_ticket_to_a_pull_request_and_what_its_sandbox_kept_it_from_committing_is_committed() {
    let mut world = world("codex", &server("codex-appserver-success", "echo hello > hello.txt"));
    world.set("agent.codex", json!({"config": {"features": {"x": true}}}));
    world.env("OPENAI_API_KEY", "sk-of-codex-0123456789");
    world.env("ANTHROPIC_API_KEY", "of-claude-0123456789");
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    let done = run.dispatched("T-1");
    assert_eq!(done["outcome"], "success", "{run}");
    assert_eq!(published(&world, "T-1", "hello.txt"), "hello");
    let subject = repo::git(&world.origin(), &["log", "-1", "--format=%s", "conductor/T-1"]);
    assert!(subject.contains("T-1"), "{subject}");
    assert_eq!(written(&world, "args"), "-c features.x=true app-server\n");
    let thread: serde_json::Value = serde_json::from_str(&written(&world, "thread")).unwrap();
    assert_eq!(thread["params"]["sandbox"], "workspace-write");
    let env = written(&world, "env");
    assert!(env.contains("OPENAI_API_KEY=sk-of-codex") && !env.contains("of-claude"), "{env}");
    let outcome = &world.state()["outcomes"][0];
    assert_eq!((&outcome["tool_calls"], &outcome["tokens_used"]), (&json!(2), &json!(3824)));
}

#[test]
fn a_failed_codex_turn_is_a_failure_although_the_program_exits_with_zero() {
    let (until, resets_at) = in_hours(2);
    let script = limited_server("codex-appserver-usage-limit", "echo half > half.txt", resets_at);
    let world = world("codex", &script);
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "rate_limited", "{run}");
    assert_eq!(world.state()["rate_limit"]["backoff_until"], until);
    assert_eq!(world.record("T-1")["attempts"], 0);
    assert!(world.branches().is_empty());
}

#[test]
fn codex_exec_runs_a_ticket_when_configured() {
    let script =
        format!("echo \"$@\" > $world/args; cat > $world/prompt\n{WORK}{}", play("codex-exec-success"));
    let mut world = world("codex", &script);
    world.set("agent.codex", json!({"mode": "exec", "sandbox": "danger-full-access"}));
    world.ticket("T-1");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(written(&world, "args").starts_with("exec --json --sandbox danger-full-access"));
    assert!(written(&world, "prompt").contains("T-1"));
}
