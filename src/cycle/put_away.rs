//! What is over is put away: issues whose tickets were closed or archived leave the watch, and what
//! their attempts left on this machine goes. No commit is lost with it.

use super::ledger::Change;
use super::select::Polled;
use super::{Cycle, CycleError};
use crate::model::settings::KeepWorkspace;
use crate::model::{Issue, IssueId, IssueRecord, IssueStatus, Refusal, State};
use crate::policy::ongoing;

impl Cycle<'_> {
    /// Recorded as in review or failed, and the ticket is over since: done, and its workspace goes.
    pub(super) fn put_away(&self, polled: &Polled) -> Result<(), CycleError> {
        use IssueStatus::{Failed, InReview, Running};
        let over = |state: &State| -> Vec<IssueId> {
            let watched = state.issues.iter().filter(|(id, record)| {
                matches!(record.status, InReview | Failed | Running) && !state.claims.contains_key(*id)
            });
            watched
                .filter(|(id, _)| polled.recorded.get(*id).is_some_and(|issue| self.is_over(issue)))
                .map(|(id, _)| id.clone())
                .collect()
        };
        let state = self.ledger.state();
        let records: Vec<&IssueRecord> = over(&state).iter().filter_map(|id| state.issues.get(id)).collect();
        if records.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = records.iter().map(|record| record.identifier.as_str()).collect();
        let written = self.must(Change {
            what: format!("done {}", names.join(", ")),
            refs: Vec::new(),
            decide: Box::new(|state| {
                over(state)
                    .iter()
                    .fold(None, |next: Option<State>, id| {
                        next.as_ref()
                            .unwrap_or(state)
                            .amend(id, |record| record.status = IssueStatus::Done)
                            .or(next)
                    })
                    .ok_or(Refusal::Nothing)
            }),
        })?;
        if written && self.settings.keep != KeepWorkspace::Always {
            records.iter().for_each(|record| self.clear_away(record));
        }
        Ok(())
    }

    /// The workspace a failed attempt left; what is in it stays under the ticket's wip ref.
    fn clear_away(&self, record: &IssueRecord) {
        let Some(branch) = &record.branch else { return };
        if let Err(error) = self.world.workspaces.clear_away(&record.identifier, branch) {
            tracing::warn!(issue = %record.identifier, "its workspace could not be removed: {error}");
        }
    }

    /// Nothing more is wanted of the ticket.
    pub(super) fn is_over(&self, issue: &Issue) -> bool {
        issue.archived || ongoing::is_closed(issue, &self.settings.tracker)
    }
}
