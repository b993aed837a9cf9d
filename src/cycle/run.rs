//! One run under way: what its stages share. Data, the time, and the event stream;
//! the stages themselves are free functions over `&Run`.

use super::claims::Living;
use super::events::Events;
use super::group_commit::GroupCommit;
use super::ledger::Ledger;
use super::outages::Outages;
use super::run_folder::RunFolder;
use super::stop::Interrupt;
use super::world::{Settings, World};
use crate::model::cycle_event::CycleEventKind;
use crate::model::report::Timings;
use crate::model::{Issue, IssueId, Time};
use crate::ports::TrackerError;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// How long a look at a ticket waits for those of the other tickets at work.
const LOOK_PATIENCE: Duration = Duration::from_millis(40);

/// Tickets of several threads, read in one request.
pub(super) type Looks = GroupCommit<IssueId, Result<Option<Issue>, TrackerError>>;

pub(super) struct Run<'w> {
    pub world: &'w World,
    pub settings: &'w Settings,
    pub ledger: Ledger<'w>,
    events: &'w Events<'w>,
    pub interrupt: &'w Interrupt,
    /// Services that failed in this run, and what they said.
    pub outages: Outages,
    /// Pages of CI runs that are over.
    concluded: OnceLock<Arc<HashSet<String>>>,
    pub looks: Looks,
    /// Tickets of this run whose agents are through: they need no slot.
    pub through: Arc<Mutex<HashSet<IssueId>>>,
    /// The remote took a branch of this run.
    pub has_pushed: AtomicBool,
}

impl<'w> Run<'w> {
    pub fn new(
        world: &'w World,
        settings: &'w Settings,
        ledger: Ledger<'w>,
        events: &'w Events<'w>,
        interrupt: &'w Interrupt,
    ) -> Self {
        Self {
            world,
            settings,
            ledger,
            events,
            interrupt,
            outages: Outages::default(),
            concluded: OnceLock::new(),
            looks: GroupCommit::new(LOOK_PATIENCE),
            through: Arc::default(),
            has_pushed: AtomicBool::new(false),
        }
    }

    /// What is known of the runs that hold claims.
    pub fn living(&self) -> Living<'w> {
        Living::new(self.world, self.settings, self.concluded.get().cloned().unwrap_or_default())
    }

    pub fn know_concluded(&self, pages: HashSet<String>) {
        self.concluded.get_or_init(|| Arc::new(pages));
    }

    pub fn now(&self) -> Time {
        self.world.clock.now()
    }

    /// Tells every observer what happened to a ticket.
    pub fn emit(&self, issue: &Issue, kind: CycleEventKind) {
        self.events.emit(Some(&issue.identifier), kind);
    }

    /// Tells every observer what happened to the run.
    pub fn emit_for_all(&self, kind: CycleEventKind) {
        self.events.emit(None, kind);
    }

    /// Something went wrong that stops nothing: with that ticket, or with the run.
    pub fn warn(&self, issue: Option<&str>, message: impl Into<String>) {
        self.events.emit(issue, CycleEventKind::Warning { message: message.into() });
    }

    /// A detail, for whoever looks for a fault.
    pub fn detail(&self, issue: Option<&str>, message: impl Into<String>) {
        self.events.emit(issue, CycleEventKind::Detail { message: message.into() });
    }

    /// What log lines of a thread that works on a ticket carry. An error's level: no filter takes it away.
    pub fn span(&self, issue: &str) -> tracing::Span {
        tracing::error_span!("issue", issue = %issue, run = %self.settings.identity.run_id)
    }

    /// Runs a step of the run, or of a ticket; its duration is told.
    pub fn time<T>(&self, step: &'static str, issue: Option<&str>, run: impl FnOnce() -> T) -> T {
        self.events.time(step, issue, run)
    }

    /// Since the run began.
    pub fn elapsed(&self) -> Duration {
        self.events.elapsed()
    }

    /// Where each step's time went so far.
    pub fn timings(&self) -> Timings {
        self.events.timings()
    }

    /// The run's folder on this machine.
    pub fn folder(&self) -> &RunFolder<'w> {
        &self.events.folder
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.world.guards.redact(text)
    }
}
