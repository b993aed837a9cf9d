//! What the matrices share: their arguments, running many worlds beside each other, and telling
//! what was violated with what reproduces it.
//!
//! ```text
//! cargo test --test crash                      the representative part
//! cargo test --test crash -- --all             everything
//! cargo test --test crash -- --only 'git push' the cases whose name holds that
//! cargo test --test race -- --seed 7           that seed
//! ```

#![allow(dead_code)]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// What was asked for on the command line.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub all: bool,
    pub seed: Option<u64>,
    pub only: Option<String>,
    pub jobs: Option<usize>,
    /// Every case is told, with how long it took.
    pub verbose: bool,
}

impl Options {
    /// `None` when a filter of `cargo test` is not for this binary.
    pub fn read(binary: &str) -> Option<Self> {
        let mut options = Self::default();
        let mut filters: Vec<String> = Vec::new();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--all" => options.all = true,
                "--seed" => options.seed = arguments.next().and_then(|seed| seed.parse().ok()),
                "--only" => options.only = arguments.next(),
                "--jobs" => options.jobs = arguments.next().and_then(|jobs| jobs.parse().ok()),
                "--verbose" | "--nocapture" => options.verbose = true,
                "--list" => return None,
                // Of the usual harness's options these have a value.
                "--test-threads" | "--skip" | "--format" | "--color" | "--logfile" | "-Z" => {
                    drop(arguments.next());
                }
                other if other.starts_with('-') => {}
                filter => filters.push(filter.to_owned()),
            }
        }
        (filters.is_empty() || filters.iter().any(|filter| binary.contains(filter.as_str())))
            .then_some(options)
    }

    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from).max(2))
    }

    pub fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }
}

/// One case's end: what it gave, or what it violated.
pub type Ended<T> = Result<T, String>;

/// Runs every case, so many at once; a panic is that case's violation.
pub fn run_all<C: Sync, T: Send>(
    options: &Options,
    cases: &[C],
    name: impl Fn(&C) -> String + Sync,
    run: impl Fn(&C) -> T + Sync,
) -> Vec<Ended<T>> {
    quiet_panics();
    let next = AtomicUsize::new(0);
    let ended: Vec<Mutex<Option<Ended<T>>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs().min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(case) = cases.get(at) else { break };
                    let begun = Instant::now();
                    let end = caught(|| run(case));
                    if options.verbose {
                        let how = if end.is_ok() { "ok" } else { "VIOLATION" };
                        println!("{how} {} ({:.1?})", name(case), begun.elapsed());
                    }
                    if let Err(violation) = &end {
                        println!("violation: {}\n{violation}\n", name(case));
                    }
                    *ended[at].lock().unwrap() = Some(end);
                }
            });
        }
    });
    ended.into_iter().map(|end| end.into_inner().unwrap().unwrap()).collect()
}

/// The value, or the words of the panic that ended it.
pub fn caught<T>(run: impl FnOnce() -> T) -> Ended<T> {
    quiet_panics();
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| LAST.with(|last| last.borrow_mut().take()).unwrap_or_else(|| "a panic".to_owned()))
}

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics are kept for the report instead of being printed.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let text = format!("{info}");
            LAST.with(|last| {
                let mut last = last.borrow_mut();
                // The first one tells; what follows is met on the way out.
                if last.is_none() {
                    *last = Some(text);
                }
            });
        }));
    });
}

/// Evenly spread over the whole list, the ends included.
pub fn spread<C: Clone>(cases: &[C], count: usize) -> Vec<C> {
    if cases.len() <= count || count < 2 {
        return cases.to_vec();
    }
    (0..count).map(|at| cases[at * (cases.len() - 1) / (count - 1)].clone()).collect()
}

/// A small generator, so that a printed seed reproduces its choices.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub fn next(&mut self) -> u64 {
        // splitmix64: <https://prng.di.unimi.it/splitmix64.c>
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn in_a_hundred(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
