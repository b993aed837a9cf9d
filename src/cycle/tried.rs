//! One attempt from its prompt to its record: hooks, what the agent is handed, what it came to.

use super::Cycle;
use super::check::Checked;
use super::stop::Stops;
use super::surroundings::Worker;
use super::turns::Turned;
use super::work::Job;
use crate::gates::hooks::Hook;
use crate::model::{Attempt, Failure, Outcome, OutcomeRecord, Phase, StopReason, Time, Usage, text};
use crate::policy::budget;
use crate::policy::outcome::last_words;
use crate::policy::prompt::{self, Brief};
use crate::policy::retry;
use crate::policy::template;
use crate::ports::Assignment;
use crate::workspace::Work;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Characters of an error that are recorded.
const ERROR_TAIL: usize = 500;
/// Earlier attempts a prompt tells of.
const PRIOR: usize = 5;

/// One attempt, with what publishing needs of it.
pub(super) struct Tried {
    pub attempt: Attempt,
    /// For people, redacted; empty on success.
    pub error: String,
    pub work: Work,
    /// The pull request's title and body, as the guards saw them.
    pub text: (String, String),
    pub is_draft: bool,
    pub limit_resets_at: Option<Time>,
    pub log: Option<PathBuf>,
    /// Of the agent, not redacted.
    pub last_words: String,
}

impl Tried {
    /// One that failed before its agent started.
    pub fn without_agent(number: u32, failure: Failure, error: String) -> Self {
        let attempt = Attempt {
            number,
            outcome: Outcome::Failure,
            failure: Some(failure),
            phase: Phase::Reading,
            tool_calls: 0,
            files_modified: 0,
            usage: Usage::default(),
            duration_ms: 0,
            has_commits: false,
            model: None,
            gates: Vec::new(),
            error_tail: Some(text::tail(&error, ERROR_TAIL).to_owned()),
        };
        Self {
            attempt,
            error,
            work: Work::default(),
            text: Default::default(),
            is_draft: false,
            limit_resets_at: None,
            log: None,
            last_words: String::new(),
        }
    }

    /// Whether the provider's limit ended it.
    pub fn is_limited(&self) -> bool {
        self.attempt.failure == Some(Failure::RateLimited)
    }

    /// Turns it into a failure after all.
    pub fn fail(&mut self, failure: Failure, error: String) {
        let has_work = self.work.head.is_some();
        self.attempt.outcome = if has_work { Outcome::Partial } else { Outcome::Failure };
        self.attempt.failure = Some(failure);
        self.attempt.error_tail = Some(text::tail(&error, ERROR_TAIL).to_owned());
        self.error = error;
    }

    /// Turns it into an interruption after all.
    pub fn interrupt(&mut self, why: &str) {
        self.attempt.outcome = Outcome::Interrupted;
        self.attempt.failure = None;
        self.error = format!("the ticket changed: {why}");
        self.attempt.error_tail = Some(text::tail(&self.error, ERROR_TAIL).to_owned());
    }
}

/// How an attempt is to be made.
pub(super) struct Plan<'p> {
    pub number: u32,
    pub adjustments: &'p [String],
    /// The attempts before it in this cycle.
    pub earlier: &'p [Tried],
    pub worker: Worker<'p>,
}

impl Cycle<'_> {
    /// One attempt.
    pub(super) fn try_once(&self, job: &Job<'_>, plan: &Plan<'_>, stops: &Stops<'_>) -> Tried {
        let number = plan.number;
        let begun = self.watch.elapsed();
        let max_usd = self.usd_left(job, plan.earlier);
        if max_usd.is_some_and(|left| left <= 0.0) {
            let error = "budget.usd_per_issue is used up".to_owned();
            return Tried::without_agent(number, Failure::Budget, error);
        }
        // Its failure is told in the log and changes nothing.
        let _ = self.hook(Hook::BeforeRun, job, number, stops);
        let assignment = match self.assignment(job, plan, max_usd) {
            Ok(assignment) => assignment,
            Err(error) => return Tried::without_agent(number, Failure::Workspace, error),
        };
        let turned = match self.turns(job, number, &assignment, &plan.worker, stops) {
            Ok(turned) => turned,
            Err(error) => {
                let error = self.world.guards.redact(&error.to_string());
                return Tried::without_agent(number, Failure::AgentExit, error);
            }
        };
        let _ = self.hook(Hook::AfterRun, job, number, stops);
        let elapsed = self.watch.elapsed().saturating_sub(begun);
        self.tried(number, turned, u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), assignment)
    }

    fn tried(&self, number: u32, turned: Turned, duration_ms: u64, assignment: Assignment) -> Tried {
        let Turned { run, work, checked } = turned;
        let limit_resets_at = run.limit_resets_at();
        let Checked { judgement, gates, failed: _, text: told, is_draft } = checked;
        let mut error = judgement.error;
        if judgement.outcome.is_failure() {
            let words = last_words(&run.ending, run.result.as_ref());
            if !words.is_empty() && !error.contains(&words) {
                error = format!("{error}\n{words}");
            }
        }
        let error = self.world.guards.redact(error.trim());
        let tail = text::tail(&error, ERROR_TAIL);
        let mut attempt = Attempt {
            number,
            outcome: judgement.outcome,
            failure: judgement.failure,
            phase: run.phase,
            tool_calls: run.tool_calls,
            files_modified: if work.files.is_empty() { run.files.len() } else { work.files.len() } as u64,
            usage: run.usage,
            duration_ms,
            has_commits: !work.commits.is_empty(),
            model: run.model.or(assignment.model),
            gates,
            error_tail: (!tail.is_empty()).then(|| tail.to_owned()),
        };
        attempt.failure = retry::class_of(&attempt);
        Tried {
            attempt,
            error,
            work,
            text: told,
            is_draft,
            limit_resets_at,
            log: Some(assignment.log),
            last_words: run.words,
        }
    }

    fn assignment(&self, job: &Job<'_>, plan: &Plan<'_>, max_usd: Option<f64>) -> Result<Assignment, String> {
        let before = plan.earlier.last();
        let prior = self.prior(job, plan.earlier);
        // Nothing is looked up for a ticket nobody tried yet.
        let is_first = plan.number <= 1 && prior.is_empty();
        let captures = if is_first { Vec::new() } else { self.earlier(job, before) };
        let brief = Brief {
            issue: job.issue(),
            attempt: plan.number,
            base_branch: &self.settings.base_branch,
            branch: job.workspace.branch().as_str(),
            prior: &prior,
            captures: &captures,
            page: self.leave_page(job, &captures),
            adjustments: plan.adjustments,
            gates: &self.world.commands.gates,
            boundary: &boundary(),
        };
        let text = match &self.settings.prompt {
            Some(template) => template::render(template, &brief)
                .map_err(|fault| format!("the prompt's template: {fault}"))?,
            None => prompt::render(&brief),
        };
        let failed = |error: std::io::Error| format!("{}: {error}", job.dir.display());
        std::fs::create_dir_all(job.temporary()).map_err(failed)?;
        if self.settings.surroundings.isolated_home {
            create_private(&job.home()).map_err(failed)?;
        }
        let prompt_file = job.dir.join("prompt.md");
        std::fs::write(&prompt_file, text).map_err(failed)?;
        Ok(Assignment {
            issue: job.issue().identifier.clone(),
            workspace: job.workspace.path().to_owned(),
            prompt_file,
            model: plan.worker.model.clone(),
            env: self.agent_environment(job, plan.number, plan.worker.login),
            log: job.dir.join("output.log"),
            grace: self.settings.agent.grace_period,
            max_turns: self.settings.agent.max_turns,
            max_usd,
            resume: None,
        })
    }

    /// The latest earlier attempts.
    fn prior(&self, job: &Job<'_>, earlier: &[Tried]) -> Vec<OutcomeRecord> {
        let mut prior = self.attempts_of(job, earlier);
        let surplus = prior.len().saturating_sub(PRIOR);
        prior.drain(..surplus);
        prior
    }

    /// What `budget.usd_per_issue` leaves; `None` without such a limit.
    fn usd_left(&self, job: &Job<'_>, earlier: &[Tried]) -> Option<f64> {
        let limit = self.settings.agent.usd_per_issue?;
        Some(budget::usd_left(limit, &self.attempts_of(job, earlier)))
    }

    /// All attempts that are remembered, of other cycles and of this one, oldest first.
    fn attempts_of(&self, job: &Job<'_>, earlier: &[Tried]) -> Vec<OutcomeRecord> {
        let issue = job.issue();
        let mut all: Vec<OutcomeRecord> = self
            .ledger
            .state()
            .outcomes
            .iter()
            .filter(|outcome| outcome.issue_id == issue.id)
            .cloned()
            .collect();
        all.extend(earlier.iter().map(|tried| {
            let run = &self.settings.identity.run_id;
            OutcomeRecord::of(&tried.attempt, &issue.identifier, &issue.id, run, self.now())
        }));
        all
    }

    /// Runs a hook; its failure is logged, and fails the run only where the hook says so.
    pub(super) fn hook(
        &self,
        hook: Hook,
        job: &Job<'_>,
        number: u32,
        stops: &Stops<'_>,
    ) -> Result<(), String> {
        let stop = || stops.reason(&job.issue().id);
        match self.run_hook(hook, job, number, &stop) {
            Err(failed) if hook.fails_the_run() => Err(failed),
            Err(failed) => {
                tracing::warn!("{failed}");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn run_hook(
        &self,
        hook: Hook,
        job: &Job<'_>,
        number: u32,
        stop: &dyn Fn() -> Option<StopReason>,
    ) -> Result<(), String> {
        let env = self.command_environment(job, number);
        let ran = self.world.commands.run_hook(hook, job.workspace.path(), &env, stop);
        self.world.workspaces.restore_shared();
        let is_before = matches!(hook, Hook::AfterCreate | Hook::BeforeRun);
        if is_before
            && ran != Ok(false)
            && let Err(error) = job.workspace.note_prepared()
        {
            tracing::warn!("what hook {} made cannot be told from the agent's work: {error}", hook.word());
        }
        ran.map(|_| ())
    }
}

/// A folder nobody else looks into.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Words nobody outside can foresee.
pub(super) fn boundary() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}
