//! The main thread while the work goes on: starts a ticket's thread whenever a slot is free, looks
//! at the running tickets every `reconcile_interval`, and waits. A ticket is claimed by its own
//! thread, when its turn has come.

use super::deferral;
use super::intake::access::Seen;
use super::intake::claim::{self, Bid, Taken};
use super::intake::select::Selection;
use super::ledger::RecordSlot;
use super::outages;
use super::run::Run;
use super::stop::Stops;
use super::ticket::{self, Worked};
use super::world::{CycleError, Request};
use crate::model::cycle_event::CycleEventKind;
use crate::model::report::{Dispatched, SkipReason, Skipped};
use crate::model::{Fault, Issue, IssueId, Owner};
use crate::policy::{faults, ongoing, rate_limit};
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, mpsc};
use std::time::Duration;

/// How often the main thread looks whether it was asked to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What a ticket's thread tells the main one.
enum FromWorker<'r, 'w> {
    /// Its agents and checks are through; delivering and recording need no slot. What it writes
    /// next waits a moment for the claim of the ticket that takes its slot.
    AgentsDone(RecordSlot<'r, 'w>),
    Ended(Ended),
}

/// How a ticket's thread ended.
enum Ended {
    Worked(Box<Worked>),
    Skipped(Skipped),
    /// The claim could not be made or confirmed: no other can either.
    Stopped(CycleError),
    /// A fault of our own.
    Lost,
}

/// What all the threads together did.
#[derive(Default)]
pub(super) struct AllWorked {
    pub dispatched: Vec<Dispatched>,
    pub skipped: Vec<Skipped>,
    pub trouble: Option<CycleError>,
}

/// The tickets of this run: those that wait for a slot, and those at work.
struct Board {
    queue: VecDeque<Issue>,
    running: HashMap<IssueId, Issue>,
    /// Those whose agents, or checks, may still run: what comes after needs no slot.
    slots: HashSet<IssueId>,
    all: AllWorked,
}

/// Works through the selected tickets, so many at once; returns when the last thread is done.
pub(super) fn dispatch<'w>(
    run: &Run<'w>,
    selection: &Selection,
    request: &Request,
    seen: &Seen,
) -> AllWorked {
    let at_once = selection.at_once.max(1);
    let limit = run.settings.limits.deadline.map(|deadline| deadline.saturating_sub(run.elapsed()));
    let deadline = limit.map(|limit| run.world.clock.monotonic().saturating_add(limit));
    let stops = Stops::new(run.interrupt, run.world.clock.as_ref(), deadline.unwrap_or(Duration::MAX));
    let mut board = Board::of(selection);
    tell_start(run, board.queue.len(), at_once);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut looked = run.world.clock.monotonic();
        let mut claims: Vec<RecordSlot<'_, 'w>> = Vec::new();
        loop {
            let may_begin = hold_back(run, &mut board);
            let mut begun = Vec::new();
            while may_begin
                && board.slots.len() < at_once
                && !stops.all()
                && let Some(next) = board.begin_next()
            {
                let claim = claims.pop().unwrap_or_else(|| run.ledger.slot());
                begun.push((next, claim, run.ledger.at_work()));
            }
            // Only now, so that the first of them writes the claims of all.
            for (next, claim, at_work) in begun {
                let (sender, stops) = (sender.clone(), &stops);
                scope.spawn(move || {
                    let _at_work = at_work;
                    let bid =
                        Bid { issue: &next, selection, force: request.force, seen, deadline, lease: None };
                    work_on(run, &bid, claim, stops, &sender);
                });
            }
            claims.clear();
            if board.running.is_empty() {
                break;
            }
            if let Ok((id, message)) = receiver.recv_timeout(LOOK) {
                claims.extend(board.take(&id, message));
            }
            let now = run.world.clock.monotonic();
            if now.saturating_sub(looked) >= run.settings.limits.reconcile_interval {
                looked = now;
                look_at_tickets(run, &board.running, &stops);
            }
            if stops.all() {
                run.emit_for_all(CycleEventKind::Stopping);
            }
            run.emit_for_all(CycleEventKind::Heartbeat);
        }
    });
    board.close(selection)
}

/// A ticket's thread, from its claim to its end; a panic in it ends no other.
fn work_on<'r, 'w>(
    run: &'r Run<'w>,
    bid: &Bid<'_>,
    claim: RecordSlot<'_, 'w>,
    stops: &Stops<'_>,
    sender: &mpsc::Sender<(IssueId, FromWorker<'r, 'w>)>,
) {
    let id = &bid.issue.id;
    // The receiver outlives every thread of the scope.
    let tell = |message| drop(sender.send((id.clone(), message)));
    let free = || {
        run.through.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        tell(FromWorker::AgentsDone(run.ledger.slot()));
    };
    let ended = catch_unwind(AssertUnwindSafe(|| one(run, bid, claim, stops, &free)));
    tell(FromWorker::Ended(ended.unwrap_or(Ended::Lost)));
}

fn one<'w>(
    run: &Run<'w>,
    bid: &Bid<'_>,
    slot: RecordSlot<'_, 'w>,
    stops: &Stops<'_>,
    free: &dyn Fn(),
) -> Ended {
    match claim::take(run, bid, slot) {
        Ok(Taken::Claimed(claimed)) => {
            Ended::Worked(Box::new(ticket::run_ticket(run, &claimed, stops, free)))
        }
        Ok(Taken::Skipped(skipped)) => Ended::Skipped(skipped),
        Err(error) => Ended::Stopped(error),
    }
}

/// A limit that was hit meanwhile, a budget that is used up, a fault every ticket would meet: the
/// tickets that wait are left to a later run. Whether one may begin now.
fn hold_back(run: &Run<'_>, board: &mut Board) -> bool {
    if board.queue.is_empty() {
        return true;
    }
    if let Some(deferral) = deferral::now(run) {
        let why = format!("until {}: {}", deferral.until.format("%F %T UTC"), deferral.why);
        board.leave(SkipReason::Backoff, &why);
        return false;
    }
    let refused = outages::refused_branches(&run.ledger.state());
    if let Some(second) = refused.get(1) {
        board.leave_for(second);
        return false;
    }
    match run.outages.end_of_dispatch() {
        // Before the remote took a branch nobody is begun on the strength of one still to be pushed.
        None => {
            let is_delivering = board.running.len() > board.slots.len();
            let is_proved = run.has_pushed.load(Ordering::Relaxed) && refused.is_empty();
            is_proved || !is_delivering
        }
        // Until when is known as soon as the one that met the limit is on record.
        Some(fault) if fault.owner == Owner::Provider && !board.running.is_empty() => false,
        Some(fault) => {
            board.leave_for(&fault);
            false
        }
    }
}

impl Board {
    fn of(selection: &Selection) -> Self {
        Self {
            queue: selection.issues.iter().cloned().collect(),
            running: HashMap::new(),
            slots: HashSet::new(),
            all: AllWorked::default(),
        }
    }

    /// What became of all tickets, in the order in which they were selected.
    fn close(mut self, selection: &Selection) -> AllWorked {
        self.leave(SkipReason::NoSlot, "the run ended before its turn");
        let order: HashMap<&str, usize> = selection
            .issues
            .iter()
            .enumerate()
            .map(|(rank, issue)| (issue.identifier.as_str(), rank))
            .collect();
        self.all.dispatched.sort_by_key(|done| order.get(done.issue.as_str()).copied());
        self.all
    }

    /// The next ticket, which takes a slot.
    fn begin_next(&mut self) -> Option<Issue> {
        let next = self.queue.pop_front()?;
        self.running.insert(next.id.clone(), next.clone());
        self.slots.insert(next.id.clone());
        Some(next)
    }

    /// Takes in what a ticket's thread told: its slot is free. With the place for the next claim,
    /// where the thread left one.
    fn take<'r, 'w>(&mut self, id: &IssueId, message: FromWorker<'r, 'w>) -> Option<RecordSlot<'r, 'w>> {
        self.slots.remove(id);
        match message {
            FromWorker::AgentsDone(claim) => Some(claim),
            FromWorker::Ended(ended) => {
                if let Some(issue) = self.running.remove(id) {
                    self.add(&issue, ended);
                }
                None
            }
        }
    }

    fn leave_for(&mut self, fault: &Fault) {
        let reason = faults::held_reason(fault.owner).unwrap_or(SkipReason::Service);
        self.leave(reason, &fault.message);
    }

    fn leave(&mut self, reason: SkipReason, why: &str) {
        self.all.skipped.extend(self.queue.drain(..).map(|issue| Skipped {
            issue: issue.identifier,
            reason,
            detail: why.to_owned(),
        }));
    }

    fn add(&mut self, issue: &Issue, ended: Ended) {
        let trouble = match ended {
            Ended::Worked(worked) => {
                let Worked { dispatched, trouble } = *worked;
                self.all.dispatched.push(dispatched);
                trouble
            }
            Ended::Skipped(skipped) => {
                self.all.skipped.push(skipped);
                None
            }
            Ended::Stopped(error) => {
                let why = error.to_string();
                self.queue.push_front(issue.clone());
                self.leave(SkipReason::Service, &why);
                Some(error)
            }
            Ended::Lost => Some(CycleError::Internal(format!(
                "{}: a fault of conductor's own ended its work; the next run finds what was done",
                issue.identifier
            ))),
        };
        self.all.trouble = self.all.trouble.take().or(trouble);
    }
}

fn tell_start(run: &Run<'_>, queued: usize, slots: usize) {
    let state = run.ledger.state();
    run.emit_for_all(CycleEventKind::DispatchStarted {
        queued,
        slots,
        rate_limit: rate_limit::believed(&state.rate_limit, run.now(), run.settings.rate_limit.max_wait),
        runs_with_claims: state.claims.values().map(|claim| claim.run_id.as_str().to_owned()).collect(),
    });
}

/// One query for all running tickets. That it fails is no reason to stop anybody.
fn look_at_tickets(run: &Run<'_>, running: &HashMap<IssueId, Issue>, stops: &Stops<'_>) {
    let ids: Vec<IssueId> = running.keys().cloned().collect();
    let fresh = match run.world.tracker.refresh(&ids) {
        Ok(fresh) => fresh,
        Err(error) => {
            run.warn(None, format!("the running tickets could not be refreshed: {error}"));
            return;
        }
    };
    let fresh: HashMap<&IssueId, &Issue> = fresh.iter().map(|issue| (&issue.id, issue)).collect();
    for issue in running.values() {
        let change = match fresh.get(&issue.id) {
            Some(now) => ongoing::change(issue, now, &run.settings.tracker).map(|change| change.to_string()),
            None => Some("the tracker has it no longer".to_owned()),
        };
        if let Some(change) = change {
            stops.ticket_changed(&issue.id, change);
        }
    }
}
