//! One agent from its start to its end: its events folded into counters, its deadlines kept.

use super::super::run::Run;
use super::super::stop::Stops;
use super::agent_run::AgentRun;
use super::job::Job;
use super::resume;
use crate::guards::Guards;
use crate::model::cycle_event::CycleEventKind;
use crate::model::settings::AgentLimits;
use crate::model::{AgentEvent, StopReason, text};
use crate::ports::{Agent, AgentError, AgentSession, Assignment, Clock, Step};
use std::time::Duration;

/// How long one wait for an event may be, so that signals and deadlines are seen in time.
const LOOK: Duration = Duration::from_millis(250);

/// Characters of a model's name that are kept.
const MODEL: usize = 100;

/// One process of an agent: the first of an attempt, or one that goes on with its session.
pub(in crate::cycle) struct Turn<'a> {
    pub number: u32,
    pub agent: &'a dyn Agent,
    pub assignment: &'a Assignment,
    /// What the session did before.
    pub before: Option<&'a AgentRun>,
}

/// What holds a running agent in bounds.
pub(in crate::cycle) struct Bounds<'b> {
    pub clock: &'b dyn Clock,
    pub limits: &'b AgentLimits,
    /// US dollars it may cost, where that is limited.
    pub max_usd: Option<f64>,
    /// Why it must end now, if it must.
    pub stop: &'b dyn Fn() -> Option<StopReason>,
}

/// The moments a running agent is measured by; the clock's monotonic time.
struct Moments {
    started: Duration,
    progress: Duration,
    /// The first event came.
    awake: bool,
    finished: Option<Duration>,
    stopping: bool,
}

/// Runs the ticket's agent to its end, noted and told as it goes.
pub(in crate::cycle) fn run_agent(
    run: &Run<'_>,
    job: &Job<'_>,
    turn: &Turn<'_>,
    stops: &Stops<'_>,
) -> Result<AgentRun, AgentError> {
    let mut session = turn.agent.start(turn.assignment)?;
    let before = turn.before.map_or_else(|| begun(turn), AgentRun::going_on);
    run.emit(job.issue(), CycleEventKind::AgentStarted { attempt: turn.number, pid: session.pid() });
    let bounds = Bounds {
        clock: run.world.clock.as_ref(),
        limits: &run.settings.agent,
        max_usd: turn.assignment.max_usd,
        stop: &|| stops.reason(&job.issue().id),
    };
    let mut ended = attend(session.as_mut(), before, &bounds, &mut |event, so_far| {
        if let AgentEvent::Session { id: Some(id), .. } = &event
            && turn.agent.can_resume()
            && resume::may_be_kept(run, id)
        {
            run.folder().try_to(|| resume::note(&job.dir, turn.agent.name(), id));
        }
        run.emit(job.issue(), CycleEventKind::AgentActivity { event, totals: so_far.totals() });
    });
    ended.model = ended.model.map(|told| model_name(&told, &run.world.guards));
    run.emit(job.issue(), ended.end(turn.number));
    Ok(ended)
}

/// The counters of an attempt's first turn. A session of an earlier attempt tells its whole total.
fn begun(turn: &Turn<'_>) -> AgentRun {
    let before = turn.assignment.resume.as_ref().map(|resume| resume.usage).unwrap_or_default();
    AgentRun { usage: before, before, ..AgentRun::new(turn.agent.name()) }
}

/// A model's name is the agent's word like any other, and is recorded and published.
pub(in crate::cycle) fn model_name(told: &str, guards: &Guards) -> String {
    text::cut(&guards.redact(&text::one_line(told)), MODEL).into_owned()
}

/// Stays with a session to its end. Whatever the agent does, this returns: each wait is short, each
/// limit ends it, and the session's end is the end of its whole tree. `seen` gets each event when it
/// is counted.
pub(in crate::cycle) fn attend(
    session: &mut dyn AgentSession,
    mut run: AgentRun,
    bounds: &Bounds<'_>,
    seen: &mut dyn FnMut(AgentEvent, &AgentRun),
) -> AgentRun {
    let clock = bounds.clock;
    let started = clock.monotonic();
    let mut moments = Moments { started, progress: started, awake: false, finished: None, stopping: false };
    loop {
        match session.next(LOOK) {
            Step::Ended(ending) => {
                run.ending = ending;
                run.duration = run.duration.saturating_add(clock.monotonic().saturating_sub(started));
                return run;
            }
            Step::Event(event) => {
                let now = clock.monotonic();
                moments.awake = true;
                if event.is_progress() {
                    moments.progress = now;
                    moments.finished = match &event {
                        AgentEvent::Finished(_) => Some(now),
                        // The agent works again; its next result is waited for.
                        event if event.is_work() => None,
                        // A notice is no reason to wait for another result, only for another moment.
                        _ => moments.finished.map(|_| now),
                    };
                }
                run.fold(&event);
                seen(event, &run);
            }
            Step::Waiting => {}
        }
        if !moments.stopping
            && let Some(reason) = (bounds.stop)().or_else(|| overdue(bounds, &run, &moments))
        {
            moments.stopping = true;
            session.stop(reason);
        }
    }
}

/// Which of its limits a running agent has passed.
fn overdue(bounds: &Bounds<'_>, run: &AgentRun, moments: &Moments) -> Option<StopReason> {
    let limits = bounds.limits;
    let now = bounds.clock.monotonic();
    let since = |moment: Duration| now.saturating_sub(moment);
    let is_late = since(moments.started).saturating_add(run.duration) >= limits.turn_timeout;
    if let Some(finished) = moments.finished {
        // A background task may go on after a result: only silence ends it, and noise is none of its words.
        let is_over = is_late || since(finished) >= limits.grace_period;
        return is_over.then_some(StopReason::ResultStands);
    }
    if is_late {
        return Some(StopReason::Turn);
    }
    if since(moments.progress) >= limits.stall_timeout {
        return Some(StopReason::Stalled);
    }
    if !moments.awake && since(moments.started) >= limits.startup_timeout {
        return Some(StopReason::Startup);
    }
    if limits.max_turns.is_some_and(|most| run.turns > most) {
        return Some(StopReason::MaxTurns);
    }
    let spent = run.usage.usd.unwrap_or(0.0);
    bounds.max_usd.is_some_and(|most| spent > most).then_some(StopReason::Budget)
}
