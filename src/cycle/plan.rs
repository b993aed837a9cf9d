//! The plan: what the next cycle would do with every candidate, by the very code that would do it.
//! Changes nothing.

use super::events::Events;
use super::intake::conflicts::Judged;
use super::intake::outside;
use super::intake::poll::{self, Polled};
use super::intake::select::{self, Selection};
use super::ledger::{Ledger, WriteLimit};
use super::model_choice::model_for;
use super::run::Run;
use super::stop::Interrupt;
use super::world::{CycleError, Request, Settings, World};
use super::{deferral, recover};
use crate::model::plan::{Plan, PlannedIssue};
use crate::model::report::Skipped;
use crate::model::{Issue, IssueId, State};
use crate::policy::advice::advice;
use crate::policy::difficulty;

/// Candidates whose details are read only to be shown.
const MAX_SHOWN: usize = 500;

/// What a cycle with these rules would do now.
pub fn plan(world: &World, settings: &Settings, request: &Request) -> Result<Plan, CycleError> {
    let events = Events::open(world, settings);
    let interrupt = Interrupt::default();
    let limit = WriteLimit { interrupt: &interrupt, deadline: None };
    let ledger = Ledger::open(world.store.as_ref(), world.clock.as_ref(), &settings.identity.run_id, limit)?;
    let run = Run::new(world, settings, ledger, &events, &interrupt);
    let request = Request { dry_run: true, ..request.clone() };
    match deferral::now(&run) {
        Some(deferral) => Ok(Plan {
            schema: 1,
            deferred_until: Some(deferral.until),
            deferred_because: Some(world.guards.redact(&deferral.why)),
            candidates: Vec::new(),
            kept_out: Vec::new(),
            kept_out_partial: false,
            preflight: None,
        }),
        None => planned_cycle(&run, &request),
    }
}

fn planned_cycle(run: &Run<'_>, request: &Request) -> Result<Plan, CycleError> {
    let mut polled = poll::poll(run, request)?;
    recover::foresee(run, &mut polled)?;
    let mut selection = select::select(run, &polled, request);
    let others = outside::explain(run, request, &polled, &selection);
    read_the_rest(run, &polled, &mut selection);
    let state = run.ledger.state();
    let pool = polled.named.as_ref().unwrap_or(&polled.active);
    let mut candidates: Vec<PlannedIssue> =
        pool.iter().map(|issue| planned(run, issue, &selection, &state)).collect();
    // Stable: those without a rank stay as the tracker told them.
    candidates.sort_by_key(|planned| planned.rank.unwrap_or(usize::MAX));
    let known = |skipped: &&Skipped| !pool.iter().any(|issue| issue.identifier == skipped.issue);
    candidates.extend(selection.skipped.iter().filter(known).chain(&others.running).map(unread));
    Ok(Plan {
        schema: 1,
        deferred_until: None,
        deferred_because: None,
        candidates,
        kept_out: others.kept_out,
        kept_out_partial: others.is_partial,
        preflight: selection.compared.planned(),
    })
}

/// Details of candidates that are out already are read for the reader's sake.
fn read_the_rest(run: &Run<'_>, polled: &Polled, selection: &mut Selection) {
    let pool = polled.named.as_ref().unwrap_or(&polled.active);
    let missing = |issue: &&Issue| !issue.has_details && !selection.details.contains_key(&issue.id);
    let ids: Vec<IssueId> =
        pool.iter().filter(missing).take(MAX_SHOWN).map(|issue| issue.id.clone()).collect();
    if ids.is_empty() {
        return;
    }
    match run.world.tracker.refresh(&ids) {
        Ok(issues) => selection.details.extend(issues.into_iter().map(|issue| (issue.id.clone(), issue))),
        Err(error) => run.warn(None, format!("some descriptions could not be read: {error}")),
    }
}

fn planned(run: &Run<'_>, issue: &Issue, selection: &Selection, state: &State) -> PlannedIssue {
    let issue = selection.details.get(&issue.id).unwrap_or(issue);
    let skipped = selection.skipped.iter().find(|skipped| skipped.issue == issue.identifier);
    let attempt = state.issues.get(&issue.id).map_or(0, |record| record.attempts).saturating_add(1);
    let (complexity, choice) = model_for(run, issue, attempt);
    let required = &run.settings.tracker.required_labels;
    let difficulty = issue.has_details.then(|| difficulty::predict(issue, &state.outcomes, required));
    let compared = selection.compared.judged.get(&issue.id);
    PlannedIssue {
        issue: issue.identifier.clone(),
        title: issue.title.clone(),
        url: issue.url.clone(),
        chosen: selection.issues.iter().any(|chosen| chosen.id == issue.id),
        reason: skipped.map(|skipped| skipped.reason),
        detail: skipped.map(|skipped| skipped.detail.clone()),
        rank: selection.ranked.iter().position(|id| *id == issue.id).map(|at| at + 1),
        priority: Some(issue.priority),
        complexity,
        difficulty,
        model: choice.model,
        model_reason: Some(choice.reason),
        overlaps: compared.map(|judged| judged.overlaps.clone()).unwrap_or_default(),
        files: compared.map(Judged::files).unwrap_or_default(),
        overlap: compared.map(|judged| judged.verdict.clone()),
        attempt: Some(attempt),
        advice: advice(&issue.id, state),
    }
}

/// A ticket that cannot be read, or that an earlier run still has.
fn unread(skipped: &Skipped) -> PlannedIssue {
    PlannedIssue {
        issue: skipped.issue.clone(),
        title: String::new(),
        url: None,
        chosen: false,
        reason: Some(skipped.reason),
        detail: Some(skipped.detail.clone()),
        rank: None,
        priority: None,
        complexity: None,
        difficulty: None,
        model: None,
        model_reason: None,
        overlaps: Vec::new(),
        files: Vec::new(),
        overlap: None,
        attempt: None,
        advice: Vec::new(),
    }
}
