//! Where the time goes: named steps, measured by the world's clock.

use crate::model::report::{TimedStep, Timings};
use crate::ports::Clock;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub struct Stopwatch<'c> {
    clock: &'c dyn Clock,
    begun: Duration,
    steps: Mutex<Vec<TimedStep>>,
}

impl<'c> Stopwatch<'c> {
    pub fn start(clock: &'c dyn Clock) -> Self {
        Self { clock, begun: clock.monotonic(), steps: Mutex::default() }
    }

    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.begun)
    }

    /// Runs a step and notes how long it took.
    pub fn time<T>(&self, step: &str, issue: Option<&str>, run: impl FnOnce() -> T) -> T {
        let started = self.elapsed();
        let result = run();
        let timed = TimedStep {
            step: step.to_owned(),
            issue: issue.map(str::to_owned),
            started_ms: milliseconds(started),
            duration_ms: milliseconds(self.elapsed().saturating_sub(started)),
        };
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(timed);
        result
    }

    /// The steps so far, in the order they began.
    pub fn timings(&self) -> Timings {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        steps.sort_by(|a, b| a.started_ms.total_cmp(&b.started_ms));
        Timings { total_ms: milliseconds(self.elapsed()), steps }
    }
}

/// To the microsecond: more digits only pretend.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
