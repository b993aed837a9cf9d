//! Codex: a stand-in that answers as the recorded server did.

use crate::world::{World, transcript};

/// Plays the recorded conversation after the prompt came, having done `work` in the workspace.
pub fn server(recording: &str, work: &str) -> String {
    let recording = transcript(recording);
    format!(
        "env > $NOTES/env; echo \"$@\" >> $NOTES/args\n\
         read -r initialize; echo '{{\"id\":1,\"result\":{{}}}}'\n\
         read -r initialized; read -r thread; printf '%s\\n' \"$thread\" >> $NOTES/thread\n\
         echo '{{\"id\":2,\"result\":{{\"thread\":{{\"id\":\"t-1\"}}}}}}'\n\
         read -r turn; printf '%s\\n' \"$turn\" >> $NOTES/turn\n\
         {work}\n\
         sed -n 's/^.*\"dir\":\"<\",\"msg\":\\(.*\\)}}$/\\1/p' '{}' | grep '^{{\"method\"'\ncat > /dev/null",
        recording.display()
    )
}

#[test]
fn codex_takes_a_ticket_to_a_pull_request_and_conductor_commits_what_its_sandbox_kept_it_from() {
    let world = World::new("agent: {kind: codex, codex: {config: {features: {x: true}}}}\n")
        .env("OPENAI_API_KEY", "sk-of-codex")
        .env("ANTHROPIC_API_KEY", "of-claude");
    world.program("codex", &server("codex-appserver-success", "echo hello > hello.txt"));
    let ran = world.once();
    assert_eq!((ran.code, ran.word("outcome")), (0, "success"), "{}", ran.told());
    assert_eq!(world.published("T-1", "hello.txt"), "hello\n");
    let subject = world.git("origin.git", &["log", "-1", "--format=%s", "conductor/T-1"]);
    assert!(subject.contains("T-1"), "{subject}");
    assert_eq!(world.note("args"), "-c features.x=true app-server\n");
    let thread: serde_json::Value = serde_json::from_str(&world.note("thread")).unwrap();
    assert_eq!(thread["params"]["sandbox"], "workspace-write");
    let env = world.note("env");
    assert!(env.contains("OPENAI_API_KEY=sk-of-codex") && !env.contains("of-claude"), "{env}");
    let outcome = &world.state()["outcomes"][0];
    assert_eq!((&outcome["tool_calls"], &outcome["tokens_used"]), (&2.into(), &3824.into()));
}

#[test]
fn a_failed_codex_turn_is_a_failure_although_the_program_exits_with_zero() {
    let world = World::new("agent: {kind: codex, max_attempts: 1}\n");
    let script = server("codex-appserver-usage-limit", "echo half > half.txt");
    world.program("codex", &script.replace("| grep", "| sed 's/1795346703/4102444800/' | grep"));
    let ran = world.once();
    assert_eq!((ran.code, ran.word("failure")), (3, "rate_limited"), "{}", ran.told());
    let state = world.state();
    assert_eq!(state["rate_limit"]["backoff_until"], "2100-01-01T00:00:00Z");
    assert_eq!(state["issues"]["T-1"]["attempts"], 0);
}

#[test]
fn codex_exec_runs_a_ticket_when_configured() {
    let world = World::new("agent: {kind: codex, codex: {mode: exec, sandbox: danger-full-access}}\n");
    let recording = transcript("codex-exec-success");
    let script = format!(
        "echo \"$@\" > $NOTES/args; cat > $NOTES/prompt; echo hello > hello.txt; git add -A\n\
         git commit -qm 'Say hello'; cat '{}'",
        recording.display()
    );
    world.program("codex", &script);
    let ran = world.once();
    assert_eq!((ran.code, ran.word("outcome")), (0, "success"), "{}", ran.told());
    assert_eq!(world.published("T-1", "hello.txt"), "hello\n");
    assert!(
        world.note("args").starts_with("exec --json --sandbox danger-full-access"),
        "{}",
        world.note("args")
    );
    assert!(world.note("prompt").contains("T-1"));
}
