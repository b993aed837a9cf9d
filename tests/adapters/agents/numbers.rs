//! Numbers as agents tell them: what is none costs no other number, whichever agent tells it.

use super::{Summary, events_of};
use conductor::adapters::agent::Events;
use conductor::adapters::agent::codex::CodexExecStream;
use conductor::adapters::agent::opencode::OpencodeStream;
use conductor::model::Usage;
use conductor::model::usage::{MAX_TOKENS, MAX_USD};

/// What is no count of tokens, as a line may hold it.
const NONE: &[&str] = &["null", "-3", "\"many\"", "{}", "NaN", "-Infinity", "1e999"];

fn claude(usage: &str, more: &str) -> Usage {
    let line =
        format!(r#"{{"type":"result","subtype":"success","is_error":false,"result":"ok",{usage},{more}}}"#);
    Summary::of(events_of(&[&line])).last.unwrap().usage.unwrap()
}

#[test]
fn claude_keeps_every_number_that_is_one() {
    for bad in NONE {
        let models = format!(r#""modelUsage":{{"a":{{"inputTokens":{bad},"outputTokens":7}},"b":{bad}}}"#);
        let found = claude(&models, r#""total_cost_usd":0.5"#);
        assert_eq!(found, Usage { output_tokens: 7, usd: Some(0.5), ..Usage::default() }, "{bad}");
        let round = format!(r#""usage":{{"input_tokens":{bad},"output_tokens":7}}"#);
        assert_eq!(claude(&round, r#""total_cost_usd":0.5"#), found, "{bad}");
        assert_eq!(claude(&round, &format!(r#""total_cost_usd":{bad}"#)).output_tokens, 7, "{bad}");
        let cost = claude(&format!(r#""usage":{bad}"#), r#""total_cost_usd":0.5"#);
        assert_eq!(cost, Usage { usd: Some(0.5), ..Usage::default() }, "{bad}");
    }
    let fractional = claude(r#""usage":{"input_tokens":2.9,"output_tokens":7.0}"#, r#""total_cost_usd":0.5"#);
    assert_eq!((fractional.input_tokens, fractional.output_tokens), (2, 7));
    let huge = claude(r#""usage":{"input_tokens":1e300}"#, r#""total_cost_usd":1.7e308"#);
    assert_eq!((huge.input_tokens, huge.usd), (MAX_TOKENS, Some(MAX_USD)));
}

#[test]
fn codex_and_opencode_keep_every_number_that_is_one() {
    for bad in NONE {
        let (mut stream, mut events) = (CodexExecStream::default(), Events::new());
        let line =
            format!(r#"{{"type":"turn.completed","usage":{{"input_tokens":{bad},"output_tokens":7}}}}"#);
        stream.push(line.as_bytes(), &mut events);
        let found = Summary::of(events).last.unwrap().usage.unwrap();
        assert_eq!(found, Usage { output_tokens: 7, ..Usage::default() }, "{bad}");

        let (mut stream, mut events) = (OpencodeStream::default(), Events::new());
        let line = format!(
            r#"{{"type":"step_finish","sessionID":"s","part":{{"reason":"stop","cost":0.5,"tokens":{{"input":{bad},"output":7}}}}}}"#
        );
        stream.push(line.as_bytes(), &mut events);
        let found = Summary::of(events).last.unwrap().usage.unwrap();
        assert_eq!(found, Usage { output_tokens: 7, usd: Some(0.5), ..Usage::default() }, "{bad}");
    }
}
