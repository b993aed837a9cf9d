//! Where the time goes: collects the steps of the event stream for the report.

use crate::model::cycle_event::{CycleEvent, CycleEventKind, Observer};
use crate::model::report::{TimedStep, Timings};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

#[derive(Default)]
pub(super) struct StepTimes {
    steps: Mutex<Vec<TimedStep>>,
}

impl StepTimes {
    /// The steps so far, in the order they began; `total` is the time of the whole run.
    pub fn timings(&self, total: Duration) -> Timings {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        steps.sort_by(|a, b| a.started_ms.total_cmp(&b.started_ms));
        Timings { total_ms: milliseconds(total), steps }
    }
}

impl Observer for StepTimes {
    fn on(&self, event: &CycleEvent) {
        if let CycleEventKind::StepEnded { step, started, took } = event.kind {
            let timed = TimedStep {
                step: step.to_owned(),
                issue: event.issue.clone(),
                started_ms: milliseconds(started),
                duration_ms: milliseconds(took),
            };
            self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(timed);
        }
    }
}

/// To the microsecond: more digits only pretend.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
