//! Whether an agent is asked for a better template, which one, with what it is given, and how it ends.

use super::{BETTER, CONFIGURED, TEMPLATE, evolve, failed, names, template, tree, unchanged};
use crate::support::{Ran, World};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn without_a_failure_no_agent_is_asked() {
    let world = World::new("echo work > work.txt", "");
    for attempts in ["0 attempts", "1 attempt"] {
        let shown = evolve(&world, &["--write"]).exits(0).out();
        assert_eq!(
            shown,
            format!("no failures in {attempts}: there is nothing to learn from, no agent was asked\n")
        );
        world.agent("touch \"$ROOT/asked\"\necho work > work.txt");
        world.ticket("T-1", "One", "x");
        if attempts.starts_with('0') {
            world.conductor(&["once"]).exits(0);
            fs::remove_file(world.path().join("asked")).unwrap();
        }
    }
    assert!(!world.path().join("asked").exists());
    let json = evolve(&world, &["--output", "json"]).exits(0).json();
    assert_eq!(json, serde_json::json!({"schema": 1, "attempts": 1, "failures": 0, "template": null}));
}

#[test]
fn a_limit_or_a_used_up_budget_defers_and_asks_no_agent() {
    let world = failed(CONFIGURED, BETTER);
    // Another ticket meets the provider's limit: it holds for every runner, and for this.
    world.agent("echo '{\"type\":\"result\",\"ok\":false,\"limit\":true,\"resets_at\":\"2999-01-01T00:00:00Z\"}'; exit 1");
    world.ticket("T-2", "Two", "x");
    world.conductor(&["once", "--issue", "T-2"]).exits(3);
    world.agent(&format!("touch \"$ROOT/asked\"\n{BETTER}"));
    let told = evolve(&world, &["--write"]).exits(4).err();
    // The year 2999 is not believed: it is a day at most.
    assert!(told.contains("deferred until 20") && told.contains(" UTC: a limit of the provider"), "{told}");

    let spends = "echo '{\"type\":\"usage\",\"input_tokens\":500}'; exit 1";
    let world = World::new(spends, "budget: {tokens_per_day: 100}\n");
    world.ticket("T-1", "One", "x");
    world.conductor(&["once"]).exits(3);
    world.agent(&format!("touch \"$ROOT/asked\"\n{BETTER}"));
    let told = evolve(&world, &[]).exits(4).err();
    assert!(told.contains("deferred until ") && told.contains("budget.tokens_per_day"), "{told}");
    assert!(!world.path().join("asked").exists());
}

#[test]
fn an_agent_at_its_limit_defers_unless_another_steps_in() {
    let limited = "echo '{\"type\":\"result\",\"ok\":false,\"limit\":true,\"resets_at\":\"2999-01-01T00:00:00Z\"}'; exit 1";
    let world = failed(CONFIGURED, limited);
    let before = tree(&world);
    let told = evolve(&world, &["--write"]).exits(4).err();
    // Nor is it here.
    assert!(told.contains("deferred until 20") && !told.contains("2999"), "{told}");
    unchanged(&world, &before);

    let other = world.path().join("other.sh");
    world.write("other.sh", &format!("#!/bin/sh\n{BETTER}\necho '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\"}}'\n"));
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = world.read("clone/conductor.yml");
    let with =
        format!("fallback: {{kind: claude, command: '{}', model: sonnet}}}}\nworkspace", other.display());
    world.write("clone/conductor.yml", &config.replace("}\nworkspace", &format!(", {with}")));
    let json = evolve(&world, &["--write", "--output", "json"]).exits(0).json();
    assert_eq!(
        (json["agent"].as_str(), json["model"].as_str()),
        (Some("claude"), Some("sonnet")),
        "{json:#}"
    );
    assert!(template(&world).ends_with("Run the tests first.\n"));
}

#[test]
fn the_agent_is_given_what_a_tickets_agent_is_given_and_no_credential() {
    let world = failed(
        CONFIGURED,
        &format!(
            "env > \"$ROOT/env.txt\"; pwd > \"$ROOT/cwd.txt\"; git rev-parse --show-toplevel > \"$ROOT/git.txt\" 2>&1 || true; {BETTER}"
        ),
    );
    let secrets = [("DEPLOY_TOKEN", "Zq7vHalf0ne"), ("MY_PASSWORD", "Zq7vHalf0ne"), ("HARMLESS", "yes")];
    let ran = world.conductor_with(&["learn", "--evolve"], &secrets).exits(0);
    assert!(!ran.out().contains("Zq7v"), "{}", ran.out());
    let env = world.read("env.txt");
    assert!(!env.contains("Zq7v") && !env.contains("DEPLOY_TOKEN"), "{env}");
    let cwd = world.read("cwd.txt").trim().to_owned();
    for told in [
        "HARMLESS=yes".to_owned(),
        "CONDUCTOR_ISSUE_IDENTIFIER=learn-evolve".to_owned(),
        format!("CONDUCTOR_WORKSPACE_DIR={cwd}"),
        format!("TMPDIR={}", cwd.replace("/work", "/tmp")),
        "GIT_TERMINAL_PROMPT=0".to_owned(),
    ] {
        assert!(env.lines().any(|line| line == told), "{told}\n{env}");
    }
    assert!(!cwd.starts_with(&world.clone_path().display().to_string()), "{cwd}");
    assert!(world.read("git.txt").contains("not a git repository"), "{}", world.read("git.txt"));
    assert!(!Path::new(&cwd).exists());
}

#[test]
fn an_agent_that_is_not_there_is_a_configuration_fault_and_a_slow_one_is_ended() {
    let world = failed(CONFIGURED, "");
    let config = world.read("clone/conductor.yml");
    world.write("clone/conductor.yml", &config.replace("[sh,", "[no-such-agent,"));
    assert!(evolve(&world, &[]).exits(2).err().contains("no-such-agent"));
    world.write(
        "clone/conductor.yml",
        &config.replace("agent: {", "agent: {turn_timeout: 1s, grace_period: 1s, "),
    );
    world.agent("echo $$ > \"$ROOT/pid\"; trap '' TERM; while :; do sleep 1; done");
    let told = evolve(&world, &[]).exits(3).err();
    assert!(told.contains("agent.turn_timeout"), "{told}");
    assert!(!world.lives(world.read("pid").trim()));
}

#[test]
fn a_signal_ends_the_agent_and_all_it_started() {
    let world = failed(
        CONFIGURED,
        &format!(
            "{BETTER}; sleep 600 & echo $! > \"$ROOT/child.new\"; mv \"$ROOT/child.new\" \"$ROOT/child\"; wait"
        ),
    );
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let running = world.start(&["learn", "--evolve", "--write"]);
        world.await_file("child");
        let child = world.read("child").trim().to_owned();
        world.signal(signal, &running);
        let ran = Ran(running.wait_with_output().unwrap()).exits(code);
        assert!(ran.err().contains("nothing was written"), "{}", ran.err());
        assert!(!world.lives(&child));
        fs::remove_file(world.path().join("child")).unwrap();
        assert_eq!(template(&world), TEMPLATE);
        assert_eq!(names(&world, "tmp"), Vec::<String>::new());
    }
}

#[test]
fn codex_works_in_the_folder_although_it_is_no_repository() {
    let world = failed(CONFIGURED, "");
    let codex = world.path().join("codex");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > \"{root}/args\"\n{BETTER}\n\
         echo '{{\"type\":\"turn.completed\",\"usage\":{{\"input_tokens\":1500,\"output_tokens\":500}}}}'\n",
        root = world.path().display()
    );
    world.write("codex", &script);
    fs::set_permissions(&codex, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = world.read("clone/conductor.yml");
    let agent = config.lines().find(|line| line.starts_with("agent:")).unwrap();
    let own = format!(
        "agent: {{kind: codex, sandbox: none, command: '{}', model: big, codex: {{mode: exec}}}}",
        codex.display()
    );
    world.write("clone/conductor.yml", &config.replace(agent, &own));
    let shown = evolve(&world, &[]).exits(0).out();
    assert!(
        shown.contains("proposed by codex (big) from 2 failures in 2 attempts; used 2.0k tokens in"),
        "{shown}"
    );
    let args = world.read("args");
    assert!(args.contains("--model big") && args.contains("--skip-git-repo-check"), "{args}");
    world.conductor(&["once", "--issue", "T-1", "--force"]).exits(0);
    assert!(!world.read("args").contains("--skip-git-repo-check"));
}

#[test]
fn in_a_sandbox_the_agent_writes_to_its_folders_only() {
    let tried = Command::new("bwrap")
        .args(["--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
        .output();
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: bubblewrap is not here or not allowed");
        return;
    }
    let script = "for place in clone/x clone/.git/x clone/.git/objects/x clone/.git/refs/x; do\n\
        (echo x > \"$ROOT/$place\") 2>/dev/null && echo \"out: $place\" >> prompt.md\ndone\n\
        echo x > \"$TMPDIR/x\" && echo 'in: TMPDIR' >> prompt.md";
    let world = World::new("exit 9", CONFIGURED);
    let config = world.read("clone/conductor.yml").replace("sandbox: none", "sandbox: bubblewrap");
    world.write("clone/conductor.yml", &config);
    world.write("clone/prompts/task.md", TEMPLATE);
    world.ticket("T-1", "One", "x");
    world.conductor(&["once"]).exits(3);
    world.agent(script);
    let json = evolve(&world, &["--output", "json"]).exits(0).json();
    assert_eq!(json["proposal"], format!("{TEMPLATE}in: TMPDIR\n"));
}
