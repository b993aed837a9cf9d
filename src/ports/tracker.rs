//! Where tickets live: what is asked of a tracker, what is written to a ticket, and what can go
//! wrong with both.
//!
//! A write carries everything one step says about a ticket, so that it costs one request. Its
//! parts fail one by one: a refused link does not take the move back.

use super::failure::{Cause, until_time};
use crate::model::{Issue, IssueId, Time};

/// The first line of the one comment in which Conductor says where the work stands.
pub const STATUS_MARKER: &str = "<!-- conductor:status -->";

pub trait Tracker: Send + Sync {
    /// All tickets in the configured active states, every page, light (no description), plus the
    /// refreshed tickets of `also`, whatever their state. One request when everything fits a page.
    ///
    /// Checks on the way that team, states and required labels of the configuration exist:
    /// [`TrackerError::Config`] otherwise.
    fn candidates(&self, also: &[IssueId]) -> Result<Candidates, TrackerError>;

    /// These tickets as they are now, with details, archived ones included. Missing ones are
    /// missing from the answer. One request per batch.
    fn refresh(&self, ids: &[IssueId]) -> Result<Vec<Issue>, TrackerError>;

    /// Tickets that are no candidates, and may have been meant to be: for a person who asks why
    /// nothing happens. Costs a few requests, however many tickets there are; may hold candidates too.
    fn outside(&self) -> Result<Outside, TrackerError> {
        Ok(Outside::default())
    }

    /// The ticket people call that (`eng-42` finds `ENG-42`), with details.
    fn find(&self, identifier: &str) -> Result<Option<Issue>, TrackerError>;

    /// Moves, links and comments on one ticket, in one request where nothing stands against it.
    /// Every part can be repeated: a ticket that is in the state already is not moved, a URL is
    /// linked once, the status comment is found again.
    ///
    /// An error is for all parts: nothing is known to be done. What failed alone is in its part of
    /// the answer.
    fn update(&self, issue: &Issue, update: &TicketUpdate) -> Result<TicketUpdated, TrackerError>;

    /// Whether this credential may write, found out without changing anything. Costs one request;
    /// remember it for [`Tracker::credential`].
    fn check_access(&self) -> Result<(), TrackerError>;

    /// What the credential and what it is used for are called in a record: a short hash that leads
    /// back to neither. `None` where there is no credential.
    fn credential(&self) -> Option<String>;

    /// Moves a ticket to the state of that name among its own team's states; returns the ticket's
    /// new time of change. A ticket that is there already is left alone.
    fn move_to(&self, issue: &Issue, state: &str) -> Result<Option<Time>, TrackerError>;

    /// Ties a pull request to the ticket (attachment or comment), once per URL; returns the
    /// ticket's new time of change where it is known.
    fn link(&self, issue: &Issue, link: &Link) -> Result<Option<Time>, TrackerError>;

    /// Requests made so far.
    fn requests(&self) -> u64;
}

/// What [`Tracker::candidates`] found.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    pub active: Vec<Issue>,
    /// The tickets asked for by id; missing ones are missing.
    pub also: Vec<Issue>,
    /// Tickets that are there and cannot be understood; they do not stop the others.
    pub faults: Vec<TicketFault>,
}

/// What [`Tracker::outside`] found.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    pub issues: Vec<Issue>,
    /// There are more than were asked for.
    pub is_partial: bool,
}

/// A ticket nobody can work on until it is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFault {
    pub identifier: String,
    /// File, line and what is wrong.
    pub detail: String,
}

/// What is written to one ticket at once; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketUpdate {
    /// The name of a state among those of the ticket's own team.
    pub move_to: Option<String>,
    pub link: Option<Link>,
    pub comment: Option<TicketComment>,
}

impl TicketUpdate {
    pub const fn is_empty(&self) -> bool {
        self.move_to.is_none() && self.link.is_none() && self.comment.is_none()
    }
}

/// What ties a pull request to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub url: String,
    pub title: String,
    /// Markdown for [`Tracker::link`] on trackers that comment; [`Tracker::update`] does not use it.
    pub body: String,
}

/// The status comment of a ticket, as it is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketComment {
    /// As [`TicketUpdated::commented`] told it. Without one an own comment is looked for before
    /// one is written; one that is gone is written again.
    pub id: Option<String>,
    /// Markdown. Its first line is [`STATUS_MARKER`]; it is put there when it is missing.
    pub body: String,
}

impl TicketComment {
    /// The body without its marker.
    pub fn text(&self) -> &str {
        self.body.trim_start().strip_prefix(STATUS_MARKER).unwrap_or(&self.body).trim()
    }

    /// The body with the marker as its first line.
    pub fn marked(&self) -> String {
        format!("{STATUS_MARKER}\n{}", self.text())
    }
}

/// What became of each part of a [`TicketUpdate`]; `None` for one that was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketUpdated {
    /// The ticket's time of change after this, so that Conductor does not take its own write for a
    /// person's. `None` when nothing was written or the time is not known.
    pub updated_at: Option<Time>,
    pub moved: Option<Result<(), TrackerError>>,
    pub linked: Option<Result<(), TrackerError>>,
    /// The comment's id, for the next [`TicketComment`].
    pub commented: Option<Result<String, TrackerError>>,
}

impl TicketUpdated {
    /// The first part that failed.
    pub fn error(&self) -> Option<&TrackerError> {
        let failed = [
            self.moved.as_ref().and_then(|part| part.as_ref().err()),
            self.linked.as_ref().and_then(|part| part.as_ref().err()),
            self.commented.as_ref().and_then(|part| part.as_ref().err()),
        ];
        failed.into_iter().find_map(|error| error)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrackerError {
    /// Not reached, or a 5xx to the last try.
    #[error("tracker unreachable: {detail}")]
    Unreachable {
        detail: String,
        #[source]
        cause: Option<Cause>,
    },
    /// The credential was refused.
    #[error("tracker refused the credential: {0}")]
    Unauthorized(String),
    /// The credential is good, and may not do this: it may read only, or not reach this ticket.
    #[error("tracker does not allow it: {0}")]
    Forbidden(String),
    /// The request allowance is used up.
    #[error("tracker rate limit{}: {detail}", until_time(.until.as_ref()))]
    RateLimited { until: Option<Time>, detail: String },
    /// A team, state or label of the configuration does not exist; names those that do.
    #[error("{0}")]
    Config(String),
    /// The ticket is gone.
    #[error("not found in the tracker: {0}")]
    NotFound(String),
    /// An answer that cannot be believed.
    #[error("tracker gave an unexpected answer: {0}")]
    Protocol(String),
}

impl TrackerError {
    /// An answer of the service's own that says it cannot answer.
    pub fn unreachable(detail: impl Into<String>) -> Self {
        Self::Unreachable { detail: detail.into(), cause: None }
    }

    /// No answer, because of an error below.
    pub fn unreached(
        detail: impl Into<String>,
        cause: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unreachable { detail: detail.into(), cause: Some(Cause::new(cause)) }
    }
}
