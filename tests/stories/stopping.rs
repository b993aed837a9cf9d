//! Runs that are told to end, or are killed, and remotes that would ask a question.

use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::repo;
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn a_terminal_that_closes_and_a_quit_end_a_run_as_sigterm_does() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::QUIT, 131)] {
        let world = World::new();
        world.ticket("T-1");
        world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
        let run = world.start(&[]);
        world.await_fact("at-work");
        run.signal(signal);
        let run = run.wait().exits(code);
        assert_eq!(world.processes(), Vec::<String>::new());
        assert_eq!((run.status().as_str(), world.claims().len()), ("interrupted", 0), "{run}");
        assert_eq!(run.dispatched("T-1")["outcome"], "interrupted", "{run}");
        assert_eq!(world.ticket_state("T-1"), "Todo");
        assert_eq!(repo::file_at(&world.origin(), "refs/conductor/wip/T-1", "half.txt"), "half");
    }
}

#[test]
fn a_run_that_is_killed_takes_its_hanging_git_calls_along() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("pre-receive", "trap '' TERM HUP PIPE; tell hanging; sleep 90");
    let run = world.start(&[]);
    world.await_fact("hanging");
    run.kill();
    let begun = Instant::now();
    assert!(comes_true(|| world.processes().is_empty()), "{:#?}", world.processes());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    world.without_origin_hook("pre-receive");
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
}

/// A remote over SSH, and an `ssh` that is played by these lines.
fn over_ssh(lines: &str) -> World {
    let mut world = World::new();
    world.ticket("T-1");
    std::fs::create_dir(world.path().join("bin")).unwrap();
    let ssh = world.script("bin/ssh", lines);
    world.env("GIT_SSH_COMMAND", ssh.to_str().unwrap());
    repo::git(&world.checkout(), &["remote", "set-url", "origin", "ssh://git@localhost:1/acme/app.git"]);
    world
}

#[test]
fn ssh_that_would_ask_on_a_terminal_fails_at_once_with_what_to_do() {
    let world = over_ssh(
        "if (exec < /dev/tty) 2> /dev/null; then tell asked; sleep 90; fi\n\
         echo 'Host key verification failed.' >&2; exit 255",
    );
    let begun = Instant::now();
    // The terminal's output goes where standard output goes.
    let run = world.once_by(&["sh", "-c", "exec script -qec \"$*\" /dev/null", "sh"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(!world.knows("asked"), "{run}");
    assert_eq!(run.code(), 5, "{run}");
    for part in ["Host key verification failed.", "known_hosts"] {
        assert!(run.stdout.contains(part), "{part}: {run}");
    }
    assert!(world.started().is_empty());
}

#[test]
fn ctrl_c_ends_a_run_whose_ssh_hangs() {
    let world = over_ssh("trap '' TERM INT; tell hanging; sleep 90");
    let run = world.start(&[]);
    world.await_fact("hanging");
    let begun = Instant::now();
    run.signal(Signal::INT);
    run.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(comes_true(|| world.processes().is_empty()), "{:#?}", world.processes());
}

#[test]
fn a_report_that_cannot_be_written_is_a_fault_and_a_closed_pipe_is_none() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().sh("echo working"));
    world.once(&[]).exits(0);
    let config = world.path().join("clone.yml");
    let told = |command: &str, output: std::process::Stdio| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_conductor"))
            .arg("--config")
            .arg(&config)
            .args(command.split(' '))
            .stdout(output)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for command in [
        "once",
        "once --output json",
        "plan",
        "status",
        "status --output json",
        "usage",
        "learn",
        "context T-1",
        "logs T-1",
        "state show",
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, words) = told(command, full.into());
        assert_eq!(code, Some(1), "{command}: {words}");
        assert!(words.contains("No space left on device"), "{command}: {words}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, words) = told(command, writer.into());
        assert_eq!(code, Some(0), "{command}: {words}");
    }
    assert_eq!(world.record("T-1")["stage"], json!("in_review"));
}
