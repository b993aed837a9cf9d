//! What is kept of a workspace: unfinished work under the ticket's wip ref, here and on the remote,
//! and the folder itself where the configuration says so.

use super::Cycle;
use super::claim::ClaimedIssue;
use super::close::Concluded;
use super::group_commit::{GroupCommit, Slot};
use super::work::Job;
use crate::gates::hooks::Hook;
use crate::guards::Verdict;
use crate::model::settings::KeepWorkspace;
use crate::model::{BranchName, Claim, Outcome, Sha};
use crate::ports::RefUpdate;
use crate::workspace::{Workspace, WorkspaceError, Workspaces};
use std::time::Duration;

/// How long the end of a workspace waits for those of the other issues at work.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// Local branches of removed workspaces, deleted in one call.
pub(super) type Removals = GroupCommit<BranchName, Result<(), WorkspaceError>>;
pub(super) type RemovalSlot<'c> = Slot<'c, BranchName, Result<(), WorkspaceError>>;

impl Cycle<'_> {
    /// A clean workspace, or one where an interrupted run stopped.
    pub(super) fn open_workspace(&self, claimed: &ClaimedIssue) -> Result<Workspace, WorkspaceError> {
        let Claim { branch, base_sha, .. } = &claimed.claim;
        let start = self.saved_start(claimed);
        self.world.workspaces.create(&claimed.issue.identifier, branch, base_sha, start.as_ref())
    }

    /// Keeps what is in the workspace under the ticket's wip ref: here, and, when the guards have
    /// nothing against it, on the remote, as this machine may not be the next run's.
    pub(super) fn keep(&self, job: &Job<'_>, mut done: Concluded) -> Concluded {
        match self.world.workspaces.save(&job.workspace) {
            Ok(kept) => {
                let guarded = done.last().is_some_and(|last| {
                    last.work.head.is_some()
                        && last.work.head == kept
                        && !matches!(self.guard(&done.branch, &last.work, "", ""), Verdict::Refuse(_))
                });
                done.kept = kept.filter(|_| guarded);
            }
            Err(error) => done.warnings.push(format!("what is in the workspace could not be saved: {error}")),
        }
        done
    }

    /// The move of the ticket's wip ref on the remote.
    pub(super) fn wip_update(&self, claimed: &ClaimedIssue, kept: &Sha) -> Option<RefUpdate> {
        let identifier = &claimed.issue.identifier;
        let expect = self.world.workspaces.saved_on_remote(identifier).ok()?;
        Some(RefUpdate { name: Workspaces::wip_ref(identifier), to: Some(kept.clone()), expect })
    }

    /// Where an interrupted run stopped, when the last thing known of the ticket is that.
    fn saved_start(&self, claimed: &ClaimedIssue) -> Option<Sha> {
        let state = self.ledger.state();
        let last = state.outcomes.iter().rev().find(|outcome| outcome.issue_id == claimed.issue.id)?;
        if last.outcome != Outcome::Interrupted {
            return None;
        }
        self.world.workspaces.saved(&claimed.issue.identifier).unwrap_or_else(|error| {
            tracing::warn!("what an interrupted run saved could not be fetched: {error}");
            None
        })
    }

    /// Ends the workspace unless it is to be kept; tells what went wrong.
    pub(super) fn put_away_workspace(
        &self,
        slot: &RemovalSlot<'_>,
        job: &Job<'_>,
        outcome: Outcome,
    ) -> Option<String> {
        // Leftovers of children are nobody's work.
        let _ = std::fs::remove_dir_all(job.temporary());
        let _ = std::fs::remove_dir_all(job.home());
        let keep = match self.settings.keep {
            KeepWorkspace::Always => true,
            KeepWorkspace::OnFailure => outcome.is_failure() || outcome == Outcome::Interrupted,
            KeepWorkspace::Never => false,
        };
        if keep {
            slot.give_up();
            return None;
        }
        let hook = self.run_hook(Hook::BeforeRemove, job, job.claimed.claim.attempt, &|| None).err();
        let removed = self.watch.time("remove workspace", Some(&job.issue().identifier), || {
            self.world.workspaces.remove(&job.workspace)?;
            let forgotten = slot.call(job.workspace.branch().clone(), |branches| {
                vec![self.world.workspaces.forget(&branches); branches.len()]
            });
            forgotten.unwrap_or(Ok(()))
        });
        removed.err().map(|error| format!("the workspace could not be removed: {error}")).or(hook)
    }
}
