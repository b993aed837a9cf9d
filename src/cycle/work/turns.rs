//! The turns of one attempt: the agent's first, and further ones of the same session while gates
//! fail on its work and the session can go on.

use super::super::run::Run;
use super::super::stop::Stops;
use super::agent::{self, Turn};
use super::agent_run::AgentRun;
use super::environment::Worker;
use super::files::boundary;
use super::job::Job;
use super::verify::{self, Checked};
use crate::files;
use crate::model::{Failure, FaultKind};
use crate::policy::fix;
use crate::policy::outcome::Judgement;
use crate::ports::{AgentError, Assignment, Resume};
use crate::workspace::{Work, WorkspaceError};

/// What the last turn left.
pub(in crate::cycle) struct Turned {
    pub agent: AgentRun,
    pub work: Work,
    pub checked: Checked,
}

/// Runs the agent, and again as long as that may mend what gates complain about.
pub(in crate::cycle) fn turns(
    run: &Run<'_>,
    job: &Job<'_>,
    number: u32,
    assignment: &Assignment,
    worker: &Worker<'_>,
    stops: &Stops<'_>,
) -> Result<Turned, AgentError> {
    let first = Turn { number, agent: worker.agent, assignment, before: None };
    let mut turned = turn_of(run, job, &first, stops)?;
    for count in 1..=run.settings.agent.max_fix_turns {
        let Some(further) = further(run, job, assignment, worker, &turned, count) else { break };
        if stops.reason(&job.issue().id).is_some() {
            break;
        }
        let turn = Turn { number, agent: worker.agent, assignment: &further, before: Some(&turned.agent) };
        turned = match turn_of(run, job, &turn, stops) {
            Ok(next) => next,
            Err(error) => {
                run.warn(
                    Some(&job.issue().identifier),
                    format!("the session could not be given another turn: {error}"),
                );
                break;
            }
        };
    }
    Ok(turned)
}

/// One turn and what there is after it.
fn turn_of(run: &Run<'_>, job: &Job<'_>, turn: &Turn<'_>, stops: &Stops<'_>) -> Result<Turned, AgentError> {
    let name = Some(job.issue().identifier.as_str());
    let agent = run.time("agent", name, || agent::run_agent(run, job, turn, stops))?;
    let (work, checked) = match run.time("inspect", name, || verify::inspect(run, job, &agent)) {
        Ok(work) => {
            let check = || verify::check(run, job, &agent, &work, turn.number, stops);
            let checked = run.time("check", name, check);
            (work, checked)
        }
        Err(error) => {
            let judgement = Judgement::failed(Failure::Workspace, false, error.to_string());
            // An agent that deletes or rewires its own workspace is no fault of this machine.
            let is_its_own = matches!(error, WorkspaceError::Damaged(_));
            let fault = is_its_own.then_some(FaultKind::AgentExit);
            (Work::default(), Checked { fault, ..Checked::plain(judgement) })
        }
    };
    Ok(Turned { agent, work, checked })
}

/// The assignment of another turn; `None` when there is none to be given.
fn further(
    run: &Run<'_>,
    job: &Job<'_>,
    first: &Assignment,
    worker: &Worker<'_>,
    turned: &Turned,
    count: u32,
) -> Option<Assignment> {
    let before = &turned.agent;
    let is_gates = turned.checked.judgement.failure == Some(Failure::GateFailed);
    let session = before.session.clone().filter(|_| is_gates && worker.agent.can_resume())?;
    let turns_left = first.max_turns.map(|most| most.saturating_sub(before.turns));
    if turns_left == Some(0) || before.duration >= run.settings.agent.turn_timeout {
        return None;
    }
    let failed: Vec<(&str, &str)> =
        turned.checked.failed.iter().map(|gate| (gate.result.name.as_str(), gate.tail.as_str())).collect();
    let prompt_file = job.dir.join(format!("fix-{count}.md"));
    if let Err(error) = files::write(&prompt_file, fix::render(&failed, &boundary())) {
        run.warn(Some(&job.issue().identifier), format!("{}: {error}", prompt_file.display()));
        return None;
    }
    Some(Assignment {
        prompt_file,
        max_turns: turns_left,
        resume: Some(Resume { session, usage: before.usage }),
        ..first.clone()
    })
}
