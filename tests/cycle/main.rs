//! The whole program against real git, real children and fake servers on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod claiming;
mod deciding;
mod publishing;
mod recovering;
mod running;
mod support;
