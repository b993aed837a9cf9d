//! A ticket as Linear tells it, and how it becomes ours.

use super::list::{Named, Page};
use super::scope::{Scope, WireProject, WireTeam};
use crate::adapters::tracker::one_line;
use crate::model::{Blocker, Issue, IssueId, Person, Priority, StateKind, TicketState, Time};
use crate::ports::TicketFault;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A ticket in a list, or what keeps it from being understood: the others are.
pub struct Listed(pub Result<WireIssue, TicketFault>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        Ok(Self(serde_json::from_str(raw.get()).map_err(|error| not_understood(&raw, &error))))
    }
}

fn not_understood(raw: &RawValue, error: &serde_json::Error) -> TicketFault {
    #[derive(Default, Deserialize)]
    struct Names {
        #[serde(default)]
        identifier: Value,
        #[serde(default)]
        id: Value,
    }
    let names: Names = serde_json::from_str(raw.get()).unwrap_or_default();
    let name = names.identifier.as_str().or(names.id.as_str());
    let text = error.to_string();
    // A place in a text nobody sees.
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    TicketFault {
        identifier: name.map_or_else(|| "(a ticket without a name)".to_owned(), one_line),
        detail: format!("Linear's answer about it cannot be read: {}", one_line(what)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireIssue {
    id: String,
    identifier: String,
    title: String,
    /// Outer: whether it was asked for.
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    url: String,
    priority: f64,
    estimate: Option<f64>,
    created_at: Time,
    updated_at: Time,
    archived_at: Option<Time>,
    trashed: Option<bool>,
    state: WireState,
    team: WireTeam,
    project: Option<WireProject>,
    assignee: Option<WireUser>,
    creator: Option<WireUser>,
    labels: Page<Named>,
    inverse_relations: Page<Relation>,
}

/// Further pages of a ticket's own lists.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lists {
    pub labels: Option<Page<Named>>,
    pub inverse_relations: Option<Page<Relation>>,
}

#[derive(Deserialize)]
pub struct Relation {
    #[serde(rename = "type")]
    kind: String,
    issue: RelatedIssue,
}

#[derive(Deserialize)]
struct RelatedIssue {
    identifier: String,
    state: WireState,
}

#[derive(Deserialize)]
struct WireState {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireUser {
    id: String,
    name: String,
    email: String,
    is_me: bool,
}

impl WireIssue {
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The ticket as far as it was read, and its two lists with what follows them.
    pub fn into_parts(self, scope: &Scope) -> (Issue, Page<Named>, Page<Relation>) {
        let elsewhere = scope.elsewhere(&self.team, self.project.as_ref());
        let issue = Issue {
            id: IssueId::new(self.id),
            identifier: self.identifier,
            title: self.title,
            has_details: self.description.is_some(),
            description: self.description.flatten().unwrap_or_default(),
            url: Some(self.url),
            state: self.state.into(),
            team: Some(self.team.id),
            priority: priority(self.priority),
            labels: Vec::new(),
            estimate: self.estimate,
            assignee: self.assignee.map(Into::into),
            creator: self.creator.map(Into::into),
            blocked_by: Vec::new(),
            created_at: Some(self.created_at),
            updated_at: Some(self.updated_at),
            archived: self.archived_at.is_some() || self.trashed == Some(true),
            elsewhere,
        };
        (issue, self.labels, self.inverse_relations)
    }
}

impl Relation {
    /// Read from the blocked ticket, the relation's own issue is the one that blocks.
    pub fn into_blocker(self) -> Option<Blocker> {
        (self.kind == "blocks")
            .then(|| Blocker { identifier: self.issue.identifier, state: self.issue.state.into() })
    }
}

impl From<WireState> for TicketState {
    fn from(state: WireState) -> Self {
        let kind = match state.kind.as_str() {
            "triage" | "backlog" | "unstarted" => StateKind::Open,
            "started" => StateKind::Started,
            "completed" | "canceled" | "duplicate" => StateKind::Closed,
            _ => StateKind::Unknown,
        };
        Self { name: state.name, kind }
    }
}

impl From<WireUser> for Person {
    fn from(user: WireUser) -> Self {
        Self { id: user.id, name: user.name, email: Some(user.email), is_me: user.is_me }
    }
}

/// A whole number, sent as a float.
fn priority(number: f64) -> Priority {
    (0_i64..=4).find(|n| *n as f64 == number).map_or(Priority::None, Priority::from_number)
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}
