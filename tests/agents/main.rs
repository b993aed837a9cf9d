//! Agents through the whole program: scripted programs in the place of the real ones, real git, a
//! folder of tickets and one of pull requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod codex;
mod world;
