//! The sandbox around an agent, with any program as the agent: these need bubblewrap, and run on
//! Linux where it is allowed.

use crate::world::World;
use conductor::model::StopReason;
use conductor::system::process::{Line, Sandbox, Spec, Stderr, Supervisor};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

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
    assert!(ran.told()["error"].as_str().unwrap().contains("code 7"), "{}", ran.told());
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

#[test]
fn a_child_in_a_sandbox_is_told_to_end_once_and_has_its_grace() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::open(std::env::var_os("PATH").as_deref(), folder.path(), None).unwrap();
    let mut spec = Spec::new("/bin/sh", folder.path());
    // Longer than what is left over after a child's end is given.
    let script =
        "trap 'echo told; sleep 3; echo tidied; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    spec.args = vec!["-c".into(), script.into()];
    spec.env = vec![("PATH".into(), std::env::var("PATH").unwrap())];
    spec.stderr = Stderr::Null;
    spec.grace = Duration::from_secs(60);
    let supervisor = Supervisor::new(env!("CARGO_BIN_EXE_conductor").into()).within(Some(sandbox));
    let mut child = supervisor.spawn(&spec).unwrap();
    let mut lines = Vec::new();
    let ending = loop {
        match child.next_line(Duration::from_secs(60)) {
            Line::Text(line) => {
                lines.push(String::from_utf8_lossy(line).into_owned());
                if lines == ["ready"] {
                    child.stop(StopReason::Interrupted);
                }
            }
            Line::Ended(ending) => break ending,
            other => panic!("{other:?} after {lines:?}"),
        }
    };
    assert_eq!(lines, ["ready", "told", "tidied"]);
    assert_eq!((ending.exit_code, ending.stopped), (Some(5), Some(StopReason::Interrupted)));
}
