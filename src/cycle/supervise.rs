//! The main thread while the work goes on: starts an issue's thread whenever a slot is free, looks
//! at the running tickets every `reconcile_interval`, and waits.

use super::claim::{Claimed, ClaimedIssue};
use super::stop::Stops;
use super::work::Worked;
use super::{Cycle, CycleError, ids};
use crate::model::report::{Dispatched, SkipReason, Skipped};
use crate::model::{Issue, IssueId};
use crate::policy::ongoing;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

/// How often the main thread looks whether it was asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What an issue's thread tells the main one.
enum FromWorker {
    /// Its agents and checks are through; publishing and recording need no slot.
    AgentsDone,
    /// It is through; without a result after a fault of our own.
    Ended(Option<Box<Worked>>),
}

/// What all the threads together did.
#[derive(Default)]
pub(super) struct AllWorked {
    pub dispatched: Vec<Dispatched>,
    pub skipped: Vec<Skipped>,
    pub trouble: Option<CycleError>,
}

impl Cycle<'_> {
    /// Works through the claimed issues, so many at once; returns when the last thread is done.
    pub(super) fn work(&self, claimed: Claimed) -> AllWorked {
        let stops = Stops::new(self.interrupt, self.world.clock.as_ref(), claimed.deadline);
        let mut queue: VecDeque<ClaimedIssue> = claimed.issues.into();
        let order: HashMap<String, usize> =
            queue.iter().enumerate().map(|(rank, next)| (next.issue.identifier.clone(), rank)).collect();
        let mut all = AllWorked::default();
        self.open_records(queue.len(), claimed.at_once);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            let mut running: HashMap<IssueId, Issue> = HashMap::new();
            // Those whose agents, or checks, may still run: what comes after needs no slot.
            let mut slots: HashSet<IssueId> = HashSet::new();
            let mut looked = self.world.clock.monotonic();
            loop {
                // A limit that was hit meanwhile, a budget that is used up.
                if !queue.is_empty()
                    && slots.len() < claimed.at_once
                    && let Some(hold) = self.hold()
                {
                    let why = format!("until {}: {}", hold.until.format("%F %T UTC"), hold.why);
                    self.leave(queue.drain(..).collect(), SkipReason::Backoff, &why, &mut all);
                }
                while slots.len() < claimed.at_once
                    && !stops.is_limited()
                    && !stops.all()
                    && let Some(next) = queue.pop_front()
                {
                    running.insert(next.issue.id.clone(), next.issue.clone());
                    slots.insert(next.issue.id.clone());
                    let (sender, stops) = (sender.clone(), &stops);
                    // The receiver outlives every thread of the scope.
                    scope.spawn(move || {
                        let tell = |news| drop(sender.send((next.issue.id.clone(), news)));
                        let free = || tell(FromWorker::AgentsDone);
                        let worked = catch_unwind(AssertUnwindSafe(|| self.work_on(&next, stops, &free)));
                        tell(FromWorker::Ended(worked.ok().map(Box::new)));
                    });
                }
                if running.is_empty() {
                    break;
                }
                if let Ok((id, news)) = receiver.recv_timeout(LOOK) {
                    slots.remove(&id);
                    if let FromWorker::Ended(worked) = news
                        && let Some(issue) = running.remove(&id)
                    {
                        all.add(&issue, worked);
                    }
                }
                let now = self.world.clock.monotonic();
                if now.saturating_sub(looked) >= self.settings.limits.reconcile_interval {
                    looked = now;
                    self.look_at_tickets(
                        running.values().chain(queue.iter().map(|next| &next.issue)),
                        &stops,
                    );
                }
                if stops.all() {
                    self.records.stopping();
                }
                self.records.catch_up();
                queue.retain(|next| !self.leave_changed(next, &stops, &mut all));
            }
        });
        let why = "the run ended before its turn";
        self.leave(queue.into(), SkipReason::ChangedSincePoll, why, &mut all);
        all.dispatched.sort_by_key(|done| order.get(&done.issue).copied());
        all
    }

    /// One query for all running tickets. That it fails is no reason to stop anybody.
    fn look_at_tickets<'i>(&self, running: impl Iterator<Item = &'i Issue>, stops: &Stops<'_>) {
        let running: Vec<&Issue> = running.collect();
        let fresh = match self.world.tracker.refresh(&ids(running.iter().copied())) {
            Ok(fresh) => fresh,
            Err(error) => {
                tracing::warn!("the running tickets could not be looked at: {error}");
                return;
            }
        };
        let fresh: HashMap<&IssueId, &Issue> = fresh.iter().map(|issue| (&issue.id, issue)).collect();
        for issue in running {
            let change = match fresh.get(&issue.id) {
                Some(now) => ongoing::change(issue, now, &self.settings.tracker),
                None => Some("the tracker has it no longer".to_owned()),
            };
            if let Some(change) = change {
                stops.ticket_changed(&issue.id, change);
            }
        }
    }

    /// Gives a waiting issue back when its ticket changed.
    fn leave_changed(&self, next: &ClaimedIssue, stops: &Stops<'_>, all: &mut AllWorked) -> bool {
        let Some(change) = stops.change(&next.issue.id) else { return false };
        self.leave(vec![next.clone()], SkipReason::ChangedSincePoll, &change, all);
        true
    }

    fn leave(&self, waiting: Vec<ClaimedIssue>, reason: SkipReason, why: &str, all: &mut AllWorked) {
        if waiting.is_empty() {
            return;
        }
        let issues: Vec<&Issue> = waiting.iter().map(|next| &next.issue).collect();
        if let Err(error) = self.give_back(&issues) {
            all.trouble = Some(error);
        }
        all.skipped.extend(issues.iter().map(|issue| Skipped {
            issue: issue.identifier.clone(),
            reason,
            detail: why.to_owned(),
        }));
    }
}

impl AllWorked {
    fn add(&mut self, issue: &Issue, worked: Option<Box<Worked>>) {
        match worked.map(|worked| *worked) {
            Some(Worked { dispatched, trouble }) => {
                self.dispatched.push(dispatched);
                self.trouble = self.trouble.take().or(trouble);
            }
            None => {
                let text = format!(
                    "{}: a fault of conductor's own ended its work; the next run finds what was done",
                    issue.identifier
                );
                self.trouble = Some(CycleError::Internal(text));
            }
        }
    }
}
