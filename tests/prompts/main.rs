//! Prompts, what attempts leave for the next ones, and what is learned from them: the whole
//! program against real git and real agents of a few lines.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a world that cannot be made should fail there")]

mod context;
mod evolve;
mod learn;
mod support;
mod templates;
mod workflow;
