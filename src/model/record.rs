//! What is remembered of one ticket between cycles: its stage with that stage's data, its fault,
//! its counters. Owns the record's form in the document, and how a record of version 1 is read.

use super::stage::{Block, Delivery, Ended, Review, Rework, StageName, Wait};
use super::{BranchName, Cost, Fault, IssueStatus, Phase, Sha, Stage, Time, stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

type Extra = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct IssueRecord {
    pub identifier: String,
    pub stage: Stage,
    /// What is wrong at the step the stage waits for.
    pub fault: Option<Fault>,
    pub attempts: u32,
    pub interruptions: u32,
    pub failures_by_phase: BTreeMap<Phase, u32>,
    pub branch: Option<BranchName>,
    /// The head that is on the remote.
    pub head_sha: Option<Sha>,
    pub pull_request: Option<RecordedPullRequest>,
    /// The ticket's own time of change when we last wrote to it; a later one means a person did.
    pub issue_updated_at: Option<Time>,
    /// Rounds of rework on the same pull request.
    pub rounds: u32,
    pub cost: Cost,
    /// The status comment on the ticket.
    pub comment: Option<String>,
    /// Limits of the provider in a row that were known by words alone.
    pub word_limits: u32,
    pub extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPullRequest {
    pub number: u64,
    pub url: String,
    #[serde(flatten)]
    pub extra: Extra,
}

impl RecordedPullRequest {
    pub fn new(number: u64, url: impl Into<String>) -> Self {
        Self { number, url: url.into(), extra: Extra::new() }
    }
}

impl IssueRecord {
    pub fn new(identifier: &str, stage: Stage) -> Self {
        Self {
            identifier: identifier.to_owned(),
            stage,
            fault: None,
            attempts: 0,
            interruptions: 0,
            failures_by_phase: BTreeMap::new(),
            branch: None,
            head_sha: None,
            pull_request: None,
            issue_updated_at: None,
            rounds: 0,
            cost: Cost::default(),
            comment: None,
            word_limits: 0,
            extra: Extra::new(),
        }
    }

    /// All failures over all cycles.
    pub fn failures(&self) -> u32 {
        self.failures_by_phase.values().copied().fold(0, u32::saturating_add)
    }

    pub fn status(&self) -> IssueStatus {
        self.stage.status()
    }

    /// Why it is a person's turn.
    pub fn blocked_reason(&self) -> Option<&str> {
        match &self.stage {
            Stage::Blocked(block) => Some(&block.why),
            _ => None,
        }
    }

    /// When it becomes eligible by itself, where that is a moment.
    pub fn next_attempt_at(&self) -> Option<Time> {
        match &self.stage {
            Stage::Waiting(wait) => wait.until,
            _ => None,
        }
    }
}

/// The record as the document has it: flat, with the data of the stage under the stage's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wire {
    identifier: String,
    status: IssueStatus,
    #[serde(default)]
    stage: Option<StageName>,
    #[serde(default)]
    fault: Option<Fault>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    interruptions: u32,
    #[serde(default)]
    failures_by_phase: BTreeMap<Phase, u32>,
    #[serde(default)]
    branch: Option<BranchName>,
    #[serde(default)]
    head_sha: Option<Sha>,
    #[serde(default)]
    pull_request: Option<RecordedPullRequest>,
    #[serde(default)]
    next_attempt_at: Option<Time>,
    #[serde(default)]
    blocked_reason: Option<String>,
    #[serde(default)]
    issue_updated_at: Option<Time>,
    #[serde(default, skip_serializing_if = "is_zero")]
    rounds: u32,
    #[serde(default)]
    cost: Cost,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    word_limits: u32,
    #[serde(flatten)]
    data: StageData,
    #[serde(flatten)]
    extra: Extra,
}

/// The data of whichever stage it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct StageData {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready: Option<Box<Delivery>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pushed: Option<Box<Delivery>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposed: Option<Box<Delivery>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_review: Option<Review>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rework: Option<Rework>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merged: Option<Ended>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<Ended>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<Ended>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<Wait>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocked: Option<Block>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl From<IssueRecord> for Wire {
    fn from(record: IssueRecord) -> Self {
        let status = record.status();
        let (next_attempt_at, blocked_reason) =
            (record.next_attempt_at(), record.blocked_reason().map(str::to_owned));
        let name = record.stage.name();
        let mut data = StageData::default();
        match record.stage {
            Stage::Claimed => {}
            Stage::Ready(delivery) => data.ready = Some(delivery),
            Stage::Pushed(delivery) => data.pushed = Some(delivery),
            Stage::Proposed(delivery) => data.proposed = Some(delivery),
            Stage::InReview(review) => data.in_review = Some(review),
            Stage::Rework(rework) => data.rework = Some(rework),
            Stage::Merged(end) => data.merged = Some(end),
            Stage::Closed(end) => data.closed = Some(end),
            Stage::Done(end) => data.done = Some(end),
            Stage::Waiting(wait) => data.waiting = Some(wait),
            Stage::Blocked(block) => data.blocked = Some(block),
        }
        Self {
            identifier: record.identifier,
            status,
            stage: Some(name),
            fault: record.fault,
            attempts: record.attempts,
            interruptions: record.interruptions,
            failures_by_phase: record.failures_by_phase,
            branch: record.branch,
            head_sha: record.head_sha,
            pull_request: record.pull_request,
            next_attempt_at,
            blocked_reason,
            issue_updated_at: record.issue_updated_at,
            rounds: record.rounds,
            cost: record.cost,
            comment: record.comment,
            word_limits: record.word_limits,
            data,
            extra: record.extra,
        }
    }
}

impl TryFrom<Wire> for IssueRecord {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let stage = wire.stage()?;
        Ok(Self {
            stage,
            identifier: wire.identifier,
            fault: wire.fault,
            attempts: wire.attempts,
            interruptions: wire.interruptions,
            failures_by_phase: wire.failures_by_phase,
            branch: wire.branch,
            head_sha: wire.head_sha,
            pull_request: wire.pull_request,
            issue_updated_at: wire.issue_updated_at,
            rounds: wire.rounds,
            cost: wire.cost,
            comment: wire.comment,
            word_limits: wire.word_limits,
            extra: wire.extra,
        })
    }
}

impl Wire {
    fn stage(&self) -> Result<Stage, String> {
        let Some(name) = self.stage else { return Ok(self.stage_of_version_1()) };
        let data = &self.data;
        let lacks = || format!("stage {}: its data is missing", name.word());
        let delivery = |found: &Option<Box<Delivery>>| found.clone().ok_or_else(lacks);
        Ok(match name {
            StageName::Claimed => Stage::Claimed,
            StageName::Ready => Stage::Ready(delivery(&data.ready)?),
            StageName::Pushed => Stage::Pushed(delivery(&data.pushed)?),
            StageName::Proposed => Stage::Proposed(delivery(&data.proposed)?),
            StageName::InReview => Stage::InReview(data.in_review.clone().unwrap_or_default()),
            StageName::Rework => Stage::Rework(data.rework.clone().unwrap_or_default()),
            StageName::Merged => Stage::Merged(data.merged.clone().unwrap_or_default()),
            StageName::Closed => Stage::Closed(data.closed.clone().unwrap_or_default()),
            StageName::Done => Stage::Done(data.done.clone().unwrap_or_default()),
            StageName::Waiting => Stage::Waiting(data.waiting.clone().unwrap_or_default()),
            StageName::Blocked => Stage::Blocked(data.blocked.clone().unwrap_or_default()),
        })
    }

    /// A document of version 1 knew the status alone. Work it had pushed and not handed over goes on
    /// from its pushed branch.
    fn stage_of_version_1(&self) -> Stage {
        let why = || self.blocked_reason.clone().unwrap_or_else(|| "recorded as blocked".to_owned());
        match self.status {
            IssueStatus::InReview => Stage::InReview(Review {
                head: self.head_sha.clone(),
                since: self.issue_updated_at,
                ..Review::default()
            }),
            IssueStatus::Done => Stage::done(stage::TICKET_CLOSED, self.issue_updated_at),
            IssueStatus::NoChanges => Stage::done(stage::NO_CHANGES, self.issue_updated_at),
            IssueStatus::Blocked => Stage::blocked(why()),
            IssueStatus::Running => Stage::waiting(None, "its run ended"),
            IssueStatus::Failed => match (&self.branch, &self.head_sha, &self.pull_request) {
                (Some(_), Some(head), None) => Stage::Pushed(Box::new(Delivery::found(head.clone()))),
                _ => Stage::waiting(self.next_attempt_at, "its last attempt failed"),
            },
        }
    }
}
