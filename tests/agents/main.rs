//! Agents through the whole program: scripted stand-ins for the real ones, their limits of time,
//! turns and money, and what becomes of their processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod codex;
mod endings;
mod fake;
mod fallback;
mod fixing;
mod limits;
mod opencode;
mod spending;
#[path = "../cycle/support/mod.rs"]
mod support;
mod time;
