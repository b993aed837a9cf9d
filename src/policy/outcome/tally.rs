//! What became of an agent's calls of tools, counted as they happen.

use crate::model::{AgentEvent, Phase, text};
use std::collections::BTreeSet;

/// What became of the agent's calls of tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolTally {
    /// Calls that look at something or change it; plans of the agent's own are none.
    pub calls: u64,
    /// Calls that answered well.
    pub succeeded: u64,
    /// Calls that answered with an error.
    pub errors: u64,
    /// Calls that were denied; most of them answer with an error as well.
    pub denied: u64,
    /// The tools that were denied, by name; a few of them.
    pub denied_tools: BTreeSet<String>,
    /// The first line of the last error.
    pub last_error: String,
}

/// Names of denied tools that are kept, and characters of each and of an error.
const DENIED_TOOLS: usize = 8;
const NAME: usize = 60;
const ERROR_LINE: usize = 200;

impl ToolTally {
    /// Counts an event.
    pub fn fold(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Tool(call) if call.phase != Some(Phase::Planning) => self.calls += 1,
            AgentEvent::ToolResult { is_error: false, .. } => self.succeeded += 1,
            AgentEvent::ToolResult { is_error: true, output } => {
                self.errors += 1;
                if let Some(line) = output.lines().map(str::trim).find(|line| !line.is_empty()) {
                    self.last_error = text::cut(&text::one_line(line), ERROR_LINE).into_owned();
                }
            }
            AgentEvent::Denied { tool } => {
                self.denied += 1;
                if self.denied_tools.len() < DENIED_TOOLS {
                    self.denied_tools.insert(text::cut(&text::one_line(tool), NAME).into_owned());
                }
            }
            _ => {}
        }
    }

    /// Why nothing can have come of it, when every call failed or was denied.
    pub(super) fn all_failed(&self) -> Option<String> {
        let failed = self.errors.max(self.denied);
        if failed == 0 || failed < self.calls || self.succeeded > 0 {
            return None;
        }
        if self.denied > 0 {
            let tools: Vec<&str> = self.denied_tools.iter().map(String::as_str).collect();
            let tools = tools.join(", ");
            return Some(format!("every tool call was denied ({tools}): give the agent its permissions"));
        }
        let last = if self.last_error.is_empty() { "it gave no reason" } else { &self.last_error };
        Some(format!("every tool call failed ({failed} of {failed}), the last one with: {last}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ToolCall;

    fn why(events: &[AgentEvent]) -> Option<String> {
        let mut tally = ToolTally::default();
        events.iter().for_each(|event| tally.fold(event));
        tally.all_failed()
    }

    fn called(name: &str) -> AgentEvent {
        let phase = Phase::of_tool(name, None);
        AgentEvent::Tool(ToolCall { name: name.to_owned(), phase, file: None, preview: String::new() })
    }

    fn answered(is_error: bool, output: &str) -> AgentEvent {
        AgentEvent::ToolResult { is_error, output: output.to_owned() }
    }

    fn denied(tool: &str) -> AgentEvent {
        AgentEvent::Denied { tool: tool.to_owned() }
    }

    #[test]
    fn calls_that_were_all_denied_or_all_failed_are_told_with_their_reason() {
        let refused = [
            called("Bash"),
            answered(true, "no"),
            called("Edit"),
            answered(true, "no"),
            denied("Bash"),
            denied("Edit"),
        ];
        let words = "every tool call was denied (Bash, Edit): give the agent its permissions";
        assert_eq!(why(&refused).as_deref(), Some(words));
        assert_eq!(why(&[denied("Bash"), denied("Edit")]).as_deref(), Some(words), "before they were calls");
        let failed = [called("todo"), called("bash"), answered(true, "\nbwrap: no permissions\nx")];
        let words = "every tool call failed (1 of 1), the last one with: bwrap: no permissions";
        assert_eq!(why(&failed).as_deref(), Some(words), "a plan changes nothing");
    }

    #[test]
    fn one_call_that_worked_or_was_not_answered_is_enough() {
        let some = [called("Bash"), answered(true, "no"), called("Read"), answered(false, "text")];
        let notice = [called("Bash"), answered(false, ""), answered(true, "a background task failed")];
        for events in [&some[..], &notice, &[], &[called("Bash")], &[called("Bash"), answered(false, "")]] {
            assert_eq!(why(events), None, "{events:?}");
        }
    }

    #[test]
    fn names_and_errors_are_kept_short_and_on_one_line() {
        let long = "x\u{1b}[31m ".repeat(1000);
        let words = why(&[called(&long), answered(true, &long), denied(&long)]).unwrap();
        assert!(words.len() < 200 && !words.contains('\u{1b}'), "{words}");
    }
}
