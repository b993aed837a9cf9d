//! The sandbox around an agent, with any program as the agent: these need bubblewrap, and run on
//! Linux where it is allowed.

use crate::world::World;
use serde_json::{Value, json};
use std::process::Command;

/// Whether bubblewrap works here; says so where it does not.
pub fn is_there() -> bool {
    let tried = Command::new("bwrap")
        .args(["--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
        .output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: bubblewrap is not here or not allowed");
    }
    works
}

fn world(script: &str, settings: &[(&str, Value)]) -> World {
    let mut agent = json!({"kind": "command", "command": ["sh", "-c", script], "sandbox": "bubblewrap", "max_attempts": 1});
    settings.iter().for_each(|(key, value)| agent[key] = value.clone());
    World::new(&agent)
}

#[test]
fn an_agent_in_a_sandbox_commits_and_changes_nothing_else() {
    if !is_there() {
        return;
    }
    let script = "echo hello > hello.txt; git add -A; git commit -q -m 'Say hello' || exit 9
        echo scratch > $TMPDIR/scratch || exit 8
        echo out > $HOME/out; echo out > ../out; echo out > $CONDUCTOR_PROMPT_FILE
        git config user.name Evil; echo out > $(git rev-parse --git-common-dir)/hooks/pre-push; true";
    let world = world(script, &[]);
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}\n{}", ran.report, ran.stderr, world.log());
    assert_eq!(ran.told()["commits"], 1);
    assert_eq!(world.git("origin.git", &["log", "-1", "--format=%an %s", "conductor/T-1"]), "T Say hello");
    assert_eq!(world.changed_outside(), [""; 0]);
    assert!(world.log().contains("Read-only file system"), "{}", world.log());
}

#[test]
fn an_agent_in_a_sandbox_sees_no_process_but_its_own_and_none_outlives_it() {
    if !is_there() {
        return;
    }
    let script = "ls /proc | grep -c '^[0-9]' > processes; kill -9 $PPID 2>/dev/null
        setsid -f sleep 1000 >/dev/null 2>&1 </dev/null; (setsid sh -c 'sleep 1001 & sleep 1002' &) >/dev/null 2>&1; true";
    let world = world(script, &[]);
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}", ran.report, world.log());
    let seen: u32 = world.git("origin.git", &["show", "conductor/T-1:processes"]).parse().unwrap();
    assert!(seen < 8, "{seen} processes");
    assert_eq!(world.left_over(), [""; 0]);
}

#[test]
fn an_exit_code_comes_through_the_sandbox() {
    if !is_there() {
        return;
    }
    let world = world("echo half > half.txt; exit 7", &[]);
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(3), "partial", "agent_exit"), "{}", ran.report);
    assert!(ran.told()["error"].as_str().unwrap().contains('7'), "{}", ran.told());
}

#[test]
fn a_program_that_is_not_there_is_named_in_a_sandbox_too() {
    if !is_there() {
        return;
    }
    let ran = world("", &[("command", json!(["no-such-program"]))]).once();
    assert_eq!(ran.verdict(), (Some(3), "failure", "agent_exit"), "{}", ran.report);
    assert!(ran.told()["error"].as_str().unwrap().contains("no-such-program: not found"), "{}", ran.told());
}

#[test]
fn without_bubblewrap_nothing_is_claimed() {
    let world = world("true", &[]);
    // The programs a run needs, and no other.
    let bin = world.path("bin");
    std::fs::create_dir(&bin).unwrap();
    for program in ["git", "sh"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        std::os::unix::fs::symlink(String::from_utf8(found.stdout).unwrap().trim(), bin.join(program))
            .unwrap();
    }
    let world = world.with("PATH", bin.to_str().unwrap());
    let ran = world.once();
    assert_eq!(ran.code, Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("agent.sandbox: "), "{}", ran.stderr);
    assert!(world.git("origin.git", &["for-each-ref", "refs/heads/conductor"]).is_empty());
}
