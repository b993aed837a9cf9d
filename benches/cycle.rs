//! What a cycle costs: wall time beside a straight-line shell script that does the same with git,
//! and Conductor's own memory. The agent commits at once; tracker and forge are folders; the remote
//! is a bare repository on the same disk.
//!
//! `cargo bench --bench cycle`; each number is the median of nine, memory the largest of three.
//! A cycle makes hundreds of small files: `TMPDIR=/dev/shm` takes the disk out of the numbers.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

mod world;

use std::fs;
use std::io::Write;
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

const AGENT: &str =
    "echo work >\"work-$CONDUCTOR_ISSUE_IDENTIFIER.txt\"\ngit add -A\ngit commit -qm 'Do the work'\n";
const CONFIG: &str = "\
tracker: {kind: local, path: ../tickets}
forge: {kind: local, path: ../pulls}
agent: {kind: command, command: [sh, ../../agent.sh]}
limits: {max_concurrent: 5}
workspace: {root: ../workspaces}
";

fn main() {
    // `cargo test --all-targets` starts it as well, and only asks whether it can.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("{:<28}{:>12}{:>12}{:>8}{:>13}", "", "conductor", "shell", "ratio", "own memory");
    tickets("one ticket", 1);
    tickets("20 tickets, five at a time", 20);
    idle();
    version();
}

fn tickets(name: &str, count: usize) {
    let (mut ours, mut shell) = (Vec::new(), Vec::new());
    // Removed at the end: ext4 looks long for the place of a new file after many were deleted.
    let mut worlds = Vec::new();
    // In turns, so that whatever else the machine does falls on both.
    for _ in 0..SAMPLES {
        let world = new_world(count);
        ours.push(timed(world.conductor(&["once", "--quiet"])));
        assert_done(&world, count);
        worlds.push(world);
        let world = new_world(count);
        shell.push(timed(script(&world, count)));
        assert_done(&world, count);
        worlds.push(world);
    }
    let memory =
        (0..MEMORY_SAMPLES).filter_map(|_| peak(new_world(count).conductor(&["once", "--quiet"]))).max();
    row(name, median(ours), Some(median(shell)), memory);
}

fn idle() {
    let world = new_world(1);
    run(world.conductor(&["once", "--quiet"]));
    let command = || world.conductor(&["once", "--quiet"]);
    let times = (0..SAMPLES).map(|_| timed(command())).collect();
    row("an idle cycle", median(times), None, (0..MEMORY_SAMPLES).filter_map(|_| peak(command())).max());
}

fn version() {
    let world = new_world(0);
    let command = || world.conductor(&["--version"]);
    let times = (0..SAMPLES).map(|_| timed(command())).collect();
    row("--version", median(times), None, (0..MEMORY_SAMPLES).filter_map(|_| peak(command())).max());
}

fn row(name: &str, ours: Duration, shell: Option<Duration>, memory: Option<u64>) {
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let ratio = shell.map(|shell| format!("{:.2}", ours.as_secs_f64() / shell.as_secs_f64()));
    let memory = memory.map(|kib| format!("{:.1} MB", kib as f64 * 1024.0 / 1e6));
    println!(
        "{name:<28}{:>12}{:>12}{:>8}{:>13}",
        ms(ours),
        shell.map(ms).unwrap_or_default(),
        ratio.unwrap_or_default(),
        memory.unwrap_or_else(|| "unknown here".to_owned())
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn new_world(tickets: usize) -> World {
    let tickets = keys(tickets).map(|key| {
        let text = format!("---\ntitle: Ticket {key}\nstate: Todo\n---\nDo it.\n");
        (key, text)
    });
    let world = World::new(CONFIG, tickets, FILES);
    fs::create_dir(world.path("workspaces")).unwrap();
    fs::write(world.path("agent.sh"), AGENT).unwrap();
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
