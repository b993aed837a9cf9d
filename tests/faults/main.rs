//! The fault matrix: every request of a cycle (Linear, GitHub's REST, git over smart HTTP) is damaged
//! once, in every way an answer can be damaged, and then cycles without a fault run until idle.
//! However it was: one pull request, one agent, nothing lost, the right owner and exit code.
//!
//! It prints a table, requests down and damages across; a cell is the exit code of the damaged
//! cycle and the owner of the fault it told of.
//!
//! `cargo test --test faults` is a representative part; `-- --all` is everything; `-- --only NAME`
//! repeats what a violation names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod cell;
#[path = "../matrix/mod.rs"]
mod matrix;
#[path = "../cycle/support/mod.rs"]
mod support;

use cell::{Cell, Point};
use matrix::Options;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::server::Damage;

/// Cells of the representative part.
const PART: usize = 40;
/// Shorter than a client's patience.
const SLOW: Duration = Duration::from_millis(300);

fn main() {
    let Some(options) = Options::read("faults") else { return };
    let begun = Instant::now();
    let points = cell::points_of_a_clean_run();
    let is_whole = options.all || options.only.is_some();
    let mut cells: Vec<Cell> = Vec::new();
    for point in &points {
        for (name, damage) in Damage::every(SLOW) {
            cells.push(Cell { point: point.clone(), name, damage });
        }
    }
    cells.retain(|cell| options.wants(&cell.to_string()));
    if !is_whole {
        cells = matrix::spread(&cells, PART);
    }
    println!(
        "faults: {} requests, {} damages to make, {} at once",
        points.len(),
        cells.len(),
        options.jobs()
    );
    let ended = matrix::run_all(&options, &cells, Cell::to_string, cell::hold);
    let violations = ended.iter().filter(|end| end.is_err()).count();
    print_table(&points, &cells, &ended);
    println!("{} damages, {violations} violations ({:.0?})", cells.len(), begun.elapsed());
    for (cell, _) in cells.iter().zip(&ended).filter(|(_, end)| end.is_err()) {
        println!("repeat: cargo test --test faults -- --only '{cell}'");
    }
    assert!(!cells.is_empty(), "no such damage");
    if violations > 0 {
        std::process::exit(1);
    }
}

fn print_table(points: &[Point], cells: &[Cell], ended: &[matrix::Ended<cell::Came>]) {
    let came: BTreeMap<String, String> = cells
        .iter()
        .zip(ended)
        .map(|(cell, end)| {
            (cell.to_string(), end.as_ref().map_or_else(|_| "VIOLATION".to_owned(), cell::Came::to_string))
        })
        .collect();
    let columns: Vec<&str> = Damage::every(SLOW).into_iter().map(|(name, _)| name).collect();
    print!("{:28}", "");
    columns.iter().for_each(|name| print!(" {:16}", name));
    println!();
    for point in points {
        print!("{:28}", point.to_string());
        for name in &columns {
            print!(" {:16}", came.get(&format!("{point}: {name}")).map_or("", String::as_str));
        }
        println!();
    }
}
