//! Many runs that write one state at the same moment, and runs whose remote hangs.

use crate::support::conductor::{Running, World, comes_true};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

const RUNS: usize = 16;

fn all_end_well(world: &World, running: Vec<Running>) {
    for run in running {
        run.wait().exits(0);
    }
    assert_eq!(world.pulls().len(), RUNS);
    assert_eq!(world.audit().len(), 3 * RUNS, "one claim, one push, one record each: {:#?}", world.audit());
    assert_eq!(world.claims(), Vec::<String>::new());
}

fn world() -> (World, Vec<String>) {
    let mut world = World::new();
    world.set("limits.max_concurrent", json!(RUNS));
    let keys: Vec<String> = (1..=RUNS).map(|number| format!("T-{number}")).collect();
    keys.iter().for_each(|key| world.ticket(key));
    (world, keys)
}

#[test]
fn runs_of_one_checkout_that_contend_for_the_state_all_end_well() {
    let (world, keys) = world();
    let running = keys.iter().map(|key| world.start(&["--issue", key])).collect();
    all_end_well(&world, running);
}

#[test]
fn runs_of_as_many_checkouts_that_contend_for_the_state_all_end_well() {
    let (world, keys) = world();
    let running = keys.iter().map(|key| world.start_in(&format!("at-{key}"), &["--issue", key])).collect();
    all_end_well(&world, running);
}

/// A signal while the origin does not answer: the run is out in time, and nothing lives on.
fn is_out_in_time(world: &World, run: Running) {
    world.await_fact("hanging");
    let begun = Instant::now();
    run.signal(Signal::TERM);
    run.wait().exits(143);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(comes_true(|| world.processes().is_empty()), "{:#?}", world.processes());
}

#[test]
fn a_signal_ends_a_run_whose_push_hangs() {
    let world = World::new();
    world.ticket("T-1");
    world.origin_hook("pre-receive", "trap '' TERM; tell hanging; sleep 90");
    is_out_in_time(&world, world.start(&[]));
}

#[test]
fn a_signal_ends_a_run_whose_fetch_hangs() {
    let world = World::new();
    world.ticket("T-1");
    let hangs = world.script("hanging-pack", "tell hanging; sleep 90");
    let checkout = world.checkout();
    crate::support::repo::git(&checkout, &["config", "remote.origin.uploadpack", hangs.to_str().unwrap()]);
    is_out_in_time(&world, world.start(&[]));
}
