//! Any program as an agent. It gets the prompt on standard input and in the file named by
//! `CONDUCTOR_PROMPT_FILE`; its exit code decides: 0 is a success, anything else a failure.
//!
//! It may print what it likes: each line of output is a sign of life. Or it speaks a dialect, one
//! JSON object per line, and from then on only these are; all fields but `type` are optional:
//!
//! ```json
//! {"type": "session", "id": "…", "model": "…"}
//! {"type": "turn"}
//! {"type": "phase", "phase": "reading | planning | implementing | testing | committing"}
//! {"type": "tool", "name": "edit", "file": "src/a.rs", "command": "…", "phase": "…"}
//! {"type": "tool_result", "is_error": false, "output": "…"}
//! {"type": "text", "text": "…"}
//! {"type": "usage", "input_tokens": 1, "output_tokens": 1, "cache_creation_tokens": 0, "cache_read_tokens": 0, "usd": 0.1}
//! {"type": "result", "ok": true, "message": "…", "limit": false, "resets_at": "2026-11-22T11:11:00Z"}
//! ```
//!
//! `usage` is the running total. `limit` says that the provider refused for a limit, until
//! `resets_at` where that is known; without the dialect a failure's last words are searched for it.

use super::session::{self, Reader};
use super::{Events, limit};
use crate::model::event::payload;
use crate::model::{AgentEvent, AgentFault, AgentResult, Ending, Phase, Time, ToolCall, Usage};
use crate::ports::{Agent, AgentError, AgentSession, Assignment};
use crate::system::process::Supervisor;
use serde::Deserialize;
use std::collections::VecDeque;
use std::path::Path;

/// Names the file with the prompt.
pub const PROMPT_FILE: &str = "CONDUCTOR_PROMPT_FILE";

const REMEDY: &str = "set agent.command to a program that is there";
/// Lines of plain output kept as the agent's last words.
const LAST_LINES: usize = 20;
/// A line of plain output is cut there, in characters.
const LINE: usize = 2000;

/// How to call it.
#[derive(Debug, Clone)]
pub struct CommandOptions {
    pub supervisor: Supervisor,
    /// The program, a path or a name on the agent's `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// Added to them.
    pub args: Vec<String>,
}

/// The adapter.
#[derive(Debug, Clone)]
pub struct CommandAgent {
    options: CommandOptions,
    name: String,
}

impl CommandAgent {
    pub fn new(options: CommandOptions) -> Self {
        let program = options.argv.first().map_or("command", String::as_str);
        let name = Path::new(program).file_name().map_or(program.into(), |name| name.to_string_lossy());
        Self { name: name.into_owned(), options }
    }
}

impl Agent for CommandAgent {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let Some((program, args)) = self.options.argv.split_first() else {
            return Err(AgentError::NotFound("agent.command is empty: name a program".to_owned()));
        };
        let args = args.iter().chain(&self.options.args).cloned().collect();
        let mut spec = session::spec(program, args, assignment);
        spec.env.retain(|(name, _)| name != PROMPT_FILE);
        spec.env.push((PROMPT_FILE.to_owned(), assignment.prompt_file.to_string_lossy().into_owned()));
        session::start(&self.options.supervisor, &spec, CommandStream::default(), REMEDY)
    }
}

/// The reader of one run's output.
#[derive(Debug, Default)]
pub struct CommandStream {
    speaks_dialect: bool,
    turns: Option<u64>,
    usage: Option<Usage>,
    /// The last one it told.
    result: Option<AgentResult>,
    last_lines: VecDeque<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told {
    Session {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        model: Option<String>,
    },
    Turn,
    Phase {
        phase: Phase,
    },
    Tool {
        #[serde(default)]
        name: String,
        #[serde(default)]
        file: Option<String>,
        #[serde(default)]
        command: Option<String>,
        #[serde(default)]
        phase: Option<Phase>,
    },
    ToolResult {
        #[serde(default)]
        is_error: bool,
        #[serde(default)]
        output: String,
    },
    Text {
        #[serde(default)]
        text: String,
    },
    Usage(Usage),
    Result {
        #[serde(default)]
        ok: Option<bool>,
        #[serde(default)]
        message: String,
        #[serde(default)]
        limit: bool,
        #[serde(default)]
        resets_at: Option<Time>,
    },
}

impl Reader for CommandStream {
    fn line(&mut self, line: &[u8], events: &mut Events) {
        self.push(line, events);
    }

    fn ended(&mut self, ending: &Ending, events: &mut Events) {
        self.finish(ending, events);
    }
}

impl CommandStream {
    /// Adds what the line says to `events`.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        if let Some(told) = parse(line) {
            self.speaks_dialect = true;
            return self.told(told, events);
        }
        let text: String = String::from_utf8_lossy(line).chars().take(LINE).collect();
        if text.trim().is_empty() {
            return;
        }
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(text.clone());
        if !self.speaks_dialect {
            events.push_back(AgentEvent::Text(text));
        }
    }

    /// Adds the result where none was told, or where the exit code overrules it.
    pub fn finish(&mut self, ending: &Ending, events: &mut Events) {
        let told = self.result.as_ref().map(|result| result.fault.is_none());
        let exited_well = ending.exit_code == Some(0);
        // Its word against itself stands, its word for itself only with a good exit.
        if ending.stopped.is_some() || told == Some(false) || told.is_some() && exited_well {
            return;
        }
        let words = self.last_words();
        let is_limit = || limit::tells_of_limit(&words) || limit::tells_of_limit(&ending.stderr_tail);
        let fault = match exited_well {
            true => None,
            false if is_limit() => Some(AgentFault::Limit { resets_at: None }),
            false => Some(AgentFault::Error),
        };
        let message = if words.is_empty() { ending.stderr_tail.clone() } else { words };
        let result = AgentResult { fault, message, usage: self.usage, turns: self.turns };
        events.push_back(AgentEvent::Finished(result));
    }

    fn told(&mut self, told: Told, events: &mut Events) {
        events.push_back(match told {
            Told::Session { id, model } => AgentEvent::Session { id, model },
            Told::Turn => {
                self.turns = Some(self.turns.unwrap_or(0) + 1);
                AgentEvent::Turn
            }
            Told::Phase { phase } => AgentEvent::Phase(phase),
            Told::Tool { name, file, command, phase } => AgentEvent::Tool(ToolCall {
                phase: phase.or_else(|| Phase::of_tool(&name, command.as_deref())),
                name,
                file,
                preview: payload(&command.unwrap_or_default()),
            }),
            Told::ToolResult { is_error, output } => {
                AgentEvent::ToolResult { is_error, output: payload(&output) }
            }
            Told::Text { text } => AgentEvent::Text(text),
            Told::Usage(usage) => {
                self.usage = Some(usage);
                AgentEvent::Usage(usage)
            }
            Told::Result { ok, message, limit, resets_at } => {
                let fault = match (limit, ok) {
                    (true, _) => Some(AgentFault::Limit { resets_at }),
                    (false, Some(false)) => Some(AgentFault::Error),
                    (false, _) => None,
                };
                let result = AgentResult { fault, message, usage: self.usage, turns: self.turns };
                self.result = Some(result.clone());
                AgentEvent::Finished(result)
            }
        });
    }

    fn last_words(&self) -> String {
        self.last_lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn parse(line: &[u8]) -> Option<Told> {
    let starts_like_an_object = line.trim_ascii_start().first() == Some(&b'{');
    if starts_like_an_object { serde_json::from_slice(line).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], ending: &Ending) -> Vec<AgentEvent> {
        let (mut stream, mut events) = (CommandStream::default(), Events::new());
        for line in lines {
            stream.push(line.as_bytes(), &mut events);
        }
        stream.finish(ending, &mut events);
        events.into()
    }

    fn exited(code: i32, stderr: &str) -> Ending {
        Ending { exit_code: Some(code), stderr_tail: stderr.into(), ..Ending::default() }
    }

    fn finished(events: &[AgentEvent]) -> &AgentResult {
        match events.last() {
            Some(AgentEvent::Finished(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn plain_output_is_text_and_the_exit_code_decides() {
        let events = read(&["working", "", "done"], &exited(0, ""));
        assert_eq!(events[..2], ["working", "done"].map(|text| AgentEvent::Text(text.into())));
        assert_eq!(finished(&events).fault, None);
        assert_eq!(finished(&events).message, "working\ndone");
        assert_eq!(finished(&read(&[], &exited(1, ""))).fault, Some(AgentFault::Error));
    }

    #[test]
    fn a_limit_is_taken_from_the_last_words_of_a_failure_only() {
        let limit = Some(AgentFault::Limit { resets_at: None });
        assert_eq!(finished(&read(&["error 429: too many requests"], &exited(1, ""))).fault, limit);
        assert_eq!(finished(&read(&[], &exited(1, "usage limit reached"))).fault, limit);
        assert_eq!(finished(&read(&["too many requests"], &exited(0, ""))).fault, None);
        for text in ["at app.js:429:7", "disk at capacity"] {
            assert_eq!(finished(&read(&[text], &exited(1, text))).fault, Some(AgentFault::Error), "{text}");
        }
    }

    #[test]
    fn the_dialect_is_understood_and_silences_plain_lines() {
        let events = read(
            &[
                r#"{"type":"session","id":"s1","model":"m"}"#,
                r#"{"type":"turn"}"#,
                r#"{"type":"phase","phase":"testing"}"#,
                r#"{"type":"tool","name":"bash","command":"git commit -m x"}"#,
                r#"{"type":"usage","input_tokens":5,"output_tokens":7,"usd":0.5}"#,
                "plain noise",
                r#"{"level":"info","msg":"noise of another kind"}"#,
                r#"{"type":"result","ok":true,"message":"all done"}"#,
            ],
            &exited(0, ""),
        );
        let usage = Usage { input_tokens: 5, output_tokens: 7, usd: Some(0.5), ..Usage::default() };
        assert_eq!(
            events,
            [
                AgentEvent::Session { id: Some("s1".into()), model: Some("m".into()) },
                AgentEvent::Turn,
                AgentEvent::Phase(Phase::Testing),
                AgentEvent::Tool(ToolCall {
                    name: "bash".into(),
                    phase: Some(Phase::Committing),
                    file: None,
                    preview: "git commit -m x".into()
                }),
                AgentEvent::Usage(usage),
                AgentEvent::Finished(AgentResult {
                    fault: None,
                    message: "all done".into(),
                    usage: Some(usage),
                    turns: Some(1)
                }),
            ]
        );
    }

    #[test]
    fn a_told_result_stands_unless_the_exit_code_is_worse() {
        let limited = r#"{"type":"result","limit":true,"resets_at":"2026-11-22T11:11:00Z"}"#;
        let resets_at = "2026-11-22T11:11:00Z".parse().ok();
        for code in [0, 1] {
            let events = read(&[limited], &exited(code, ""));
            assert_eq!(finished(&events).fault, Some(AgentFault::Limit { resets_at }));
        }
        let good = r#"{"type":"result","ok":true,"message":"fine"}"#;
        let events = read(&[good], &exited(3, "boom"));
        assert_eq!(finished(&events).fault, Some(AgentFault::Error));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn an_agent_that_was_stopped_has_no_result_of_its_own() {
        let stopped =
            Ending { signal: Some(15), stopped: Some(crate::model::StopReason::Turn), ..Ending::default() };
        assert_eq!(read(&["half"], &stopped), [AgentEvent::Text("half".into())]);
    }
}
