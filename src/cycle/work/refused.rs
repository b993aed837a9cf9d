//! Work that a guard refused: kept in Conductor's own repository and, when no secret is in it, as a
//! bundle beside the run's files. Where only a path was in its way the remote gets it as well, under
//! a ref that is no branch and that nothing starts from.

use super::super::run::Run;
use super::attempted::Attempted;
use super::job::{ClaimedIssue, Job};
use crate::guards::Ground;
use crate::model::Sha;
use crate::model::report::KeptWork;
use crate::workspace::WorkspaceError;
use std::path::Path;

const BUNDLE: &str = "refused.bundle";

/// Sets the refused work aside; where it is, and what of that did not work.
pub(in crate::cycle) fn keep(
    run: &Run<'_>,
    job: &Job<'_>,
    refused: &Attempted,
) -> Result<(Option<KeptWork>, Vec<String>), WorkspaceError> {
    match run.world.workspaces.refuse(&job.workspace)? {
        Some(head) => keep_head(run, job.claimed, &job.dir, refused, head),
        None => Ok((None, Vec::new())),
    }
}

/// The same of a commit in Conductor's own repository; `dir` is the ticket's folder of this run.
pub(in crate::cycle) fn keep_head(
    run: &Run<'_>,
    claimed: &ClaimedIssue,
    dir: &Path,
    refused: &Attempted,
    head: Sha,
) -> Result<(Option<KeptWork>, Vec<String>), WorkspaceError> {
    let workspaces = &run.world.workspaces;
    let (identifier, base) = (&claimed.issue.identifier, &claimed.claim.base_sha);
    // What changed since it was judged is nobody's to hand on.
    let work = &refused.work;
    let is_judged = work.head.as_ref() == Some(&head) || work.original.as_ref() == Some(&head);
    let ground = refused.ground.filter(|_| is_judged);
    let head = work.head.clone().filter(|_| is_judged).unwrap_or(head);
    let name = workspaces.name_refused(identifier, &head)?;
    let mut kept = KeptWork { name, bundle: None, on_remote: false };
    let mut warnings = Vec::new();
    if matches!(ground, Some(Ground::Paths | Ground::Content)) {
        let file = dir.join(BUNDLE);
        match workspaces.write_bundle(&file, &kept.name, base) {
            Ok(()) => kept.bundle = Some(file.display().to_string()),
            Err(error) => warnings.push(format!("the refused work could not be put into a bundle: {error}")),
        }
    }
    if ground == Some(Ground::Paths) {
        let pushed = run.time("save", Some(identifier), || workspaces.publish_refused(identifier, &head));
        match pushed {
            Ok(()) => kept.on_remote = true,
            Err(error) => {
                run.detail(Some(identifier), format!("the remote does not take the refused work: {error}"))
            }
        }
    }
    Ok((Some(kept), warnings))
}

/// What a person does with it.
pub(in crate::cycle) fn remedy(kept: &KeptWork) -> String {
    let place = match (kept.on_remote, &kept.bundle) {
        (true, _) => format!("the remote has it: `git fetch origin {}`", kept.name),
        (false, Some(_)) => {
            format!("it is in {BUNDLE} of the run's files: `git fetch {BUNDLE} {}`", kept.name)
        }
        (false, None) => format!("Conductor's repository on the machine of the run has it as {}", kept.name),
    };
    format!("take the refused work over by hand, or change `guards`; {place}")
}
