//! The race: many processes of several checkouts over many tickets, some of which are killed, some
//! of whose pushes are refused or take effect without an answer; and as many runs as tickets that
//! write one state at the same moment.
//!
//! Stories it tells: a claim that dies between another run's look and its claim is recovered first;
//! two runs recover one claim and the slower one is late; a push takes effect and its answer is
//! lost; 64 runs claim at once on one state branch and all succeed.
//!
//! `cargo test --test race` is small; `-- --all` is 32 processes over 40 tickets and 64 runs;
//! `-- --seed N` repeats a seed, `-- --only contention` or `-- --only race` one of the two.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod contention;
#[path = "../matrix/mod.rs"]
mod matrix;
mod race;
#[path = "../cycle/support/mod.rs"]
mod support;

use matrix::Options;

const SEEDS: [u64; 3] = [1, 2, 3];

fn main() {
    let Some(options) = Options::read("race") else { return };
    let mut violations = 0;
    if options.wants("race") {
        let seeds = match (options.seed, options.all) {
            (Some(seed), _) => vec![seed],
            (None, true) => SEEDS.to_vec(),
            (None, false) => vec![1],
        };
        let size = if options.all { race::WHOLE } else { race::PART };
        for seed in seeds {
            println!("race: {} processes, {} tickets, seed {seed}", size.processes, size.tickets);
            match matrix::caught(|| race::run(size, seed)) {
                Ok(came) => println!("seed {seed}: {came}"),
                Err(violation) => {
                    println!("violation, seed {seed}: {violation}");
                    let all = if options.all { "--all " } else { "" };
                    println!("repeat: cargo test --test race -- {all}--only race --seed {seed}");
                    violations += 1;
                }
            }
        }
    }
    if options.wants("contention") {
        let runs = if options.all { 64 } else { 12 };
        match matrix::caught(|| contention::run(runs)) {
            Ok(came) => println!("{came}"),
            Err(violation) => {
                println!("violation, {runs} runs at once: {violation}");
                violations += 1;
            }
        }
    }
    println!("race: {violations} violations");
    if violations > 0 {
        std::process::exit(1);
    }
}
