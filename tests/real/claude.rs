//! Claude Code.

use crate::model::{self, Script, is_question};
use crate::program;
use crate::server::Server;
use crate::world::World;
use serde_json::{Value, json};
use std::fs;

const COMMIT: &str = "git add -A && git commit -q -m 'Say hello'";

/// A world in which Claude Code is asked by `server`; `None` without the program.
fn world(url: &str, settings: &[(&str, Value)]) -> Option<World> {
    let mut agent =
        json!({"kind": "claude", "command": program("CONDUCTOR_REAL_CLAUDE")?, "grace_period": "5s"});
    for (key, value) in settings {
        agent[key] = value.clone();
    }
    let world = World::new(&agent);
    Some(world.with("ANTHROPIC_BASE_URL", url).with("ANTHROPIC_API_KEY", "sk-ant-not-a-real-one"))
}

fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

#[test]
fn claude_takes_a_ticket_to_a_pull_request() {
    let server = model::start(Script::commands(&["echo hello > hello.txt", COMMIT]));
    let Some(world) = world(&server.url(), &[]) else { return };
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}\n{}", ran.report, ran.stderr, world.log());
    let told = ran.told();
    assert_eq!(
        (&told["tool_calls"], &told["commits"], &told["phase"]),
        (&json!(2), &json!(1), &json!("committing"))
    );
    assert_eq!(told["usage"]["cache_read_tokens"], 3000, "{told}");
    assert!(told["usage"]["usd"].as_f64().unwrap() > 0.0);
    assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "hello");
    assert!(world.pull_request().unwrap().contains("Say hello"));
    assert_eq!(world.record()["status"], "in_review");
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn what_claude_daemonised_does_not_outlive_its_run() {
    let daemons = "setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; (setsid sh -c 'sleep 1001 & sleep 1002' &) >/dev/null 2>&1; \
                   echo hello > hello.txt";
    let server = model::start(Script::commands(&[daemons, COMMIT]));
    let Some(world) = world(&server.url(), &[]) else { return };
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}", ran.report, world.log());
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_rate_limit_of_claude_spends_no_attempt_and_defers_the_next_run() {
    let refusal = error("rate_limit_error", "This request would exceed your account's rate limit.");
    let server = model::start(Script::refuse(429, refusal));
    let Some(world) = world(&server.url(), &[]) else { return };
    let world = world.with("CLAUDE_CODE_MAX_RETRIES", "2");
    is_deferred(&world, &server);
    assert!(world.log().contains("\"api_retry\""));
}

#[test]
fn a_usage_limit_of_claude_defers_until_the_moment_it_names() {
    let reset = chrono::Utc::now().timestamp() + 7200;
    let headers = vec![
        ("anthropic-ratelimit-unified-status", "rejected".to_owned()),
        ("anthropic-ratelimit-unified-reset", reset.to_string()),
        ("anthropic-ratelimit-unified-representative-claim", "five_hour".to_owned()),
    ];
    let body = error("rate_limit_error", "This request would exceed your account's rate limit.");
    let server = model::start(Script::Refuse { status: 429, headers, body });
    let Some(world) = world(&server.url(), &[]) else { return };
    // The moment is told to those who are logged in only.
    let world =
        world.with("ANTHROPIC_API_KEY", "").with("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-not-a-real-one");
    is_deferred(&world, &server);
    let until = world.state()["rate_limit"]["backoff_until"].as_str().unwrap().to_owned();
    assert_eq!(chrono::DateTime::parse_from_rfc3339(&until).unwrap().timestamp(), reset, "{}", world.log());
}

/// The run ends at a limit; the next one asks nobody.
fn is_deferred(world: &World, server: &Server) {
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(3), "failure", "rate_limited"), "{}\n{}", ran.report, world.log());
    assert_eq!(ran.told()["attempts"], 1);
    let record = world.record();
    assert_eq!((&record["attempts"], &record["status"]), (&json!(0), &json!("failed")), "{record}");
    let asked = server.count(is_question);
    let ran = world.once();
    assert_eq!((ran.code, &ran.report["status"]), (Some(4), &json!("deferred")), "{}", ran.report);
    assert_eq!(server.count(is_question), asked);
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_model_that_is_not_there_is_claudes_failure() {
    let server = model::start(Script::refuse(404, error("not_found_error", "model: no-such-model")));
    let Some(world) = world(&server.url(), &[("model", "no-such-model".into()), ("max_attempts", 1.into())])
    else {
        return;
    };
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(3), "failure", "agent_exit"), "{}\n{}", ran.report, world.log());
    assert_eq!(world.record()["attempts"], 1);
    assert!(ran.told()["error"].as_str().unwrap().contains("no-such-model"), "{}", ran.told());
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_provider_that_is_not_there_is_claudes_failure() {
    // A port that was free a moment ago.
    let url = model::start(Script::Stall).url();
    let Some(world) = world(&url, &[("max_attempts", 1.into())]) else { return };
    let ran = world.with("CLAUDE_CODE_MAX_RETRIES", "1");
    let (world, ran) = (&ran, ran.once());
    assert_eq!(ran.verdict(), (Some(3), "failure", "agent_exit"), "{}\n{}", ran.report, world.log());
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn a_provider_that_never_answers_stalls_claude() {
    let server = model::start(Script::Stall);
    let Some(world) = world(&server.url(), &[("stall_timeout", "3s".into()), ("max_attempts", 1.into())])
    else {
        return;
    };
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(3), "failure", "stalled"), "{}\n{}", ran.report, world.log());
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn sigterm_in_the_middle_ends_claude_and_keeps_its_half() {
    let server =
        model::start(Script::commands(&["echo half > half.txt; echo on > going-on; sleep 1000", COMMIT]));
    let Some(world) = world(&server.url(), &[]) else { return };
    let ran = world.terminate_at("going-on");
    assert_eq!((ran.code, &ran.report["status"]), (Some(143), &json!("interrupted")), "{}", ran.stderr);
    assert_eq!(ran.verdict().1, "interrupted");
    let record = world.record();
    assert_eq!((&record["attempts"], &record["interruptions"]), (&json!(0), &json!(1)), "{record}");
    assert_eq!(world.git("origin.git", &["show", "refs/conductor/wip/T-1:half.txt"]), "half");
    assert_eq!(world.left_over(), [""; 0]);
    assert!(fs::read_dir(world.path("pulls")).unwrap().next().is_none());
}

#[test]
fn claude_in_a_sandbox_commits_and_changes_nothing_else() {
    // The clone's configuration is the agent's own, and is not the checkout's.
    let script = "echo hello > hello.txt; echo out > $HOME/out; echo out > $CONDUCTOR_WORKSPACE_DIR/../out; \
         git config user.name Evil; echo out > $(git rev-parse --git-common-dir)/hooks/pre-push; true";
    for (sandbox, network) in crate::sandboxes() {
        let server = model::start(Script::commands(&[script, COMMIT]));
        let settings = [("sandbox", sandbox.into()), ("network", network.clone())];
        let Some(world) = world(&server.url(), &settings) else { return };
        let ran = world.once();
        let at = format!("{sandbox}, {network}: {}\n{}\n{}", ran.report, ran.stderr, world.log());
        assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{at}");
        assert_eq!(world.git("origin.git", &["log", "-1", "--format=%s", "conductor/T-1"]), "Say hello");
        assert_eq!(world.changed_outside(), [""; 0], "{at}");
        assert_eq!(world.left_over(), [""; 0], "{at}");
    }
}

#[test]
fn sigterm_in_the_middle_ends_claude_in_a_sandbox() {
    let script = "setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; echo half > half.txt; echo on > going-on; sleep 1000";
    let server = model::start(Script::commands(&[script, COMMIT]));
    let Some(world) = world(&server.url(), &[("sandbox", "auto".into())]) else { return };
    let ran = world.terminate_at("going-on");
    assert_eq!((ran.code, &ran.report["status"]), (Some(143), &json!("interrupted")), "{}", ran.stderr);
    assert_eq!(world.git("origin.git", &["show", "refs/conductor/wip/T-1:half.txt"]), "half");
    assert_eq!(world.left_over(), [""; 0]);
}
