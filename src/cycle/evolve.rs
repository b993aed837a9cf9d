//! A better prompt template from an agent: it works in a throwaway folder, with the environment,
//! the limits and the walls of a ticket's agent, and only the one file it leaves is looked at.
//! Nothing outside of that folder is written, the state neither.

use super::deferral::{self, Deferral};
use super::stop::{Interrupt, Stops};
use super::work::agent::{Bounds, attend, model_name};
use super::work::agent_run::AgentRun;
use super::work::environment::{Place, of_child};
use super::work::files::{boundary, create_private};
use super::world::{Settings, World};
use crate::files;
use crate::model::cycle_event::{CycleEvent, CycleEventKind};
use crate::model::lessons::Lessons;
use crate::model::settings::{Dialect, Template};
use crate::model::text::visible;
use crate::model::{Failure, Outcome, OutcomeRecord, State, StopReason, Time, Usage};
use crate::policy::evolve::{FILE, Task, render};
use crate::policy::outcome::{Facts, judge, last_words};
use crate::policy::rate_limit;
use crate::policy::template::check_successor;
use crate::ports::{Agent, AgentError, Assignment};
use std::io;
use std::path::Path;
use std::time::Duration;

/// What the run is called where a ticket's name would stand.
const NAME: &str = "learn-evolve";
/// A larger file is not read.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a proposal is asked for with.
pub struct Evolving<'e> {
    pub current: &'e Template,
    pub lessons: &'e Lessons,
    /// The attempts that failed, oldest first.
    pub failures: &'e [OutcomeRecord],
    pub state: &'e State,
    /// Where the throwaway folder is made.
    pub temporary: &'e Path,
}

/// A template that may take the place of the current one.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub source: String,
    /// The agent wrote characters nobody sees, or a terminal obeys; they were taken out.
    pub was_cleaned: bool,
    pub effort: Effort,
}

/// What the agent was, and what it cost.
#[derive(Debug, Clone)]
pub struct Effort {
    pub agent: String,
    pub model: Option<String>,
    pub usage: Usage,
    pub duration: Duration,
}

/// Why there is no proposal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvolveError {
    /// A limit, or a budget that is used up: no agent was started.
    #[error("{}", deferred(Some(.0.until), &.0.why))]
    Held(Deferral),
    /// The provider's limit ended the agent.
    #[error("{}", deferred(*.until, .why))]
    Limited { until: Option<Time>, why: String },
    /// A signal ended it.
    #[error("interrupted")]
    Interrupted,
    /// The agent's program is not there.
    #[error("{0}")]
    NoAgent(String),
    /// It failed, or proposed what cannot be used.
    #[error("{why}")]
    Refused { why: String, effort: Option<Box<Effort>> },
}

fn deferred(until: Option<Time>, why: &str) -> String {
    match until {
        Some(until) => format!("deferred until {}: {why}", until.format("%F %T UTC")),
        None => why.to_owned(),
    }
}

/// Asks the configured agent; the one that steps in for it where it is at its limit.
pub fn evolve(
    world: &World,
    settings: &Settings,
    evolving: &Evolving<'_>,
    interrupt: &Interrupt,
) -> Result<Proposed, EvolveError> {
    if let Some(deferral) = deferral::of(evolving.state, settings, world.clock.now()) {
        return Err(EvolveError::Held(deferral));
    }
    let clock = world.clock.as_ref();
    let deadline = settings.limits.deadline.unwrap_or(Duration::MAX);
    let stops = Stops::new(interrupt, clock, clock.monotonic().saturating_add(deadline));
    let attempt = Evolution { world, settings, evolving, stops: &stops };
    let model = settings.model.fixed.clone();
    // To judge other agents' work is no simple task.
    let model = model.or_else(|| settings.model.by_class.as_ref().map(|models| models.complex.clone()));
    let asked = attempt.ask(world.agent.as_ref(), model, settings.surroundings.login);
    match (&asked, &world.fallback) {
        (Err(EvolveError::Limited { why, .. }), Some(fallback)) => {
            let message = format!("{why}; {} is asked instead", fallback.agent.name());
            attempt.tell(CycleEventKind::Warning { message });
            attempt.ask(fallback.agent.as_ref(), fallback.model.clone(), fallback.login)
        }
        _ => asked,
    }
}

struct Evolution<'e> {
    world: &'e World,
    settings: &'e Settings,
    evolving: &'e Evolving<'e>,
    stops: &'e Stops<'e>,
}

impl Evolution<'_> {
    /// One agent, from its empty folder to the judgement of what it left there.
    fn ask(&self, agent: &dyn Agent, model: Option<String>, login: &[&str]) -> Result<Proposed, EvolveError> {
        let failed = |error: io::Error| self.refused(format!("the agent's folder: {error}"), None);
        let folder = tempfile::Builder::new().prefix("conductor-evolve-").tempdir_in(self.evolving.temporary);
        let folder = folder.map_err(failed)?;
        let assignment = self.assignment(folder.path(), model, login).map_err(failed)?;
        let run = self.run(agent, &assignment)?;
        let effort = Effort {
            agent: run.agent.clone(),
            model: run.model.clone().or(assignment.model),
            usage: run.usage,
            duration: run.duration,
        };
        let judged = self.judge(&run, &effort);
        let proposed = judged.and_then(|()| self.proposed(&assignment.workspace.join(FILE), effort));
        let outcome = if proposed.is_ok() { Outcome::Success } else { Outcome::Failure };
        self.tell(CycleEventKind::Finished { outcome, failure: None, error: None });
        proposed
    }

    fn assignment(&self, folder: &Path, model: Option<String>, login: &[&str]) -> io::Result<Assignment> {
        let [workspace, temporary, home] = ["work", "tmp", "home"].map(|name| folder.join(name));
        for path in [&workspace, &temporary, &home] {
            create_private(path)?;
        }
        files::write(&workspace.join(FILE), &self.evolving.current.source)?;
        let Evolving { current, lessons, failures, .. } = *self.evolving;
        let prompt_file = folder.join("task.md");
        files::write(&prompt_file, render(&Task { current, lessons, failures, boundary: &boundary() }))?;
        let place = Place {
            issue_id: NAME,
            identifier: NAME,
            attempt: 1,
            workspace: &workspace,
            temporary: &temporary,
            home: Some(home.as_path()).filter(|_| self.settings.surroundings.isolated_home),
        };
        let mut env = of_child(self.settings, &place, login);
        // Whatever the temporary folder is in, it is no repository of this agent's.
        env.push(("GIT_CEILING_DIRECTORIES".to_owned(), folder.to_string_lossy().into_owned()));
        Ok(Assignment {
            issue: NAME.to_owned(),
            prompt_file,
            model,
            env,
            log: folder.join("output.log"),
            grace: self.settings.agent.grace_period,
            max_turns: self.settings.agent.max_turns,
            max_usd: self.settings.agent.usd_per_issue,
            resume: None,
            workspace,
        })
    }

    fn run(&self, agent: &dyn Agent, assignment: &Assignment) -> Result<AgentRun, EvolveError> {
        let mut session = agent.start(assignment).map_err(|error| match error {
            AgentError::NotFound(why) => EvolveError::NoAgent(self.world.guards.redact(&why)),
            AgentError::Start(why) => self.refused(why, None),
        })?;
        self.tell(CycleEventKind::AttemptStarted { attempt: 1 });
        let bounds = Bounds {
            clock: self.world.clock.as_ref(),
            limits: &self.settings.agent,
            max_usd: assignment.max_usd,
            stop: &|| self.stops.for_all(),
        };
        let run = AgentRun::new(agent.name());
        let mut run = attend(session.as_mut(), run, &bounds, &mut |event, run| {
            self.tell(CycleEventKind::AgentActivity { event, totals: run.totals() });
        });
        run.model = run.model.map(|told| model_name(&told, &self.world.guards));
        Ok(run)
    }

    /// Whether the agent ended well.
    fn judge(&self, run: &AgentRun, effort: &Effort) -> Result<(), EvolveError> {
        let judgement = judge(&Facts {
            ending: &run.ending,
            result: run.result.as_ref(),
            limit: run.limit,
            tools: &run.tools,
            has_work: true,
            lost_base: false,
        });
        if run.ending.stopped == Some(StopReason::Interrupted) {
            return Err(EvolveError::Interrupted);
        }
        if judgement.outcome == Outcome::Success {
            return Ok(());
        }
        let words = last_words(&run.ending, run.result.as_ref());
        let mut why = judgement.error;
        if !words.is_empty() && !why.contains(&words) {
            why = format!("{why}\n{words}");
        }
        if judgement.failure == Some(Failure::RateLimited) {
            let why = self.world.guards.redact(why.trim());
            let (now, longest) = (self.world.clock.now(), self.settings.rate_limit.max_wait);
            let until = run.limit_resets_at().and_then(|told| rate_limit::believed_reset(told, now, longest));
            return Err(EvolveError::Limited { until, why });
        }
        Err(self.refused(why, Some(effort.clone())))
    }

    fn proposed(&self, file: &Path, effort: Effort) -> Result<Proposed, EvolveError> {
        let current = self.evolving.current;
        let refused = |why: String| self.refused(why, Some(effort.clone()));
        let written = read(file).map_err(|why| refused(format!("the agent's {FILE} {why}")))?;
        // What is shown is what is written.
        let mut source = visible(&written).into_owned();
        let was_cleaned = source != written.replace("\r\n", "\n");
        if !(source.is_empty() || source.ends_with('\n')) {
            source.push('\n');
        }
        if [&written, &source].contains(&&current.source) {
            return Err(refused(format!("the agent proposed nothing: it left {FILE} as it was")));
        }
        if self.world.guards.redact(&source) != source {
            return Err(refused("the proposal holds something like a credential".to_owned()));
        }
        let template = Template { source, first_line: 1, dialect: Dialect::Jinja };
        let reasons = check_successor(current, &template);
        if !reasons.is_empty() {
            let reasons: Vec<String> = reasons.iter().map(|reason| format!("{FILE}: {reason}")).collect();
            return Err(refused(format!("the proposal cannot be used:\n{}", reasons.join("\n"))));
        }
        Ok(Proposed { source: template.source, was_cleaned, effort })
    }

    fn refused(&self, why: String, effort: Option<Effort>) -> EvolveError {
        EvolveError::Refused { why: self.world.guards.redact(why.trim()), effort: effort.map(Box::new) }
    }

    fn tell(&self, kind: CycleEventKind) {
        let at = self.world.clock.now();
        self.world.tell(&CycleEvent { at, issue: Some(NAME.to_owned()), kind });
    }
}

/// The text of a plain file; a link or a pipe in its place is not followed, nor waited for.
fn read(path: &Path) -> Result<String, String> {
    files::read_text(path, MAX_BYTES).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is gone".to_owned(),
        _ => format!("cannot be used: it {error}"),
    })
}
