//! A change on its way, and what of it is not on record yet.

use super::super::work::job::ClaimedIssue;
use super::super::world::CycleError;
use crate::model::report::KeptWork;
use crate::model::{Attempt, Claim, Delivery, Fault, Issue, IssueRecord, Time};
use crate::ports::KeptFile;
use std::time::Duration;

/// A change this run holds, on its way.
pub(in crate::cycle) struct Parcel {
    /// The ticket as it was seen last.
    pub issue: Issue,
    /// When that was, on the run's watch.
    pub seen_at: Duration,
    pub claim: Claim,
    pub record: IssueRecord,
    /// Outcomes of this run that are not on record yet.
    pub unwritten: Option<Unwritten>,
    /// Made by this very run: nothing of it can be anywhere already.
    pub is_fresh: bool,
    /// This run made its branch on the remote, where none was.
    pub is_new_branch: bool,
    /// The guards have judged its head as it is now. What a record or a file says of a verdict is
    /// no verdict: others may have written it.
    pub is_judged: bool,
    /// Where refused work is.
    pub kept: Option<KeptWork>,
    /// The pull request was opened by this run.
    pub created: bool,
    /// Nothing is asked of the ticket's tracker any more: a person took it elsewhere.
    pub stays_where_it_is: bool,
    /// What was announced in this run; back to it when the remote does not have the head after all.
    pub announced: Option<Box<Delivery>>,
    /// Why the ticket could not be looked at: it is pushed and goes no further in this run.
    pub unseen: Option<Fault>,
    pub warnings: Vec<String>,
    /// The state could not be written.
    pub trouble: Option<CycleError>,
}

impl Parcel {
    /// A change of which nothing was delivered yet.
    pub fn new(claimed: &ClaimedIssue, seen_at: Duration) -> Self {
        Self {
            issue: claimed.issue.clone(),
            seen_at,
            claim: claimed.claim.clone(),
            record: claimed.record.clone(),
            unwritten: None,
            is_fresh: true,
            is_new_branch: false,
            is_judged: true,
            kept: None,
            created: false,
            stays_where_it_is: false,
            announced: None,
            unseen: None,
            warnings: Vec::new(),
            trouble: None,
        }
    }

    /// The ticket as it is now; its text stays, which a look does not read.
    pub fn see(&mut self, fresh: Issue, at: Duration) {
        self.issue = Issue { description: std::mem::take(&mut self.issue.description), ..fresh };
        self.seen_at = at;
    }
}

/// What a run's attempts leave for the record.
pub(in crate::cycle) struct Unwritten {
    pub attempts: Vec<Attempt>,
    pub contexts: Vec<KeptFile>,
    /// A limit of the provider was hit; with the reset it named.
    pub limit_hit: Option<Option<Time>>,
}
