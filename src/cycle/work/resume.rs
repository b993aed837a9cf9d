//! Which session of its agent a further attempt goes on with. It is resumed where the work is gone
//! on with and the agent still has it on this machine; otherwise the prompt alone tells what is
//! there. A session is noted as soon as it is told, so that it outlives a run that is killed.

use super::super::run::Run;
use super::attempted::Attempted;
use super::job::Job;
use super::saved::goes_on;
use crate::files;
use crate::model::Session;
use crate::model::session::is_id;
use crate::ports::{Agent, Resume};
use std::io;
use std::path::Path;

const NAME: &str = "session.json";
/// A note is no larger than that.
const MOST: u64 = 16 * 1024;

/// The session of the attempt before, when this agent can go on with it.
pub(in crate::cycle) fn session(
    run: &Run<'_>,
    job: &Job<'_>,
    agent: &dyn Agent,
    earlier: &[Attempted],
    env: &[(String, String)],
) -> Option<Resume> {
    if run.settings.agent.fresh_retry || !agent.can_resume() {
        return None;
    }
    let session = latest(run, job, agent.name(), earlier)?;
    let is_there = agent.has_session(&session.id, env);
    let became = if is_there { "resumed" } else { "gone" };
    let message = format!("session {} of {}: {became}", session.id, session.agent);
    run.detail(Some(&job.issue().identifier), message);
    is_there.then_some(Resume { session: session.id, usage: session.usage.known })
}

/// The agent's newest session of this ticket. What a guard refused, and what had ended well, is not
/// gone on with, nor is anything before it.
fn latest(run: &Run<'_>, job: &Job<'_>, agent: &str, earlier: &[Attempted]) -> Option<Session> {
    let state = run.ledger.state();
    let here = earlier.iter().map(|one| (one.attempt.outcome, one.attempt.failure, &one.attempt.session));
    let before = state.outcomes.iter().filter(|outcome| outcome.issue_id == job.issue().id);
    let before = before.map(|outcome| (outcome.outcome, outcome.failure, &outcome.session));
    here.rev()
        .chain(before.rev())
        .take_while(|(outcome, failure, _)| goes_on(*outcome, *failure))
        .find_map(|(_, _, session)| session.as_ref().filter(|session| session.agent == agent))
        .cloned()
}

/// Whether a told id may be kept: it is the agent's word like any other, and goes into the state.
pub(in crate::cycle) fn may_be_kept(run: &Run<'_>, id: &str) -> bool {
    is_id(id) && run.redact(id) == id
}

/// Notes a session in the ticket's folder of this run.
pub(in crate::cycle) fn note(dir: &Path, agent: &str, id: &str) -> io::Result<()> {
    // Renamed into place: a run that is killed leaves all of it or nothing.
    files::write_private(&dir.join(NAME), serde_json::to_vec(&Session::new(agent, id))?)
}

/// What a run that is gone had noted; `None` when there is nothing that can be read.
pub(in crate::cycle) fn noted(dir: &Path) -> Option<Session> {
    serde_json::from_slice(&files::read(&dir.join(NAME), MOST).ok()?).ok()
}
