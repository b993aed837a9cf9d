//! What a lost run did on a ticket, from what it left: its own notes and workspace on this machine,
//! the branch it pushed. Nothing left is nothing told, and nothing that cannot be read stops a
//! recovery.

use super::super::run::Run;
use super::super::status_files::STATUS;
use super::super::work::resume;
use crate::files;
use crate::model::live::LiveIssue;
use crate::model::{Attempt, Claim, Outcome, Phase, Sha, Usage, safe_key};
use crate::workspace::{Work, WorkspaceError};
use std::path::PathBuf;

/// An attempt nobody saw the end of.
pub(in crate::cycle) struct Lost {
    pub attempt: Attempt,
    pub work: Work,
}

impl Lost {
    /// One of which nothing is known.
    pub fn unseen(number: u32, outcome: Outcome) -> Self {
        let attempt = Attempt {
            number,
            outcome,
            failure: None,
            fault: None,
            limit_by_words: false,
            phase: if outcome == Outcome::Success { Phase::Committing } else { Phase::Reading },
            tool_calls: 0,
            files_modified: 0,
            usage: Usage::default(),
            duration_ms: 0,
            has_commits: outcome == Outcome::Success,
            model: None,
            gates: Vec::new(),
            error_tail: None,
            session: None,
        };
        Self { attempt, work: Work::default() }
    }
}

/// The attempt of a dead claim whose branch is on the remote.
pub(in crate::cycle) fn lost_success(run: &Run<'_>, claim: &Claim, head: &Sha) -> Lost {
    let found = run.world.workspaces.pushed_work(&claim.branch, &claim.base_sha, head);
    lost(run, claim, Outcome::Success, notes_of(run, claim).as_ref(), found)
}

/// The attempt of a dead claim that left no branch on the remote. What is in its workspace here
/// is saved.
pub(in crate::cycle) fn lost_halfway(run: &Run<'_>, claim: &Claim) -> Lost {
    let notes = notes_of(run, claim);
    // Only its notes prove that what is in the workspace is its own work.
    let is_its_own = notes.as_ref().is_some_and(|notes| notes.workspace_path.is_some());
    let found = match is_its_own {
        true => run.world.workspaces.left_work(&claim.identifier, &claim.base_sha),
        false => Ok(Work::default()),
    };
    let mut lost = lost(run, claim, Outcome::Interrupted, notes.as_ref(), found);
    let told = format!("run {} on {} was lost: how far it got is not fully known", claim.run_id, claim.host);
    lost.attempt.error_tail = Some(told);
    lost.attempt.session = dir_of(run, claim).as_deref().and_then(resume::noted);
    lost
}

fn lost(
    run: &Run<'_>,
    claim: &Claim,
    outcome: Outcome,
    notes: Option<&LiveIssue>,
    found: Result<Work, WorkspaceError>,
) -> Lost {
    let mut lost = Lost::unseen(claim.attempt, outcome);
    lost.work = found.unwrap_or_else(|error| {
        run.detail(Some(&claim.identifier), format!("what a lost run did could not be read: {error}"));
        Work::default()
    });
    let Lost { attempt, work } = &mut lost;
    if let Some(notes) = notes {
        (attempt.phase, attempt.tool_calls) = (notes.phase, notes.tool_calls);
        attempt.files_modified = notes.files_modified;
        let took = notes.last_update.signed_duration_since(notes.started);
        attempt.duration_ms = u64::try_from(took.num_milliseconds()).unwrap_or(0);
    }
    attempt.files_modified = attempt.files_modified.max(work.files.len() as u64);
    attempt.has_commits |= !work.commits.is_empty();
    lost
}

/// The folder of the dead run's files of that ticket, when it was on this machine.
pub(in crate::cycle) fn dir_of(run: &Run<'_>, claim: &Claim) -> Option<PathBuf> {
    let runs = run.settings.run_dir.parent()?;
    let dir = runs.join(safe_key(claim.run_id.as_str())).join(safe_key(&claim.identifier));
    dir.is_dir().then_some(dir)
}

/// Whether an agent had started for that claim. On another machine, or in another job, nobody knows:
/// it had.
pub(in crate::cycle) fn had_started(run: &Run<'_>, claim: &Claim) -> bool {
    if claim.assigned.is_some() {
        return true;
    }
    let is_here = claim.host == run.settings.identity.host && claim.ci_run_url.is_none();
    match dir_of(run, claim) {
        Some(dir) => dir.join("trace.jsonl").exists(),
        None => !is_here,
    }
}

/// What the dead run wrote down of the ticket, when that was on this machine.
fn notes_of(run: &Run<'_>, claim: &Claim) -> Option<LiveIssue> {
    let dir = dir_of(run, claim)?;
    serde_json::from_slice(&files::read(&dir.join(STATUS), files::SMALL).ok()?).ok()
}
