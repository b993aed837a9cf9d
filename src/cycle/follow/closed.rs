//! Tickets that were closed or archived: their records are done, and what attempts left on this
//! machine goes. No commit is lost with it.

use super::super::intake::poll::Polled;
use super::super::ledger::Change;
use super::super::run::Run;
use super::super::world::CycleError;
use super::super::{tickets, writes};
use crate::model::settings::KeepWorkspace;
use crate::model::{IssueId, IssueRecord, Refusal, Stage, State, stage};

/// Ends the changes whose tickets are over.
pub(in crate::cycle) fn end_closed(run: &Run<'_>, polled: &Polled) -> Result<(), CycleError> {
    let state = run.ledger.state();
    let over = |state: &State| over(run, polled, state);
    let records: Vec<&IssueRecord> = over(&state).iter().filter_map(|id| state.issues.get(id)).collect();
    if records.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = records.iter().map(|record| record.identifier.as_str()).collect();
    let now = run.now();
    let change = Change {
        what: format!("done {}", names.join(", ")),
        refs: Vec::new(),
        decide: Box::new(|state| {
            let end = |record: &mut IssueRecord| {
                record.stage = Stage::done(stage::TICKET_CLOSED, Some(now));
                record.fault = None;
            };
            over(state)
                .iter()
                .fold(None, |next: Option<State>, id| next.as_ref().unwrap_or(state).amend(id, end).or(next))
                .ok_or(Refusal::Nothing)
        }),
    };
    if writes::must(run, change, Vec::new())? && run.settings.keep != KeepWorkspace::Always {
        records.iter().for_each(|record| clear_away(run, record));
    }
    Ok(())
}

/// The changes nobody holds whose tickets are over.
pub(in crate::cycle) fn over(run: &Run<'_>, polled: &Polled, state: &State) -> Vec<IssueId> {
    let open = state
        .issues
        .iter()
        .filter(|(id, record)| !record.stage.is_final() && !state.claims.contains_key(*id));
    open.filter(|(id, _)| polled.recorded.get(*id).is_some_and(|issue| tickets::is_over(run, issue)))
        .map(|(id, _)| id.clone())
        .collect()
}

/// The workspace a failed attempt left; what is in it stays under the ticket's wip ref.
fn clear_away(run: &Run<'_>, record: &IssueRecord) {
    if let Err(error) = run.world.workspaces.clear_away(&record.identifier) {
        run.warn(Some(&record.identifier), format!("its workspace could not be removed: {error}"));
    }
}
