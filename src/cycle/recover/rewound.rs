//! After the state was deleted, replaced or set back: what is on the remote and at the forge is
//! looked at before any agent runs, so that no ticket is worked on twice.

use super::super::intake::branch::branch_for;
use super::super::intake::poll::Polled;
use super::super::ledger::Change;
use super::super::run::Run;
use super::super::world::CycleError;
use super::super::writes;
use crate::model::{
    BranchName, Issue, IssueId, IssueRecord, PullRequestState, RecordedPullRequest, Refusal, Review, Stage,
};

/// Records the open pull requests of candidates nothing is remembered of.
pub(in crate::cycle) fn adopt(run: &Run<'_>, polled: &Polled) -> Result<(), CycleError> {
    run.warn(
        None,
        "the state was deleted, replaced or set back since this machine last saw it: open pull requests are looked for",
    );
    let state = run.ledger.state();
    let branches = run.world.workspaces.remote_branches()?;
    let pool = polled.active.iter().chain(polled.named.iter().flatten());
    let unknown = pool.filter(|issue| !state.issues.contains_key(&issue.id));
    let mut adopted: Vec<(IssueId, IssueRecord)> = Vec::new();
    for issue in unknown {
        let first = branch_for(&run.settings.branch_prefix, &issue.identifier, None);
        let numbered = format!("{first}-");
        let own = branches.iter().filter(|(name, _)| {
            **name == first
                || name.as_str().strip_prefix(&numbered).is_some_and(|rest| rest.parse::<u32>().is_ok())
        });
        for (branch, head) in own {
            adopted.extend(open_at(run, issue, branch, head)?.map(|record| (issue.id.clone(), record)));
        }
    }
    if !adopted.is_empty() {
        let names: Vec<&str> = adopted.iter().map(|(_, record)| record.identifier.as_str()).collect();
        let change = Change {
            what: format!("find again {}", names.join(", ")),
            refs: Vec::new(),
            decide: Box::new(|state| {
                let mut next = state.clone();
                for (id, record) in &adopted {
                    next.issues.entry(id.clone()).or_insert_with(|| record.clone());
                }
                if next.issues.len() == state.issues.len() { Err(Refusal::Nothing) } else { Ok(next) }
            }),
        };
        writes::must(run, change, Vec::new())?;
    }
    // From here on this state is the one to go on from.
    Ok(run.ledger.acknowledge()?)
}

fn open_at(
    run: &Run<'_>,
    issue: &Issue,
    branch: &BranchName,
    head: &crate::model::Sha,
) -> Result<Option<IssueRecord>, CycleError> {
    let found = run
        .world
        .forge
        .find(branch)
        .map_err(|error| CycleError::Unreachable(run.redact(&error.to_string())))?;
    let open = found.into_iter().find(|pull| pull.state == PullRequestState::Open);
    Ok(open.map(|pull| {
        let review = Review { head: Some(head.clone()), since: Some(run.now()), ..Review::default() };
        let mut record = IssueRecord::new(&issue.identifier, Stage::InReview(review));
        record.attempts = 1;
        record.branch = Some(branch.clone());
        record.head_sha = Some(head.clone());
        record.pull_request = Some(RecordedPullRequest::new(pull.number, pull.url));
        record.issue_updated_at = issue.updated_at;
        record
    }))
}
