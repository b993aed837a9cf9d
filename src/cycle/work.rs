//! One claimed issue, from its workspace to its record. Whatever happens here is this issue's own:
//! every path ends in an outcome, and no path ends another issue's work.

use super::claim::ClaimedIssue;
use super::close::Concluded;
use super::keep::RemovalSlot;
use super::ledger::RecordSlot;
use super::plan::advice;
use super::publish::{Handover, PushSlot};
use super::stop::Stops;
use super::tried::{Plan, Tried};
use super::{Cycle, CycleError};
use crate::gates::hooks::Hook;
use crate::model::progress::{News, Progress};
use crate::model::report::Dispatched;
use crate::model::{Failure, Issue, IssueRecord, IssueStatus, Outcome, Sha, safe_key};
use crate::policy::ongoing;
use crate::policy::retry::{self, Next};
use crate::workspace::{Workspace, Workspaces};
use std::path::PathBuf;
use std::time::Duration;

/// What became of one issue.
pub(super) struct Worked {
    pub dispatched: Dispatched,
    /// Nobody's failed attempt: the outcome could not be written.
    pub trouble: Option<CycleError>,
}

/// The calls this issue is to make with those of others.
pub(super) struct Slots<'c> {
    push: PushSlot<'c>,
    pub record: RecordSlot<'c>,
    pub removal: RemovalSlot<'c>,
}

/// One issue at work.
pub(super) struct Job<'c> {
    pub claimed: &'c ClaimedIssue,
    pub workspace: Workspace,
    pub push: &'c PushSlot<'c>,
    /// This issue's folder among the run's files.
    pub dir: PathBuf,
}

impl Job<'_> {
    pub fn issue(&self) -> &Issue {
        &self.claimed.issue
    }

    /// The private temporary folder of its children.
    pub fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    /// The home of an agent that gets one of its own.
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }
}

impl Cycle<'_> {
    pub(super) fn work_on(&self, claimed: &ClaimedIssue, stops: &Stops<'_>, free: &dyn Fn()) -> Worked {
        let issue = &claimed.issue;
        let _span = tracing::info_span!("issue", issue = %issue.identifier).entered();
        let begun = self.watch.elapsed();
        let slots =
            Slots { push: self.pushes.slot(), record: self.ledger.slot(), removal: self.removals.slot() };
        self.tell(issue, News::Claimed { title: issue.title.clone() });
        let dir = self.settings.run_dir.join(safe_key(&issue.identifier));
        self.records.begin(issue, claimed.claim.attempt);
        let mut warnings = Vec::new();
        let in_progress = &self.settings.tracker.in_progress_state;
        let name = Some(issue.identifier.as_str());
        let (moved, opened) = std::thread::scope(|scope| {
            let moved = scope.spawn(|| {
                self.watch.time("move ticket", name, || self.world.tracker.move_to(issue, in_progress))
            });
            let opened = self.watch.time("workspace", name, || self.open_workspace(claimed));
            (moved.join(), opened)
        });
        if let Ok(Err(error)) = moved {
            warnings.push(format!("the ticket could not be moved to {in_progress}: {error}"));
        }
        let (worked, workspace) = match opened {
            Ok(workspace) => {
                self.records.entered(issue, workspace.path());
                let job = Job { claimed, workspace, push: &slots.push, dir: dir.clone() };
                let tried = self.attempts(&job, stops);
                // What was hit or spent must be on record before the next one begins.
                if !(self.settings.budget.is_daily() || tried.iter().any(Tried::is_limited)) {
                    free();
                }
                (self.conclude(&job, tried, warnings), Some(job))
            }
            Err(error) => {
                slots.push.give_up();
                slots.removal.give_up();
                let tried =
                    Tried::without_agent(claimed.claim.attempt, Failure::Workspace, error.to_string());
                (self.unpublished(claimed, vec![tried], warnings), None)
            }
        };
        self.close(claimed, worked, workspace.as_ref(), &slots, begun)
    }

    /// Attempts until one stands, or none may follow.
    fn attempts(&self, job: &Job<'_>, stops: &Stops<'_>) -> Vec<Tried> {
        let first = job.claimed.claim.attempt;
        if let Err(failed) = self.hook(Hook::AfterCreate, job, first, stops) {
            return vec![Tried::without_agent(first, Failure::HookFailed, failed)];
        }
        let mut all: Vec<Tried> = Vec::new();
        let mut record = job.claimed.record.clone();
        let mut adjustments = advice(&job.issue().id, &self.ledger.state());
        let mut on_fallback = false;
        loop {
            // A limit of the provider spends no attempt.
            let spent = all.iter().filter(|tried| !tried.is_limited()).count();
            let count = u32::try_from(spent).unwrap_or(u32::MAX).saturating_add(1);
            let number = first.saturating_add(count - 1);
            self.tell(job.issue(), News::Started { attempt: number });
            let worker = self.worker(job.issue(), number, on_fallback);
            let plan = Plan { number, adjustments: &adjustments, earlier: &all, worker };
            let mut tried = self.try_once(job, &plan, stops);
            if tried.attempt.outcome == Outcome::Interrupted
                && let Some(change) = stops.change(&job.issue().id)
            {
                tried.interrupt(&change);
            }
            let attempt = tried.attempt.clone();
            all.push(tried);
            if attempt.outcome == Outcome::Success {
                return all;
            }
            let ended =
                News::AttemptEnded { attempt: number, outcome: attempt.outcome, failure: attempt.failure };
            self.tell(job.issue(), ended);
            let (limits, backoff) = (&self.settings.limits, &self.settings.retry);
            record = retry::record_after(&record, &attempt, limits, backoff, self.now());
            let is_limited = attempt.failure == Some(Failure::RateLimited);
            let next = if is_limited && !on_fallback && self.world.fallback.is_some() {
                on_fallback = true;
                Next::Retry { after: Duration::ZERO, adjustments: Vec::new() }
            } else {
                retry::within_cycle(&record, &attempt, count, limits, backoff)
            };
            let Next::Retry { after, adjustments: advice } = next else {
                if is_limited {
                    stops.limit_was_hit();
                }
                return all;
            };
            let prepared = self.world.workspaces.save(&job.workspace).and_then(|_| job.workspace.reset());
            if prepared.is_err() || !self.wait(after, job.issue(), stops) {
                return all;
            }
            adjustments = advice;
        }
    }

    /// Publishes an attempt that stands, keeps what there is of one that does not.
    fn conclude(&self, job: &Job<'_>, tried: Vec<Tried>, warnings: Vec<String>) -> Concluded {
        if tried.last().is_some_and(|last| last.attempt.outcome == Outcome::Success) {
            return self.publish(job, tried, warnings);
        }
        job.push.give_up();
        self.keep(job, self.unpublished(job.claimed, tried, warnings))
    }

    /// The last look at the ticket, the push, the pull request.
    fn publish(&self, job: &Job<'_>, mut tried: Vec<Tried>, mut warnings: Vec<String>) -> Concluded {
        let claimed = job.claimed;
        let name = Some(job.issue().identifier.as_str());
        let Some(last) = tried.last_mut() else { return self.unpublished(claimed, tried, warnings) };
        let Some(head) = last.work.head.clone() else { return self.unpublished(claimed, tried, warnings) };
        let fresh = match self.watch.time("refresh", name, || self.fresh(job.issue())) {
            Ok(Some(fresh)) => fresh,
            Ok(None) => {
                last.interrupt("the tracker has the ticket no longer");
                return self.keep(job, self.unpublished(claimed, tried, warnings));
            }
            // Pushed work is found by the next run; a ticket that may have changed gets no pull request.
            Err(error) => return self.push_only(job, tried, warnings, &head, &error),
        };
        if let Some(change) = ongoing::change(job.issue(), &fresh, &self.settings.tracker) {
            last.interrupt(&change);
            return self.keep(job, self.unpublished(claimed, tried, warnings));
        }
        self.tell(job.issue(), News::Publishing { branch: claimed.claim.branch.to_string() });
        let pushed =
            self.watch.time("push", name, || self.push_branch(job.push, &claimed.claim.branch, &head));
        let branch = match pushed {
            Ok(branch) => branch,
            Err(error) => {
                last.fail(Failure::Publish, self.world.guards.redact(&kept_here(claimed, &error)));
                return self.keep(job, self.unpublished(claimed, tried, warnings));
            }
        };
        let (title, body) = last.text.clone();
        let handed = self.hand_over(&Handover {
            issue: &fresh,
            branch: &branch,
            head: &head,
            title,
            body,
            draft: last.is_draft,
        });
        match handed {
            Ok(mut handed) => {
                let pull = handed.reported();
                self.tell(job.issue(), News::PullRequest { url: pull.url, created: pull.created });
                warnings.append(&mut handed.warnings);
                let updated_at = handed.updated_at.or(fresh.updated_at);
                let record = self.after(claimed, &tried);
                Concluded {
                    tried,
                    record,
                    branch,
                    handed: Some(handed),
                    pushed: Some(head),
                    kept: None,
                    updated_at,
                    warnings,
                }
            }
            Err(error) => {
                last.fail(Failure::Publish, self.world.guards.redact(&error));
                Concluded { branch, pushed: Some(head), ..self.unpublished(claimed, tried, warnings) }
            }
        }
    }

    /// The ticket cannot be looked at: the work is pushed, the rest is the next run's to do.
    fn push_only(
        &self,
        job: &Job<'_>,
        mut tried: Vec<Tried>,
        warnings: Vec<String>,
        head: &Sha,
        error: &str,
    ) -> Concluded {
        let claimed = job.claimed;
        let pushed = self.push_branch(job.push, &claimed.claim.branch, head);
        if let Some(last) = tried.last_mut() {
            let error =
                pushed.as_ref().map_or_else(|refused| kept_here(claimed, refused), |_| error.to_owned());
            last.fail(Failure::Publish, self.world.guards.redact(&error));
        }
        match pushed {
            Ok(branch) => {
                Concluded { branch, pushed: Some(head.clone()), ..self.unpublished(claimed, tried, warnings) }
            }
            Err(_) => self.keep(job, self.unpublished(claimed, tried, warnings)),
        }
    }

    /// Nothing was published: the ticket goes back to where candidates are, unless a person moved
    /// it.
    fn unpublished(&self, claimed: &ClaimedIssue, tried: Vec<Tried>, warnings: Vec<String>) -> Concluded {
        let name = Some(claimed.issue.identifier.as_str());
        let fresh = self.watch.time("refresh", name, || self.fresh(&claimed.issue)).ok().flatten();
        let moved = fresh.as_ref().and_then(|fresh| self.put_back(fresh));
        let updated_at = moved.or(fresh.and_then(|fresh| fresh.updated_at)).or(claimed.issue.updated_at);
        let record = self.after(claimed, &tried);
        let branch = claimed.claim.branch.clone();
        Concluded { tried, record, branch, handed: None, pushed: None, kept: None, updated_at, warnings }
    }

    /// What all attempts together make of the record.
    pub(super) fn after(&self, claimed: &ClaimedIssue, tried: &[Tried]) -> IssueRecord {
        let now = self.now();
        let mut record = tried.iter().fold(claimed.record.clone(), |record, tried| {
            retry::record_after(&record, &tried.attempt, &self.settings.limits, &self.settings.retry, now)
        });
        if record.status == IssueStatus::Running {
            record.status = IssueStatus::Failed;
        }
        record
    }

    /// The ticket as it is now; `None` when it is gone.
    fn fresh(&self, issue: &Issue) -> Result<Option<Issue>, String> {
        match self.world.tracker.refresh(std::slice::from_ref(&issue.id)) {
            Ok(mut fresh) => Ok(fresh.pop()),
            Err(error) => Err(format!("the ticket could not be looked at before publishing: {error}")),
        }
    }

    /// Waits, unless the work must end.
    fn wait(&self, duration: Duration, issue: &Issue, stops: &Stops<'_>) -> bool {
        let end = self.world.clock.monotonic().saturating_add(duration);
        let delta = chrono::TimeDelta::from_std(duration).unwrap_or_default();
        if let Some(until) = self.now().checked_add_signed(delta) {
            self.tell(issue, News::Waiting { until });
        }
        while stops.reason(&issue.id).is_none() {
            let left = end.saturating_sub(self.world.clock.monotonic());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        false
    }

    pub(super) fn tell(&self, issue: &Issue, news: News) {
        (self.world.progress)(Progress { at: self.now(), issue: issue.identifier.clone(), news });
    }
}

/// A push that did not go through, and where its work is.
fn kept_here(claimed: &ClaimedIssue, error: &str) -> String {
    format!("{error}; the work is kept under {} here", Workspaces::wip_ref(&claimed.issue.identifier))
}
