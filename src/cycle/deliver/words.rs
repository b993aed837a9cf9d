//! The words and the draft flag of work that was found pushed, without the record of the run that
//! made it: it is judged as that run would have judged it.

use super::super::judge::{self, Story};
use super::super::run::Run;
use super::parcel::Parcel;
use crate::guards::Verdict;
use crate::model::stage::FILES;
use crate::model::{BranchName, Delivery, Fault, FaultKind, Usage};
use std::time::Duration;

pub(in crate::cycle) fn of_found(
    run: &Run<'_>,
    parcel: &Parcel,
    branch: &BranchName,
    found: &Delivery,
) -> Result<Delivery, Fault> {
    let base = &parcel.claim.base_sha;
    let reading = judge::reading(run);
    let work = run.world.workspaces.judged_work(branch, base, &found.head, reading).map_err(|error| {
        let message = format!("the pushed branch {branch} could not be read: {error}");
        Fault::new(FaultKind::RemoteUnreachable, message, run.now())
    })?;
    let story = Story {
        issue: &parcel.issue,
        work: &work,
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
    let (draft, text) = match judge::guard(run, branch, &work, &text) {
        Verdict::Pass => (false, text),
        Verdict::Draft(reasons) => {
            notes.extend(reasons);
            (true, judge::words(run, &story, &notes))
        }
        Verdict::Refuse(refusal) => {
            let message = format!("guards refused the pushed branch {branch}: {}", refusal.told());
            let fault = Fault::new(FaultKind::GuardRefused, message, run.now());
            return Err(fault
                .remedy(format!("look at branch {branch} and delete it or open its pull request by hand")));
        }
    };
    let rules = &run.settings.pull_request;
    Ok(Delivery {
        base: base.clone(),
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
