//! One run under way: what its stages share. Data, the time, and the words for those who watch;
//! the stages themselves are free functions over `&Run`.

use super::claims::Living;
use super::group_commit::GroupCommit;
use super::ledger::Ledger;
use super::outages::Outages;
use super::status_files::StatusFiles;
use super::stop::Interrupt;
use super::timings::Stopwatch;
use super::world::{Settings, World};
use crate::model::progress::{News, Progress};
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
    pub watch: &'w Stopwatch<'w>,
    pub interrupt: &'w Interrupt,
    pub status: StatusFiles<'w>,
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
        watch: &'w Stopwatch<'w>,
        interrupt: &'w Interrupt,
    ) -> Self {
        Self {
            world,
            settings,
            ledger,
            watch,
            interrupt,
            status: StatusFiles::new(world, settings),
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

    /// Tells those who watch.
    pub fn emit(&self, issue: &Issue, news: News) {
        (self.world.progress)(Progress { at: self.now(), issue: issue.identifier.clone(), news });
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.world.guards.redact(text)
    }
}
