//! The whole program against real git, real children and fake servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod archived;
mod bad_input;
mod checkout_files;
mod checkouts;
mod claiming;
mod contending;
mod deciding;
mod explaining;
mod forge_limits;
mod gating;
mod hostile_files;
mod leavings;
mod publishing;
mod recovering;
mod reporting;
mod running;
mod security;
mod signing;
mod support;
mod two_sides;
mod workspaces;
