//! What Linear answers to each document.

use super::issue::Listed;
use super::list::{Few, Id, Named, Page};
use crate::model::Time;
use serde::Deserialize;

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
pub struct OutsideData {
    pub issues: Page<Listed>,
    pub closed: Page<Listed>,
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
