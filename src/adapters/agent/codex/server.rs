//! The conversation with `codex app-server`: JSON lines without a `jsonrpc` field. Values in, values
//! out: what it is told goes in by [`CodexServer::push`], what it is to be answered comes out by
//! [`CodexServer::take_replies`]. The older adapters' notifications are understood as well.
//!
//! Ids of the server's requests overlap ours; a message with a method is never an answer to us.

use super::super::{Events, json};
use super::item::{self, Items};
use crate::model::{AgentEvent, AgentFault, AgentResult, Time, Usage};
use crate::ports::Resume;
use chrono::DateTime;
use serde_json::{Value, json};

const INITIALIZE: u64 = 1;
const THREAD: u64 = 2;
const TURN: u64 = 3;

/// What is asked of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub cwd: String,
    pub prompt: String,
    pub sandbox: String,
    pub approval_policy: String,
    pub model: Option<String>,
    /// A thread to go on with.
    pub resume: Option<Resume>,
}

/// One side of it: ours.
#[derive(Debug)]
pub struct CodexServer {
    conversation: Conversation,
    replies: Vec<String>,
    items: Items,
    usage: Option<Usage>,
    /// Answers of the model so far: readings of the token total that differ.
    turns: u64,
    /// The last error that will not be retried.
    error: Value,
    resets_at: Option<Time>,
    told_limit: Option<(u64, Option<i64>)>,
    done: bool,
}

impl CodexServer {
    /// The first message is ready to be taken.
    pub fn new(conversation: Conversation) -> Self {
        let mut server = Self {
            // A thread that goes on tells its old total first; that is no new answer.
            usage: conversation.resume.as_ref().map(|resume| resume.usage),
            conversation,
            replies: Vec::new(),
            items: Items::default(),
            turns: 0,
            error: Value::Null,
            resets_at: None,
            told_limit: None,
            done: false,
        };
        let client = json!({"name": "conductor", "title": "Conductor", "version": env!("CARGO_PKG_VERSION")});
        server.request(INITIALIZE, "initialize", json!({"clientInfo": client, "capabilities": null}));
        server
    }

    /// What has to be sent now, one line each.
    pub fn take_replies(&mut self) -> Vec<String> {
        std::mem::take(&mut self.replies)
    }

    /// The turn is over: the server may be left by closing its input.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Adds what the line says to `events`; a line that says nothing adds nothing.
    pub fn push(&mut self, line: &[u8], events: &mut Events) {
        let Some(message) = json::parse(line) else { return };
        let (method, id) = (message["method"].as_str(), &message["id"]);
        match (method, id) {
            (Some(method), Value::Null) => self.told(method, &message["params"], events),
            (Some(method), id) => self.asked(method, id, &message["params"], events),
            (None, id) => self.answered(id.as_u64(), &message, events),
        }
    }

    fn request(&mut self, id: u64, method: &str, params: Value) {
        self.replies.push(json!({"method": method, "id": id, "params": params}).to_string());
    }

    fn answered(&mut self, id: Option<u64>, message: &Value, events: &mut Events) {
        if let Some(error) = message.get("error") {
            return self.finish(Some(item::fault(error, None)), item::text(error, "message"), events);
        }
        match id {
            Some(INITIALIZE) => {
                self.replies.push(json!({"method": "initialized"}).to_string());
                self.open_thread();
            }
            Some(THREAD) => {
                let result = &message["result"];
                let thread = item::text(&result["thread"], "id").to_owned();
                let model = result["model"].as_str().or(result["thread"]["model"].as_str());
                events.push_back(AgentEvent::Session {
                    id: Some(thread.clone()),
                    model: model.map(str::to_owned),
                });
                self.begin_turn(&thread);
            }
            _ => {}
        }
    }

    fn open_thread(&mut self) {
        let Conversation { cwd, sandbox, approval_policy, model, resume, .. } = &self.conversation;
        let mut params = json!({"cwd": cwd, "approvalPolicy": approval_policy, "sandbox": sandbox});
        if let Some(model) = model {
            params["model"] = model.as_str().into();
        }
        let method = match resume {
            Some(Resume { session, .. }) => {
                params["threadId"] = session.as_str().into();
                "thread/resume"
            }
            None => "thread/start",
        };
        self.request(THREAD, method, params);
    }

    fn begin_turn(&mut self, thread: &str) {
        let input = json!([{"type": "text", "text": self.conversation.prompt, "text_elements": []}]);
        self.request(TURN, "turn/start", json!({"threadId": thread, "input": input}));
    }

    /// A request must be answered, or the turn hangs.
    fn asked(&mut self, method: &str, id: &Value, params: &Value, events: &mut Events) {
        let what = match method {
            "item/commandExecution/requestApproval" => item::text(params, "command"),
            "item/fileChange/requestApproval" => "file change",
            _ => {
                let error = json!({"code": -32601, "message": "not supported: nobody is there to ask"});
                self.replies.push(json!({"id": id, "error": error}).to_string());
                return;
            }
        };
        let decision = if self.approves() { "accept" } else { "decline" };
        if decision == "decline" {
            events.push_back(AgentEvent::Denied { tool: what.chars().take(200).collect() });
        }
        self.replies.push(json!({"id": id, "result": {"decision": decision}}).to_string());
    }

    /// Where there is no sandbox there is nothing to leave, and `untrusted` asks about everything.
    /// The other policies ask to leave the sandbox, and nobody is there to allow it.
    fn approves(&self) -> bool {
        self.conversation.sandbox == "danger-full-access" || self.conversation.approval_policy == "untrusted"
    }

    fn told(&mut self, method: &str, params: &Value, events: &mut Events) {
        match method {
            "item/started" => self.items.begin(&params["item"], events),
            "item/completed" => self.items.complete(&params["item"], events),
            "item/text" => {
                self.items.say(item::text(params, "text"), events);
            }
            "item/commandExecution/started" => {
                let command = json!({"type": "commandExecution", "command": params["command"]});
                events.extend(item::tool_calls(&command).into_iter().map(AgentEvent::Tool));
            }
            "thread/tokenUsage/updated" => self.count(&params["tokenUsage"]["total"], events),
            "account/rateLimits/updated" => self.limits(&params["rateLimits"], events),
            "error" => self.failed(params, events),
            "turn/completed" => self.turn_over(&params["turn"], events),
            "turn/failed" => {
                let told = [&params["error"], &params["turn"]["error"], params];
                let error = told.into_iter().find(|error| error["message"].is_string()).unwrap_or(params);
                let (fault, message) = (item::fault(error, self.resets_at), item::text(error, "message"));
                self.finish(Some(fault), message, events);
            }
            _ => {}
        }
    }

    /// The total comes again unchanged; only another one is another answer of the model.
    fn count(&mut self, total: &Value, events: &mut Events) {
        let usage = item::usage(total);
        if self.usage != Some(usage) {
            self.usage = Some(usage);
            self.turns += 1;
            events.push_back(AgentEvent::Turn);
            events.push_back(AgentEvent::Usage(usage));
        }
    }

    fn limits(&mut self, limits: &Value, events: &mut Events) {
        let windows = ["primary", "secondary"].map(|name| &limits[name]);
        let used = |window: &&Value| window["usedPercent"].as_f64().map(|used| used.round() as u64);
        let Some(fullest) = windows.into_iter().filter(|w| used(w).is_some()).max_by_key(used) else {
            return;
        };
        let percent = used(&fullest).unwrap_or(0);
        let seconds = fullest["resetsAt"].as_i64();
        if self.told_limit == Some((percent, seconds)) {
            return;
        }
        self.told_limit = Some((percent, seconds));
        let resets_at = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let reached = percent >= 100;
        if reached {
            self.resets_at = resets_at;
        }
        events.push_back(AgentEvent::RateLimit { reached, resets_at, detail: format!("{percent}% used") });
    }

    fn failed(&mut self, params: &Value, events: &mut Events) {
        let error = &params["error"];
        if params["willRetry"] == true {
            let (message, more) = (item::text(error, "message"), item::text(error, "additionalDetails"));
            events.push_back(AgentEvent::Retrying { detail: format!("{message} {more}").trim().to_owned() });
        } else {
            self.error = error.clone();
        }
    }

    fn turn_over(&mut self, turn: &Value, events: &mut Events) {
        match item::text(turn, "status") {
            "completed" => {
                let words = std::mem::take(&mut self.items.last_words);
                self.finish(None, &words, events);
            }
            "failed" => {
                let told = &turn["error"];
                let error = if told.is_null() { self.error.clone() } else { told.clone() };
                let fault = item::fault(&error, self.resets_at);
                self.finish(Some(fault), item::text(&error, "message"), events);
            }
            other => self.finish(Some(AgentFault::Error), &format!("the turn was {other}"), events),
        }
    }

    fn finish(&mut self, fault: Option<AgentFault>, message: &str, events: &mut Events) {
        self.done = true;
        let (usage, turns) = (self.usage, Some(self.turns));
        let result = AgentResult { fault, message: message.to_owned(), usage, turns };
        events.push_back(AgentEvent::Finished(result));
    }
}
