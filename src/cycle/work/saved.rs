//! What is kept of a workspace: unfinished work under the ticket's wip ref, here and, by a push of
//! its own, on the remote; and the folder itself where the configuration says so.

use super::super::judge::{self, PullRequestText};
use super::super::run::Run;
use super::attempted::Attempted;
use super::hooks;
use super::job::{ClaimedIssue, Job};
use super::refused;
use super::result::WorkResult;
use crate::gates::hooks::Hook;
use crate::guards::Verdict;
use crate::model::report::KeptWork;
use crate::model::settings::KeepWorkspace;
use crate::model::{Claim, Failure, Outcome, Sha};
use crate::workspace::{Workspace, WorkspaceError};

/// A workspace at the base, or where the attempt before it stopped.
pub(in crate::cycle) fn open(run: &Run<'_>, claimed: &ClaimedIssue) -> Result<Workspace, WorkspaceError> {
    run.world.workspaces.rescue_place(&claimed.issue.identifier)?;
    open_at(run, claimed, start_of(run, claimed).as_ref())
}

/// A workspace that goes on from saved work, or begins at the base.
pub(in crate::cycle) fn open_at(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    start: Option<&Sha>,
) -> Result<Workspace, WorkspaceError> {
    let Claim { branch, base_sha, .. } = &claimed.claim;
    run.world.workspaces.create(&claimed.issue.identifier, branch, base_sha, start)
}

/// Where the attempt before stopped, when its work may be gone on with.
pub(in crate::cycle) fn start_of(run: &Run<'_>, claimed: &ClaimedIssue) -> Option<Sha> {
    let state = run.ledger.state();
    let last = state.outcomes.iter().rev().find(|outcome| outcome.issue_id == claimed.issue.id)?;
    if run.settings.agent.fresh_retry || !goes_on(last.outcome, last.failure) {
        return None;
    }
    run.world.workspaces.saved(&claimed.issue.identifier).unwrap_or_else(|error| {
        run.warn(
            Some(&claimed.issue.identifier),
            format!("what the attempt before saved could not be fetched: {error}"),
        );
        None
    })
}

/// The rule per outcome, as the README's table has it.
pub(super) fn goes_on(outcome: Outcome, failure: Option<Failure>) -> bool {
    match outcome {
        Outcome::Interrupted => true,
        Outcome::Failure | Outcome::Partial => failure != Some(Failure::GuardRefused),
        Outcome::Success | Outcome::NoChanges => false,
    }
}

/// What became of the work of a last attempt.
#[derive(Default)]
pub(in crate::cycle) struct Kept {
    /// Where refused work is.
    pub work: Option<KeptWork>,
    pub warnings: Vec<String>,
}

/// Saves what the last attempt leaves. What a guard refused is set aside and is no start for
/// anybody; everything else is saved here, and on the remote when the guards let it.
pub(in crate::cycle) fn keep(run: &Run<'_>, claimed: &ClaimedIssue, result: &WorkResult<'_>) -> Kept {
    let Some(last) = result.last() else { return Kept::default() };
    let kept = match (&result.job, &result.brought) {
        (Some(job), _) if last.is_refused() => refused::keep(run, job, last),
        (Some(job), _) => return Kept { work: None, warnings: save(run, job, last) },
        (None, Some(head)) if last.is_refused() => {
            let dir = run.folder().of_issue(&claimed.issue.identifier);
            refused::keep_head(run, claimed, &dir, last, head.clone())
        }
        (None, Some(head)) => return Kept { work: None, warnings: save_brought(run, claimed, last, head) },
        (None, None) => return Kept::default(),
    };
    match kept {
        Ok((work, warnings)) => Kept { work, warnings },
        Err(error) => {
            Kept { work: None, warnings: vec![format!("the refused work could not be set aside: {error}")] }
        }
    }
}

fn save(run: &Run<'_>, job: &Job<'_>, last: &Attempted) -> Vec<String> {
    let identifier = &job.issue().identifier;
    match run.world.workspaces.save(&job.workspace) {
        Ok(Some(kept)) => accepted(run, job, last, kept)
            .and_then(|kept| publish(run, job.claimed, last, &kept))
            .err()
            .into_iter()
            .collect(),
        Ok(None) => Vec::new(),
        Err(error) => vec![format!("what is in the workspace of {identifier} could not be saved: {error}")],
    }
}

/// The same of what another job left.
fn save_brought(run: &Run<'_>, claimed: &ClaimedIssue, last: &Attempted, head: &Sha) -> Vec<String> {
    let identifier = &claimed.issue.identifier;
    let saved = run.world.workspaces.keep_saved(identifier, head);
    let saved = saved.map_err(|error| format!("the work of {identifier} could not be saved: {error}"));
    saved.and_then(|()| publish(run, claimed, last, head)).err().into_iter().collect()
}

/// The saved head, or that of the same commits written anew: it is the one that is delivered.
fn accepted(run: &Run<'_>, job: &Job<'_>, last: &Attempted, kept: Sha) -> Result<Sha, String> {
    let (identifier, work) = (&job.issue().identifier, &last.work);
    let Some(head) = work.head.as_ref().filter(|_| work.original.as_ref() == Some(&kept)) else {
        return Ok(kept);
    };
    let saved = run.world.workspaces.keep_saved(identifier, head);
    saved.map_err(|error| format!("the accepted work of {identifier} could not be saved: {error}"))?;
    Ok(head.clone())
}

/// Saved work goes to the remote as well, as this machine may not be the next run's.
fn publish(run: &Run<'_>, claimed: &ClaimedIssue, last: &Attempted, kept: &Sha) -> Result<(), String> {
    let (identifier, branch) = (&claimed.issue.identifier, &claimed.claim.branch);
    let is_judged = last.work.head.as_ref() == Some(kept);
    let judged = match is_judged {
        true => None,
        false => {
            run.world.workspaces.judged_work(branch, &claimed.claim.base_sha, kept, judge::reading(run)).ok()
        }
    };
    let Some(work) = judged.as_ref().or(is_judged.then_some(&last.work)) else {
        return Err(format!(
            "the unfinished work of {identifier} stays on this machine: it could not be judged"
        ));
    };
    if let Verdict::Refuse(refusal) = judge::guard(run, branch, work, &PullRequestText::default()) {
        return Err(format!("the unfinished work of {identifier} stays on this machine: {}", refusal.told()));
    }
    let pushed = run.time("save", Some(identifier), || run.world.workspaces.publish_saved(identifier, kept));
    pushed.map_err(|error| format!("the unfinished work of {identifier} stays on this machine: {error}"))
}

/// Ends the workspace unless it is to be kept; tells what went wrong.
pub(in crate::cycle) fn put_away(run: &Run<'_>, job: &Job<'_>, outcome: Outcome) -> Option<String> {
    // Leftovers of children are nobody's work.
    let _ = std::fs::remove_dir_all(job.temporary());
    let _ = std::fs::remove_dir_all(job.home());
    let keep = match run.settings.keep {
        KeepWorkspace::Always => true,
        KeepWorkspace::OnFailure => outcome.is_failure() || outcome == Outcome::Interrupted,
        KeepWorkspace::Never => false,
    };
    if keep {
        return None;
    }
    let hook = hooks::run_to_end(run, Hook::BeforeRemove, job, job.claimed.claim.attempt, &|| None);
    let hook = hook.err().map(|failed| failed.to_string());
    let removed = run.time("remove workspace", Some(&job.issue().identifier), || {
        run.world.workspaces.remove(&job.workspace)
    });
    removed.err().map(|error| format!("the workspace could not be removed: {error}")).or(hook)
}
