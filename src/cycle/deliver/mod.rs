//! From accepted work to a pull request in review: push, propose, announce. One function per stage,
//! each looks before it acts and can be repeated; the run that did the work and every later run go
//! this one way.

pub(super) mod announce;
pub(super) mod propose;
pub(super) mod push;
pub(super) mod settle;
pub(super) mod words;

use super::run::Run;
use super::world::CycleError;
use crate::model::{Attempt, Claim, Delivery, Fault, Issue, IssueRecord, Stage, Time};
use crate::ports::KeptFile;
use std::time::Duration;

/// A change this run holds, on its way.
pub(super) struct Parcel {
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
    /// The ticket as it is now; its text stays, which a look does not read.
    pub fn see(&mut self, fresh: Issue, at: Duration) {
        self.issue = Issue { description: std::mem::take(&mut self.issue.description), ..fresh };
        self.seen_at = at;
    }
}

/// What a run's attempts leave for the record.
pub(super) struct Unwritten {
    pub attempts: Vec<Attempt>,
    pub contexts: Vec<KeptFile>,
    /// A limit of the provider was hit; with the reset it named.
    pub limit_hit: Option<Option<Time>>,
}

/// Brings a change as far as it can be brought. A step that fails leaves it where it is, with its
/// fault.
pub(super) fn carry(run: &Run<'_>, parcel: &mut Parcel) {
    while step(run, parcel) {}
}

/// The next step of a change; whether there may be another.
pub(super) fn step(run: &Run<'_>, parcel: &mut Parcel) -> bool {
    if parcel.trouble.is_some() {
        return false;
    }
    let done = match parcel.record.stage {
        Stage::Ready(_) => push::push(run, parcel),
        Stage::Pushed(_) => match parcel.unseen.take() {
            Some(fault) => Err(fault),
            None => propose::propose(run, parcel),
        },
        Stage::Proposed(_) => announce::announce(run, parcel),
        _ => return false,
    };
    match done {
        Ok(()) => {
            parcel.record.fault = None;
            true
        }
        Err(fault) => {
            stop(run, parcel, fault);
            false
        }
    }
}

/// Notes why a change stays where it is, and says so on the ticket when it is news.
fn stop(run: &Run<'_>, parcel: &mut Parcel, fault: Fault) {
    let fault = fault.after(parcel.record.fault.as_ref());
    let is_news = parcel.record.fault.as_ref().is_none_or(|before| before.message != fault.message);
    let place = parcel.record.stage.name().word();
    tracing::warn!(issue = %parcel.issue.identifier, "its accepted work stays {place}: {}", fault.message);
    parcel.record.fault = Some(fault);
    if is_news && parcel.trouble.is_none() {
        announce::say_so(run, parcel);
    }
}
