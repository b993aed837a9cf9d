//! The judgement on an attempt whose agent is gone: what git found, gates, guards, and the words its
//! pull request would have.

use super::Cycle;
use super::attempt::AgentRun;
use super::stop::Stops;
use super::work::Job;
use crate::gates::GateRun;
use crate::guards::Verdict;
use crate::model::progress::News;
use crate::model::{Failure, GateResult, Outcome, StopReason};
use crate::policy::outcome::{Facts, Judgement, judge};
use crate::policy::pull_request::{self, FileChange, Summary};
use crate::policy::template;
use crate::workspace::{Work, WorkspaceError};

/// What an attempt came to after its agent was gone.
pub(super) struct Checked {
    pub judgement: Judgement,
    pub gates: Vec<GateResult>,
    /// The gates that did not pass.
    pub failed: Vec<GateRun>,
    pub text: (String, String),
    pub is_draft: bool,
}

impl Checked {
    pub fn plain(judgement: Judgement) -> Self {
        let (gates, failed) = Default::default();
        Self { judgement, gates, failed, text: Default::default(), is_draft: false }
    }
}

impl Cycle<'_> {
    pub(super) fn inspect(&self, job: &Job<'_>) -> Result<Work, WorkspaceError> {
        let message = pull_request::commit_message(job.issue(), &self.settings.identity.run_id);
        // A change that is too large is refused by its size; its patch need not be read to the end.
        let most = self.world.guards.rules.max_diff_size.saturating_add(1);
        job.workspace.finish(&self.world.workspaces, &message, most)
    }

    pub(super) fn check(
        &self,
        job: &Job<'_>,
        run: &AgentRun,
        work: &Work,
        number: u32,
        stops: &Stops<'_>,
    ) -> Checked {
        let judgement = judge(&Facts {
            ending: &run.ending,
            result: run.result.as_ref(),
            limit: run.limit,
            tools: &run.tools,
            has_work: work.head.is_some(),
            lost_base: work.missing_base_commits > 0,
        });
        if judgement.outcome != Outcome::Success {
            return Checked::plain(judgement);
        }
        let changed: Vec<String> = work.files.iter().map(|file| file.path.clone()).collect();
        let env = self.command_environment(job, number);
        let stop = || stops.reason(&job.issue().id);
        let announce = |gate: &str| self.tell(job.issue(), News::Gate { name: gate.to_owned() });
        let runs = match self.world.commands.run_gates(&changed, job.workspace.path(), &env, &stop, &announce)
        {
            Ok(runs) => runs,
            Err(reason) => return Checked::plain(Judgement::ended(Outcome::Interrupted, stopped(reason))),
        };
        let gates: Vec<GateResult> = runs.iter().map(|run| run.result.clone()).collect();
        let failed: Vec<GateRun> = runs.into_iter().filter(|run| !run.result.passed).collect();
        if let Some(first) = failed.first() {
            let error = format!("gate {} failed: {}", first.result.name, first.tail);
            let judgement = Judgement::failed(Failure::GateFailed, true, error);
            return Checked { gates, failed, ..Checked::plain(judgement) };
        }
        let (title, body) = self.words(job, number, run, work, &gates, &[]);
        match self.guard(job.workspace.branch(), work, &title, &body) {
            Verdict::Pass => Checked { gates, text: (title, body), ..Checked::plain(judgement) },
            Verdict::Draft(reasons) => {
                let text = self.words(job, number, run, work, &gates, &reasons);
                Checked { gates, text, is_draft: true, ..Checked::plain(judgement) }
            }
            Verdict::Refuse(reasons) => {
                let error = format!("guards refused the change: {}", reasons.join("; "));
                Checked { gates, ..Checked::plain(Judgement::failed(Failure::GuardRefused, true, error)) }
            }
        }
    }

    /// The pull request's title and body.
    fn words(
        &self,
        job: &Job<'_>,
        number: u32,
        run: &AgentRun,
        work: &Work,
        gates: &[GateResult],
        remarks: &[String],
    ) -> (String, String) {
        let commits: Vec<String> =
            work.commits.iter().rev().map(|commit| commit.subject().to_owned()).collect();
        let files: Vec<pull_request::ChangedFile> = work
            .files
            .iter()
            .map(|file| pull_request::ChangedFile {
                path: file.path.clone(),
                change: match file.kind {
                    'A' | 'C' => FileChange::Added,
                    'D' => FileChange::Removed,
                    'R' => FileChange::Renamed,
                    _ => FileChange::Modified,
                },
                added: file.added,
                removed: file.deleted,
            })
            .collect();
        let identity = &self.settings.identity;
        let summary = Summary {
            issue: job.issue(),
            commits: &commits,
            files: &files,
            attempts: number,
            agent: &run.agent,
            model: run.model.as_deref(),
            usage: &run.usage,
            duration: run.duration,
            gates,
            remarks,
            run: &identity.run_id,
            run_url: identity.ci_run_url.as_deref(),
        };
        let own = &self.settings.pull_request;
        let title = own.title.as_ref().map(|template| pull_request::title_of(template, &summary));
        let body = own.body.as_ref().map(|template| pull_request::body_of(template, &summary));
        // A ticket the samples did not foresee gets what everybody else gets.
        let rendered = |made: Option<Result<String, template::TemplateFault>>, key: &str| {
            made?.inspect_err(|fault| tracing::warn!("pull_request.{key}: {fault}")).ok()
        };
        (
            rendered(title, "title").unwrap_or_else(|| pull_request::title(job.issue())),
            rendered(body, "body").unwrap_or_else(|| pull_request::body(&summary)),
        )
    }
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::TicketChanged => "the ticket changed",
        StopReason::Deadline => "the run's deadline passed",
        _ => "the run was interrupted",
    }
}
