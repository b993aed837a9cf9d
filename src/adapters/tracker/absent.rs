//! No tracker: a job that holds no key of one asks nobody and writes nothing.

use crate::model::{Issue, IssueId, Time};
use crate::ports::{Candidates, Link, TicketUpdate, TicketUpdated, Tracker, TrackerError};

pub struct AbsentTracker;

fn absent<T>() -> Result<T, TrackerError> {
    Err(TrackerError::unreachable("this job has no tracker"))
}

impl Tracker for AbsentTracker {
    fn candidates(&self, _also: &[IssueId]) -> Result<Candidates, TrackerError> {
        absent()
    }

    fn refresh(&self, _ids: &[IssueId]) -> Result<Vec<Issue>, TrackerError> {
        absent()
    }

    fn find(&self, _identifier: &str) -> Result<Option<Issue>, TrackerError> {
        absent()
    }

    fn update(&self, _issue: &Issue, _update: &TicketUpdate) -> Result<TicketUpdated, TrackerError> {
        absent()
    }

    fn check_access(&self) -> Result<(), TrackerError> {
        absent()
    }

    fn credential(&self) -> Option<String> {
        None
    }

    fn move_to(&self, _issue: &Issue, _state: &str) -> Result<Option<Time>, TrackerError> {
        absent()
    }

    fn link(&self, _issue: &Issue, _link: &Link) -> Result<Option<Time>, TrackerError> {
        absent()
    }

    fn requests(&self) -> u64 {
        0
    }
}
