//! A supervised child whose lines are read into events: the part every agent's session shares.

use super::Events;
use crate::model::session::is_id;
use crate::model::{AgentEvent, Ending, StopReason};
use crate::ports::{AgentError, AgentSession, Assignment, Resume, Step};
use crate::system::process::{Child, Line, SpawnError, Spec, Stderr, Stdin, Supervisor};
use std::ffi::OsString;
use std::time::Duration;

/// When the run itself ends, the work still has to be saved: the agent gets no more than that.
const HURRIED_GRACE: Duration = Duration::from_secs(2);

/// The program in the ticket's workspace, with the prompt on its input and what it prints in the
/// ticket's logs.
pub(super) fn spec(program: impl Into<OsString>, args: Vec<String>, assignment: &Assignment) -> Spec {
    let mut spec = Spec::new(program, &assignment.workspace);
    spec.args = args.into_iter().map(OsString::from).collect();
    spec.env = assignment.env.clone();
    spec.stdin = Stdin::File(assignment.prompt_file.clone());
    spec.stderr = Stderr::File(assignment.log.with_file_name("stderr.log"));
    spec.log = Some(assignment.log.clone());
    spec.grace = assignment.grace;
    spec
}

/// Starts it, its lines to be read by `reader`. `remedy` says what to do when it is not there.
pub(super) fn start<R: Reader + 'static>(
    supervisor: &Supervisor,
    spec: &Spec,
    reader: R,
    remedy: &str,
) -> Result<Box<dyn AgentSession>, AgentError> {
    let child = supervisor.spawn(spec).map_err(|error| start_error(&error, remedy))?;
    Ok(Box::new(Session::new(child, reader, spec.grace)))
}

/// Why a program did not start, with what to do where it is missing.
pub(super) fn start_error(error: &SpawnError, remedy: &str) -> AgentError {
    match error.is_missing_program() {
        true => AgentError::NotFound(format!("{error}: {remedy}")),
        false => AgentError::Start(error.to_string()),
    }
}

/// The session to go on with. It came out of an agent's own stream: what could be an option, or
/// anything but an id, is refused. `name` is what the agent calls one.
pub(super) fn resumed<'a>(
    agent: &str,
    name: &str,
    assignment: &'a Assignment,
) -> Result<Option<&'a str>, AgentError> {
    match &assignment.resume {
        Some(Resume { session, .. }) if !is_id(session) => {
            Err(AgentError::Start(format!("{agent}: {session:?} is no {name} to resume")))
        }
        resume => Ok(resume.as_ref().map(|resume| resume.session.as_str())),
    }
}

/// One agent's language.
pub(super) trait Reader: Send {
    /// What a line says; nothing is noise.
    fn line(&mut self, line: &[u8], events: &mut Events);

    /// What has to be said to it now, one line each.
    fn replies(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Nothing more will be said to it: its input is closed.
    fn is_done(&self) -> bool {
        false
    }

    /// What the ending adds.
    fn ended(&mut self, _ending: &Ending, _events: &mut Events) {}
}

struct Session<R> {
    child: Child,
    reader: R,
    events: Events,
    grace: Duration,
    ending: Option<Ending>,
}

impl<R: Reader> Session<R> {
    fn new(child: Child, reader: R, grace: Duration) -> Self {
        let mut session = Self { child, reader, events: Events::new(), grace, ending: None };
        session.reply();
        session
    }

    fn reply(&mut self) {
        for line in self.reader.replies() {
            self.child.write_line(line.as_bytes());
        }
        if self.reader.is_done() {
            self.child.close_input();
        }
    }
}

impl<R: Reader> AgentSession for Session<R> {
    fn next(&mut self, wait: Duration) -> Step {
        if let Some(event) = self.events.pop_front() {
            return Step::Event(event);
        }
        if let Some(ending) = &self.ending {
            return Step::Ended(ending.clone());
        }
        match self.child.next_line(wait) {
            Line::Text(line) => {
                self.reader.line(line, &mut self.events);
                self.reply();
            }
            Line::Skipped(_) => {}
            Line::Quiet => return Step::Waiting,
            Line::Ended(ending) => {
                self.reader.ended(&ending, &mut self.events);
                self.ending = Some(ending.clone());
                return self.events.pop_front().map_or(Step::Ended(ending), Step::Event);
            }
        }
        Step::Event(self.events.pop_front().unwrap_or(AgentEvent::Noise))
    }

    fn pid(&self) -> Option<u32> {
        u32::try_from(self.child.pid()).ok()
    }

    fn stop(&mut self, reason: StopReason) {
        let grace = match reason {
            StopReason::Interrupted | StopReason::Deadline => self.grace.min(HURRIED_GRACE),
            StopReason::ResultStands
            | StopReason::Startup
            | StopReason::Turn
            | StopReason::Stalled
            | StopReason::MaxTurns
            | StopReason::Budget
            | StopReason::TicketChanged => self.grace,
        };
        self.child.stop_within(reason, grace);
    }
}
