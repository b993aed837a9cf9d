//! What the jobs of a cycle tell when they end: what was handed out, what became of results. The
//! shapes are contracts (`claim`, `publish --output json`).

use super::report::{Advanced, CycleStatus, Dispatched, Recovered, Requests, Skipped, StandingFault};
use super::{BranchName, Sha, StageName, Time};
use serde::Serialize;

/// A ticket that was handed out.
#[derive(Debug, Clone, Serialize)]
pub struct Handed {
    pub issue: String,
    pub title: String,
    pub url: Option<String>,
    pub attempt: u32,
    pub branch: BranchName,
    pub base_sha: Sha,
    /// Within the folder of all assignments.
    pub directory: String,
    pub lease_expires_at: Time,
    /// It goes on from the work of an earlier attempt.
    pub continues: bool,
}

/// What `conductor claim` did.
#[derive(Debug, Serialize)]
pub struct ClaimReport {
    pub schema: u32,
    pub run_id: String,
    pub status: CycleStatus,
    pub started_at: Time,
    pub deferred_until: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_because: Option<String>,
    pub claimed: Vec<Handed>,
    pub skipped: Vec<Skipped>,
    pub recovered: Vec<Recovered>,
    pub advanced: Vec<Advanced>,
    pub matrix: Matrix,
    pub requests: Requests,
}

/// A matrix for GitHub Actions: a job each.
#[derive(Debug, Serialize)]
pub struct Matrix {
    pub include: Vec<MatrixJob>,
}

#[derive(Debug, Serialize)]
pub struct MatrixJob {
    pub issue: String,
    pub directory: String,
}

impl Matrix {
    pub fn of(handed: &[Handed]) -> Self {
        let job = |one: &Handed| MatrixJob { issue: one.issue.clone(), directory: one.directory.clone() };
        Self { include: handed.iter().map(job).collect() }
    }
}

/// A result that is not taken. It stays where it is.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedResult {
    pub directory: String,
    pub issue: Option<String>,
    pub reason: String,
}

/// A result that was recorded before.
#[derive(Debug, Clone, Serialize)]
pub struct Already {
    pub directory: String,
    pub issue: String,
    /// Where its change is now.
    pub stage: StageName,
}

/// An assignment without a result.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    pub directory: String,
    pub issue: String,
    /// Until then nobody else takes the ticket up.
    pub lease_expires_at: Time,
}

/// What `conductor publish` did.
#[derive(Debug, Serialize)]
pub struct PublishReport {
    pub schema: u32,
    pub status: CycleStatus,
    pub published: Vec<Dispatched>,
    pub already: Vec<Already>,
    pub refused: Vec<RefusedResult>,
    pub missing: Vec<Missing>,
    pub skipped: Vec<Skipped>,
    pub standing: Vec<StandingFault>,
    pub requests: Requests,
}
