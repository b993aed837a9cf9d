//! Codex, as an app server and by `codex exec`.

use crate::model::{self, Script, is_question};
use crate::program;
use crate::server::Server;
use crate::world::World;
use serde_json::{Value, json};
use std::fs;

const COMMIT: &str = "git add -A && git commit -q -m 'Say hello'";

/// A world in which Codex asks the model at `url`; `None` without the program.
fn world(url: &str, settings: &[(&str, Value)], codex: &[(&str, Value)]) -> Option<World> {
    let program = program("CONDUCTOR_REAL_CODEX")?;
    let config = json!({
        "model": "gpt-5",
        "model_provider": "loopback",
        "model_providers.loopback.name": "loopback",
        "model_providers.loopback.base_url": format!("{url}/v1"),
        "model_providers.loopback.env_key": "CODEX_API_KEY",
        "model_providers.loopback.wire_api": "responses",
    });
    let mut section = json!({"sandbox": "danger-full-access", "config": config});
    codex.iter().for_each(|(key, value)| section[key] = value.clone());
    let mut agent = json!({"kind": "codex", "command": program, "codex": section, "max_attempts": 1});
    settings.iter().for_each(|(key, value)| agent[key] = value.clone());
    Some(World::new(&agent).with("CODEX_API_KEY", "sk-not-a-real-one"))
}

fn error(kind: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "code": kind, "message": message}})
}

const MODES: [&str; 2] = ["app-server", "exec"];

#[test]
fn codex_takes_a_ticket_to_a_pull_request() {
    for mode in MODES {
        let server = model::start(Script::commands(&["echo hello > hello.txt", COMMIT]));
        let Some(world) = world(&server.url(), &[], &[("mode", mode.into())]) else { return };
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(0), "success", "-"),
            "{mode}: {}\n{}\n{}",
            ran.report,
            ran.stderr,
            world.log()
        );
        let told = ran.told();
        assert_eq!(
            (&told["tool_calls"], &told["commits"]),
            (&json!(2), &json!(1)),
            "{mode}: {}",
            world.log()
        );
        assert_eq!(told["usage"]["cache_read_tokens"], 2700, "{mode}: {told}");
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "hello");
        assert_eq!(world.git("origin.git", &["log", "-1", "--format=%s", "conductor/T-1"]), "Say hello");
        assert!(world.pull_request().is_some());
        assert_eq!(world.left_over(), [""; 0], "{mode}");
    }
}

#[test]
fn what_codex_may_not_commit_in_its_sandbox_is_committed_for_it() {
    for mode in MODES {
        let server = model::start(Script::commands(&["echo hello > hello.txt", COMMIT]));
        let Some(world) =
            world(&server.url(), &[], &[("mode", mode.into()), ("sandbox", "workspace-write".into())])
        else {
            return;
        };
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(0), "success", "-"),
            "{mode}: {}\n{}\n{}",
            ran.report,
            ran.stderr,
            world.log()
        );
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "hello");
        assert_eq!(ran.told()["commits"], 1);
        assert_eq!(world.left_over(), [""; 0], "{mode}");
    }
}

#[test]
fn what_codex_daemonised_does_not_outlive_its_run() {
    let daemons = "setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; (setsid sh -c 'sleep 1001 & sleep 1002' &) >/dev/null 2>&1; \
                   echo hello > hello.txt";
    for mode in MODES {
        let server = model::start(Script::commands(&[daemons, COMMIT]));
        let Some(world) = world(&server.url(), &[], &[("mode", mode.into())]) else { return };
        let ran = world.once();
        assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{mode}: {}\n{}", ran.report, world.log());
        assert_eq!(world.left_over(), [""; 0], "{mode}");
    }
}

#[test]
fn a_rate_limit_of_codex_spends_no_attempt_and_defers_the_next_run() {
    for mode in MODES {
        let server =
            model::start(Script::refuse(429, error("rate_limit_exceeded", "Rate limit reached for gpt-5.")));
        let Some(world) = world(&server.url(), &[], &[("mode", mode.into())]) else { return };
        is_deferred(&world, &server, mode);
    }
}

#[test]
fn a_usage_limit_of_codex_spends_no_attempt_and_defers_the_next_run() {
    for mode in MODES {
        let mut body = error("usage_limit_reached", "The usage limit has been reached");
        body["error"]["resets_at"] = (chrono::Utc::now().timestamp() + 7200).into();
        let server = model::start(Script::refuse(429, body));
        let Some(world) = world(&server.url(), &[], &[("mode", mode.into())]) else { return };
        is_deferred(&world, &server, mode);
    }
}

/// The run ends at a limit; the next one asks nobody.
fn is_deferred(world: &World, server: &Server, mode: &str) {
    let ran = world.once();
    assert_eq!(
        ran.verdict(),
        (Some(3), "failure", "rate_limited"),
        "{mode}: {}\n{}",
        ran.report,
        world.log()
    );
    let record = world.record();
    assert_eq!((&record["attempts"], &record["status"]), (&json!(0), &json!("failed")), "{mode}: {record}");
    let asked = server.count(is_question);
    let ran = world.once();
    assert_eq!((ran.code, &ran.report["status"]), (Some(4), &json!("deferred")), "{mode}: {}", ran.report);
    assert_eq!(server.count(is_question), asked);
    assert_eq!(world.left_over(), [""; 0], "{mode}");
}

#[test]
fn a_model_that_is_not_there_is_codexs_failure() {
    for mode in MODES {
        let refusal = error("model_not_found", "The model `no-such-model` does not exist");
        let server = model::start(Script::refuse(404, refusal));
        let Some(world) =
            world(&server.url(), &[("model", "no-such-model".into())], &[("mode", mode.into())])
        else {
            return;
        };
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(3), "failure", "agent_exit"),
            "{mode}: {}\n{}",
            ran.report,
            world.log()
        );
        assert_eq!(world.record()["attempts"], 1);
        assert!(ran.told()["error"].as_str().unwrap().contains("no-such-model"), "{mode}: {}", ran.told());
        assert_eq!(world.left_over(), [""; 0], "{mode}");
    }
}

#[test]
fn a_provider_that_is_not_there_or_never_answers_stalls_codex() {
    let stalled = model::start(Script::Stall);
    // A port that was free a moment ago.
    for url in [model::start(Script::Stall).url(), stalled.url()] {
        let Some(world) = world(&url, &[("stall_timeout", "8s".into())], &[]) else { return };
        let ran = world.once();
        assert_eq!(ran.verdict(), (Some(3), "failure", "stalled"), "{}\n{}", ran.report, world.log());
        assert_eq!(world.left_over(), [""; 0]);
    }
}

#[test]
fn sigterm_in_the_middle_ends_codex_and_keeps_its_half() {
    for mode in MODES {
        let server =
            model::start(Script::commands(&["echo half > half.txt; echo on > going-on; sleep 1000", COMMIT]));
        let Some(world) = world(&server.url(), &[], &[("mode", mode.into())]) else { return };
        let ran = world.terminate_at("going-on");
        assert_eq!(
            (ran.code, &ran.report["status"]),
            (Some(143), &json!("interrupted")),
            "{mode}: {}",
            ran.stderr
        );
        let record = world.record();
        assert_eq!(
            (&record["attempts"], &record["interruptions"]),
            (&json!(0), &json!(1)),
            "{mode}: {record}"
        );
        assert_eq!(world.git("origin.git", &["show", "refs/conductor/wip/T-1:half.txt"]), "half");
        assert_eq!(world.left_over(), [""; 0], "{mode}");
        assert!(fs::read_dir(world.path("pulls")).unwrap().next().is_none());
    }
}

#[test]
fn codex_in_a_sandbox_commits_and_changes_nothing_else() {
    let script =
        "echo hello > hello.txt; echo out > $HOME/out; echo out > $CONDUCTOR_WORKSPACE_DIR/../out; true";
    for (mode, (sandbox, network)) in
        MODES.iter().flat_map(|mode| crate::sandboxes().map(|held| (*mode, held)))
    {
        let server = model::start(Script::commands(&[script, COMMIT]));
        // The model of this configuration has no variable by which it would be allowed.
        let network =
            if network.is_array() { json!([server.url().trim_start_matches("http://")]) } else { network };
        let settings = [("sandbox", sandbox.into()), ("network", network)];
        let Some(world) = world(&server.url(), &settings, &[("mode", mode.into())]) else { return };
        let ran = world.once();
        assert_eq!(
            ran.verdict(),
            (Some(0), "success", "-"),
            "{mode}, {sandbox}: {}\n{}\n{}",
            ran.report,
            ran.stderr,
            world.log()
        );
        assert_eq!(
            world.git("origin.git", &["log", "-1", "--format=%an %s", "conductor/T-1"]),
            "T Say hello"
        );
        assert_eq!(world.changed_outside(), [""; 0]);
        assert_eq!(world.left_over(), [""; 0], "{mode}");
    }
}
