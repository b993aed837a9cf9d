//! The trace of one running agent: its turns in `trace.jsonl`, and where it is in the ticket's
//! `status.json`. Texts are redacted before they are cut, so that no half of a secret is left.

use super::super::run::Run;
use super::agent_run::AgentRun;
use super::job::Job;
use crate::model::trace::{TraceRecord, TracedEvent, TracedResult, TracedTurn};
use crate::model::{AgentEvent, Phase, StopReason, text};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

/// Characters of an agent's words that are kept of a turn.
const WORDS: usize = 500;
/// Characters of a tool's input or answer that are kept.
const PAYLOAD: usize = 2000;
/// Bytes of words collected before they are redacted and cut.
const COLLECTED: usize = 16 * 1024;
/// Events, tools and files kept of a turn.
const EVENTS: usize = 200;

pub(in crate::cycle) struct Trace<'c, 'w> {
    run: &'c Run<'w>,
    issue: &'c str,
    attempt: u32,
    file: Option<File>,
    turn: Option<TracedTurn>,
    turns: u64,
}

impl<'c, 'w> Trace<'c, 'w> {
    pub fn begin(run: &'c Run<'w>, job: &'c Job<'_>, attempt: u32, pid: Option<u32>) -> Self {
        let issue = job.issue().identifier.as_str();
        run.status.attempt(issue, attempt, pid);
        let mut file = None;
        run.status.try_to(|| {
            let path = job.dir.join("trace.jsonl");
            file = Some(File::options().create(true).append(true).open(path)?);
            Ok(())
        });
        Self { run, issue, attempt, file, turn: None, turns: 0 }
    }

    /// Notes an event.
    pub fn see(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Turn => {
                self.close_turn();
                self.turn();
            }
            AgentEvent::Tool(call) => {
                let file = call.file.as_deref().map(|file| self.shown(file, PAYLOAD));
                let (name, input) = (self.shown(&call.name, WORDS), self.shown(&call.preview, PAYLOAD));
                let turn = self.turn();
                turn.tool_calls += 1;
                if turn.tools.len() < EVENTS || turn.tools.contains_key(&name) {
                    *turn.tools.entry(name.clone()).or_default() += 1;
                }
                if let Some(file) = &file
                    && !turn.files_modified.contains(file)
                    && turn.files_modified.len() < EVENTS
                {
                    turn.files_modified.push(file.clone());
                }
                self.keep(TracedEvent::Tool { name, file, input });
            }
            AgentEvent::ToolResult { is_error, output } => {
                let output = self.shown(output, PAYLOAD);
                self.turn().tool_errors += u64::from(*is_error);
                self.keep(TracedEvent::ToolResult { is_error: *is_error, output });
            }
            AgentEvent::Text(words) => {
                let text = &mut self.turn().text;
                let room = COLLECTED.saturating_sub(text.len());
                if !text.is_empty() && room > 0 {
                    text.push('\n');
                }
                text.push_str(words.get(..words.floor_char_boundary(room)).unwrap_or_default());
            }
            AgentEvent::RateLimit { reached, resets_at, detail } => {
                let detail = self.shown(detail, WORDS);
                self.keep(TracedEvent::RateLimit { reached: *reached, resets_at: *resets_at, detail });
            }
            AgentEvent::Retrying { detail } => {
                let detail = self.shown(detail, WORDS);
                self.keep(TracedEvent::Retrying { detail });
            }
            AgentEvent::Denied { tool } => {
                let tool = self.shown(tool, WORDS);
                self.keep(TracedEvent::Denied { tool });
            }
            AgentEvent::Session { .. }
            | AgentEvent::Phase(_)
            | AgentEvent::Usage(_)
            | AgentEvent::Finished(_)
            | AgentEvent::Noise => {}
        }
    }

    /// Notes where the agent is, after an event was counted.
    pub fn keep_up(&mut self, run: &AgentRun) {
        if let Some(turn) = &mut self.turn {
            (turn.phase, turn.tokens) = (run.phase, run.spent().total_tokens());
        }
        let files = run.files.len() as u64;
        self.run.status.working(self.issue, run.phase, run.tool_calls, files, run.spent());
    }

    /// The agent is gone.
    pub fn end(mut self, run: &AgentRun) {
        self.keep_up(run);
        self.close_turn();
        self.run.status.agent_ended(self.issue);
        let result = run.result.as_ref();
        let record = TracedResult {
            attempt: self.attempt,
            at: self.run.now(),
            phase: run.phase,
            ok: result.map(|result| result.fault.is_none()),
            message: result.map(|result| self.shown(&result.message, WORDS)).unwrap_or_default(),
            model: run.model.clone(),
            turns: run.turns,
            tool_calls: run.tool_calls,
            files_modified: run.files.len() as u64,
            usage: run.spent(),
            duration_ms: u64::try_from(run.duration.as_millis()).unwrap_or(u64::MAX),
            exit_code: run.ending.exit_code,
            signal: run.ending.signal,
            stopped: run.ending.stopped.map(StopReason::word).map(str::to_owned),
        };
        self.write(&TraceRecord::Result(record));
    }

    /// The turn that goes on. What an agent does before it tells of a turn is one as well.
    fn turn(&mut self) -> &mut TracedTurn {
        let (turns, attempt, at) = (&mut self.turns, self.attempt, self.run.now());
        self.turn.get_or_insert_with(|| {
            *turns += 1;
            TracedTurn {
                attempt,
                turn: *turns,
                at,
                phase: Phase::Reading,
                tools: BTreeMap::new(),
                tool_calls: 0,
                tool_errors: 0,
                files_modified: Vec::new(),
                text: String::new(),
                tokens: 0,
                events: Vec::new(),
                events_left_out: 0,
            }
        })
    }

    fn keep(&mut self, event: TracedEvent) {
        let turn = self.turn();
        match turn.events.len() < EVENTS {
            true => turn.events.push(event),
            false => turn.events_left_out += 1,
        }
    }

    fn close_turn(&mut self) {
        if let Some(mut turn) = self.turn.take() {
            turn.text = self.shown(&turn.text, WORDS);
            self.write(&TraceRecord::Turn(turn));
        }
    }

    fn write(&mut self, record: &TraceRecord) {
        let Some(file) = &mut self.file else { return };
        self.run.status.try_to(|| {
            let mut line = serde_json::to_vec(record)?;
            line.push(b'\n');
            file.write_all(&line)
        });
    }

    fn shown(&self, told: &str, most: usize) -> String {
        text::cut(&self.run.world.guards.redact(told), most).into_owned()
    }
}
