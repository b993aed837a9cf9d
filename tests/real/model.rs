//! A model on loopback that follows a script: Anthropic's Messages and OpenAI's Responses, both
//! streamed. It knows where it stands from the conversation it is sent, so that a repeated request
//! gets the same answer.

use crate::server::{Received, Reply, Server};
use serde_json::{Value, json};

/// What the model does.
#[derive(Clone)]
pub enum Script {
    /// Has one command run after the other, then says that it is done.
    Commands(Vec<String>),
    /// Refuses every request like that.
    Refuse { status: u16, headers: Vec<(&'static str, String)>, body: Value },
    /// Never answers.
    Stall,
}

impl Script {
    pub fn commands(commands: &[&str]) -> Self {
        Self::Commands(commands.iter().map(|&command| command.to_owned()).collect())
    }

    pub fn refuse(status: u16, body: Value) -> Self {
        Self::Refuse { status, headers: Vec::new(), body }
    }
}

/// What one answer of the model says.
enum Said<'a> {
    Run(&'a str),
    Done,
}

/// Starts it; its address is the server's.
pub fn start(script: Script) -> Server {
    Server::start(move |request| {
        let answer: fn(&Value, usize, &Said<'_>) -> Vec<(&'static str, Value)> = match request.path() {
            "/v1/messages" => anthropic,
            "/v1/responses" => openai,
            _ => return Reply::json(404, &json!({"error": {"message": "nothing here"}})),
        };
        match &script {
            Script::Commands(commands) => {
                let body = request.json();
                let step = steps_done(&body);
                let said = match commands.get(step) {
                    // What is asked beside the conversation (a title, a summary) comes without tools.
                    Some(command) if has_tools(&body) => Said::Run(command),
                    _ => Said::Done,
                };
                stream(&answer(&body, step, &said))
            }
            Script::Refuse { status, headers, body } => {
                let reply = Reply::json(*status, body);
                headers.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value.clone()))
            }
            Script::Stall => Reply::Hang,
        }
    })
}

/// Whether the request asks the model something.
pub fn is_question(request: &Received) -> bool {
    matches!(request.path(), "/v1/messages" | "/v1/responses")
}

fn has_tools(body: &Value) -> bool {
    body["tools"].as_array().is_some_and(|tools| !tools.is_empty())
}

/// Commands whose output the conversation holds.
fn steps_done(body: &Value) -> usize {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let answered = |item: &Value| {
        let kind = item["type"].as_str().unwrap_or_default();
        kind == "tool_result" || kind.ends_with("_call_output")
    };
    let in_messages = list(&body["messages"]).iter().flat_map(|message| list(&message["content"])).collect();
    let blocks: Vec<Value> = if body["input"].is_array() { list(&body["input"]) } else { in_messages };
    blocks.iter().filter(|block| answered(block)).count()
}

fn anthropic(body: &Value, step: usize, said: &Said<'_>) -> Vec<(&'static str, Value)> {
    let usage = json!({
        "input_tokens": 100 + step, "output_tokens": 1,
        "cache_creation_input_tokens": 20, "cache_read_input_tokens": 1000
    });
    let (block, delta, reason) = match said {
        Said::Run(command) => (
            json!({"type": "tool_use", "id": format!("toolu_{step:04}"), "name": "Bash", "input": {}}),
            json!({
                "type": "input_json_delta",
                "partial_json": json!({"command": command, "description": "A step"}).to_string()
            }),
            "tool_use",
        ),
        Said::Done => {
            (json!({"type": "text", "text": ""}), json!({"type": "text_delta", "text": "Done."}), "end_turn")
        }
    };
    let message = json!({
        "id": format!("msg_{step:04}"), "type": "message", "role": "assistant", "model": body["model"],
        "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage
    });
    vec![
        ("message_start", json!({"message": message})),
        ("content_block_start", json!({"index": 0, "content_block": block})),
        ("content_block_delta", json!({"index": 0, "delta": delta})),
        ("content_block_stop", json!({"index": 0})),
        (
            "message_delta",
            json!({"delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 50}}),
        ),
        ("message_stop", json!({})),
    ]
}

fn openai(body: &Value, step: usize, said: &Said<'_>) -> Vec<(&'static str, Value)> {
    let id = format!("resp_{step:04}");
    let item = match said {
        Said::Run(command) => shell_call(body, step, command),
        Said::Done => json!({
            "type": "message", "id": format!("item_{step:04}"), "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}]
        }),
    };
    let usage = json!({
        "input_tokens": 1000 + step, "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1050 + step
    });
    vec![
        ("response.created", json!({"response": {"id": id}})),
        ("response.output_item.added", json!({"output_index": 0, "item": item})),
        ("response.output_item.done", json!({"output_index": 0, "item": item})),
        (
            "response.completed",
            json!({"response": {"id": id, "status": "completed", "output": [item], "usage": usage}}),
        ),
    ]
}

/// A call of the shell under the name it has been offered by.
fn shell_call(body: &Value, step: usize, command: &str) -> Value {
    let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_offered = |name: &str| tools.iter().any(|tool| tool["name"] == name);
    let (name, arguments) = if is_offered("exec_command") {
        ("exec_command", json!({"cmd": command, "yield_time_ms": 30_000}))
    } else {
        ("shell_command", json!({"command": command}))
    };
    json!({
        "type": "function_call", "id": format!("fc_{step:04}"), "call_id": format!("call_{step:04}"),
        "name": name, "arguments": arguments.to_string(), "status": "completed"
    })
}

fn stream(events: &[(&'static str, Value)]) -> Reply {
    let mut body = String::new();
    for (kind, event) in events {
        let mut event = event.clone();
        event["type"] = (*kind).into();
        body.push_str(&format!("event: {kind}\ndata: {event}\n\n"));
    }
    Reply::bytes(200, "text/event-stream", body.into_bytes())
}
