//! OpenCode: recorded runs of `opencode run --format json`.

use super::{Fault, Summary, transcript};
use conductor::adapters::agent::Events;
use conductor::adapters::agent::opencode::OpencodeStream;
use conductor::model::{AgentEvent, AgentFault, Phase, Usage};
use std::fs;

fn read(mut stream: OpencodeStream, text: &str) -> Vec<AgentEvent> {
    let mut events = Events::new();
    text.lines().for_each(|line| stream.push(line.as_bytes(), &mut events));
    events.into()
}

fn recorded(name: &str) -> String {
    fs::read_to_string(transcript(name)).unwrap()
}

#[test]
fn every_recorded_opencode_stream_gives_its_outcome_counters_and_session() {
    // name, session, turns, tools, fault, last words, tokens
    #[rustfmt::skip]
    let table = [
        ("opencode-success", "ses_dfd2bf61", 3, 2, None, "Done: hello.txt was created", Some([309, 60, 0, 3000])),
        ("opencode-429-forever", "ses_dfd2a393", 0, 0, Some(Fault::Limit), "Rate limit reached", None),
    ];
    for (name, session, turns, tools, fault, words, tokens) in table {
        let found = Summary::of(read(OpencodeStream::default(), &recorded(name)));
        let last = found.last.as_ref().unwrap();
        assert!(found.session.as_ref().unwrap().starts_with(session), "{name}: {found:?}");
        assert_eq!(
            (found.turns, found.tools, found.tool_errors, found.results),
            (turns, tools, 0, 1),
            "{name}"
        );
        assert!(last.message.starts_with(words), "{name}: {last:?}");
        let kind = last.fault.as_ref().map(|fault| match fault {
            AgentFault::Limit { .. } => Fault::Limit,
            AgentFault::MaxTurns => Fault::MaxTurns,
            AgentFault::Login => Fault::Login,
            _ => Fault::Error,
        });
        assert_eq!(kind, fault, "{name}");
        let found = last.usage.map(|usage| {
            [usage.input_tokens, usage.output_tokens, usage.cache_creation_tokens, usage.cache_read_tokens]
        });
        assert_eq!(found, tokens, "{name}");
    }
}

#[test]
fn opencode_tools_tell_their_phase_and_file() {
    let events = read(
        OpencodeStream::default(),
        r#"{"type":"tool_use","sessionID":"s","part":{"tool":"write","state":{"status":"completed","input":{"filePath":"/w/a.rs"},"output":"ok"}}}
{"type":"tool_use","sessionID":"s","part":{"tool":"bash","state":{"status":"error","input":{"command":"git commit -m x"},"error":"no identity"}}}"#,
    );
    let tools: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Tool(call) => Some((call.phase, call.file.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(tools, [(Some(Phase::Implementing), Some("/w/a.rs")), (Some(Phase::Committing), None)]);
    let failed = AgentEvent::ToolResult { is_error: true, output: "no identity".into() };
    assert!(events.contains(&failed), "{events:?}");
}

#[test]
fn a_further_turn_of_an_opencode_session_adds_to_what_it_used() {
    let before = Usage { input_tokens: 1000, usd: Some(0.5), ..Usage::default() };
    let events = read(OpencodeStream::going_on(Some(before)), &recorded("opencode-success"));
    let usage = Summary::of(events).last.unwrap().usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.usd), (1309, 60, Some(0.5)));
}

#[test]
fn errors_that_are_no_limit_and_answers_cut_short_are_failures() {
    let fault = |line: &str| Summary::of(read(OpencodeStream::default(), line)).last.unwrap().fault;
    for line in [
        r#"{"type":"error","sessionID":"s","error":{"name":"APIError","data":{"message":"at app.js:429:7","statusCode":404}}}"#,
        r#"{"type":"error","sessionID":"s","error":{"name":"UnknownError","data":{"message":"disk at capacity"}}}"#,
        r#"{"type":"step_finish","sessionID":"s","part":{"reason":"length","tokens":{}}}"#,
    ] {
        assert_eq!(fault(line), Some(AgentFault::Error), "{line}");
    }
}

#[test]
fn a_key_that_opencode_is_refused_with_is_a_login() {
    for error in [
        r#"{"name":"APIError","data":{"message":"Incorrect","statusCode":401}}"#,
        r#"{"name":"APIError","data":{"message":"no","statusCode":403}}"#,
        r#"{"name":"ProviderAuthError","data":{"providerID":"openai","message":"no key"}}"#,
    ] {
        let line = format!(r#"{{"type":"error","sessionID":"s","error":{error}}}"#);
        let fault = Summary::of(read(OpencodeStream::default(), &line)).last.unwrap().fault;
        assert_eq!(fault, Some(AgentFault::Login), "{error}");
    }
}
