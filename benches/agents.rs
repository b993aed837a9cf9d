//! What watching agents costs: twenty at once, each telling fifty events a second, the lines of real
//! streams. Prints Conductor's own processor time and memory and those of the supervisors beside it.
//!
//! `cargo bench --bench agents`; takes half a minute.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

mod world;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use world::World;

const AGENTS: usize = 20;
const EVENTS_PER_SECOND: u32 = 50;
const SPEAKING: Duration = Duration::from_secs(20);
/// The agents have begun after that, and go on beyond [`UNTIL`].
const FROM: Duration = Duration::from_secs(5);
const UNTIL: Duration = Duration::from_secs(17);
/// Of `/proc/PID/stat`; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--bench") {
        measure();
    } else if std::env::var_os("CONDUCTOR_ISSUE_IDENTIFIER").is_some() {
        speak();
    }
}

/// The agent: what Claude Code says, in its own words, at its pace.
fn speak() {
    let streams = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/adapters/fixtures/transcripts");
    let lines: Vec<String> = ["claude-success", "claude-parallel", "claude-subagent", "claude-tool-error"]
        .iter()
        .flat_map(|name| {
            let text = fs::read_to_string(streams.join(name).with_extension("jsonl")).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let find = |kind: &str| lines.iter().find(|line| line.contains(&format!(r#""type":"{kind}""#))).unwrap();
    let said: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains(r#""type":"assistant""#) || line.contains(r#""type":"user""#))
        .collect();
    let mut out = std::io::stdout();
    let mut say = |line: &str| writeln!(out, "{line}").unwrap();
    say(find("system"));
    let begun = Instant::now();
    for (number, line) in said.iter().cycle().enumerate() {
        if begun.elapsed() >= SPEAKING {
            break;
        }
        let due = Duration::from_secs(1) / EVENTS_PER_SECOND * u32::try_from(number).unwrap();
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        say(line);
    }
    fs::write("done.txt", "done\n").unwrap();
    say(find("result"));
}

fn measure() {
    if !cfg!(target_os = "linux") {
        println!("processes are measured on Linux only");
        return;
    }
    let world = new_world();
    let mut conductor = world.conductor(&["once"]).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(FROM);
    let supervisors = children(conductor.id());
    assert_eq!(supervisors.len(), AGENTS, "every agent has its supervisor");
    let cpu = |pids: &[u32]| pids.iter().map(|pid| processor_time(*pid)).sum::<f64>();
    let own = [conductor.id()];
    let (ours, theirs) = (cpu(&own), cpu(&supervisors));
    let begun = Instant::now();
    std::thread::sleep(UNTIL - FROM);
    let seconds = begun.elapsed().as_secs_f64();
    let (ours, theirs) = (cpu(&own) - ours, cpu(&supervisors) - theirs);
    let memory = (memory(conductor.id(), "VmHWM"), supervisors.iter().map(|pid| private(*pid)).sum::<u64>());
    assert_eq!(children(conductor.id()).len(), AGENTS, "all of them spoke all the while");
    assert!(conductor.wait().unwrap().success());
    let events = f64::from(EVENTS_PER_SECOND) * AGENTS as f64;
    let share = |time: f64| time / seconds * 100.0 / (events / 1000.0);
    println!("{AGENTS} agents, {events:.0} events a second, {seconds:.0} s");
    println!("{:<16}{:>36}{:>12}", "", "of one core per 1,000 events/s", "memory");
    for (name, time, kib) in [("conductor", ours, memory.0), ("its supervisors", theirs, memory.1)] {
        println!("{name:<16}{:>34.2} %{:>9.1} MB", share(time), kib as f64 * 1024.0 / 1e6);
    }
}

/// User and system time so far, in seconds.
fn processor_time(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 =
        fields.get(11..13).unwrap_or_default().iter().flat_map(|ticks| ticks.parse::<f64>()).sum();
    ticks / TICKS_PER_SECOND
}

/// A line of `/proc/PID/status`, in KiB.
fn memory(pid: u32, name: &str) -> u64 {
    kib_of(&format!("/proc/{pid}/status"), name)
}

/// What a process has to itself; the rest of it is Conductor's own file, mapped once for all.
fn private(pid: u32) -> u64 {
    kib_of(&format!("/proc/{pid}/smaps_rollup"), "Private_Dirty")
}

fn kib_of(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists =
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn new_world() -> World {
    let agent = std::env::current_exe().unwrap();
    let config = format!(
        "tracker: {{kind: local, path: ../tickets}}\n\
         forge: {{kind: local, path: ../pulls}}\n\
         agent: {{kind: claude, command: {:?}}}\n\
         limits: {{max_concurrent: {AGENTS}}}\n\
         preflight: {{enabled: false}}\n\
         workspace: {{root: ../workspaces}}\n",
        agent.to_str().unwrap()
    );
    let tickets = (1..=AGENTS).map(|number| {
        let text = format!("---\ntitle: Ticket {number}\nstate: Todo\n---\nDo it.\n");
        (format!("T-{number}"), text)
    });
    World::new(&config, tickets, 1)
}
