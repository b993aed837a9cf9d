//! What a `command` may print to be understood, one JSON object per line. Fields in parentheses may
//! be left out; a line with any other field, or without those it must have, is another program's and
//! plain output:
//!
//! ```json
//! {"type": "session", ("id": "…"), ("model": "…")}            at least one of the two
//! {"type": "turn"}
//! {"type": "phase", "phase": "reading | planning | implementing | testing | committing"}
//! {"type": "tool", "name": "edit", ("file": "src/a.rs"), ("command": "…"), ("phase": "…")}
//! {"type": "tool_result", "is_error": false, ("output": "…")}
//! {"type": "text", "text": "…"}
//! {"type": "usage", ("input_tokens": 1), ("output_tokens": 1), ("cache_creation_tokens": 0), ("cache_read_tokens": 0), ("usd": 0.1)}   at least one
//! {"type": "result", ("ok": true), ("message": "…"), ("limit": false), ("resets_at": "2026-11-22T11:11:00Z")}   `ok` or `limit`
//! ```
//!
//! `usage` is the running total. `limit` says that the provider refused for a limit, until
//! `resets_at` where that is known. A value of another shape than expected costs that value only.

use super::super::json;
use crate::model::{Phase, Time, Usage};
use serde_json::{Map, Value};

/// One line that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    Session { id: Option<String>, model: Option<String> },
    Turn,
    Phase(Phase),
    Tool { name: String, file: Option<String>, command: Option<String>, phase: Option<Phase> },
    ToolResult { is_error: bool, output: String },
    Text(String),
    Usage(Usage),
    Result { ok: Option<bool>, message: String, limit: bool, resets_at: Option<Time> },
}

/// Type, fields of which one must be there, fields that may.
const SHAPES: &[(&str, &[&str], &[&str])] = &[
    ("session", &["id", "model"], &[]),
    ("turn", &[], &[]),
    ("phase", &["phase"], &[]),
    ("tool", &["name"], &["file", "command", "phase"]),
    ("tool_result", &["is_error"], &["output"]),
    ("text", &["text"], &[]),
    ("usage", &["input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens", "usd"], &[]),
    ("result", &["ok", "limit"], &["message", "resets_at"]),
];

/// The message of a line; `None` when it is plain output.
pub(super) fn parse(line: &[u8]) -> Option<Message> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let Some(Value::Object(told)) = json::parse(line) else { return None };
    let kind = told.get("type")?.as_str()?;
    let (kind, one_of, may_have) = SHAPES.iter().find(|(name, ..)| *name == kind)?;
    let is_known = |key: &String| key == "type" || one_of.contains(&&**key) || may_have.contains(&&**key);
    let has_one = one_of.is_empty() || one_of.iter().any(|key| told.contains_key(*key));
    if !has_one || !told.keys().all(is_known) {
        return None;
    }
    message(kind, &told)
}

fn message(kind: &str, told: &Map<String, Value>) -> Option<Message> {
    let text = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
    let flag = |key: &str| told.get(key).and_then(Value::as_bool);
    let phase = || serde_json::from_value::<Phase>(told.get("phase")?.clone()).ok();
    Some(match kind {
        "session" => Message::Session { id: text("id"), model: text("model") },
        "turn" => Message::Turn,
        "phase" => Message::Phase(phase()?),
        "tool" => Message::Tool {
            name: text("name")?,
            file: text("file"),
            command: text("command"),
            phase: phase(),
        },
        "tool_result" => {
            Message::ToolResult { is_error: flag("is_error")?, output: text("output").unwrap_or_default() }
        }
        "text" => Message::Text(text("text")?),
        "usage" => Message::Usage(serde_json::from_value(Value::Object(told.clone())).ok()?),
        "result" => Message::Result {
            ok: flag("ok"),
            message: text("message").unwrap_or_default(),
            limit: flag("limit").unwrap_or(false),
            resets_at: text("resets_at").and_then(|at| at.parse().ok()),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_line_keeps_every_number_that_is_one() {
        let usage = |line: &str| match parse(line.as_bytes()) {
            Some(Message::Usage(usage)) => usage,
            other => panic!("{line}: {other:?}"),
        };
        for bad in ["null", "-1", "\"x\"", "NaN", "-Infinity", "0.5"] {
            let line = format!(r#"{{"type":"usage","input_tokens":{bad},"output_tokens":7,"usd":0.5}}"#);
            assert_eq!(
                usage(&line),
                Usage { output_tokens: 7, usd: Some(0.5), ..Usage::default() },
                "{line}"
            );
        }
        for bad in ["null", "-1000000", "NaN", "1e999"] {
            let line = format!(r#"{{"type":"usage","output_tokens":7,"usd":{bad}}}"#);
            assert_eq!(usage(&line), Usage { output_tokens: 7, ..Usage::default() }, "{line}");
        }
        let huge = usage(r#"{"type":"usage","input_tokens":1e300,"usd":1.7e308}"#);
        assert_eq!((huge.input_tokens, huge.usd), (crate::model::usage::MAX_TOKENS, Some(1e6)));
    }

    #[test]
    fn a_value_of_another_shape_costs_that_value_only() {
        let told = parse(br#"{"type":"result","ok":true,"message":7,"resets_at":"soon","limit":null}"#);
        let result =
            Message::Result { ok: Some(true), message: String::new(), limit: false, resets_at: None };
        assert_eq!(told, Some(result));
    }
}
