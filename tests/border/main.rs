//! The cycle as separate jobs: three processes with environments and folders of their own, between
//! which the folders of assignments and results are carried, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod crossing;
mod jobs;
mod killing;
#[path = "../cycle/support/mod.rs"]
mod support;
mod walking;
