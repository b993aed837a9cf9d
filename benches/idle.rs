//! What an idle cycle costs where much has happened: a state of 40 claims and 5,000 records, twelve
//! monthly files of history, 4,000 state commits. Wall time, and every byte that crosses the network
//! in both directions, in a checkout that knows the state and in a fresh shallow clone. The remote is
//! git's own daemon; a relay in between counts.
//!
//! `cargo bench --bench idle`; medians of nine. The bounds are 100 ms and 200 KB.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

mod world;

use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::World;

const SAMPLES: usize = 9;
const CLAIMS: usize = 40;
const RECORDS: usize = 5000;
const COMMITS: usize = 4000;
const MOST_TIME: f64 = 100.0;
const MOST_BYTES: f64 = 200.0;

const CONFIG: &str = "\
tracker: {kind: local, path: ../tickets}
forge: {kind: local, path: ../pulls}
agent: {kind: command, command: [\"true\"]}
workspace: {root: ../workspaces}
";

fn main() {
    // `cargo test --all-targets` starts it as well, and only asks whether it can.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let world = World::new(CONFIG, std::iter::empty(), 20);
    fill(&world.path("origin.git"));
    let port = free_port();
    let mut daemon = daemon(&world, port);
    let relay = Relay::start(port);
    let url = format!("git://127.0.0.1:{}/origin.git", relay.port);
    let before = refs(&world);
    println!("{:<28}{:>22}{:>24}", "an idle cycle", "time", "network");
    world.git("clone", &format!("remote set-url origin {url}"));
    measure(&world, &relay, &world.path("clone"));
    let known: Vec<_> = (0..SAMPLES).map(|_| measure(&world, &relay, &world.path("clone"))).collect();
    row("the state is known", known);
    let fresh: Vec<_> = (0..SAMPLES)
        .map(|number| {
            let name = format!("fresh{number}");
            world.git(".", &format!("clone -q --depth 1 {url} {name}"));
            measure(&world, &relay, &world.path(&name))
        })
        .collect();
    row("a fresh shallow clone", fresh);
    assert_eq!(refs(&world), before, "an idle cycle wrote something");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

fn row(name: &str, mut all: Vec<(Duration, u64)>) {
    let middle = all.len() / 2;
    all.sort();
    let ms = all[middle].0.as_secs_f64() * 1000.0;
    all.sort_by_key(|(_, bytes)| *bytes);
    let kilobytes = all[middle].1 as f64 / 1000.0;
    let against = |value: f64, most: f64| if value <= most { "<=" } else { "ABOVE" };
    println!(
        "{name:<28}{:>22}{:>24}",
        format!("{ms:.1} {} {MOST_TIME:.0} ms", against(ms, MOST_TIME)),
        format!("{kilobytes:.1} {} {MOST_BYTES:.0} KB", against(kilobytes, MOST_BYTES)),
    );
}

/// One idle cycle: its time and its bytes.
fn measure(world: &World, relay: &Relay, clone: &Path) -> (Duration, u64) {
    let before = relay.bytes.load(Ordering::SeqCst);
    let begun = Instant::now();
    let mut command = world.conductor(&["once", "--output", "json"]);
    let output = command.current_dir(clone).stdout(Stdio::piped()).output().unwrap();
    let took = begun.elapsed();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("\"idle\""), "{told}");
    (took, relay.bytes.load(Ordering::SeqCst) - before)
}

fn refs(world: &World) -> Vec<u8> {
    let mut git = world.command("git", &["for-each-ref"]);
    git.current_dir(world.path("origin.git")).stdout(Stdio::piped()).output().unwrap().stdout
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn daemon(world: &World, port: u16) -> Child {
    let exec = Command::new("git").arg("--exec-path").output().unwrap().stdout;
    let program = Path::new(String::from_utf8_lossy(&exec).trim()).join("git-daemon");
    let mut command = Command::new(program);
    command.args(["--listen=127.0.0.1", "--export-all", "--informative-errors", "--reuseaddr"]);
    command.arg(format!("--port={port}")).arg(format!("--base-path={}", world.path(".").display()));
    command.arg(world.path(".")).stdin(Stdio::null()).stdout(Stdio::null());
    let child = command.spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

/// Hands on what both sides say, and counts it.
struct Relay {
    port: u16,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bytes = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                let ends =
                    [(client.try_clone(), server.try_clone()), (server.try_clone(), client.try_clone())];
                for (from, into) in ends {
                    let (from, into, count) = (from.unwrap(), into.unwrap(), Arc::clone(&count));
                    std::thread::spawn(move || hand_on(from, into, &count));
                }
            }
        });
        Self { port, bytes }
    }
}

fn hand_on(mut from: TcpStream, mut into: TcpStream, count: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read) = from.read(&mut buffer) {
        // Counted before the other side can end because of it.
        count.fetch_add(read as u64, Ordering::SeqCst);
        if read == 0 || into.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = into.shutdown(Shutdown::Write);
}

/// The state's branch: a year of it.
fn fill(origin: &Path) {
    let mut import = Command::new("git");
    import.args(["fast-import", "--quiet"]).current_dir(origin).stdin(Stdio::piped());
    let mut child = import.spawn().unwrap();
    let mut stream = child.stdin.take().unwrap();
    let mut commit = |number: usize, files: &[(String, String)]| {
        let name = "refs/heads/conductor/state";
        let when = 1_764_000_000 + number * 7000;
        let who = format!("committer Conductor <conductor@localhost> {when} +0000");
        write!(stream, "commit {name}\n{who}\ndata 6\nrecord\n").unwrap();
        for (path, text) in files {
            write!(stream, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
        }
    };
    for number in 1..COMMITS {
        let state = json!({"version": 2, "claims": {}, "issues": {}, "outcomes": [], "number": number});
        commit(number, &[("state.json".to_owned(), state.to_string())]);
    }
    let mut files: Vec<_> = (1..=12).map(month).collect();
    files.push(("state.json".to_owned(), serde_json::to_string_pretty(&state()).unwrap()));
    commit(COMMITS, &files);
    drop(stream);
    assert!(child.wait().unwrap().success());
}

fn month(month: usize) -> (String, String) {
    let each = RECORDS / 12;
    let lines = (0..each).map(|number| {
        let number = month * each + number;
        let line = json!({
            "timestamp": time(month, number), "run_id": run(number), "issue": format!("ENG-{number}"),
            "issue_id": format!("ENG-{number}"), "attempt": 1, "outcome": "success", "failure": null,
            "phase": "committing", "tool_calls": 20 + number % 60, "files_modified": number % 9,
            "tokens_used": 20_000 + number * 37 % 90_000, "usd": 0.25, "duration_ms": 60_000 + number * 71 % 900_000,
            "has_commits": true, "labels": ["agent"], "model": "claude-opus-5-5",
            "branch": format!("conductor/ENG-{number}"),
            "pull_request": format!("https://github.com/acme/app/pull/{number}"), "gates": [], "error_tail": null,
        });
        format!("{line}\n")
    });
    (format!("history/2026-{month:02}.jsonl"), lines.collect())
}

fn state() -> serde_json::Value {
    let record = |number: usize| {
        let (head, at) = (sha(number), time(1 + number % 12, number));
        let record = json!({
            "identifier": format!("ENG-{number}"), "status": "done", "stage": "done", "fault": null,
            "attempts": 1, "interruptions": 0, "failures_by_phase": {}, "branch": format!("conductor/ENG-{number}"),
            "head_sha": head,
            "pull_request": {"number": number, "url": format!("https://github.com/acme/app/pull/{number}")},
            "next_attempt_at": null, "blocked_reason": null, "issue_updated_at": at,
            "cost": {"usd": 0.25, "tokens": 20_000 + number * 37 % 90_000},
        });
        (format!("id-{number}"), record)
    };
    let claim = |number: usize| {
        let key = format!("OPS-{number}");
        let claim = json!({
            "identifier": key, "run_id": run(number), "host": "runner/elsewhere", "pid": 4711,
            "pid_started": "1", "ci_run_url": null, "claimed_at": "2026-11-01T00:00:00.000Z",
            "lease_expires_at": "2099-01-01T00:00:00.000Z", "attempt": 1, "branch": format!("conductor/{key}"),
            "base_sha": sha(number), "purpose": "work", "ticket_state": "Todo",
        });
        (key, claim)
    };
    json!({
        "version": 2,
        "claims": (1..=CLAIMS).map(claim).collect::<serde_json::Map<_, _>>(),
        "issues": (1..=RECORDS).map(record).collect::<serde_json::Map<_, _>>(),
        "rate_limit": {"backoff_until": null, "consecutive_hits": 0, "total_hits": 0, "last_hit_at": null},
        "usage": {}, "outcomes": [], "access": {},
    })
}

fn sha(number: usize) -> String {
    Sha256::digest(number.to_string()).iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}

fn run(number: usize) -> String {
    format!("20261101T000000Z-{}", &sha(number)[..8])
}

fn time(month: usize, number: usize) -> String {
    format!(
        "2026-{month:02}-{:02}T{:02}:{:02}:{:02}.000Z",
        1 + number % 28,
        number % 24,
        number % 60,
        number * 7 % 60
    )
}
