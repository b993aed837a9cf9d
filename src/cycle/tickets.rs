//! Tickets as they are now, and what is written on them: grouped looks, and one request for
//! everything one step says of a ticket.

use super::run::Run;
use crate::model::settings::StatusComments;
use crate::model::{Issue, IssueId, IssueRecord, Time};
use crate::policy::status_comment::{self, Standing};
use crate::policy::{faults, ongoing};
use crate::ports::{TicketComment, TicketUpdate, TicketUpdated, TrackerError};
use std::collections::HashMap;

/// The ticket as it is now, read together with those of other threads; `None` when it is gone.
pub(super) fn look(run: &Run<'_>, issue: &Issue) -> Result<Option<Issue>, TrackerError> {
    let name = Some(issue.identifier.as_str());
    let slot = run.looks.slot();
    let looked = run.time("refresh", name, || slot.call(issue.id.clone(), |ids| refresh_all(run, &ids)));
    looked.unwrap_or_else(|| Err(TrackerError::Protocol("nobody answered for the ticket".to_owned())))
}

fn refresh_all(run: &Run<'_>, ids: &[IssueId]) -> Vec<Result<Option<Issue>, TrackerError>> {
    match run.world.tracker.refresh(ids) {
        Ok(issues) => {
            let mut found: HashMap<IssueId, Issue> =
                issues.into_iter().map(|issue| (issue.id.clone(), issue)).collect();
            ids.iter().map(|id| Ok(found.remove(id))).collect()
        }
        Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// Writes on a ticket; nothing is asked of the tracker for nothing.
pub(super) fn write(
    run: &Run<'_>,
    step: &'static str,
    issue: &Issue,
    update: &TicketUpdate,
) -> Result<TicketUpdated, TrackerError> {
    if update.is_empty() {
        return Ok(TicketUpdated::default());
    }
    run.time(step, Some(&issue.identifier), || run.world.tracker.update(issue, update))
}

/// The status comment for how the record stands now, where one is wanted.
pub(super) fn comment(run: &Run<'_>, record: &IssueRecord, attempt: Option<u32>) -> Option<TicketComment> {
    let is_wanted = match run.settings.comments {
        StatusComments::All => true,
        StatusComments::Failures => {
            record.fault.as_ref().is_some_and(is_trouble) || record.blocked_reason().is_some()
        }
        StatusComments::Off => false,
    };
    is_wanted.then(|| {
        let identity = &run.settings.identity;
        let body = status_comment::body(&Standing {
            record,
            attempt,
            run: &identity.run_id,
            run_url: identity.ci_run_url.as_deref(),
        });
        TicketComment { id: record.comment.clone(), body: run.redact(&body) }
    })
}

fn is_trouble(fault: &crate::model::Fault) -> bool {
    faults::exit_of(fault) != faults::Exit::Success
}

/// The state a ticket of ours goes back to when nothing was published; `None` when it is to stay.
pub(super) fn way_back(run: &Run<'_>, issue: &Issue) -> Option<String> {
    let rules = &run.settings.tracker;
    let active = rules.active_states.first()?;
    let is_elsewhere =
        !issue.state.is_named(&rules.in_progress_state) || issue.state.is_among(&rules.active_states);
    (!is_elsewhere && !issue.archived).then(|| active.clone())
}

/// Gives a ticket back to where candidates are and says on it how it stands. Its failure is told
/// and costs nothing.
pub(super) fn give_back(run: &Run<'_>, issue: &Issue, record: &mut IssueRecord) -> Option<Time> {
    let update = TicketUpdate {
        move_to: way_back(run, issue),
        link: None,
        comment: comment(run, record, None).filter(|_| !is_over(run, issue)),
    };
    match write(run, "move ticket", issue, &update) {
        Ok(written) => {
            if let Some(error) = written.error() {
                run.warn(
                    Some(&issue.identifier),
                    format!("the ticket could not be brought up to date: {error}"),
                );
            }
            if let Some(Ok(id)) = written.commented {
                record.comment = Some(id);
            }
            written.updated_at
        }
        Err(error) => {
            run.warn(Some(&issue.identifier), format!("the ticket could not be brought up to date: {error}"));
            None
        }
    }
}

/// Nothing more is wanted of the ticket.
pub(super) fn is_over(run: &Run<'_>, issue: &Issue) -> bool {
    issue.archived || ongoing::is_closed(issue, &run.settings.tracker)
}
