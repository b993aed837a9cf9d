//! Work that was found, on record or on the remote: it is judged as the run that made it would have
//! judged it, whatever is written of it. Where nobody wrote its words, they are written here.

use super::super::judge::{self, PullRequestText, Story};
use super::super::run::Run;
use super::parcel::Parcel;
use crate::guards::Verdict;
use crate::model::stage::FILES;
use crate::model::{BranchName, Delivery, Fault, FaultKind, Usage};
use crate::workspace::Work;
use std::time::Duration;

/// The change with its words and its draft flag, or why it may not leave the machine.
pub(in crate::cycle) fn judged(
    run: &Run<'_>,
    parcel: &Parcel,
    branch: &BranchName,
    found: &Delivery,
) -> Result<Delivery, Fault> {
    let base = &parcel.claim.base_sha;
    let reading = judge::reading(run);
    let work = run.world.workspaces.judged_work(branch, base, &found.head, reading).map_err(|error| {
        let message = format!("the work of branch {branch} could not be read: {error}");
        Fault::new(FaultKind::RemoteUnreachable, message, run.now())
    })?;
    if found.lacks_words() {
        return of_found(run, parcel, branch, found, &work);
    }
    let text = PullRequestText { title: found.title.clone(), body: found.body.clone() };
    let reasons = verdict(run, branch, &work, &text)?;
    let new = reasons.iter().filter(|reason| !found.notes.contains(reason));
    Ok(Delivery {
        draft: found.draft || !reasons.is_empty(),
        notes: found.notes.iter().chain(new).cloned().collect(),
        ..found.clone()
    })
}

/// Why it is to be a draft; a refusal is a fault.
fn verdict(
    run: &Run<'_>,
    branch: &BranchName,
    work: &Work,
    text: &PullRequestText,
) -> Result<Vec<String>, Fault> {
    match judge::guard(run, branch, work, text) {
        Verdict::Pass => Ok(Vec::new()),
        Verdict::Draft(reasons) => Ok(reasons),
        Verdict::Refuse(refusal) => {
            let message = format!("guards refused the work of branch {branch}: {}", refusal.told());
            let fault = Fault::new(FaultKind::GuardRefused, message, run.now());
            Err(fault
                .remedy(format!("look at branch {branch} and delete it or open its pull request by hand")))
        }
    }
}

fn of_found(
    run: &Run<'_>,
    parcel: &Parcel,
    branch: &BranchName,
    found: &Delivery,
    work: &Work,
) -> Result<Delivery, Fault> {
    let story = Story {
        issue: &parcel.issue,
        work,
        attempt: parcel.claim.attempt,
        agent: run.world.agent.name(),
        model: None,
        usage: &Usage::default(),
        duration: Duration::ZERO,
        gates: &found.gates,
    };
    let mut notes =
        vec!["The run that made this change ended before it could open the pull request.".to_owned()];
    let text = judge::words(run, &story, &notes);
    let reasons = verdict(run, branch, work, &text)?;
    let draft = !reasons.is_empty();
    notes.extend(reasons);
    let text = if draft { judge::words(run, &story, &notes) } else { text };
    let rules = &run.settings.pull_request;
    Ok(Delivery {
        base: parcel.claim.base_sha.clone(),
        title: text.title,
        body: text.body,
        draft: rules.draft || draft,
        labels: rules.labels.clone(),
        reviewers: rules.reviewers.clone(),
        notes,
        files: work.files.iter().take(FILES).map(|file| file.path.clone()).collect(),
        commits: work.commits.len() as u64,
        attempt: parcel.claim.attempt,
        ..found.clone()
    })
}
