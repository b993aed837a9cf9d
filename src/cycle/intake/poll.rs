//! Poll: the tickets there are, and what became of the runs that hold claims.

use super::super::run::Run;
use super::super::world::{CycleError, Request};
use crate::model::report::{SkipReason, Skipped};
use crate::model::{Claim, Issue, IssueId, IssueRecord, Stage, State, Time};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Recorded tickets asked about beside the candidates, at most.
const MAX_WATCHED: usize = 200;

/// Blocked tickets among them; more would cost a further request in every idle cycle.
const MAX_BLOCKED: usize = 20;

/// How urgent a look at a blocked ticket is: nothing comes after it.
const BLOCKED: u8 = 2;

/// CI runs asked about, at most.
const MAX_RUNS: usize = 20;

/// What the tracker told.
pub(in crate::cycle) struct Polled {
    pub active: Vec<Issue>,
    /// Tickets of claims and records, whatever their state.
    pub recorded: HashMap<IssueId, Issue>,
    /// The tickets an operator named; when set, only these are considered.
    pub named: Option<Vec<Issue>>,
    /// Claims whose runs are dead.
    pub dead: Vec<(IssueId, Claim)>,
    /// Tickets that cannot be read.
    pub faults: Vec<Skipped>,
    /// When they were asked for, on the run's watch.
    pub at: Duration,
}

pub(in crate::cycle) fn poll(run: &Run<'_>, request: &Request) -> Result<Polled, CycleError> {
    let state = run.ledger.state();
    ask_after_runs(run, &state);
    let dead = run.living().dead(&state);
    let mut also: Vec<IssueId> = dead.iter().map(|(id, _)| id.clone()).collect();
    // What is to be delivered comes first: its tickets must be seen. Blocked tickets come last: all
    // there is to see is that somebody closed them.
    let urgency = |record: &IssueRecord| match record.stage {
        _ if record.stage.delivery().is_some() => 0,
        Stage::Blocked(_) => BLOCKED,
        _ => 1,
    };
    let open =
        |(id, record): &(&IssueId, &IssueRecord)| !state.claims.contains_key(*id) && !record.stage.is_final();
    let mut watched: Vec<(&IssueId, u8)> =
        state.issues.iter().filter(open).map(|(id, record)| (id, urgency(record))).collect();
    watched.sort_by_key(|(_, urgency)| *urgency);
    let blocked = watched.split_off(watched.partition_point(|(_, urgency)| *urgency < BLOCKED));
    watched.extend(in_turn(&blocked, run.now()));
    also.extend(watched.into_iter().map(|(id, _)| id.clone()).take(MAX_WATCHED));
    // What other runs work on is compared with.
    let live = state.claims.keys().filter(|id| !dead.iter().any(|(dead, _)| dead == *id));
    also.extend(live.take(MAX_WATCHED).cloned());
    let at = run.elapsed();
    let candidates = run.world.tracker.candidates(&also)?;
    // The tracker may have told that this machine's clock is wrong, and which leases are over.
    let living = run.living();
    let dead: Vec<(IssueId, Claim)> = dead.into_iter().filter(|(_, claim)| living.is_dead(claim)).collect();
    let named = match request.issues.is_empty() {
        true => None,
        false => Some(named(run, &request.issues, &candidates.active)?),
    };
    let faults = candidates
        .faults
        .into_iter()
        // Nobody asked for the others.
        .filter(|_| named.is_none())
        .map(|fault| Skipped { issue: fault.identifier, reason: SkipReason::Blocked, detail: fault.detail })
        .collect();
    let recorded = candidates.also.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
    Ok(Polled { active: candidates.active, recorded, named, dead, faults, at })
}

/// So many of them, beginning elsewhere each minute, so that every one has its turn.
fn in_turn<T: Copy>(all: &[T], now: Time) -> impl Iterator<Item = T> {
    let minute = usize::try_from(now.timestamp() / 60).unwrap_or(0);
    let first = minute.wrapping_mul(MAX_BLOCKED) % all.len().max(1);
    all.iter().cycle().skip(first).take(all.len().min(MAX_BLOCKED)).copied()
}

impl Polled {
    /// Counts a ticket that was put back among the candidates of this cycle.
    pub fn activate(&mut self, run: &Run<'_>, id: &IssueId) {
        let rules = &run.settings.tracker;
        let (Some(issue), Some(active)) = (self.recorded.get_mut(id), rules.active_states.first()) else {
            return;
        };
        if issue.state.is_named(&rules.in_progress_state) {
            issue.state.name.clone_from(active);
        }
        if let Some(named) = self.named.iter_mut().flatten().find(|named| named.id == *id) {
            named.state.name.clone_from(&issue.state.name);
        }
        let known = self.active.iter().any(|other| other.id == *id);
        if !known && issue.state.is_among(&rules.active_states) {
            self.active.push(issue.clone());
        }
    }
}

/// Asks the forge, once a cycle, about the CI runs that hold claims. What it cannot tell is left to
/// the leases.
pub(in crate::cycle) fn ask_after_runs(run: &Run<'_>, state: &State) {
    let own = run.settings.identity.ci_run_url.as_ref();
    let living = run.living();
    let held = state.claims.values().filter(|claim| living.is_anothers(claim) && !living.is_dead(claim));
    let pages: BTreeSet<&String> =
        held.filter_map(|claim| claim.ci_run_url.as_ref()).filter(|page| Some(*page) != own).collect();
    let is_over = |page: &String| match run.world.forge.is_run_over(page) {
        Ok(over) => over == Some(true),
        Err(error) => {
            run.warn(None, format!("whether {page} is over cannot be told: {error}"));
            false
        }
    };
    let over: HashSet<String> =
        pages.into_iter().take(MAX_RUNS).filter(|page| is_over(page)).cloned().collect();
    run.know_concluded(over);
}

fn named(run: &Run<'_>, names: &[String], active: &[Issue]) -> Result<Vec<Issue>, CycleError> {
    let mut found: Vec<Issue> = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        let known = active.iter().find(|issue| issue.identifier.eq_ignore_ascii_case(name.trim())).cloned();
        let Some(issue) =
            known.map_or_else(|| run.world.tracker.find(name.trim()), |issue| Ok(Some(issue)))?
        else {
            unknown.push(name.trim());
            continue;
        };
        if !found.iter().any(|other| other.id == issue.id) {
            found.push(issue);
        }
    }
    match unknown.as_slice() {
        [] => Ok(found),
        unknown => Err(CycleError::Config(format!(
            "--issue {}: the tracker knows no such issue; `conductor plan --all` lists those it knows",
            unknown.join(", ")
        ))),
    }
}
