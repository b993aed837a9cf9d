//! What a lost run did on a ticket, from what it left: its own notes and workspace on this machine,
//! the branch it pushed. Nothing left is nothing told, and nothing that cannot be read stops a
//! recovery.

use super::Cycle;
use super::records::STATUS;
use crate::model::live::LiveIssue;
use crate::model::{Attempt, Claim, Outcome, Phase, Sha, Usage, safe_key};
use crate::workspace::{Work, WorkspaceError};

/// An attempt nobody saw the end of.
pub(super) struct Lost {
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
            phase: if outcome == Outcome::Success { Phase::Committing } else { Phase::Reading },
            tool_calls: 0,
            files_modified: 0,
            usage: Usage::default(),
            duration_ms: 0,
            has_commits: outcome == Outcome::Success,
            model: None,
            gates: Vec::new(),
            error_tail: None,
        };
        Self { attempt, work: Work::default() }
    }
}

impl Cycle<'_> {
    /// The attempt of a dead claim whose branch is on the remote.
    pub(super) fn lost_success(&self, claim: &Claim, head: &Sha) -> Lost {
        let found = self.world.workspaces.pushed_work(&claim.branch, &claim.base_sha, head);
        self.lost(claim, Outcome::Success, self.notes_of(claim).as_ref(), found)
    }

    /// The attempt of a dead claim that left no branch on the remote. What is in its workspace here
    /// is saved.
    pub(super) fn lost_halfway(&self, claim: &Claim) -> Lost {
        let notes = self.notes_of(claim);
        // Only its notes prove that what is in the workspace is its own work.
        let is_its_own = notes.as_ref().is_some_and(|notes| notes.workspace_path.is_some());
        let found = match is_its_own {
            true => self.world.workspaces.left_work(&claim.identifier, &claim.branch, &claim.base_sha),
            false => Ok(Work::default()),
        };
        let mut lost = self.lost(claim, Outcome::Interrupted, notes.as_ref(), found);
        let told =
            format!("run {} on {} was lost: how far it got is not fully known", claim.run_id, claim.host);
        lost.attempt.error_tail = Some(told);
        lost
    }

    fn lost(
        &self,
        claim: &Claim,
        outcome: Outcome,
        notes: Option<&LiveIssue>,
        found: Result<Work, WorkspaceError>,
    ) -> Lost {
        let mut lost = Lost::unseen(claim.attempt, outcome);
        lost.work = found.unwrap_or_else(|error| {
            tracing::debug!(issue = %claim.identifier, "what a lost run did could not be read: {error}");
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

    /// What the dead run wrote down of the ticket, when that was on this machine.
    fn notes_of(&self, claim: &Claim) -> Option<LiveIssue> {
        let runs = self.settings.run_dir.parent()?;
        let dir = runs.join(safe_key(claim.run_id.as_str())).join(safe_key(&claim.identifier));
        serde_json::from_slice(&std::fs::read(dir.join(STATUS)).ok()?).ok()
    }
}
