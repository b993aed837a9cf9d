//! What a cycle costs: wall time beside a straight-line shell script that does the same with git,
//! and Conductor's own memory, each beside its bound. The agent commits at once, as a plain command
//! and as one that speaks like Claude Code; tracker and forge are folders and the remote a bare
//! repository on the same disk, or all three answer over HTTP after 100 ms.
//!
//! `cargo bench --bench cycle`; each number is the median of nine, memory the largest of three.
//! A cycle makes hundreds of small files: `TMPDIR=/dev/shm` takes the disk out of the numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod slow;
#[path = "../tests/cycle/support/mod.rs"]
mod support;
mod world;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use world::World;

const SAMPLES: usize = 9;
const MEMORY_SAMPLES: usize = 3;
const FILES: usize = 20;
/// What a pipe holds on Linux.
const PIPE: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);
/// Conductor's own memory, in megabytes.
const MOST_MEMORY: f64 = 20.0;

const WORK: &str =
    "echo work >\"work-$CONDUCTOR_ISSUE_IDENTIFIER.txt\"\ngit add -A\ngit commit -qm 'Do the work'\n";
const TRANSCRIPT: &str = "tests/adapters/fixtures/transcripts/claude-success.jsonl";

#[derive(Clone, Copy)]
enum Kind {
    Command,
    Claude,
}

impl Kind {
    fn config(self) -> String {
        let agent = match self {
            Self::Command => "{kind: command, command: [sh, ../../agent.sh]}",
            Self::Claude => "{kind: claude, command: ../agent.sh}",
        };
        format!(
            "tracker: {{kind: local, path: ../tickets}}\n\
             forge: {{kind: local, path: ../pulls}}\n\
             agent: {agent}\n\
             limits: {{max_concurrent: 5}}\n\
             workspace: {{root: ../workspaces}}\n"
        )
    }

    /// What the agent does, for Conductor and for the script.
    fn program(self) -> String {
        match self {
            Self::Command => WORK.to_owned(),
            Self::Claude => {
                let transcript = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRANSCRIPT);
                let version = "[ \"$1\" = --version ] && echo '2.1.0 (Claude Code)' && exit";
                format!("#!/bin/sh\n{version}\ncat >/dev/null\n{WORK}cat '{}'\n", transcript.display())
            }
        }
    }
}

fn main() {
    // `cargo test --all-targets` starts it as well, and only asks whether it can.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("{:<32}{:>12}{:>12}{:>16}{:>13}", "", "conductor", "shell", "ratio", "own memory");
    tickets("one ticket, command", Kind::Command, 1, 1.0);
    tickets("one ticket, claude", Kind::Claude, 1, 1.0);
    tickets("20 tickets, command", Kind::Command, 20, 0.75);
    tickets("20 tickets, claude", Kind::Claude, 20, 0.75);
    for (name, count) in [("one ticket, slow services", 1), ("20 tickets, slow services", 20)] {
        let (ours, shell) = slow::measure(count);
        row(name, ours, Some((shell, 0.8)), None);
    }
    idle();
    version();
}

fn tickets(name: &str, kind: Kind, count: usize, most: f64) {
    let (mut ours, mut shell) = (Vec::new(), Vec::new());
    // Removed at the end: ext4 looks long for the place of a new file after many were deleted.
    let mut worlds = Vec::new();
    // In turns, so that whatever else the machine does falls on both.
    for _ in 0..SAMPLES {
        let world = new_world(kind, count);
        ours.push(timed(world.conductor(&["once", "--quiet"])));
        assert_done(&world, count);
        worlds.push(world);
        let world = new_world(kind, count);
        shell.push(timed(script(&world, count)));
        assert_done(&world, count);
        worlds.push(world);
    }
    let memory = (0..MEMORY_SAMPLES)
        .filter_map(|_| peak(new_world(kind, count).conductor(&["once", "--quiet"])))
        .max();
    row(name, median(ours), Some((median(shell), most)), memory);
}

fn idle() {
    let world = new_world(Kind::Command, 1);
    run(world.conductor(&["once", "--quiet"]));
    let command = || world.conductor(&["once", "--quiet"]);
    let times = (0..SAMPLES).map(|_| timed(command())).collect();
    row("an idle cycle", median(times), None, (0..MEMORY_SAMPLES).filter_map(|_| peak(command())).max());
}

fn version() {
    let world = new_world(Kind::Command, 0);
    let command = || world.conductor(&["--version"]);
    let times = (0..SAMPLES).map(|_| timed(command())).collect();
    row("--version", median(times), None, (0..MEMORY_SAMPLES).filter_map(|_| peak(command())).max());
}

/// The script's time comes with the most that Conductor may take of it.
fn row(name: &str, ours: Duration, shell: Option<(Duration, f64)>, memory: Option<u64>) {
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let ratio = shell.map(|(shell, most)| {
        let ratio = ours.as_secs_f64() / shell.as_secs_f64();
        format!("{ratio:.2} {} {most:.2}", if ratio <= most { "<=" } else { "ABOVE" })
    });
    let memory = memory.map(|kib| {
        let megabytes = kib as f64 * 1024.0 / 1e6;
        format!("{megabytes:.1} MB{}", if megabytes < MOST_MEMORY { "" } else { " ABOVE 20" })
    });
    println!(
        "{name:<32}{:>12}{:>12}{:>16}{:>13}",
        ms(ours),
        shell.map(|(shell, _)| ms(shell)).unwrap_or_default(),
        ratio.unwrap_or_default(),
        memory.unwrap_or_default()
    );
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn new_world(kind: Kind, tickets: usize) -> World {
    let tickets = keys(tickets).map(|key| {
        let text = format!("---\ntitle: Ticket {key}\nstate: Todo\n---\nDo it.\n");
        (key, text)
    });
    let world = World::new(&kind.config(), tickets, FILES);
    fs::create_dir(world.path("workspaces")).unwrap();
    fs::write(world.path("agent.sh"), kind.program()).unwrap();
    fs::set_permissions(world.path("agent.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    world
}

fn script(world: &World, tickets: usize) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cycle.sh");
    let mut command = world.command("sh", &[script.to_str().unwrap(), "5"]);
    command.args(keys(tickets));
    command
}

/// A run that did not do the work is no measurement.
fn assert_done(world: &World, tickets: usize) {
    for key in keys(tickets) {
        let ticket = fs::read_to_string(world.path(&format!("tickets/{key}.md"))).unwrap();
        assert!(ticket.contains("state: In Review"), "{ticket}");
    }
    let pulls = fs::read_dir(world.path("pulls")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(pulls.filter(|name| name.to_string_lossy().ends_with(".md")).count(), tickets);
}

fn keys(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("T-{number}"))
}

fn run(mut command: Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn timed(command: Command) -> Duration {
    let begun = Instant::now();
    run(command);
    begun.elapsed()
}

/// The largest resident size of that one process, in KiB, when it comes to print its result; its
/// children are not counted. A full pipe holds it there until it was looked at.
fn peak(mut command: Command) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; PIPE]).unwrap();
    let mut child = command.stdout(writer).spawn().unwrap();
    drop(command);
    let file = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", child.id())).unwrap_or_default();
    let begun = Instant::now();
    let mut most = None;
    while begun.elapsed() < PATIENCE && most.is_none() {
        if file("wchan").contains("pipe_write") {
            let status = file("status");
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            most = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(reader);
    child.wait().unwrap();
    most
}
