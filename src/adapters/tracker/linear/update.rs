//! Everything a step says about a ticket, in one mutation; and the status comment, which is there
//! once whatever happens.
//!
//! A comment's id is made from the ticket's, so that one whose answer got lost is refused when it
//! is written again, and found. One that was deleted gets the next id, made from the deleted one's.

use super::documents;
use super::transport::{Fields, Transport};
use super::wire::{Changed, Commented, IssueData, Written};
use crate::model::{Issue, Time};
use crate::ports::{Link, STATUS_MARKER, TicketUpdate, TicketUpdated, TrackerError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How often one comment is tried: as told, found again, written anew.
const COMMENT_TRIES: u32 = 3;

/// A part of the mutation, named as in the document and in the order Linear carries them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Move,
    Link,
    Create,
    Edit,
}

impl Part {
    const ALL: [Self; 4] = [Self::Move, Self::Link, Self::Create, Self::Edit];

    const fn field(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Link => "link",
            Self::Create => "create",
            Self::Edit => "edit",
        }
    }
}

/// How the comment gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comment {
    part: Part,
    id: String,
}

/// What is still to be written.
struct Writing<'u> {
    transport: &'u Transport,
    issue: &'u Issue,
    state: Option<String>,
    link: Option<&'u Link>,
    comment: Option<Comment>,
    body: String,
    tries: u32,
    done: TicketUpdated,
    /// Something was written whose time of change was not told.
    is_time_missing: bool,
}

/// `state` is the id of the state to move to, or why there is none; `None` when the ticket is to stay
/// where it is.
pub fn update(
    transport: &Transport,
    issue: &Issue,
    update: &TicketUpdate,
    state: Option<Result<String, TrackerError>>,
) -> Result<TicketUpdated, TrackerError> {
    let mut writing = Writing::new(transport, issue, update, state);
    let mut is_first = true;
    while writing.is_open() {
        let answer = transport.run_fields(&documents::UPDATE, &writing.variables());
        match answer.and_then(Fields::each) {
            Ok(fields) => writing.take(fields),
            Err(error) if is_first => return Err(error),
            Err(error) => writing.give_up(&error),
        }
        is_first = false;
    }
    if writing.is_time_missing {
        writing.ask_time();
    }
    Ok(writing.done)
}

impl<'u> Writing<'u> {
    fn new(
        transport: &'u Transport,
        issue: &'u Issue,
        update: &'u TicketUpdate,
        state: Option<Result<String, TrackerError>>,
    ) -> Self {
        let (state, moved) = match state {
            Some(Ok(id)) => (Some(id), None),
            Some(Err(error)) => (None, Some(Err(error))),
            None => (None, update.move_to.as_ref().map(|_| Ok(()))),
        };
        let comment = update.comment.as_ref().map(|comment| match &comment.id {
            Some(id) => Comment { part: Part::Edit, id: id.clone() },
            None => Comment { part: Part::Create, id: first_id(issue) },
        });
        let body = update.comment.as_ref().map(|comment| comment.marked()).unwrap_or_default();
        let link = update.link.as_ref();
        let done = TicketUpdated { moved, ..TicketUpdated::default() };
        Self { transport, issue, state, link, comment, body, tries: 1, done, is_time_missing: false }
    }

    fn is_open(&self) -> bool {
        Part::ALL.into_iter().any(|part| self.wants(part))
    }

    fn wants(&self, part: Part) -> bool {
        match part {
            Part::Move => self.state.is_some(),
            Part::Link => self.link.is_some(),
            Part::Create | Part::Edit => self.comment.as_ref().is_some_and(|comment| comment.part == part),
        }
    }

    /// Variables of parts that are left out are checked all the same.
    fn variables(&self) -> Value {
        json!({
            "issue": self.issue.id,
            "withMove": self.wants(Part::Move),
            "state": self.state,
            "withLink": self.wants(Part::Link),
            "url": self.link.map_or("", |link| &link.url),
            "title": self.link.map_or("", |link| &link.title),
            "withCreate": self.wants(Part::Create),
            "withEdit": self.wants(Part::Edit),
            "comment": self.comment.as_ref().map_or("", |comment| &comment.id),
            "body": self.body,
        })
    }

    /// Notes what became of each part. What was not carried out stays to be written.
    fn take(&mut self, mut fields: Fields) {
        let mut is_stopped = false;
        for part in Part::ALL.into_iter().filter(|part| self.wants(*part)).collect::<Vec<_>>() {
            let at = fields.errors.iter().position(|(field, _)| field.as_deref() == Some(part.field()));
            let error = at.map(|at| fields.errors.swap_remove(at).1);
            let value = fields.data.as_mut().and_then(|data| data.remove(part.field()));
            match (error, value) {
                (Some(error), _) => {
                    is_stopped = fields.data.is_none();
                    self.failed(part, error);
                }
                (None, Some(value)) if !value.is_null() => self.written(part, value),
                (None, Some(_)) => self.failed(part, not_made(part)),
                (None, None) if fields.data.is_some() => self.failed(part, not_made(part)),
                (None, None) if is_stopped => {}
                (None, None) => {
                    self.is_time_missing = true;
                    self.finish(part);
                }
            }
        }
        // An error that names none of them: trying again would not end.
        if let Some((_, error)) = fields.errors.pop() {
            self.give_up(&error);
        }
    }

    fn written(&mut self, part: Part, value: Value) {
        let written: Written = match serde_json::from_value(value) {
            Ok(written) => written,
            Err(error) => {
                return self.failed(part, TrackerError::Protocol(format!("{}: {error}", part.field())));
            }
        };
        if !written.success {
            return self.failed(part, not_made(part));
        }
        match written.changed_at() {
            Some(at) => self.changed(at),
            None => self.is_time_missing = true,
        }
        if let (Some(comment), Some(told)) = (&mut self.comment, written.comment) {
            comment.id = told.id;
        }
        self.finish(part);
    }

    fn finish(&mut self, part: Part) {
        match part {
            Part::Move => {
                self.state = None;
                self.done.moved = Some(Ok(()));
            }
            Part::Link => {
                self.link = None;
                self.done.linked = Some(Ok(()));
            }
            Part::Create | Part::Edit => {
                self.done.commented = self.comment.take().map(|comment| Ok(comment.id));
            }
        }
    }

    fn failed(&mut self, part: Part, error: TrackerError) {
        match part {
            Part::Move => {
                self.state = None;
                self.done.moved = Some(Err(error));
            }
            Part::Link => {
                self.link = None;
                self.done.linked = Some(Err(error));
            }
            Part::Create | Part::Edit => {
                let tried = self.comment.take();
                match tried.map(|tried| self.another_way(&tried, &error)) {
                    Some(Ok(Some(comment))) => self.comment = Some(comment),
                    Some(Err(other)) => self.done.commented = Some(Err(other)),
                    _ => self.done.commented = Some(Err(error)),
                }
            }
        }
    }

    /// A refused comment is there under its id, there under another, or gone: another of ours is
    /// edited, or the next one written. `None` when there is nothing left to try.
    fn another_way(
        &mut self,
        tried: &Comment,
        error: &TrackerError,
    ) -> Result<Option<Comment>, TrackerError> {
        let may_differ = match error {
            TrackerError::NotFound(_) | TrackerError::Protocol(_) => true,
            // Written with another credential, whose comments this one may not edit.
            TrackerError::Forbidden(_) => tried.part == Part::Edit,
            _ => false,
        };
        if !may_differ || self.tries == COMMENT_TRIES {
            return Ok(None);
        }
        self.tries += 1;
        Ok(match self.look(&tried.id)? {
            Some(id) if tried.part == Part::Create || id != tried.id => {
                Some(Comment { part: Part::Edit, id })
            }
            // It is there and cannot be edited.
            Some(_) => None,
            None => Some(Comment { part: Part::Create, id: next_id(self.issue, &tried.id) }),
        })
    }

    /// The id of an own comment with that id or the marker.
    fn look(&mut self, id: &str) -> Result<Option<String>, TrackerError> {
        let comments = json!({
            "user": {"isMe": {"eq": true}},
            "or": [{"id": {"eq": id}}, {"body": {"startsWith": STATUS_MARKER}}],
        });
        let variables = json!({ "issue": self.issue.id, "comments": comments });
        let data: IssueData<Commented> = self.transport.run(&documents::STATUS_COMMENT, &variables)?;
        if self.is_time_missing {
            self.changed(data.issue.updated_at);
        }
        Ok(data.issue.comments.nodes.into_iter().next().map(|comment| comment.id))
    }

    fn changed(&mut self, at: Time) {
        self.done.updated_at = self.done.updated_at.max(Some(at));
        self.is_time_missing = false;
    }

    /// The rest is not written, for that reason.
    fn give_up(&mut self, error: &TrackerError) {
        if self.state.take().is_some() {
            self.done.moved = Some(Err(error.clone()));
        }
        if self.link.take().is_some() {
            self.done.linked = Some(Err(error.clone()));
        }
        if self.comment.take().is_some() {
            self.done.commented = Some(Err(error.clone()));
        }
    }

    /// The move and the link stand whether the time can be had or not.
    fn ask_time(&mut self) {
        let variables = json!({ "issue": self.issue.id });
        let answer: Result<IssueData<Changed>, _> = self.transport.run(&documents::CHANGE_TIME, &variables);
        match answer {
            Ok(data) => self.changed(data.issue.updated_at),
            Err(error) => {
                self.done.updated_at = None;
                tracing::debug!(issue = %self.issue.identifier, %error, "its time of change is not known");
            }
        }
    }
}

fn not_made(part: Part) -> TrackerError {
    let what = match part {
        Part::Move => "the move",
        Part::Link => "the link",
        Part::Create | Part::Edit => "the comment",
    };
    TrackerError::Protocol(format!("Linear says {what} was not made, and not why"))
}

/// The id of the status comment of a ticket that has none yet.
fn first_id(issue: &Issue) -> String {
    uuid_of(&format!("conductor status comment\n{}", issue.id))
}

/// The id of the one that is written after that one was deleted.
fn next_id(issue: &Issue, deleted: &str) -> String {
    uuid_of(&format!("conductor status comment\n{}\n{deleted}", issue.id))
}

/// An id of the form Linear wants (UUID, version 4), the same for the same text.
pub fn uuid_of(text: &str) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let variant = match digest[8] >> 6 {
        0 => '8',
        1 => '9',
        2 => 'a',
        _ => 'b',
    };
    format!("{}-{}-4{}-{variant}{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}
