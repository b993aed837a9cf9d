//! Proposed → in review: the pull request on the ticket, the ticket's move, the status comment, in
//! one request.

use super::super::faults;
use super::super::outages::Service;
use super::super::run::Run;
use super::super::tickets;
use super::parcel::Parcel;
use crate::model::{Fault, IssueRecord, Review, Stage};
use crate::ports::{Link, TicketUpdate};
use std::time::Duration;

/// How long a look at a ticket is good for.
const BELIEVED: Duration = Duration::from_secs(4);

pub(in crate::cycle) fn announce(run: &Run<'_>, parcel: &mut Parcel) -> Result<(), Fault> {
    let Stage::Proposed(delivery) = &parcel.record.stage else { return Ok(()) };
    if let Some(fault) = run.outages.of(Service::Tracker) {
        return Err(fault);
    }
    let delivery = delivery.clone();
    see_again(run, parcel);
    let done = IssueRecord {
        stage: Stage::InReview(Review::of(&delivery, run.now())),
        fault: None,
        ..parcel.record.clone()
    };
    let update = TicketUpdate {
        move_to: review_state(run, parcel),
        link: link_of(&parcel.record),
        comment: tickets::comment(run, &done, None),
    };
    let what = parcel.record.pull_request.as_ref().map_or_else(
        || "the ticket could not be brought up to date".to_owned(),
        |pull| {
            format!("pull request #{} is open and the ticket could not be brought up to date", pull.number)
        },
    );
    let written = tickets::write(run, "announce", &parcel.issue, &update)
        .map_err(|error| faults::of_tracker(run, &what, &error))?;
    parcel.record.issue_updated_at = written.updated_at.or(parcel.record.issue_updated_at);
    match &written.commented {
        Some(Ok(id)) => parcel.record.comment = Some(id.clone()),
        Some(Err(error)) => {
            parcel.warnings.push(run.redact(&format!("the status comment could not be written: {error}")));
        }
        None => {}
    }
    let failed = [&written.moved, &written.linked].into_iter().find_map(|part| part.as_ref()?.as_ref().err());
    if let Some(error) = failed {
        return Err(faults::of_tracker(run, &what, error));
    }
    parcel.announced = Some(delivery);
    parcel.record = IssueRecord {
        issue_updated_at: parcel.record.issue_updated_at,
        comment: parcel.record.comment.clone(),
        ..done
    };
    Ok(())
}

/// A change that stays where it is: its ticket says why, where that is possible.
pub(in crate::cycle) fn say_so(run: &Run<'_>, parcel: &mut Parcel) {
    if run.outages.of(Service::Tracker).is_some() || parcel.stays_where_it_is {
        return;
    }
    let update =
        TicketUpdate { comment: tickets::comment(run, &parcel.record, None), ..TicketUpdate::default() };
    match tickets::write(run, "comment", &parcel.issue, &update) {
        Ok(written) => {
            parcel.record.issue_updated_at = written.updated_at.or(parcel.record.issue_updated_at);
            if let Some(Ok(id)) = written.commented {
                parcel.record.comment = Some(id);
            }
        }
        Err(error) => {
            run.detail(Some(&parcel.issue.identifier), format!("the ticket could not be told: {error}"))
        }
    }
}

/// Opening the pull request may have taken its time: what a person did to the ticket meanwhile
/// stands. A ticket that cannot be seen now is taken as it was.
fn see_again(run: &Run<'_>, parcel: &mut Parcel) {
    if run.elapsed().saturating_sub(parcel.seen_at) < BELIEVED {
        return;
    }
    if let Ok(Some(fresh)) = tickets::look(run, &parcel.issue) {
        parcel.see(fresh, run.elapsed());
    }
}

/// A ticket somebody, or the tracker's own integration, moved on stays where it is.
fn review_state(run: &Run<'_>, parcel: &Parcel) -> Option<String> {
    let (rules, issue) = (&run.settings.tracker, &parcel.issue);
    let is_ours =
        issue.state.is_named(&rules.in_progress_state) || issue.state.is_among(&rules.active_states);
    (is_ours && !parcel.stays_where_it_is).then(|| rules.in_review_state.clone())
}

fn link_of(record: &IssueRecord) -> Option<Link> {
    let pull = record.pull_request.as_ref()?;
    Some(Link {
        url: pull.url.clone(),
        title: format!("Pull request #{}", pull.number),
        body: format!("Pull request: {}", pull.url),
    })
}
