//! The names of a ticket's branches.

use crate::model::{BranchName, IssueRecord, safe_key};

/// The branch for the next attempt: the issue's own, or, when that one was published before, the
/// next of its names, as a closed or merged pull request's branch is never used again.
pub(in crate::cycle) fn branch_for(
    prefix: &str,
    identifier: &str,
    record: Option<&IssueRecord>,
) -> BranchName {
    let first = format!("{prefix}{}", safe_key(identifier));
    let last = record.and_then(|record| record.branch.as_ref()).map(BranchName::as_str);
    let published = record.is_some_and(|record| record.head_sha.is_some());
    match last.filter(|last| last.starts_with(&first)) {
        Some(last) if published => next_branch(&BranchName::new(&first), &BranchName::new(last)),
        Some(last) => BranchName::new(last),
        None => BranchName::new(first),
    }
}

/// `conductor/ENG-42` → `conductor/ENG-42-2` → `conductor/ENG-42-3`.
pub(in crate::cycle) fn next_branch(first: &BranchName, last: &BranchName) -> BranchName {
    let count: u32 = last
        .as_str()
        .strip_prefix(first.as_str())
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    BranchName::new(format!("{first}-{}", count.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sha, Stage};

    #[test]
    fn a_published_branch_is_not_used_again() {
        let mut record = IssueRecord::new("ENG-1", Stage::waiting(None, ""));
        assert_eq!(branch_for("conductor/", "ENG-1", None).as_str(), "conductor/ENG-1");
        record.branch = Some(BranchName::new("conductor/ENG-1"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1");
        record.head_sha = Some(Sha::new("abc"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1-2");
        record.branch = Some(BranchName::new("conductor/ENG-1-2"));
        assert_eq!(branch_for("conductor/", "ENG-1", Some(&record)).as_str(), "conductor/ENG-1-3");
    }
}
