//! One agent from its start to its end: its events folded into counters, its deadlines kept.

use super::Cycle;
use super::notes::Notes;
use super::stop::Stops;
use super::work::Job;
use crate::guards::Guards;
use crate::model::progress::News;
use crate::model::settings::AgentLimits;
use crate::model::{AgentEvent, AgentFault, AgentResult, Ending, Phase, StopReason, Time, Usage, text};
use crate::policy::outcome::ToolTally;
use crate::ports::{Agent, AgentError, AgentSession, Assignment, Clock, Step};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long one wait for an event may be, so that signals and deadlines are seen in time.
const LOOK: Duration = Duration::from_millis(250);

/// Characters of a model's name that are kept.
const MODEL: usize = 100;

/// What an agent did, from start to end.
#[derive(Debug, Clone)]
pub(super) struct AgentRun {
    /// The agent's name, for people.
    pub agent: String,
    pub ending: Ending,
    /// The last one stands.
    pub result: Option<AgentResult>,
    /// The provider said that its limit is reached; with the reset it named.
    pub limit: Option<Option<Time>>,
    /// The session's id, as the agent told it.
    pub session: Option<String>,
    pub model: Option<String>,
    pub phase: Phase,
    pub tool_calls: u64,
    /// What became of them.
    pub tools: ToolTally,
    pub files: BTreeSet<String>,
    pub usage: Usage,
    pub turns: u64,
    /// What it said last.
    pub words: String,
    /// Of all its processes.
    pub duration: Duration,
}

/// One process of an agent: the first of an attempt, or one that goes on with its session.
pub(super) struct Turn<'a> {
    pub number: u32,
    pub agent: &'a dyn Agent,
    pub assignment: &'a Assignment,
    /// What the session did before.
    pub before: Option<&'a AgentRun>,
}

/// What holds a running agent in bounds.
pub(super) struct Bounds<'b> {
    pub clock: &'b dyn Clock,
    pub limits: &'b AgentLimits,
    /// US dollars it may cost, where that is limited.
    pub max_usd: Option<f64>,
    /// Why it must end now, if it must.
    pub stop: &'b dyn Fn() -> Option<StopReason>,
}

impl AgentRun {
    pub fn new(agent: &str) -> Self {
        Self {
            agent: agent.to_owned(),
            ending: Ending::default(),
            result: None,
            limit: None,
            session: None,
            model: None,
            phase: Phase::Reading,
            tool_calls: 0,
            tools: ToolTally::default(),
            files: BTreeSet::new(),
            usage: Usage::default(),
            turns: 0,
            words: String::new(),
            duration: Duration::ZERO,
        }
    }

    /// The counters of a session go on; how its next process ends is open.
    fn going_on(before: &Self) -> Self {
        Self { ending: Ending::default(), result: None, limit: None, ..before.clone() }
    }

    /// When the provider's limit is lifted, where it was told.
    pub fn limit_resets_at(&self) -> Option<Time> {
        let named = self.result.as_ref().and_then(|result| match result.fault {
            Some(AgentFault::Limit { resets_at, .. }) => resets_at,
            _ => None,
        });
        named.or(self.limit.flatten())
    }

    /// Where it is, for people.
    pub fn news(&self) -> News {
        News::Working { phase: self.phase, tool_calls: self.tool_calls, tokens: self.usage.total_tokens() }
    }

    fn fold(&mut self, event: &AgentEvent) {
        self.tools.fold(event);
        match event {
            AgentEvent::Session { id, model } => {
                self.session = id.clone().or(self.session.take());
                self.model = model.clone().or(self.model.take());
            }
            AgentEvent::Turn => self.turns += 1,
            AgentEvent::Tool(call) => {
                self.tool_calls += 1;
                self.phase = call.phase.unwrap_or(self.phase);
                self.files.extend(call.file.clone());
            }
            AgentEvent::Phase(phase) => self.phase = *phase,
            AgentEvent::Usage(usage) => self.usage = usage.bounded(),
            AgentEvent::RateLimit { reached: true, resets_at, .. } => self.limit = Some(*resets_at),
            AgentEvent::Finished(result) => {
                if !result.message.trim().is_empty() {
                    self.words.clone_from(&result.message);
                }
                if let Some(usage) = result.usage {
                    self.usage = usage.bounded();
                }
                self.result = Some(result.clone());
            }
            AgentEvent::Text(words) if !words.trim().is_empty() => self.words.clone_from(words),
            AgentEvent::RateLimit { reached: false, .. }
            | AgentEvent::ToolResult { .. }
            | AgentEvent::Text(_)
            | AgentEvent::Retrying { .. }
            | AgentEvent::Denied { .. }
            | AgentEvent::Noise => {}
        }
    }
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

impl Cycle<'_> {
    /// Runs the ticket's agent to its end, noted and told as it goes.
    pub(super) fn run_agent(
        &self,
        job: &Job<'_>,
        turn: &Turn<'_>,
        stops: &Stops<'_>,
    ) -> Result<AgentRun, AgentError> {
        let mut session = turn.agent.start(turn.assignment)?;
        let run = turn.before.map_or_else(|| AgentRun::new(turn.agent.name()), AgentRun::going_on);
        let mut notes = Notes::begin(self, job, turn.number, session.pid());
        let bounds = Bounds {
            clock: self.world.clock.as_ref(),
            limits: &self.settings.agent,
            max_usd: turn.assignment.max_usd,
            stop: &|| stops.reason(&job.issue().id),
        };
        let mut run = attend(session.as_mut(), run, &bounds, &mut |event, run| {
            notes.see(event);
            notes.keep_up(run);
            self.tell(job.issue(), run.news());
        });
        run.model = run.model.map(|told| model_name(&told, &self.world.guards));
        notes.end(&run);
        Ok(run)
    }
}

/// A model's name is the agent's word like any other, and is recorded and published.
pub(super) fn model_name(told: &str, guards: &Guards) -> String {
    text::cut(&guards.redact(&text::one_line(told)), MODEL).into_owned()
}

/// Stays with a session to its end. Whatever the agent does, this returns: each wait is short, each
/// limit ends it, and the session's end is the end of its whole tree. `seen` gets each event when it
/// is counted.
pub(super) fn attend(
    session: &mut dyn AgentSession,
    mut run: AgentRun,
    bounds: &Bounds<'_>,
    seen: &mut dyn FnMut(&AgentEvent, &AgentRun),
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
                seen(&event, &run);
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
