//! Adapters against schemas, recorded streams and servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../cycle/support/mod.rs"]
mod support;

mod agents;
mod fake_github;
mod gates;
mod git_contacts;
mod github;
mod github_access;
mod github_faults;
mod http;
mod linear;
mod linear_faults;
mod linear_schema;
mod linear_update;
mod local;
mod local_comment;
mod local_forge;
mod processes;
mod repository_history;
mod state_branch;
mod state_file;
