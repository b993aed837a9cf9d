//! What Linear answers, and how it becomes our words.

use crate::adapters::tracker::one_line;
use crate::model::{Blocker, Issue, IssueId, Person, Priority, StateKind, TicketState, Time};
use crate::ports::{TicketFault, TrackerError};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub nodes: Vec<T>,
    pub page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl<T> Page<T> {
    pub fn empty() -> Self {
        Self { nodes: Vec::new(), page_info: PageInfo { has_next_page: false, end_cursor: None } }
    }

    /// The cursor of the next page. A list that goes on without saying where is an error: half a
    /// list taken for the whole would be worse.
    pub fn next(&self) -> Result<Option<String>, TrackerError> {
        match &self.page_info {
            PageInfo { has_next_page: false, .. } => Ok(None),
            PageInfo { end_cursor: Some(cursor), .. } => Ok(Some(cursor.clone())),
            PageInfo { end_cursor: None, .. } => {
                Err(TrackerError::Protocol("a list has a next page and no cursor to it".to_owned()))
            }
        }
    }
}

/// A list nobody pages through.
#[derive(Deserialize)]
pub struct Few<T> {
    pub nodes: Vec<T>,
}

#[derive(Deserialize)]
pub struct CandidatesData {
    pub teams: Page<Team>,
    #[serde(rename = "workflowStates")]
    pub states: Page<State>,
    #[serde(rename = "issueLabels")]
    pub labels: Option<Page<Named>>,
    pub projects: Option<Few<Named>>,
    pub issues: Page<Listed>,
    pub also: Option<Few<Listed>>,
}

#[derive(Deserialize)]
pub struct IssuesData<L> {
    pub issues: L,
}

#[derive(Deserialize)]
pub struct IssueData<T> {
    pub issue: T,
}

#[derive(Deserialize)]
pub struct StatesData {
    #[serde(rename = "workflowStates")]
    pub states: Page<State>,
}

#[derive(Deserialize)]
pub struct TeamsData {
    pub teams: Page<Team>,
}

#[derive(Deserialize)]
pub struct LabelsData {
    #[serde(rename = "issueLabels")]
    pub labels: Page<Named>,
}

#[derive(Deserialize)]
pub struct ProjectsData {
    pub projects: Page<Named>,
}

#[derive(Deserialize)]
pub struct MoveData {
    #[serde(rename = "issueUpdate")]
    pub update: MovePayload,
}

#[derive(Deserialize)]
pub struct MovePayload {
    pub success: bool,
    pub issue: Option<Changed>,
}

#[derive(Deserialize)]
pub struct LinkData {
    #[serde(rename = "attachmentCreate")]
    pub create: LinkPayload,
}

#[derive(Deserialize)]
pub struct LinkPayload {
    pub success: bool,
    pub attachment: LinkedAttachment,
}

#[derive(Deserialize)]
pub struct LinkedAttachment {
    pub issue: LinkedIssue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedIssue {
    pub updated_at: Time,
    pub comments: Few<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub struct CommentData {
    #[serde(rename = "commentCreate")]
    pub create: CommentPayload,
}

#[derive(Deserialize)]
pub struct CommentPayload {
    pub success: bool,
    pub comment: CommentOnIssue,
}

#[derive(Deserialize)]
pub struct CommentOnIssue {
    pub issue: Option<Changed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub updated_at: Time,
}

/// What is left of any part of an update that was carried out.
#[derive(Deserialize)]
pub struct Written {
    pub success: bool,
    issue: Option<Changed>,
    attachment: Option<On>,
    pub comment: Option<WrittenComment>,
}

#[derive(Deserialize)]
pub struct WrittenComment {
    pub id: String,
    issue: Option<Changed>,
}

#[derive(Deserialize)]
struct On {
    issue: Option<Changed>,
}

impl Written {
    pub fn changed_at(&self) -> Option<Time> {
        let attachment = self.attachment.as_ref().and_then(|on| on.issue.as_ref());
        let comment = self.comment.as_ref().and_then(|comment| comment.issue.as_ref());
        self.issue.as_ref().or(attachment).or(comment).map(|issue| issue.updated_at)
    }
}

/// A ticket with the comments that were looked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commented {
    pub updated_at: Time,
    pub comments: Few<Id>,
}

#[derive(Deserialize)]
pub struct Team {
    pub id: String,
    pub key: String,
    pub name: String,
}

/// A workflow state of one team.
#[derive(Deserialize)]
pub struct State {
    pub id: String,
    pub name: String,
    pub team: Id,
}

#[derive(Deserialize)]
pub struct Id {
    pub id: String,
}

#[derive(Deserialize)]
pub struct Named {
    pub name: String,
}

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
    team: Id,
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
    pub fn into_parts(self) -> (Issue, Page<Named>, Page<Relation>) {
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
