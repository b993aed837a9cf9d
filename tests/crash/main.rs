//! The crash matrix: a run over two tickets is stopped at every request, every call of git and
//! every place of agent and gate, before and after its effect, by SIGKILL and by SIGTERM. The next
//! runs, on the same machine or on another one when the lease is over, must bring everything to
//! its end: one pull request for each ticket, no accepted work done again, no commit lost, every
//! attempt on record, the tickets in review, no claim, lock or process left.
//!
//! The stories it tells at every point, besides those that tests of `cycle` tell one by one:
//! - killed when the claim is pushed and no agent has started: taken over, the interruption recorded;
//! - killed when the branch is pushed and no pull request is open: opened from the pushed head, no
//!   agent runs;
//! - killed when the pull request is open and the ticket has not moved: adopted, never a second one;
//! - killed when the ticket has moved and the outcome is not pushed: the record is made again from
//!   branch, pull request and ticket;
//! - ended with commits that are nowhere else: they are saved before anything is reset;
//! - killed while a workspace is made, filled or removed: no file nobody touched is deleted by the
//!   pull request, no lock file stops a later run;
//! - a push takes effect and its answer never arrives: found on the remote, no second agent.
//!
//! `cargo test --test crash` is a representative part; `-- --all` is everything; `-- --only NAME`
//! repeats what a violation names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[path = "../matrix/mod.rs"]
mod matrix;
mod points;
mod scenario;
#[path = "../cycle/support/mod.rs"]
mod support;
mod wrapper;

use matrix::Options;
use points::Stop;
use rustix::process::Signal;
use std::time::Instant;

/// Stops of the representative part.
const PART: usize = 32;

fn main() {
    wrapper::become_it();
    let Some(options) = Options::read("crash") else { return };
    let begun = Instant::now();
    let points = points::of_a_clean_run();
    let mut stops = Vec::new();
    for (at, point) in points.iter().enumerate() {
        let all = [(Signal::KILL, false), (Signal::TERM, false), (Signal::KILL, true), (Signal::TERM, true)];
        let is_whole = options.all || options.only.is_some();
        // In the part the four ways take turns.
        let ways = if is_whole { all.to_vec() } else { vec![all[(at / 2 + at) % 4]] };
        stops.extend(ways.into_iter().map(|(signal, elsewhere)| Stop {
            point: point.clone(),
            signal,
            elsewhere,
        }));
    }
    stops.retain(|stop| options.wants(&stop.to_string()));
    if !options.all && options.only.is_none() {
        stops = matrix::spread(&stops, PART);
    }
    println!("crash: {} points, {} stops to make, {} at once", points.len(), stops.len(), options.jobs());
    let ended = matrix::run_all(&options, &stops, Stop::to_string, scenario::hold);
    let violations = ended.iter().filter(|end| end.is_err()).count();
    let reached = ended.iter().flatten().filter(|came| came.reached).count();
    println!(
        "{} stops, {violations} violations ({reached} came where they were meant to, {:.0?})",
        stops.len(),
        begun.elapsed()
    );
    for (stop, _) in stops.iter().zip(&ended).filter(|(_, end)| end.is_err()) {
        println!("repeat: cargo test --test crash -- --only '{stop}'");
    }
    assert!(!stops.is_empty(), "no such stop");
    let is_aimless = options.only.is_none() && (reached + violations) * 10 < stops.len() * 7;
    if is_aimless {
        println!("too few runs came where they were to be stopped: the matrix proves little");
    }
    if violations > 0 || is_aimless {
        std::process::exit(1);
    }
}
