//! Pushed → proposed: the pull request of the branch, opened or found. Whatever an earlier run
//! opened for that head is taken, also when it was merged or closed since.

use super::super::faults;
use super::super::outages::Service;
use super::super::run::Run;
use super::parcel::Parcel;
use super::words;
use crate::model::cycle_event::CycleEventKind;
use crate::model::{
    BranchName, Delivery, Fault, FaultKind, IssueRecord, PullRequest, PullRequestDraft, PullRequestState,
    RecordedPullRequest, Sha, Stage,
};
use crate::ports::{Ensured, ForgeError};

pub(in crate::cycle) fn propose(run: &Run<'_>, parcel: &mut Parcel) -> Result<(), Fault> {
    let Stage::Pushed(delivery) = &parcel.record.stage else { return Ok(()) };
    if let Some(fault) = run.outages.of(Service::Forge) {
        return Err(fault);
    }
    let mut delivery = delivery.as_ref().clone();
    let branch = parcel.record.branch.clone().unwrap_or_else(|| parcel.claim.branch.clone());
    let name = Some(parcel.issue.identifier.as_str());
    let forge_fault = |error: &ForgeError| faults::of_forge(run, &branch, error);
    let earlier = match parcel.is_fresh {
        true => None,
        false => run
            .time("pull request", name, || opened(run, &branch, &delivery.head))
            .map_err(|error| forge_fault(&error))?,
    };
    let ensured = match earlier.filter(|pull| pull.state != PullRequestState::Open) {
        // Merged or closed since: a second one would ask for the same again.
        Some(pull_request) => Ensured { pull_request, created: false, warnings: Vec::new() },
        None => {
            if !parcel.is_judged || delivery.lacks_words() {
                delivery = words::judged(run, parcel, &branch, &delivery)?;
                parcel.is_judged = true;
            }
            let draft = draft_of(run, parcel, &branch, &delivery);
            run.time("pull request", name, || run.world.forge.ensure_pull_request(&draft))
                .map_err(|error| forge_fault(&error))?
        }
    };
    let pull = ensured.pull_request;
    if let Some(seen) = pull.head_sha.as_ref().filter(|seen| **seen != delivery.head) {
        let message = format!(
            "pull request #{} shows {} as its head, {} was pushed",
            pull.number,
            seen.short(),
            delivery.head.short()
        );
        return Err(Fault::new(FaultKind::ForgeUnreachable, message, run.now()));
    }
    parcel.created |= ensured.created;
    parcel.warnings.extend(ensured.warnings.iter().map(|warning| run.redact(warning)));
    run.emit(&parcel.issue, CycleEventKind::PullRequest { url: pull.url.clone(), created: ensured.created });
    parcel.record = IssueRecord {
        stage: Stage::Proposed(Box::new(delivery)),
        branch: Some(branch),
        pull_request: Some(RecordedPullRequest::new(pull.number, pull.url)),
        ..parcel.record.clone()
    };
    Ok(())
}

/// The pull request somebody opened for that head, whatever became of it since.
pub(in crate::cycle) fn opened(
    run: &Run<'_>,
    branch: &BranchName,
    head: &Sha,
) -> Result<Option<PullRequest>, ForgeError> {
    let mut found = run.world.forge.find(branch)?;
    found.retain(|pull| pull.head_sha.as_ref().is_none_or(|seen| seen == head));
    let open = found.iter().position(|pull| pull.state == PullRequestState::Open);
    Ok((!found.is_empty()).then(|| found.swap_remove(open.unwrap_or(0))))
}

fn draft_of(run: &Run<'_>, parcel: &Parcel, branch: &BranchName, delivery: &Delivery) -> PullRequestDraft {
    PullRequestDraft {
        title: delivery.title.clone(),
        body: delivery.body.clone(),
        head: branch.clone(),
        head_sha: delivery.head.clone(),
        is_new_branch: parcel.is_new_branch,
        base: run.settings.base_branch.clone(),
        draft: delivery.draft,
        labels: delivery.labels.clone(),
        reviewers: delivery.reviewers.clone(),
        issue: parcel.issue.identifier.clone(),
    }
}
