//! What each running agent does, turn by turn, in its ticket's `trace.jsonl`. An observer of the event
//! stream. Texts are redacted before they are cut, so that no half of a secret is left.

use super::run_folder::RunFolder;
use crate::files;
use crate::guards::Guards;
use crate::model::cycle_event::{AgentEnd, AgentTotals, CycleEvent, CycleEventKind, Observer};
use crate::model::trace::{TraceRecord, TracedEvent, TracedResult, TracedTurn};
use crate::model::{AgentEvent, Phase, StopReason, Time, text};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Characters of an agent's words that are kept of a turn.
const WORDS: usize = 500;
/// Characters of a tool's input or answer that are kept.
const PAYLOAD: usize = 2000;
/// Bytes of words collected before they are redacted and cut.
const COLLECTED: usize = 16 * 1024;
/// Events, tools and files kept of a turn.
const EVENTS: usize = 200;

pub(super) struct TraceFiles<'w> {
    guards: &'w Guards,
    folder: Arc<RunFolder<'w>>,
    /// The agents that run, by their tickets. Each has a lock of its own: none waits for another's disk.
    running: Mutex<HashMap<String, Arc<Mutex<Trace<'w>>>>>,
}

impl<'w> TraceFiles<'w> {
    pub fn new(guards: &'w Guards, folder: Arc<RunFolder<'w>>) -> Self {
        Self { guards, folder, running: Mutex::default() }
    }

    fn begin(&self, issue: &str, attempt: u32) {
        let mut file = None;
        self.folder.try_to(|| {
            let path = self.folder.of_issue(issue).join("trace.jsonl");
            file = Some(files::append_own(&path)?);
            Ok(())
        });
        let folder = Arc::clone(&self.folder);
        let trace = Trace { guards: self.guards, folder, attempt, file, turn: None, turns: 0 };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(issue.to_owned(), Arc::new(Mutex::new(trace)));
    }

    fn with(&self, issue: &str, change: impl FnOnce(&mut Trace<'w>)) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(issue).cloned();
        if let Some(trace) = running {
            change(&mut trace.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl Observer for TraceFiles<'_> {
    fn on(&self, event: &CycleEvent) {
        let Some(issue) = event.issue.as_deref() else { return };
        match &event.kind {
            CycleEventKind::AgentStarted { attempt, .. } => self.begin(issue, *attempt),
            CycleEventKind::AgentActivity { event: done, totals } => self.with(issue, |trace| {
                trace.see(done, event.at);
                trace.keep_up(totals);
            }),
            CycleEventKind::AgentEnded(end) => {
                self.with(issue, |trace| trace.end(end, event.at));
                self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(issue);
            }
            _ => {}
        }
    }
}

/// The trace of one running agent.
struct Trace<'w> {
    guards: &'w Guards,
    folder: Arc<RunFolder<'w>>,
    attempt: u32,
    file: Option<File>,
    turn: Option<TracedTurn>,
    turns: u64,
}

impl Trace<'_> {
    /// Notes an event.
    fn see(&mut self, event: &AgentEvent, at: Time) {
        match event {
            AgentEvent::Turn => {
                self.close_turn();
                self.turn(at);
            }
            AgentEvent::Tool(call) => {
                let file = call.file.as_deref().map(|file| self.shown(file, PAYLOAD));
                let (name, input) = (self.shown(&call.name, WORDS), self.shown(&call.preview, PAYLOAD));
                let turn = self.turn(at);
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
                self.keep(at, TracedEvent::Tool { name, file, input });
            }
            AgentEvent::ToolResult { is_error, output } => {
                let output = self.shown(output, PAYLOAD);
                self.turn(at).tool_errors += u64::from(*is_error);
                self.keep(at, TracedEvent::ToolResult { is_error: *is_error, output });
            }
            AgentEvent::Text(words) => {
                let text = &mut self.turn(at).text;
                let room = COLLECTED.saturating_sub(text.len());
                if !text.is_empty() && room > 0 {
                    text.push('\n');
                }
                text.push_str(words.get(..words.floor_char_boundary(room)).unwrap_or_default());
            }
            AgentEvent::RateLimit { reached, resets_at, detail } => {
                let detail = self.shown(detail, WORDS);
                self.keep(at, TracedEvent::RateLimit { reached: *reached, resets_at: *resets_at, detail });
            }
            AgentEvent::Retrying { detail } => {
                let detail = self.shown(detail, WORDS);
                self.keep(at, TracedEvent::Retrying { detail });
            }
            AgentEvent::Denied { tool } => {
                let tool = self.shown(tool, WORDS);
                self.keep(at, TracedEvent::Denied { tool });
            }
            AgentEvent::Session { .. }
            | AgentEvent::Phase(_)
            | AgentEvent::Usage(_)
            | AgentEvent::Finished(_)
            | AgentEvent::Noise => {}
        }
    }

    /// Notes where the agent is, after an event was counted.
    fn keep_up(&mut self, totals: &AgentTotals) {
        if let Some(turn) = &mut self.turn {
            (turn.phase, turn.tokens) = (totals.phase, totals.usage.total_tokens());
        }
    }

    /// The agent is gone.
    fn end(&mut self, end: &AgentEnd, at: Time) {
        let totals = &end.totals;
        self.keep_up(totals);
        self.close_turn();
        let record = TracedResult {
            attempt: self.attempt,
            at,
            phase: totals.phase,
            ok: end.ok,
            message: self.shown(&end.message, WORDS),
            model: end.model.clone(),
            turns: totals.turns,
            tool_calls: totals.tool_calls,
            files_modified: totals.files_modified,
            usage: totals.usage,
            duration_ms: u64::try_from(end.duration.as_millis()).unwrap_or(u64::MAX),
            exit_code: end.ending.exit_code,
            signal: end.ending.signal,
            stopped: end.ending.stopped.map(StopReason::word).map(str::to_owned),
        };
        self.write(&TraceRecord::Result(record));
    }

    /// The turn that goes on. What an agent does before it tells of a turn is one as well.
    fn turn(&mut self, at: Time) -> &mut TracedTurn {
        let (turns, attempt) = (&mut self.turns, self.attempt);
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

    fn keep(&mut self, at: Time, event: TracedEvent) {
        let turn = self.turn(at);
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
        self.folder.try_to(|| {
            let mut line = serde_json::to_vec(record)?;
            line.push(b'\n');
            file.write_all(&line)
        });
    }

    fn shown(&self, told: &str, most: usize) -> String {
        text::cut(&self.guards.redact(told), most).into_owned()
    }
}
