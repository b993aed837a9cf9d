//! What ends work early: a signal, the run's deadline, a ticket that changed under it.

use crate::model::{IssueId, StopReason};
use crate::ports::Clock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Set by the signal handler's thread, looked at by everybody who waits.
#[derive(Debug, Default)]
pub struct Interrupt {
    signal: AtomicI32,
}

impl Interrupt {
    /// Asks the run to end. The first signal is the one that counts.
    pub fn request(&self, signal: i32) {
        // Losing this race means another signal came first.
        let _ = self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The signal that asked, if any.
    pub fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }
}

/// What the threads of one run ask while they work.
pub struct Stops<'c> {
    pub interrupt: &'c Interrupt,
    pub clock: &'c dyn Clock,
    /// The clock's monotonic time at which the run ends.
    pub deadline: Duration,
    /// Tickets that changed, with what happened to them.
    changed: Mutex<HashMap<IssueId, String>>,
}

impl<'c> Stops<'c> {
    pub fn new(interrupt: &'c Interrupt, clock: &'c dyn Clock, deadline: Duration) -> Self {
        Self { interrupt, clock, deadline, changed: Mutex::default() }
    }

    /// Why the work on this issue must end now, if it must.
    pub fn reason(&self, issue: &IssueId) -> Option<StopReason> {
        self.for_all().or_else(|| self.change(issue).map(|_| StopReason::TicketChanged))
    }

    /// Why everything must end now, if it must.
    pub fn for_all(&self) -> Option<StopReason> {
        if self.interrupt.signal().is_some() {
            Some(StopReason::Interrupted)
        } else {
            (self.clock.monotonic() >= self.deadline).then_some(StopReason::Deadline)
        }
    }

    /// Whether everything must end.
    pub fn all(&self) -> bool {
        self.for_all().is_some()
    }

    /// Notes that a ticket changed so that its work must end.
    pub fn ticket_changed(&self, issue: &IssueId, what: String) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(issue.clone(), what);
    }

    /// What happened to the ticket.
    pub fn change(&self, issue: &IssueId) -> Option<String> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).get(issue).cloned()
    }
}
