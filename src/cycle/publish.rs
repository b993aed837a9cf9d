//! Publish: the branch to the remote, the pull request, the ticket. Every step looks first, so a
//! step that was done by a run that died is found, not repeated.

use super::Cycle;
use super::claim::next_branch;
use super::group_commit::{GroupCommit, Slot};
use crate::model::report::ReportedPullRequest;
use crate::model::state::RecordedPullRequest;
use crate::model::{BranchName, Issue, PullRequest, PullRequestDraft, PullRequestState, Sha, Time, Usage};
use crate::policy::pull_request::{self, Summary};
use crate::ports::{Ensured, ForgeError, Link};
use crate::workspace::{Pushed, WorkspaceError};
use std::time::Duration;

/// How many names are tried when the issue's branch is somebody else's.
const MAX_BRANCHES: u32 = 9;
/// How long a push waits for those of the other issues at work, to go out with them.
pub(super) const PATIENCE: Duration = Duration::from_millis(60);

/// Branches of several issues, pushed in one contact.
pub(super) type Pushes = GroupCommit<(BranchName, Sha), Result<Pushed, WorkspaceError>>;
pub(super) type PushSlot<'c> = Slot<'c, (BranchName, Sha), Result<Pushed, WorkspaceError>>;

/// A pushed branch that is to become a pull request and a ticket in review.
pub(super) struct Handover<'a> {
    pub issue: &'a Issue,
    pub branch: &'a BranchName,
    pub head: &'a Sha,
    pub title: String,
    pub body: String,
    /// Open it as a draft whatever the configuration says.
    pub draft: bool,
}

/// What the hand-over made or found.
pub(super) struct HandedOver {
    pub pull_request: RecordedPullRequest,
    pub created: bool,
    /// The ticket's time of change after our last write to it.
    pub updated_at: Option<Time>,
    pub warnings: Vec<String>,
}

impl HandedOver {
    pub fn reported(&self) -> ReportedPullRequest {
        let RecordedPullRequest { number, url } = self.pull_request.clone();
        ReportedPullRequest { number, url, created: self.created }
    }
}

impl Cycle<'_> {
    /// Pushes the head to the issue's branch. A branch of that name that holds other commits is
    /// never forced over: the next free name is taken.
    pub(super) fn push_branch(
        &self,
        slot: &PushSlot<'_>,
        branch: &BranchName,
        head: &Sha,
    ) -> Result<BranchName, String> {
        let mut name = branch.clone();
        for _ in 0..MAX_BRANCHES {
            let pushed = slot.call((name.clone(), head.clone()), |branches| self.push_all(&branches));
            match pushed.unwrap_or(Ok(Pushed::Collateral)).map_err(|error| error.to_string())? {
                Pushed::Updated | Pushed::UpToDate => return Ok(name),
                Pushed::Stale(_) | Pushed::Collateral => {
                    let found = self.world.forge.find(&name).map_err(|error| error.to_string())?;
                    if let Some(open) = found.iter().find(|pull| pull.state == PullRequestState::Open) {
                        return Err(format!(
                            "branch {name} is on the remote with other commits, and pull request #{} is open for it: \
                             merge or close it first",
                            open.number
                        ));
                    }
                    name = next_branch(branch, &name);
                }
                Pushed::Refused(detail) => return Err(format!("the remote refused branch {name}: {detail}")),
            }
        }
        Err(format!(
            "the remote has {branch} and {MAX_BRANCHES} more names like it: delete those that are done with"
        ))
    }

    fn push_all(&self, branches: &[(BranchName, Sha)]) -> Vec<Result<Pushed, WorkspaceError>> {
        match self.world.workspaces.push(branches) {
            Ok(results) => results.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); branches.len()],
        }
    }

    /// The pull request a lost run opened for that head, whatever became of it since.
    pub(super) fn opened(&self, branch: &BranchName, head: &Sha) -> Result<Option<PullRequest>, ForgeError> {
        let mut found = self.world.forge.find(branch)?;
        found.retain(|pull| pull.head_sha.as_ref().is_none_or(|seen| seen == head));
        let open = found.iter().position(|pull| pull.state == PullRequestState::Open);
        Ok((!found.is_empty()).then(|| found.swap_remove(open.unwrap_or(0))))
    }

    /// Hands over work whose run died: nothing but the ticket and the branch is known.
    pub(super) fn hand_over_recovered(
        &self,
        issue: &Issue,
        branch: &BranchName,
        head: &Sha,
        attempts: u32,
    ) -> Result<HandedOver, String> {
        let identity = &self.settings.identity;
        let remarks =
            ["The run that made this change ended before it could open the pull request.".to_owned()];
        let body = pull_request::body(&Summary {
            issue,
            commits: &[],
            files: &[],
            attempts,
            agent: self.world.agent.name(),
            model: None,
            usage: &Usage::default(),
            duration: Duration::ZERO,
            gates: &[],
            remarks: &remarks,
            run: &identity.run_id,
            run_url: identity.ci_run_url.as_deref(),
        });
        let title = pull_request::title(issue);
        let handover = Handover { issue, branch, head, title, body, draft: false };
        let opened = self.opened(branch, head).map_err(|error| error.to_string())?;
        match opened.filter(|pull| pull.state != PullRequestState::Open) {
            // Merged or closed since: a second one would ask for the same again.
            Some(pull_request) => {
                self.hand_on(&handover, Ensured { pull_request, created: false, warnings: Vec::new() })
            }
            None => self.hand_over(&handover),
        }
    }

    /// The pull request, the link on the ticket, the ticket's move.
    pub(super) fn hand_over(&self, handover: &Handover<'_>) -> Result<HandedOver, String> {
        let name = Some(handover.issue.identifier.as_str());
        let ensured = self
            .watch
            .time("pull request", name, || self.world.forge.ensure_pull_request(&self.draft_of(handover)))
            .map_err(|error| self.explain(&error, handover.branch))?;
        self.hand_on(handover, ensured)
    }

    /// The ticket's part, once there is a pull request.
    fn hand_on(&self, handover: &Handover<'_>, ensured: Ensured) -> Result<HandedOver, String> {
        let issue = handover.issue;
        let name = Some(issue.identifier.as_str());
        let pull = ensured.pull_request;
        if let Some(seen) = pull.head_sha.filter(|seen| seen != handover.head) {
            return Err(format!(
                "pull request #{} shows {} as its head, {} was pushed",
                pull.number,
                seen.short(),
                handover.head.short()
            ));
        }
        let mut warnings = ensured.warnings;
        let link = Link {
            url: pull.url.clone(),
            title: format!("Pull request #{}", pull.number),
            body: format!("Pull request: {}", pull.url),
        };
        let linked = self.watch.time("link", name, || self.world.tracker.link(issue, &link));
        let mut updated_at = linked.unwrap_or_else(|error| {
            warnings.push(format!("the pull request could not be linked on the ticket: {error}"));
            None
        });
        let rules = &self.settings.tracker;
        // A ticket somebody, or the tracker's own integration, moved on stays where it is.
        if issue.state.is_named(&rules.in_progress_state) || issue.state.is_among(&rules.active_states) {
            let moved = self
                .watch
                .time("move ticket", name, || self.world.tracker.move_to(issue, &rules.in_review_state));
            updated_at = moved
                .map_err(|error| {
                    format!(
                        "pull request #{} is open and the ticket could not be moved: {error}",
                        pull.number
                    )
                })?
                .or(updated_at);
        }
        Ok(HandedOver {
            pull_request: RecordedPullRequest { number: pull.number, url: pull.url },
            created: ensured.created,
            updated_at,
            warnings,
        })
    }

    fn draft_of(&self, handover: &Handover<'_>) -> PullRequestDraft {
        let rules = &self.settings.pull_request;
        PullRequestDraft {
            title: handover.title.clone(),
            body: handover.body.clone(),
            head: handover.branch.clone(),
            head_sha: handover.head.clone(),
            base: self.settings.base_branch.clone(),
            draft: rules.draft || handover.draft,
            labels: rules.labels.clone(),
            reviewers: rules.reviewers.clone(),
            issue: handover.issue.identifier.clone(),
        }
    }

    fn explain(&self, error: &ForgeError, branch: &BranchName) -> String {
        let by_hand = self
            .world
            .forge
            .compare_url(&self.settings.base_branch, branch)
            .map(|url| format!("; open it by hand: {url}"))
            .unwrap_or_default();
        format!("branch {branch} is pushed, no pull request could be opened: {error}{by_hand}")
    }
}
