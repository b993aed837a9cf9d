//! Any program as an agent. It gets the prompt on standard input and in the file named by
//! `CONDUCTOR_PROMPT_FILE`; its exit code decides: 0 is a success, anything else a failure.
//!
//! It may print what it likes: each line of output is a sign of life. Or it speaks the protocol of
//! [`protocol`], and from then on only its messages are. Without the protocol a failure is a
//! provider's limit only where the very last line it prints is a provider's own notice of one.

mod protocol;

use super::probe;
use super::session::{self, Reader};
use super::{Events, refusal};
use crate::model::event::payload;
use crate::model::{AgentEvent, AgentFault, AgentResult, Ending, Evidence, Phase, ToolCall, Usage};
use crate::ports::{Agent, AgentError, AgentSession, Assignment};
use crate::system::process::Supervisor;
use protocol::Message;
use std::collections::VecDeque;
use std::ffi::OsString;
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
    /// Conductor's own `PATH`, where a probe looks for a name.
    pub path: Option<OsString>,
}

/// The adapter.
#[derive(Debug, Clone)]
pub struct CommandAgent {
    options: CommandOptions,
    name: String,
    /// The program is in an image, where it cannot be looked for.
    is_in_image: bool,
}

impl CommandAgent {
    pub fn new(options: CommandOptions) -> Self {
        let program = options.argv.first().map_or("command", String::as_str);
        let name = Path::new(program).file_name().map_or(program.into(), |name| name.to_string_lossy());
        Self { name: name.into_owned(), options, is_in_image: false }
    }

    /// Its program is in the image of a container.
    #[must_use]
    pub fn in_image(self, is_in_image: bool) -> Self {
        Self { is_in_image, ..self }
    }

    fn argv(&self) -> Result<(&String, &[String]), AgentError> {
        let empty = || AgentError::NotFound("agent.command is empty: name a program".to_owned());
        self.options.argv.split_first().ok_or_else(empty)
    }
}

impl Agent for CommandAgent {
    fn name(&self) -> &str {
        &self.name
    }

    /// It is only looked for: nobody knows what it would do when it is asked for its version.
    fn probe(&self) -> Result<Option<String>, AgentError> {
        let (program, _) = self.argv()?;
        if self.is_in_image {
            return Ok(None);
        }
        probe::look_up(program, self.options.path.as_deref(), REMEDY)?;
        Ok(None)
    }

    fn start(&self, assignment: &Assignment) -> Result<Box<dyn AgentSession>, AgentError> {
        let (program, args) = self.argv()?;
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
    speaks_protocol: bool,
    turns: Option<u64>,
    usage: Option<Usage>,
    /// The last one it told.
    result: Option<AgentResult>,
    last_lines: VecDeque<String>,
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
        if let Some(message) = protocol::parse(line) {
            self.speaks_protocol = true;
            return self.told(message, events);
        }
        let text: String = String::from_utf8_lossy(line).chars().take(LINE).collect();
        if text.trim().is_empty() {
            return;
        }
        if self.last_lines.len() == LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(text.clone());
        if !self.speaks_protocol {
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
        let fault = (!exited_well).then(|| self.fault());
        let message = if words.is_empty() { ending.stderr_tail.clone() } else { words };
        let result = AgentResult { fault, message, usage: self.usage, turns: self.turns };
        events.push_back(AgentEvent::Finished(result));
    }

    /// What a bad exit means. Tests and tools print about limits as well, so only a last line that
    /// is nothing but a provider's notice is taken for one.
    fn fault(&self) -> AgentFault {
        let last = self.last_lines.back().map(String::as_str).unwrap_or_default();
        refusal::of_result(last).unwrap_or(AgentFault::Error)
    }

    fn told(&mut self, message: Message, events: &mut Events) {
        events.push_back(match message {
            Message::Session { id, model } => AgentEvent::Session { id, model },
            Message::Turn => {
                self.turns = Some(self.turns.unwrap_or(0) + 1);
                AgentEvent::Turn
            }
            Message::Phase(phase) => AgentEvent::Phase(phase),
            Message::Tool { name, file, command, phase } => AgentEvent::Tool(ToolCall {
                phase: phase.or_else(|| Phase::of_tool(&name, command.as_deref())),
                name,
                file,
                preview: payload(&command.unwrap_or_default()),
            }),
            Message::ToolResult { is_error, output } => {
                AgentEvent::ToolResult { is_error, output: payload(&output) }
            }
            Message::Text(text) => AgentEvent::Text(text),
            Message::Usage(usage) => {
                self.usage = Some(usage);
                AgentEvent::Usage(usage)
            }
            Message::Result { ok, message, limit, resets_at } => {
                let fault = match (limit, ok) {
                    (true, _) => Some(AgentFault::Limit { resets_at, evidence: Evidence::Structured }),
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
    fn only_a_last_line_that_is_a_providers_notice_makes_a_failure_a_limit() {
        let fault =
            |lines: &[&str], code, stderr: &str| finished(&read(lines, &exited(code, stderr))).fault.clone();
        let limit = Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Words });
        assert_eq!(fault(&["working", "You've hit your weekly limit \u{b7} resets soon"], 1, ""), limit);
        assert_eq!(fault(&["Usage limit reached"], 0, ""), None, "its exit code decides");
        assert_eq!(fault(&["Not logged in \u{b7} Please run /login"], 1, ""), Some(AgentFault::Login));
        for text in [
            "FAIL test_limiter: rate limit test expected 3 got 4",
            "429",
            "error 429: too many requests",
            "capacity",
            "at app.js:429:7",
            "disk at capacity",
        ] {
            assert_eq!(fault(&[text], 1, text), Some(AgentFault::Error), "{text}");
        }
        assert_eq!(fault(&["Usage limit reached", "1 test failed"], 1, ""), Some(AgentFault::Error));
        assert_eq!(
            fault(&[], 1, "usage limit reached"),
            Some(AgentFault::Error),
            "standard error is anybody's"
        );
    }

    #[test]
    fn another_agents_stream_is_plain_output() {
        let foreign = [
            r#"{"type":"session"}"#,
            r#"{"type":"session","version":3,"id":"s","timestamp":"t","cwd":"/w"}"#,
            r#"{"type":"result","status":"error"}"#,
            r#"{"type":"result","subtype":"success","is_error":true,"result":"API Error"}"#,
            r#"{"type":"tool_result","tool_id":"t","status":"error","output":"x"}"#,
            r#"{"type":"text","sessionID":"s","part":{"text":"hi"}}"#,
            r#"{"type":"turn","n":1}"#,
            r#"{"type":"usage"}"#,
        ];
        let events = read(&foreign, &exited(0, ""));
        let texts: Vec<AgentEvent> =
            foreign.iter().map(|line| AgentEvent::Text((*line).to_owned())).collect();
        assert_eq!(events[..foreign.len()], texts);
        assert_eq!(finished(&events).fault, None);
    }

    #[test]
    fn the_protocol_is_understood_and_silences_plain_lines() {
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
            let limit = AgentFault::Limit { resets_at, evidence: Evidence::Structured };
            assert_eq!(finished(&events).fault, Some(limit));
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
