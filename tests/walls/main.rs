//! What holds agents, hooks and gates, with scripts as hostile agents in real walls and whole
//! cycles. Every test runs in each kind of walls that works here, and says so where one does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod bubblewrap;
mod container;
mod leavings;
mod network;
mod opening;
mod outside;
mod processes;
mod runner;
mod secrets;
mod user;
#[allow(dead_code, reason = "the real agents' tests use more of it")]
#[path = "../real/world.rs"]
mod world;

use serde_json::{Value, json};
use std::process::Command;
use world::World;

/// The kinds of walls that work here.
fn kinds() -> Vec<&'static str> {
    let mut kinds = Vec::new();
    if has_landlock() {
        kinds.push("landlock");
    } else {
        eprintln!("skipped: this kernel has no Landlock");
    }
    if has_bubblewrap() {
        kinds.push("bubblewrap");
    }
    kinds
}

fn has_landlock() -> bool {
    let modules = std::fs::read_to_string("/sys/kernel/security/lsm");
    match modules {
        Ok(modules) => modules.split(',').any(|module| module.trim() == "landlock"),
        // Where that file system is not mounted, a run tells.
        Err(_) => {
            let world = World::new(&agent("landlock", "echo hello > hello.txt", &[]));
            world.once().code != Some(2)
        }
    }
}

/// Whether bubblewrap works here; says so where it does not.
fn has_bubblewrap() -> bool {
    let tried = Command::new("bwrap")
        .args(["--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"])
        .output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: bubblewrap is not here or not allowed");
    }
    works
}

/// An agent that is a script, behind these walls.
fn agent(kind: &str, script: &str, settings: &[(&str, Value)]) -> Value {
    let mut agent =
        json!({"kind": "command", "command": ["sh", "-c", script], "sandbox": kind, "max_attempts": 1});
    settings.iter().for_each(|(key, value)| agent[key] = value.clone());
    agent
}
