//! Where pull requests live: what is asked of a forge, and what can go wrong with it.

use super::failure::{Cause, until_time};
use crate::model::{BranchName, PullRequest, PullRequestDraft, Time};

pub trait Forge: Send + Sync {
    /// Every pull request from that branch of this repository, in any state, newest first.
    fn find(&self, head: &BranchName) -> Result<Vec<PullRequest>, ForgeError>;

    /// The open pull request from that branch, or a new one. However often it is called and
    /// whatever answer gets lost, there is one.
    fn ensure_pull_request(&self, draft: &PullRequestDraft) -> Result<Ensured, ForgeError>;

    /// Whether pull requests of the branches pushed to `remote` (`owner/name`, where the git
    /// remote tells it) can be opened here with this credential, found out without changing
    /// anything: [`ForgeError::Config`] for another repository, [`ForgeError::Forbidden`] for a
    /// credential that may not. One request when both names are the same.
    fn check_access(&self, remote: Option<&str>) -> Result<(), ForgeError>;

    /// What the credential and what it is used for are called in a record: a short hash that leads
    /// back to neither. `None` where there is no credential.
    fn credential(&self) -> Option<String>;

    /// Whether the CI run with that page is over; `None` when this forge cannot tell.
    fn is_run_over(&self, page: &str) -> Result<Option<bool>, ForgeError>;

    /// Where a person can open the pull request by hand.
    fn compare_url(&self, base: &str, head: &BranchName) -> Option<String>;

    /// Requests made so far.
    fn requests(&self) -> u64;
}

/// A pull request that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured {
    pub pull_request: PullRequest,
    /// Opened by this call, rather than found.
    pub created: bool,
    /// What was asked for and not granted (reviewers, labels, draft).
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// Not reached, or a 5xx to the last try.
    #[error("forge unreachable: {detail}")]
    Unreachable {
        detail: String,
        #[source]
        cause: Option<Cause>,
    },
    /// The credential was refused.
    #[error("forge refused the credential: {0}")]
    Unauthorized(String),
    /// The credential is good, and may not do this here: no right to open pull requests, the
    /// switch of GitHub Actions, single sign-on.
    #[error("forge does not allow it: {0}")]
    Forbidden(String),
    /// The request allowance is used up.
    #[error("forge rate limit{}: {detail}", until_time(.until.as_ref()))]
    RateLimited { until: Option<Time>, detail: String },
    /// The configured repository is not the one the branches are pushed to.
    #[error("{0}")]
    Config(String),
    /// The forge understood and refused: nothing between the branches, head gone, …
    #[error("forge refused: {0}")]
    Refused(String),
    /// An answer that cannot be believed.
    #[error("forge gave an unexpected answer: {0}")]
    Protocol(String),
}

impl ForgeError {
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
