//! No forge: a job that holds no key of one asks nobody and opens nothing.

use crate::model::{BranchName, PullRequest, PullRequestDraft};
use crate::ports::{Ensured, Forge, ForgeError};

pub struct AbsentForge;

fn absent<T>() -> Result<T, ForgeError> {
    Err(ForgeError::unreachable("this job has no forge"))
}

impl Forge for AbsentForge {
    fn find(&self, _head: &BranchName) -> Result<Vec<PullRequest>, ForgeError> {
        absent()
    }

    fn ensure_pull_request(&self, _draft: &PullRequestDraft) -> Result<Ensured, ForgeError> {
        absent()
    }

    fn check_access(&self, _remote: Option<&str>) -> Result<(), ForgeError> {
        absent()
    }

    fn credential(&self) -> Option<String> {
        None
    }

    fn is_run_over(&self, _page: &str) -> Result<Option<bool>, ForgeError> {
        Ok(None)
    }

    fn compare_url(&self, _base: &str, _head: &BranchName) -> Option<String> {
        None
    }

    fn requests(&self) -> u64 {
        0
    }
}
