//! The judgement on an attempt whose agent is gone: what git found, gates, guards, and the words its
//! pull request would have.

use super::super::judge::{self, PullRequestText, Story};
use super::super::run::Run;
use super::super::stop::Stops;
use super::agent_run::AgentRun;
use super::environment;
use super::job::Job;
use crate::gates::GateRun;
use crate::guards::{Ground, Verdict};
use crate::model::cycle_event::CycleEventKind;
use crate::model::{BranchName, Failure, FaultKind, GateResult, Outcome, StopReason};
use crate::policy::outcome::{self, Facts, Judgement};
use crate::policy::pull_request;
use crate::workspace::{Work, WorkspaceError};

/// What an attempt came to after its agent was gone.
pub(in crate::cycle) struct Checked {
    pub judgement: Judgement,
    pub gates: Vec<GateResult>,
    /// The gates that did not pass.
    pub failed: Vec<GateRun>,
    pub text: PullRequestText,
    pub is_draft: bool,
    /// Why the guards refused it, when they did.
    pub ground: Option<Ground>,
    /// What the pull request says of it besides.
    pub notes: Vec<String>,
    /// The fault, where it is known more exactly than the judgement's failure.
    pub fault: Option<FaultKind>,
}

impl Checked {
    pub fn plain(judgement: Judgement) -> Self {
        Self {
            judgement,
            gates: Vec::new(),
            failed: Vec::new(),
            text: PullRequestText::default(),
            is_draft: false,
            ground: None,
            notes: Vec::new(),
            fault: None,
        }
    }
}

/// What the agent left. It is finished for the agent only when the agent itself ended well.
pub(in crate::cycle) fn inspect(
    run: &Run<'_>,
    job: &Job<'_>,
    agent: &AgentRun,
) -> Result<Work, WorkspaceError> {
    let message = pull_request::commit_message(job.issue(), &run.settings.identity.run_id);
    let reading = judge::reading(run);
    if stands(agent) {
        let mut work = job.workspace.finish(&run.world.workspaces, &message, reading)?;
        if run.settings.pull_request.squash {
            let subjects = work.commits.iter().rev().map(|commit| commit.subject());
            let run_id = &run.settings.identity.run_id;
            let message = pull_request::squash_message(job.issue(), run_id, subjects);
            work = run.world.workspaces.squashed(&job.workspace, work, &message, reading)?;
        }
        run.world.workspaces.reworded(work, &|commit| run.world.guards.clean_message(commit))
    } else {
        run.world.workspaces.unfinished(&job.workspace, reading)
    }
}

/// Whether the agent ended well, whatever git finds.
fn stands(agent: &AgentRun) -> bool {
    let facts = Facts {
        ending: &agent.ending,
        result: agent.result.as_ref(),
        limit: agent.limit,
        tools: &agent.tools,
        has_work: true,
        lost_base: false,
    };
    outcome::judge(&facts).outcome == Outcome::Success
}

pub(in crate::cycle) fn check(
    run: &Run<'_>,
    job: &Job<'_>,
    agent: &AgentRun,
    work: &Work,
    number: u32,
    stops: &Stops<'_>,
) -> Checked {
    let judgement = outcome::judge(&Facts {
        ending: &agent.ending,
        result: agent.result.as_ref(),
        limit: agent.limit,
        tools: &agent.tools,
        has_work: work.head.is_some(),
        lost_base: work.missing_base_commits > 0,
    });
    if judgement.outcome != Outcome::Success {
        return Checked::plain(judgement);
    }
    if let Some(judgement) = stray_submodules(work) {
        return Checked::plain(judgement);
    }
    let runs = match run_gates(run, job, work, number, stops) {
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
    let story = Story {
        issue: job.issue(),
        work,
        attempt: number,
        agent: &agent.agent,
        model: agent.model.as_deref(),
        usage: &agent.usage,
        duration: agent.duration,
        gates: &gates,
    };
    judged(run, job.workspace.branch(), &story, judgement)
}

/// The words of a change whose gates passed, and the guards' verdict on it.
pub(in crate::cycle) fn judged(
    run: &Run<'_>,
    branch: &BranchName,
    story: &Story<'_>,
    judgement: Judgement,
) -> Checked {
    let (gates, text) = (story.gates.to_vec(), judge::words(run, story, &[]));
    match judge::guard(run, branch, story.work, &text) {
        Verdict::Pass => Checked { text, gates, ..Checked::plain(judgement) },
        Verdict::Draft(notes) => {
            let text = judge::words(run, story, &notes);
            Checked { text, is_draft: true, notes, gates, ..Checked::plain(judgement) }
        }
        Verdict::Refuse(refusal) => {
            let error = format!("guards refused the change: {}", refusal.told());
            let judgement = Judgement::failed(Failure::GuardRefused, true, error);
            Checked { gates, ground: Some(refusal.ground), ..Checked::plain(judgement) }
        }
    }
}

/// A change that nobody could check out.
fn stray_submodules(work: &Work) -> Option<Judgement> {
    let error = format!(
        "submodules point to commits that their remotes do not have: {}; push those first, or move the submodules back",
        work.stray_submodules.join(", ")
    );
    (!work.stray_submodules.is_empty()).then(|| Judgement::failed(Failure::GateFailed, true, error))
}

fn run_gates(
    run: &Run<'_>,
    job: &Job<'_>,
    work: &Work,
    number: u32,
    stops: &Stops<'_>,
) -> Result<Vec<GateRun>, StopReason> {
    let changed: Vec<String> = work.files.iter().map(|file| file.path.clone()).collect();
    let env = environment::command_environment(run, job, number);
    let stop = || stops.reason(&job.issue().id);
    let announce = |gate: &str| run.emit(job.issue(), CycleEventKind::GateStarted { name: gate.to_owned() });
    run.world.commands.run_gates(&changed, job.workspace.path(), &env, &stop, &announce)
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::TicketChanged => "the ticket changed",
        StopReason::Deadline => "the run's deadline passed",
        _ => "the run was interrupted",
    }
}
