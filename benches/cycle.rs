//! What a cycle costs: wall time beside a straight-line shell script that does the same with git,
//! and Conductor's own memory. The agent commits at once; tracker and forge are folders; the remote
//! is a bare repository on the same disk.
//!
//! `cargo bench --bench cycle`; each number is the median of nine, memory the largest of three.
//! A cycle makes hundreds of small files: `TMPDIR=/dev/shm` takes the disk out of the numbers.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
agent: {kind: command, command: [sh, AGENT]}
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
        let world = World::new(count);
        ours.push(timed(world.conductor(&["once", "--quiet"])));
        world.assert_done(count);
        worlds.push(world);
        let world = World::new(count);
        shell.push(timed(world.script(count)));
        world.assert_done(count);
        worlds.push(world);
    }
    let memory =
        (0..MEMORY_SAMPLES).filter_map(|_| peak(World::new(count).conductor(&["once", "--quiet"]))).max();
    row(name, median(ours), Some(median(shell)), memory);
}

fn idle() {
    let world = World::new(1);
    run(world.conductor(&["once", "--quiet"]));
    let command = || world.conductor(&["once", "--quiet"]);
    let times = (0..SAMPLES).map(|_| timed(command())).collect();
    row("an idle cycle", median(times), None, (0..MEMORY_SAMPLES).filter_map(|_| peak(command())).max());
}

fn version() {
    let world = World::new(0);
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

/// A small repository, its remote, tickets, an agent.
struct World {
    root: TempDir,
}

impl World {
    fn new(tickets: usize) -> Self {
        let world = Self { root: TempDir::new().unwrap() };
        let clone = world.path("clone");
        for folder in ["clone", "tickets", "pulls", "workspaces"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        fs::write(world.path("agent.sh"), AGENT).unwrap();
        for number in 0..FILES {
            fs::write(clone.join(format!("file{number}.txt")), format!("file {number}\n")).unwrap();
        }
        let config = CONFIG.replace("AGENT", &format!("{:?}", world.path("agent.sh")));
        fs::write(clone.join("conductor.yml"), config).unwrap();
        for key in keys(tickets) {
            let text = format!("---\ntitle: Ticket {key}\nstate: Todo\n---\nDo it.\n");
            fs::write(world.path(&format!("tickets/{key}.md")), text).unwrap();
        }
        for args in [
            "init -q --bare -b main ../origin.git",
            "init -q -b main",
            "remote add origin ../origin.git",
            "add -A",
            "commit -qm First",
            "push -q origin main",
        ] {
            run(world.command("git", &args.split(' ').collect::<Vec<_>>()));
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path("clone")).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Bench")
                .env(format!("GIT_{role}_EMAIL"), "bench@localhost");
        }
        command
    }

    fn conductor(&self, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_conductor"), args)
    }

    fn script(&self, tickets: usize) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cycle.sh");
        let mut command = self.command("sh", &[script.to_str().unwrap(), "5"]);
        command.args(keys(tickets));
        command
    }

    /// A run that did not do the work is no measurement.
    fn assert_done(&self, tickets: usize) {
        for key in keys(tickets) {
            let ticket = fs::read_to_string(self.path(&format!("tickets/{key}.md"))).unwrap();
            assert!(ticket.contains("state: In Review"), "{ticket}");
        }
        let pulls = fs::read_dir(self.path("pulls")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(pulls.filter(|name| name.to_string_lossy().ends_with(".md")).count(), tickets);
    }
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
