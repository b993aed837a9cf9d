//! What a long past costs: a hundred thousand outcomes, ten thousand issues done, five hundred
//! tickets to decide about. Prints what a cycle's decisions take, what the commands that read all of
//! it take, their memory, and the size of the document.
//!
//! `cargo bench --bench history`; each number is the median of five.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

mod world;

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use world::World;

const OUTCOMES: usize = 100_000;
const ISSUES: usize = 10_000;
const CANDIDATES: usize = 500;
const MONTHS: usize = 24;
const SAMPLES: usize = 5;

const CONFIG: &str = "\
tracker: {kind: local, path: ../tickets}
forge: {kind: local, path: ../pulls}
agent: {kind: command, command: [sh, -c, 'echo x >>x.txt']}
limits: {max_concurrent: 1, per_cycle: 1}
workspace: {root: ../workspaces}
";

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let world = new_world();
    println!("{OUTCOMES} outcomes, {ISSUES} issues, {CANDIDATES} tickets");
    println!("{:<36}{:>12}{:>12}", "", "time", "memory");
    // The first cycle works on a ticket and compacts the document.
    let report = once(&world);
    assert_eq!(report["dispatched"][0]["outcome"], "success", "{report}");
    let timed: Vec<Value> = (0..SAMPLES).map(|_| plan(&world)).collect();
    assert_eq!(timed[0]["skipped"].as_array().unwrap().len(), CANDIDATES - 2);
    for step in ["load state", "poll tracker", "select"] {
        row(&format!("a cycle: {step}"), median(timed.iter().map(|report| millis(report, step))), None);
    }
    for args in [&["once", "--dry-run", "--quiet"][..], &["plan"], &["learn"], &["usage"], &["search", "sum"]]
    {
        let times = (0..SAMPLES).map(|_| {
            let begun = Instant::now();
            succeed(&world, args);
            begun.elapsed()
        });
        let time = median(times.map(|time| time.as_secs_f64() * 1000.0));
        row(&format!("conductor {}", args.join(" ")), time, peak(&world, args));
    }
    let document = shown(&world, &["show", "conductor/state:state.json"]).len();
    println!("\nstate.json: {:.0} KB", document as f64 / 1000.0);
    assert!(document < 1_000_000);
}

fn row(name: &str, ms: f64, kib: Option<u64>) {
    let memory = kib.map(|kib| format!("{:.1} MB", kib as f64 * 1024.0 / 1e6)).unwrap_or_default();
    println!("{name:<36}{:>12}{memory:>12}", format!("{ms:.1} ms"));
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn millis(report: &Value, step: &str) -> f64 {
    let steps = report["timings"]["steps"].as_array().unwrap();
    let found = steps.iter().filter(|one| one["step"] == step);
    found.map(|one| one["duration_ms"].as_f64().unwrap()).sum()
}

fn new_world() -> World {
    let tickets = (1..=CANDIDATES).map(|number| {
        let text = format!(
            "---\ntitle: Ticket {number}\nstate: Todo\nlabels: [area-{}]\n---\nChange file{number}.txt.\n",
            number % 7
        );
        (format!("T-{number}"), text)
    });
    let world = World::new(CONFIG, tickets, 200);
    fs::create_dir_all(world.path("past/history")).unwrap();
    write_past(&world);
    world.git("past", "init -q -b conductor/state");
    world.git("past", "add -A");
    world.git("past", "commit -qm Past");
    world.git("past", "push -q ../origin.git conductor/state");
    world
}

fn write_past(world: &World) {
    let outcomes: Vec<Value> = (0..OUTCOMES).map(outcome).collect();
    let (old, new) = outcomes.split_at(OUTCOMES - 200);
    for (number, chunk) in old.chunks(old.len() / MONTHS + 1).enumerate() {
        let file = format!("past/history/{}-{:02}.jsonl", 2025 + number / 12, number % 12 + 1);
        let mut file = fs::File::create(world.path(&file)).unwrap();
        for line in chunk {
            writeln!(file, "{line}").unwrap();
        }
    }
    let issues: serde_json::Map<String, Value> = (0..ISSUES).map(record).collect();
    let usage: serde_json::Map<String, Value> = (0..700).map(day).collect();
    let state = json!({"version": 1, "updated_at": null, "updated_by": null, "claims": {}, "issues": issues,
        "rate_limit": {"backoff_until": null, "consecutive_hits": 0, "total_hits": 0, "last_hit_at": null},
        "usage": usage, "outcomes": new});
    fs::write(world.path("past/state.json"), serde_json::to_string_pretty(&state).unwrap()).unwrap();
}

fn succeed(world: &World, args: &[&str]) -> Vec<u8> {
    let output = world.conductor(args).stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn once(world: &World) -> Value {
    serde_json::from_slice(&succeed(world, &["once", "--output", "json"])).unwrap()
}

fn plan(world: &World) -> Value {
    serde_json::from_slice(&succeed(world, &["once", "--dry-run", "--timings", "--output", "json"])).unwrap()
}

fn shown(world: &World, args: &[&str]) -> Vec<u8> {
    world
        .command("git", args)
        .current_dir(world.path("origin.git"))
        .stdout(Stdio::piped())
        .output()
        .unwrap()
        .stdout
}

/// The largest resident size of that process alone, in KiB.
fn peak(world: &World, args: &[&str]) -> Option<u64> {
    let time = Path::new("/usr/bin/time");
    if !time.exists() {
        return None;
    }
    let all = [&["-f", "%M", env!("CARGO_BIN_EXE_conductor")], args].concat();
    let output = world.command(time.to_str().unwrap(), &all).output().unwrap();
    String::from_utf8_lossy(&output.stderr).lines().last()?.trim().parse().ok()
}

fn outcome(number: usize) -> Value {
    let failed = number.is_multiple_of(5);
    json!({"timestamp": format!("20{}-{:02}-{:02}T12:00:00Z", 25 + number * 24 / OUTCOMES / 12, number * 24 / OUTCOMES % 12 + 1, number % 28 + 1),
        "run_id": format!("20250101T000000Z-{number:08x}"), "issue": format!("OLD-{}", number / 2), "issue_id": format!("OLD-{}", number / 2),
        "attempt": number % 2 + 1, "outcome": if failed { "failure" } else { "success" },
        "failure": failed.then_some("gate_failed"), "phase": "testing", "tool_calls": 12, "files_modified": 3,
        "tokens_used": 45000, "usd": 0.4, "duration_ms": 61000, "has_commits": true, "labels": [format!("area-{}", number % 7)],
        "model": "sonnet", "branch": format!("conductor/OLD-{}", number / 2), "pull_request": null,
        "gates": [{"name": "test", "passed": !failed, "duration_ms": 900}],
        "error_tail": failed.then(|| "assertion failed: left == right\n".repeat(12))})
}

fn record(number: usize) -> (String, Value) {
    let record = json!({"identifier": format!("OLD-{number}"), "status": if number.is_multiple_of(50) { "blocked" } else { "done" },
        "attempts": 1, "interruptions": 0, "failures_by_phase": {"testing": 1}, "branch": format!("conductor/OLD-{number}"),
        "head_sha": format!("{number:040x}"), "pull_request": {"number": number, "url": format!("https://github.example/o/r/pull/{number}")},
        "next_attempt_at": null, "blocked_reason": null,
        "issue_updated_at": format!("2026-{:02}-{:02}T12:00:00Z", number % 12 + 1, number % 28 + 1)});
    (format!("OLD-{number}"), record)
}

fn day(number: usize) -> (String, Value) {
    let usage = json!({"input_tokens": 1, "output_tokens": 1, "cache_creation_tokens": 0, "cache_read_tokens": 0, "usd": 0.1, "runs": 1});
    (format!("{}-{:02}-{:02}", 2024 + number / 336, number / 28 % 12 + 1, number % 28 + 1), usage)
}
