//! One attempt from its prompt to its record: hooks, what the agent is handed, what it came to.

use super::super::run::Run;
use super::super::stop::Stops;
use super::agent_run::AgentRun;
use super::attempted::{Attempted, ERROR_TAIL};
use super::context;
use super::environment::{self, Worker};
use super::files::{boundary, create_private};
use super::hooks;
use super::job::Job;
use super::resume;
use super::turns::{self, Turned};
use super::verify::Checked;
use crate::files;
use crate::gates::hooks::Hook;
use crate::model::{
    AgentFault, Attempt, Capture, Continuation, Evidence, Failure, FaultKind, Outcome, OutcomeRecord,
    Session, text,
};
use crate::policy::budget;
use crate::policy::outcome::last_words;
use crate::policy::prompt::{self, Brief};
use crate::policy::retry;
use crate::policy::template;
use crate::ports::{AgentError, Assignment};
use std::path::Path;

/// Earlier attempts a prompt tells of.
const PRIOR: usize = 5;

/// How an attempt is to be made.
pub(in crate::cycle) struct Plan<'p> {
    pub number: u32,
    pub adjustments: &'p [String],
    /// The attempts before it in this cycle.
    pub earlier: &'p [Attempted],
    pub worker: Worker<'p>,
    /// The work it goes on from.
    pub continues: &'p Continuation,
    /// It starts from a clean base although there was work: nothing is gone on with.
    pub is_anew: bool,
}

/// One attempt.
pub(in crate::cycle) fn attempt(
    run: &Run<'_>,
    job: &Job<'_>,
    plan: &Plan<'_>,
    stops: &Stops<'_>,
) -> Attempted {
    let number = plan.number;
    let begun = run.elapsed();
    let max_usd = usd_left(run, job, plan.earlier);
    if max_usd.is_some_and(|left| left <= 0.0) {
        let error = "budget.usd_per_issue is used up".to_owned();
        return Attempted::without_agent(number, Failure::Budget, None, error);
    }
    // Its failure is told in the log and changes nothing.
    let _ = hooks::run(run, Hook::BeforeRun, job, number, stops);
    let assignment = match assignment(run, job, plan, max_usd) {
        Ok(assignment) => assignment,
        Err(error) => return Attempted::without_agent(number, Failure::Workspace, None, error),
    };
    let turned = turns::turns(run, job, number, &assignment, &plan.worker, stops);
    let (turned, assignment) = match turned {
        Ok(turned) if resume_failed(&assignment, &turned) => {
            let message = "the session of the attempt before could not be gone on with: a new one begins";
            run.warn(Some(&job.issue().identifier), message);
            forget_session(run, job, &assignment.prompt_file);
            let anew = Assignment { resume: None, max_usd, ..assignment };
            (turns::turns(run, job, number, &anew, &plan.worker, stops), anew)
        }
        turned => (turned, assignment),
    };
    let turned = match turned {
        Ok(turned) => turned,
        Err(error) => {
            let kind = match error {
                AgentError::NotFound { .. } => FaultKind::ProgramMissing,
                AgentError::Start { .. } => FaultKind::Workspace,
            };
            let error = run.redact(&error.to_string());
            return Attempted::without_agent(number, Failure::AgentExit, Some(kind), error);
        }
    };
    let _ = hooks::run(run, Hook::AfterRun, job, number, stops);
    let elapsed = run.elapsed().saturating_sub(begun);
    let took = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let can_resume = plan.worker.agent.can_resume();
    let mut attempted = concluded(run, number, turned, took, assignment);
    let keeps = |session: &Session| can_resume && resume::may_be_kept(run, &session.id);
    attempted.attempt.session = attempted.attempt.session.take().filter(keeps);
    attempted
}

/// Whether the agent ended by itself without a word of its model: it could not go on with its session.
fn resume_failed(assignment: &Assignment, turned: &Turned) -> bool {
    let (agent, judgement) = (&turned.agent, &turned.checked.judgement);
    let is_silent = agent.turns == 0 && agent.tool_calls == 0 && agent.ending.stopped.is_none();
    let is_its_own = judgement.failure == Some(Failure::AgentExit)
        && !matches!(judgement.cause, Some(AgentFault::Login | AgentFault::Limit { .. }));
    assignment.resume.is_some() && is_silent && is_its_own
}

/// A new session is not told of one it does not know.
fn forget_session(run: &Run<'_>, job: &Job<'_>, prompt: &Path) {
    let forgotten =
        files::read_text(prompt, files::SMALL).and_then(|text| match text.strip_prefix(prompt::RESUMED) {
            Some(rest) => files::write(prompt, rest),
            None => Ok(()),
        });
    if let Err(error) = forgotten {
        run.warn(Some(&job.issue().identifier), format!("{}: {error}", prompt.display()));
    }
}

/// What a further attempt may go on with: a session in which something was done.
fn session_of(agent: &AgentRun, outcome: Outcome) -> Option<Session> {
    let is_over = matches!(outcome, Outcome::Success | Outcome::NoChanges);
    let did_something = agent.turns > 0 || agent.tool_calls > 0;
    let id = agent.session.as_ref().filter(|_| !is_over && did_something)?;
    Some(Session { usage: agent.usage.into(), ..Session::new(&agent.agent, id) })
}

fn concluded(
    run: &Run<'_>,
    number: u32,
    turned: Turned,
    duration_ms: u64,
    assignment: Assignment,
) -> Attempted {
    let Turned { agent, work, checked } = turned;
    let limit_resets_at = agent.limit_resets_at();
    let Checked { judgement, gates, failed: _, text, is_draft, ground, notes, fault } = checked;
    let mut error = judgement.error;
    if judgement.outcome.is_failure() {
        let words = last_words(&agent.ending, agent.result.as_ref());
        if !words.is_empty() && !error.contains(&words) {
            error = format!("{error}\n{words}");
        }
    }
    let error = run.redact(error.trim());
    let tail = text::tail(&error, ERROR_TAIL);
    let mut attempt = Attempt {
        number,
        outcome: judgement.outcome,
        failure: judgement.failure,
        fault: fault
            .or_else(|| matches!(judgement.cause, Some(AgentFault::Login)).then_some(FaultKind::NotLoggedIn)),
        limit_by_words: matches!(judgement.cause, Some(AgentFault::Limit { evidence: Evidence::Words, .. })),
        phase: agent.phase,
        tool_calls: agent.tool_calls,
        files_modified: if work.files.is_empty() { agent.files.len() } else { work.files.len() } as u64,
        usage: agent.spent(),
        duration_ms,
        has_commits: !work.commits.is_empty(),
        model: agent.model.clone().or(assignment.model),
        gates,
        error_tail: (!tail.is_empty()).then(|| tail.to_owned()),
        session: session_of(&agent, judgement.outcome),
    };
    attempt.failure = retry::class_of(&attempt);
    Attempted {
        attempt,
        error,
        work,
        text,
        is_draft,
        ground,
        notes,
        agent: Some(agent.agent),
        limit_resets_at,
        log: Some(assignment.log),
        last_words: agent.words,
        capture: None,
    }
}

fn assignment(
    run: &Run<'_>,
    job: &Job<'_>,
    plan: &Plan<'_>,
    max_usd: Option<f64>,
) -> Result<Assignment, String> {
    let before = plan.earlier.last();
    let prior = prior(run, job, plan.earlier);
    // Nothing is looked up for a ticket nobody tried yet.
    let is_first = plan.number <= 1 && prior.is_empty();
    let captures = if is_first { Vec::new() } else { context::earlier(run, job, before) };
    let prompt = prompt_text(run, job, plan, &prior, &captures)?;
    let failed = |error: std::io::Error| format!("{}: {error}", job.dir.display());
    std::fs::create_dir_all(job.temporary()).map_err(failed)?;
    if run.settings.surroundings.isolated_home {
        create_private(&job.home()).map_err(failed)?;
    }
    let env = environment::agent_environment(run, job, plan.number, plan.worker.login);
    let resume = match plan.is_anew {
        true => None,
        false => resume::session(run, job, plan.worker.agent, plan.earlier, &env),
    };
    let spent = resume.as_ref().and_then(|resume| resume.usage.usd).unwrap_or(0.0);
    let known = if resume.is_some() { prompt::RESUMED } else { "" };
    let prompt_file = job.dir.join("prompt.md");
    files::write(&prompt_file, format!("{known}{prompt}")).map_err(failed)?;
    Ok(Assignment {
        issue: job.issue().identifier.clone(),
        workspace: job.workspace.path().to_owned(),
        prompt_file,
        model: plan.worker.model.clone(),
        env,
        log: job.dir.join("output.log"),
        grace: run.settings.agent.grace_period,
        max_turns: run.settings.agent.max_turns,
        // The session tells its whole total.
        max_usd: max_usd.map(|left| left + spent),
        resume,
    })
}

fn prompt_text(
    run: &Run<'_>,
    job: &Job<'_>,
    plan: &Plan<'_>,
    prior: &[OutcomeRecord],
    captures: &[Capture],
) -> Result<String, String> {
    let brief = Brief {
        issue: job.issue(),
        attempt: plan.number,
        base_branch: &run.settings.base_branch,
        branch: job.workspace.branch().as_str(),
        prior,
        captures,
        page: context::leave_page(run, job, captures),
        adjustments: plan.adjustments,
        continues: plan.continues,
        gates: &run.world.commands.gates,
        boundary: &boundary(),
    };
    match &run.settings.prompt {
        Some(template) => {
            template::render(template, &brief).map_err(|fault| format!("the prompt's template: {fault}"))
        }
        None => Ok(prompt::render(&brief)),
    }
}

/// The latest earlier attempts.
fn prior(run: &Run<'_>, job: &Job<'_>, earlier: &[Attempted]) -> Vec<OutcomeRecord> {
    let mut prior = attempts_of(run, job, earlier);
    let surplus = prior.len().saturating_sub(PRIOR);
    prior.drain(..surplus);
    prior
}

/// What `budget.usd_per_issue` leaves; `None` without such a limit.
fn usd_left(run: &Run<'_>, job: &Job<'_>, earlier: &[Attempted]) -> Option<f64> {
    let limit = run.settings.agent.usd_per_issue?;
    Some(budget::usd_left(limit, &attempts_of(run, job, earlier)))
}

/// All attempts that are remembered, of other cycles and of this one, oldest first.
fn attempts_of(run: &Run<'_>, job: &Job<'_>, earlier: &[Attempted]) -> Vec<OutcomeRecord> {
    let issue = job.issue();
    let state = run.ledger.state();
    let mut all: Vec<OutcomeRecord> =
        state.outcomes.iter().filter(|outcome| outcome.issue_id == issue.id).cloned().collect();
    all.extend(earlier.iter().map(|attempted| {
        let id = &run.settings.identity.run_id;
        OutcomeRecord::of(&attempted.attempt, &issue.identifier, &issue.id, id, run.now())
    }));
    all
}
