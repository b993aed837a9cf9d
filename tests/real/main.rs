//! The real Claude Code and the real Codex against a scripted model on loopback, through whole
//! cycles. They run where `CONDUCTOR_REAL_CLAUDE` and `CONDUCTOR_REAL_CODEX` name the programs
//! (`tests/real/install.sh` fetches them); elsewhere each test says that it was skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod claude;
mod codex;
mod model;
#[allow(dead_code, reason = "the cycle's tests use more of it")]
#[path = "../cycle/support/server.rs"]
mod server;
#[allow(dead_code, reason = "the walls' tests use more of it")]
mod world;

/// The program that variable names; says so where there is none.
fn program(variable: &str) -> Option<String> {
    let program = std::env::var(variable).ok().filter(|program| !program.is_empty());
    if program.is_none() {
        eprintln!("skipped: {variable} names no program, see tests/real/install.sh");
    }
    program
}

/// The sandboxes an agent is tried in, and what of the network it is given.
fn sandboxes() -> [(&'static str, serde_json::Value); 4] {
    let listed = serde_json::json!(["nothing.example.org"]);
    [
        ("landlock", "open".into()),
        ("landlock", listed.clone()),
        ("bubblewrap", "open".into()),
        ("bubblewrap", listed),
    ]
}
