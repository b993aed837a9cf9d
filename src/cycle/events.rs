//! The run's event stream: one list of observers, each told everything that happens. The run's own
//! (step times, status files, traces) come first, those the world brings after them.

use super::run_folder::RunFolder;
use super::status_files::StatusFiles;
use super::step_times::StepTimes;
use super::trace_files::TraceFiles;
use super::world::{Settings, World};
use crate::model::cycle_event::{CycleEvent, CycleEventKind, Observer};
use crate::model::report::Timings;
use crate::ports::Clock;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Events<'w> {
    clock: &'w dyn Clock,
    begun: Duration,
    /// One of the observers, kept for what it collects.
    times: Arc<StepTimes>,
    observers: Vec<Arc<dyn Observer + 'w>>,
    pub folder: Arc<RunFolder<'w>>,
}

impl<'w> Events<'w> {
    /// Opens the stream of a run that begins now.
    pub fn open(world: &'w World, settings: &'w Settings) -> Self {
        let clock = world.clock.as_ref();
        let times = Arc::new(StepTimes::default());
        let folder = Arc::new(RunFolder::new(&settings.run_dir));
        let mut observers: Vec<Arc<dyn Observer + 'w>> = vec![
            Arc::clone(&times) as Arc<dyn Observer>,
            Arc::new(StatusFiles::new(world, settings, Arc::clone(&folder))),
            Arc::new(TraceFiles::new(&world.guards, Arc::clone(&folder))),
        ];
        observers
            .extend(world.observers.iter().map(|observer| Arc::clone(observer) as Arc<dyn Observer + 'w>));
        Self { clock, begun: clock.monotonic(), times, observers, folder }
    }

    pub fn emit(&self, issue: Option<&str>, kind: CycleEventKind) {
        let event = CycleEvent { at: self.clock.now(), issue: issue.map(str::to_owned), kind };
        for observer in &self.observers {
            observer.on(&event);
        }
    }

    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.begun)
    }

    /// Runs a step; its beginning, its end and its duration are events.
    pub fn time<T>(&self, step: &'static str, issue: Option<&str>, run: impl FnOnce() -> T) -> T {
        let started = self.elapsed();
        self.emit(issue, CycleEventKind::StepStarted { step });
        let result = run();
        let took = self.elapsed().saturating_sub(started);
        self.emit(issue, CycleEventKind::StepEnded { step, started, took });
        result
    }

    /// The steps that ended so far, in the order they began.
    pub fn timings(&self) -> Timings {
        self.times.timings(self.elapsed())
    }
}
