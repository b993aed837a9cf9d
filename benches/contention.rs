//! What contention costs: 64 runs that begin at once, each with a ticket and a checkout of its own, on
//! one state branch, beside as many plain state pushes one after the other. The bound is three times.
//!
//! `cargo bench --bench contention`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/race/contention.rs"]
mod contention;
#[path = "../tests/cycle/support/mod.rs"]
mod support;

const RUNS: usize = 64;
const SAMPLES: usize = 3;

fn main() {
    // `cargo test --all-targets` starts it as well, and only asks whether it can.
    if std::env::args().any(|arg| arg == "--bench") {
        (0..SAMPLES).for_each(|_| println!("{}", contention::run(RUNS)));
    }
}
