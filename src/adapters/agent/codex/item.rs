//! The things Codex does in a turn, in both of its spellings (`commandExecution` of the app
//! server, `command_execution` of `exec`), and what its errors mean.

use super::super::{Events, json, refusal};
use crate::model::event::payload;
use crate::model::{AgentEvent, AgentFault, Evidence, Phase, Time, ToolCall, Usage};
use serde_json::Value;
use std::collections::HashSet;

/// What the items of a stream have told so far, whichever of the two it is.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Calls are told once, whether an item is announced first or only seen when it is complete.
    begun: HashSet<String>,
    pub last_words: String,
}

impl Items {
    pub fn begin(&mut self, item: &Value, events: &mut Events) {
        if self.begun.insert(text(item, "id").to_owned()) {
            events.extend(tool_calls(item).into_iter().map(AgentEvent::Tool));
        }
    }

    pub fn complete(&mut self, item: &Value, events: &mut Events) {
        self.begin(item, events);
        match &*kind(item) {
            "agentmessage" => self.say(text(item, "text"), events),
            "commandexecution" | "filechange" | "mcptoolcall" => events.push_back(tool_result(item)),
            _ => {}
        }
    }

    pub fn say(&mut self, words: &str, events: &mut Events) {
        self.last_words = words.to_owned();
        events.push_back(AgentEvent::Text(self.last_words.clone()));
    }
}

/// What an item is, in one spelling.
pub(super) fn kind(item: &Value) -> String {
    text(item, "type").replace('_', "").to_lowercase()
}

/// The calls an item stands for; none when it is no tool.
pub(super) fn tool_calls(item: &Value) -> Vec<ToolCall> {
    let call = |name: &str, file: Option<&str>, preview: &str| ToolCall {
        name: name.to_owned(),
        phase: Phase::of_tool(name, Some(preview)),
        file: file.map(str::to_owned),
        preview: payload(preview),
    };
    match &*kind(item) {
        "commandexecution" => vec![call("bash", None, text(item, "command"))],
        "filechange" => {
            let changes = item["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
            let path = |change| text(change, "path");
            changes.iter().map(|change| call("edit", Some(path(change)), path(change))).collect()
        }
        "mcptoolcall" => vec![call(text(item, "tool"), None, &item["arguments"].to_string())],
        "websearch" => vec![call("websearch", None, text(item, "query"))],
        "todolist" | "plan" => vec![call("todo", None, "")],
        _ => Vec::new(),
    }
}

/// What became of a call.
pub(super) fn tool_result(item: &Value) -> AgentEvent {
    let output = match text(item, "aggregatedOutput") {
        "" => text(item, "aggregated_output"),
        output => output,
    };
    AgentEvent::ToolResult {
        is_error: matches!(text(item, "status"), "failed" | "declined"),
        output: payload(output),
    }
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Their input counts the cached part too; ours does not. Either spelling.
pub(super) fn usage(total: &Value) -> Usage {
    let number = |camel: &str, snake: &str| {
        json::tokens(if total[camel].is_number() { &total[camel] } else { &total[snake] })
    };
    let cached = number("cachedInputTokens", "cached_input_tokens");
    Usage {
        input_tokens: number("inputTokens", "input_tokens").saturating_sub(cached),
        output_tokens: number("outputTokens", "output_tokens"),
        cache_creation_tokens: number("cacheWriteInputTokens", "cache_write_input_tokens"),
        cache_read_tokens: cached,
        usd: None,
    }
}

/// What an error means: its code first (`usageLimitExceeded`, `{kind: {httpStatusCode: 429}}`), its
/// words only where that says nothing.
pub(super) fn fault(error: &Value, resets_at: Option<Time>) -> AgentFault {
    let info = &error["codexErrorInfo"];
    let status = info.as_object().and_then(|kinds| kinds.values().next()?.get("httpStatusCode")?.as_u64());
    match (info.as_str(), status) {
        (Some("usageLimitExceeded" | "serverOverloaded" | "rateLimitExceeded"), _) => {
            AgentFault::Limit { resets_at, evidence: Evidence::Structured }
        }
        (Some("unauthorized"), _) => AgentFault::Login,
        (None, Some(status)) => refusal::of_status(status, resets_at).unwrap_or(AgentFault::Error),
        (Some("other" | "badRequest") | None, None) => match refusal::of_error(text(error, "message")) {
            Some(AgentFault::Limit { resets_at: None, evidence }) => {
                AgentFault::Limit { resets_at, evidence }
            }
            Some(fault) => fault,
            None => AgentFault::Error,
        },
        (Some(_), _) => AgentFault::Error,
    }
}
