//! As many runs as tickets, each with a ticket and a checkout of its own, on one state branch.

use crate::support::conductor::{Running, World};
use crate::support::repo;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// What it came to, in words.
pub fn run(runs: usize) -> String {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(runs));
    let keys: Vec<String> = (1..=runs).map(|number| format!("T-{number}")).collect();
    keys.iter().for_each(|key| world.ticket(key));
    let checkouts: Vec<String> = keys.iter().map(|key| format!("at-{key}")).collect();
    // Cloning is none of what is measured.
    for checkout in &checkouts {
        repo::checkout("origin.git", &world.path().join(checkout));
    }
    let alone = sequential_pushes(&world, runs);
    let begun = Instant::now();
    let running: Vec<Running> = keys
        .iter()
        .zip(&checkouts)
        .map(|(key, checkout)| world.start_in(checkout, &["--issue", key]))
        .collect();
    let ended: Vec<_> = running.into_iter().map(Running::wait).collect();
    let together = begun.elapsed();
    let failed: Vec<_> = ended.iter().filter(|run| run.code() != 0).collect();
    assert!(failed.is_empty(), "{} of {runs} runs did not end well: {}", failed.len(), failed[0]);
    assert_eq!(world.pulls().len(), runs);
    assert_eq!(world.outcomes().len(), runs, "one outcome each");
    assert!(world.claims().is_empty());
    for key in &keys {
        assert_eq!(world.record(key)["stage"], "in_review", "{key}");
    }
    let commits = world.audit().len();
    format!(
        "{runs} runs at once: all succeed in {together:.1?}, {:.1} x {runs} state pushes one after the other \
         ({alone:.1?}), {:.1} state commits each",
        together.as_secs_f64() / alone.as_secs_f64(),
        commits as f64 / runs as f64,
    )
}

/// The same number of commits pushed to a branch of their own, each with its lease, nothing else.
fn sequential_pushes(world: &World, count: usize) -> Duration {
    let folder = world.path().join("alone");
    repo::checkout("origin.git", &folder);
    let tree = repo::git(&folder, &["rev-parse", "HEAD^{tree}"]);
    let begun = Instant::now();
    let mut before = String::new();
    for number in 0..count {
        let sha = repo::git(&folder, &["commit-tree", "-m", &format!("number {number}"), &tree]);
        push(&folder, &sha, &before);
        before = sha;
    }
    let took = begun.elapsed();
    repo::git(&world.origin(), &["update-ref", "-d", "refs/measure/alone"]);
    took
}

fn push(folder: &Path, sha: &str, before: &str) {
    let lease = format!("--force-with-lease=refs/measure/alone:{before}");
    repo::git(folder, &["push", "-q", &lease, "origin", &format!("{sha}:refs/measure/alone")]);
}
