//! Agents: recorded streams of the real programs, and sessions with real processes.

mod codex;
mod numbers;
mod opencode;
mod probing;

use conductor::adapters::agent::Events;
use conductor::adapters::agent::claude::{Claude, ClaudeOptions, ClaudeStream};
use conductor::adapters::agent::command::{CommandAgent, CommandOptions};
use conductor::model::{AgentEvent, AgentFault, AgentResult, Ending, Evidence, RunId, StopReason, Usage};
use conductor::policy::environment::{EnvironmentRules, RunVariables, child_environment};
use conductor::ports::{Agent, AgentError, AgentSession, Assignment, Step};
use conductor::system::process::{Lines, Piece, Supervisor};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far beyond anything a test waits for when all is well.
const LONG: Duration = Duration::from_secs(60);

fn transcript(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/adapters/fixtures/transcripts/{name}.jsonl"))
}

/// What a stream came to.
#[derive(Debug, Default, PartialEq)]
struct Summary {
    session: Option<String>,
    turns: u64,
    tools: u64,
    tool_errors: u64,
    retries: u64,
    results: u64,
    limits: Vec<(bool, Option<i64>)>,
    last: Option<AgentResult>,
}

impl Summary {
    fn of(events: impl IntoIterator<Item = AgentEvent>) -> Self {
        let mut summary = Self::default();
        for event in events {
            match event {
                AgentEvent::Session { id, .. } => summary.session = id.or(summary.session),
                AgentEvent::Turn => summary.turns += 1,
                AgentEvent::Tool(_) => summary.tools += 1,
                AgentEvent::ToolResult { is_error, .. } => summary.tool_errors += u64::from(is_error),
                AgentEvent::Retrying { .. } => summary.retries += 1,
                AgentEvent::RateLimit { reached, resets_at, .. } => {
                    summary.limits.push((reached, resets_at.map(|time| time.timestamp())));
                }
                AgentEvent::Finished(result) => {
                    summary.results += 1;
                    summary.last = Some(result);
                }
                _ => {}
            }
        }
        summary
    }
}

/// The stream through the line reader and the adapter's parser, read in pieces of odd sizes.
fn replay(name: &str) -> Vec<AgentEvent> {
    let bytes = fs::read(transcript(name)).unwrap();
    let (mut input, mut lines) = (&bytes[..], Lines::new(1 << 20));
    let (mut stream, mut events) = (ClaudeStream::new(), Events::new());
    let mut open = true;
    while open {
        let mut piece = &input[..input.len().min(777)];
        let size = piece.len();
        open = lines.fill(&mut piece, |_| ()).unwrap() > 0;
        input = &input[size..];
        if !open {
            lines.finish();
        }
        while let Some(piece) = lines.take() {
            let Piece::Text(range) = piece else { panic!("a line was skipped") };
            stream.push(lines.text(range), &mut events);
        }
    }
    events.into()
}

/// name, session's first characters, turns, tools, failed tools, retries, results, fault, tokens
/// (input, output, cache created, cache read), hundred-thousandths of a dollar
type Row = (&'static str, &'static str, u64, u64, u64, u64, u64, Option<Fault>, [u64; 4], i64);

#[derive(Debug, PartialEq, Clone, Copy)]
enum Fault {
    Limit,
    MaxTurns,
    Login,
    Error,
}

const FREE: [u64; 4] = [0; 4];

#[rustfmt::skip]
const CLAUDE: &[Row] = &[
    ("claude-success", "644c580a", 3, 2, 0, 0, 1, None, [306, 522, 60, 3000], 1256),
    ("claude-tool-error", "5931c673", 3, 2, 2, 0, 1, None, [306, 473, 60, 3000], 1158),
    ("claude-maxturns", "203a8279", 2, 2, 0, 0, 1, Some(Fault::MaxTurns), [203, 314, 40, 2000], 769),
    ("claude-429-maxretries2", "d8c42dbe", 0, 0, 0, 2, 1, Some(Fault::Limit), FREE, 0),
    ("claude-529-midway", "b1a54a30", 1, 1, 0, 2, 1, Some(Fault::Limit), [101, 230, 20, 1000], 530),
    ("claude-usage-limit", "309a8aba", 0, 0, 0, 0, 1, Some(Fault::Limit), FREE, 0),
    ("claude-oauth-usage-limit", "013c8577", 0, 0, 0, 0, 1, Some(Fault::Limit), FREE, 0),
    ("claude-oauth-usage-warning", "8470e2a4", 3, 2, 0, 0, 1, None, [306, 534, 60, 3000], 640),
    ("claude-404-model", "326e517f", 0, 0, 0, 0, 1, Some(Fault::Error), FREE, 0),
    ("claude-401-retries0", "f44cf54c", 0, 0, 0, 0, 1, Some(Fault::Login), FREE, 0),
    ("claude-background", "33be4bef", 3, 1, 0, 0, 2, None, [306, 262, 60, 3000], 736),
    ("claude-nogitid", "a187d983", 3, 2, 1, 0, 1, None, [306, 522, 60, 3000], 1256),
    ("claude-big-text", "9eed01f3", 1, 0, 0, 0, 1, None, [101, 37, 20, 1000], 144),
    ("claude-bare", "d83304cd", 3, 2, 2, 0, 1, None, [306, 519, 60, 3000], 1250),
    ("claude-subagent", "bbb5bd1b", 3, 1, 0, 0, 2, None, [410, 300, 80, 4000], 884),
    ("claude-parallel", "dd222ce3", 3, 3, 0, 0, 1, None, [306, 556, 60, 3000], 1324),
    ("claude-resume2", "fabbf67f", 1, 0, 0, 0, 1, None, [407, 579, 80, 4000], 1440),
];

#[test]
fn every_recorded_claude_stream_gives_its_outcome_counters_and_session() {
    for (name, session, turns, tools, tool_errors, retries, results, fault, tokens, cost) in CLAUDE {
        let found = Summary::of(replay(name));
        let last = found.last.as_ref().unwrap();
        let usage = last.usage.unwrap();
        let usd = usage.usd.unwrap();
        assert!(found.session.as_ref().unwrap().starts_with(session), "{name}: {found:?}");
        assert_eq!(
            (found.turns, found.tools, found.tool_errors, found.retries, found.results),
            (*turns, *tools, *tool_errors, *retries, *results),
            "{name}"
        );
        assert_eq!(last.turns, Some(*turns), "{name}");
        let kind = last.fault.as_ref().map(|fault| match fault {
            AgentFault::Limit { .. } => Fault::Limit,
            AgentFault::MaxTurns => Fault::MaxTurns,
            AgentFault::Login => Fault::Login,
            _ => Fault::Error,
        });
        assert_eq!(kind, *fault, "{name}");
        let Usage { input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens, .. } = usage;
        let found_tokens = [input_tokens, output_tokens, cache_creation_tokens, cache_read_tokens];
        assert_eq!(found_tokens, *tokens, "{name}");
        assert_eq!((usd * 100_000.0) as i64, *cost, "{name}");
    }
}

#[test]
fn a_resumed_sessions_total_has_its_first_turns_in_it_once_whatever_the_version_counts() {
    let before = Usage { input_tokens: 306, output_tokens: 522, usd: Some(0.0126), ..Usage::default() };
    let result = |input: u64, output: u64, usd: f64| {
        let (mut stream, mut events) = (ClaudeStream::going_on(Some(before)), Events::new());
        let line = serde_json::json!({
            "type": "result", "subtype": "success", "is_error": false, "result": "done", "total_cost_usd": usd,
            "usage": {"input_tokens": 100, "output_tokens": 50},
            "modelUsage": {"sonnet": {"inputTokens": input, "outputTokens": output}},
        });
        stream.push(line.to_string().as_bytes(), &mut events);
        let usage = Summary::of(events).last.unwrap().usage.unwrap();
        (usage.input_tokens, usage.output_tokens, (usage.usd.unwrap() * 10_000.0).round() as u64)
    };
    assert_eq!(result(406, 572, 0.0150), (406, 572, 150), "one that goes on");
    assert_eq!(result(100, 50, 0.0024), (406, 572, 150), "one that begins anew");
}

#[test]
fn a_stream_cut_off_by_sigterm_has_a_session_and_no_result() {
    let found = Summary::of(replay("claude-sigterm-bash"));
    assert!(found.session.unwrap().starts_with("599d8dee"));
    assert_eq!((found.turns, found.tools, found.tool_errors, found.last), (1, 1, 1, None));
}

#[test]
fn a_usage_limit_tells_when_it_is_lifted_and_a_warning_is_no_limit() {
    let limited = Summary::of(replay("claude-oauth-usage-limit"));
    assert_eq!(limited.limits, [(true, Some(1_795_345_909))]);
    let Some(AgentFault::Limit { resets_at: Some(at), .. }) = limited.last.unwrap().fault else {
        panic!("no time of reset")
    };
    assert_eq!(at.timestamp(), 1_795_345_909);
    let warned = Summary::of(replay("claude-oauth-usage-warning"));
    assert_eq!(warned.limits, [(false, Some(1_795_345_917))]);
}

#[test]
fn tool_calls_tell_phase_file_and_input() {
    let events = replay("claude-success");
    let tools: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Tool(call) => {
                Some((call.name.as_str(), call.phase.map(|phase| phase.word()), call.file.as_deref()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        tools,
        [("Write", Some("implementing"), Some("/workspace/hello.txt")), ("Bash", Some("committing"), None)]
    );
}

fn events_of(lines: &[&str]) -> Vec<AgentEvent> {
    let (mut stream, mut events) = (ClaudeStream::new(), Events::new());
    lines.iter().for_each(|line| stream.push(line.as_bytes(), &mut events));
    events.into()
}

#[test]
fn noise_bad_bytes_and_unknown_types_are_passed_over() {
    let (mut stream, mut events) = (ClaudeStream::new(), Events::new());
    let odd: [&[u8]; 9] = [
        b"",
        b"not json",
        b"\0\0\xff\xfe",
        b"[]",
        b"{\"type\":7}",
        b"{\"type\":\"brand_new\",\"x\":[1,{}]}",
        b"{\"type\":\"assistant\",\"message\":\"text\"}",
        b"{\"type\":\"assistant\",\"message\":{\"id\":3,\"content\":{}}}",
        b"{\"type\":\"rate_limit_event\",\"rate_limit_info\":null}",
    ];
    odd.iter().for_each(|line| stream.push(line, &mut events));
    assert!(events.is_empty(), "{events:?}");
    stream.push(
        b"{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"a\xffb\"}]}}",
        &mut events,
    );
    assert_eq!(Vec::from(events), [AgentEvent::Turn, AgentEvent::Text("a\u{fffd}b".into())]);
}

#[test]
fn an_error_counts_whatever_the_subtype_says_and_the_last_result_wins() {
    let result = |extra: &str| format!("{{{extra},\"type\":\"result\"}}");
    let fault = |extra: &str| {
        let last =
            Summary::of(events_of(&[&result("\"subtype\":\"success\",\"is_error\":false"), &result(extra)]));
        last.last.unwrap().fault
    };
    let limit = Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Structured });
    let notice = Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Words });
    assert_eq!(
        fault(r#""subtype":"success","is_error":true,"result":"API Error: 500""#),
        Some(AgentFault::Error)
    );
    assert_eq!(fault(r#""subtype":"success","is_error":true,"api_error_status":429"#), limit);
    assert_eq!(fault(r#""subtype":"success","is_error":true,"api_error_type":"overloaded_error""#), limit);
    assert_eq!(fault(r#""subtype":"error_max_budget_usd","is_error":true"#), Some(AgentFault::Budget));
    assert_eq!(fault(r#""subtype":"error_during_execution""#), Some(AgentFault::Error));
    assert_eq!(
        fault(r#""subtype":"success","is_error":true,"api_error_status":404,"result":"see app.js:429:7""#),
        Some(AgentFault::Error)
    );
    assert_eq!(
        fault(r#""subtype":"success","is_error":true,"result":"tests failed: disk at capacity""#),
        Some(AgentFault::Error)
    );
    assert_eq!(
        fault(
            r#""subtype":"success","is_error":false,"result":"You've hit your session limit · resets soon""#
        ),
        notice
    );
    assert_eq!(
        fault(r#""subtype":"success","is_error":false,"result":"The client now obeys HTTP 429.""#),
        None
    );
    let Some(AgentFault::Limit { resets_at: Some(at), .. }) =
        fault(r#""subtype":"success","is_error":true,"result":"Claude AI usage limit reached|1795345909""#)
    else {
        panic!("the older notice was not understood")
    };
    assert_eq!(at.timestamp(), 1_795_345_909);
}

/// What the issue of limits is told with, as an error and as a result.
const NOTICES: &[&str] = &[
    "Overloaded",
    "API Error: 529 Overloaded. This is a server-side issue, usually temporary",
    "Weekly limit reached ∙ resets Mon 3pm",
    "5-hour limit reached ∙ resets soon",
    "Limit reached · resets soon (UTC)",
    "You've hit your session limit · resets soon",
    "Claude AI usage limit reached|1795345909",
    "You're out of usage credits",
    "Your org is out of usage",
    "Spending cap reached",
    "Credit balance is too low",
];

#[test]
fn a_providers_notice_is_a_limit_as_an_error_and_as_a_result() {
    for notice in NOTICES {
        for is_error in [true, false] {
            let line = serde_json::json!({"type": "result", "subtype": "success", "is_error": is_error, "result": notice});
            let last = Summary::of(events_of(&[&line.to_string()])).last.unwrap();
            let by_words = matches!(last.fault, Some(AgentFault::Limit { evidence: Evidence::Words, .. }));
            assert!(by_words, "{notice:?}, is_error {is_error}: {last:?}");
        }
    }
}

#[test]
fn a_rejected_event_makes_an_error_without_a_status_a_limit_and_a_success_none() {
    let rejected =
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795345909}}"#;
    let fault = |result: &str| Summary::of(events_of(&[rejected, result])).last.unwrap().fault;
    let error = r#"{"type":"result","subtype":"success","is_error":true,"result":"something new"}"#;
    let Some(AgentFault::Limit { resets_at: Some(at), evidence: Evidence::Structured }) = fault(error) else {
        panic!("{:?}", fault(error))
    };
    assert_eq!(at.timestamp(), 1_795_345_909);
    assert_eq!(fault(r#"{"type":"result","subtype":"success","is_error":false,"result":"Done."}"#), None);
    let other = r#"{"type":"result","is_error":true,"api_error_status":404,"result":"no such model"}"#;
    assert_eq!(fault(other), Some(AgentFault::Error));
}

#[test]
fn a_refused_key_is_a_login_and_not_an_error_of_the_work() {
    for more in [
        r#""api_error_status":401,"result":"x""#,
        r#""api_error_status":403,"result":"x""#,
        r#""api_error_type":"authentication_error","result":"x""#,
        r#""result":"Invalid API key · Please run /login""#,
        r#""result":"Not logged in · Please run /login""#,
    ] {
        let line = format!(r#"{{"type":"result","subtype":"success","is_error":true,{more}}}"#);
        assert_eq!(Summary::of(events_of(&[&line])).last.unwrap().fault, Some(AgentFault::Login), "{more}");
    }
}

#[test]
fn a_denied_permission_is_told_once() {
    let events = events_of(&[
        r#"{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"t1"}"#,
        r#"{"type":"result","is_error":false,"result":"","permission_denials":[{"tool_name":"Bash","tool_use_id":"t1","tool_input":{}},{"tool_name":"Write","tool_use_id":"t2"}]}"#,
    ]);
    let denied: Vec<_> =
        events.iter().filter(|event| matches!(event, AgentEvent::Denied { .. })).cloned().collect();
    assert_eq!(denied, ["Bash", "Write"].map(|tool| AgentEvent::Denied { tool: tool.into() }));
}

fn supervisor() -> Supervisor {
    Supervisor::new(env!("CARGO_BIN_EXE_conductor").into())
}

fn assignment(dir: &Path) -> Assignment {
    let prompt_file = dir.join("prompt.md");
    fs::write(&prompt_file, "Do it: $(touch pwned) `x` \"y\"\n").unwrap();
    Assignment {
        issue: "ENG-1".into(),
        workspace: dir.to_owned(),
        prompt_file,
        model: None,
        env: vec![("PATH".into(), std::env::var("PATH").unwrap())],
        log: dir.join("output.log"),
        grace: Duration::from_millis(300),
        max_turns: None,
        max_usd: None,
        resume: None,
    }
}

/// A stand-in for the program: a script that plays a recorded stream.
fn fake_claude(dir: &Path, script: &str) -> Claude {
    let program = dir.join("claude");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Claude::new(ClaudeOptions {
        supervisor: supervisor(),
        command: Some(program),
        args: Vec::new(),
        home: None,
        path: None,
        env: Vec::new(),
        running_as_root: false,
    })
}

fn command(script: &str) -> CommandAgent {
    CommandAgent::new(CommandOptions {
        supervisor: supervisor(),
        argv: vec!["sh".into(), "-c".into(), script.into()],
        args: Vec::new(),
        path: None,
    })
}

fn run(session: &mut dyn AgentSession) -> (Vec<AgentEvent>, Ending) {
    let begun = Instant::now();
    let mut events = Vec::new();
    loop {
        match session.next(Duration::from_millis(200)) {
            Step::Event(event) => events.push(event),
            Step::Waiting => assert!(begun.elapsed() < LONG, "no end; so far {events:?}"),
            Step::Ended(ending) => return (events, ending),
        }
    }
}

#[test]
fn a_claude_session_reads_its_prompt_from_standard_input_and_tells_its_result() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("cat > got; echo \"$@\" > args; cat '{}'", transcript("claude-success").display());
    let assignment = assignment(dir.path());
    let mut session = fake_claude(dir.path(), &script).start(&assignment).unwrap();
    let (events, ending) = run(&mut *session);
    assert!(ending.is_clean_exit(), "{ending:?}");
    assert_eq!(Summary::of(events).last.unwrap().message, "Done: hello.txt was created and committed.");
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert_eq!(read("got"), read("prompt.md"));
    assert_eq!(read("output.log"), fs::read(transcript("claude-success")).unwrap());
    assert!(!String::from_utf8(read("args")).unwrap().contains("Do it"));
    assert!(!dir.path().join("pwned").exists());
    assert_eq!(session.next(LONG), Step::Ended(ending));
}

#[test]
fn a_result_followed_by_a_process_that_stays_is_ended_when_told_and_the_result_stands() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        format!("cat '{}'; trap '' TERM; while :; do sleep 60; done", transcript("claude-success").display());
    let assignment = assignment(dir.path());
    let mut session = fake_claude(dir.path(), &script).start(&assignment).unwrap();
    let mut events = Vec::new();
    while !matches!(events.last(), Some(AgentEvent::Finished(_))) {
        if let Step::Event(event) = session.next(LONG) {
            events.push(event);
        }
    }
    session.stop(StopReason::ResultStands);
    let (rest, ending) = run(&mut *session);
    assert_eq!((rest, ending.signal, ending.stopped), (vec![], Some(9), Some(StopReason::ResultStands)));
}

#[test]
fn a_program_that_is_missing_is_told_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let assignment = assignment(dir.path());
    let mut options = ClaudeOptions {
        supervisor: supervisor(),
        command: Some(dir.path().join("none")),
        args: Vec::new(),
        home: None,
        path: None,
        env: Vec::new(),
        running_as_root: false,
    };
    let refusal = |agent: &dyn Agent| match agent.start(&assignment) {
        Err(AgentError::NotFound(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it started"),
    };
    let text = refusal(&Claude::new(options.clone()));
    assert!(text.contains("none: not found") && text.contains("set agent.command"), "{text}");
    options.command = None;
    if let Err(AgentError::NotFound(text)) = Claude::new(options).find() {
        assert!(text.contains("install Claude Code or set agent.command"), "{text}");
    }
    let missing = CommandOptions {
        supervisor: supervisor(),
        argv: vec!["no-such-agent".into()],
        args: vec![],
        path: None,
    };
    assert!(refusal(&CommandAgent::new(missing)).contains("no-such-agent: not found"));
    let empty = CommandOptions { supervisor: supervisor(), argv: vec![], args: vec![], path: None };
    assert!(refusal(&CommandAgent::new(empty)).contains("name a program"));
}

#[test]
fn a_command_gets_the_prompt_twice_and_its_exit_code_decides() {
    let dir = tempfile::tempdir().unwrap();
    let assignment = assignment(dir.path());
    let agent = command(r#"cmp - "$CONDUCTOR_PROMPT_FILE" && echo same; exit "$(cat code)""#);
    assert_eq!(agent.name(), "sh");
    for (code, fault) in [("0", None), ("4", Some(AgentFault::Error))] {
        fs::write(dir.path().join("code"), code).unwrap();
        let (events, ending) = run(&mut *agent.start(&assignment).unwrap());
        assert_eq!(events[0], AgentEvent::Text("same".into()));
        assert_eq!(Summary::of(events).last.unwrap().fault, fault);
        assert_eq!(ending.exit_code, code.parse().ok());
    }
}

#[test]
fn a_line_of_fifty_megabytes_is_noise_counted_and_logged_whole() {
    let dir = tempfile::tempdir().unwrap();
    let assignment = assignment(dir.path());
    let agent = command("head -c 52428800 /dev/zero; echo; echo after");
    let (events, ending) = run(&mut *agent.start(&assignment).unwrap());
    assert_eq!(events[..2], [AgentEvent::Noise, AgentEvent::Text("after".into())]);
    assert_eq!(ending.lines_skipped, 1);
    assert_eq!(fs::metadata(&assignment.log).unwrap().len(), 52_428_801 + 6);
}

#[test]
fn an_interrupted_agent_is_not_given_the_whole_grace() {
    let dir = tempfile::tempdir().unwrap();
    let mut assignment = assignment(dir.path());
    assignment.grace = LONG;
    let agent = command("trap '' TERM; echo up; while :; do sleep 60; done");
    let mut session = agent.start(&assignment).unwrap();
    assert_eq!(session.next(LONG), Step::Event(AgentEvent::Text("up".into())));
    let begun = Instant::now();
    session.stop(StopReason::Interrupted);
    let (events, ending) = run(&mut *session);
    assert_eq!((events, ending.signal), (vec![], Some(9)));
    assert!(begun.elapsed() < LONG / 2);
}

/// The request headers a `git ls-remote` in `repo` sends, with that environment.
fn headers_of_git(repo: &Path, port: &std::net::TcpListener, env: &[(String, String)]) -> String {
    use std::io::{Read, Write};
    let url = format!("http://{}/o/r", port.local_addr().unwrap());
    let mut git = std::process::Command::new("git")
        .args(["ls-remote", &url])
        .current_dir(repo)
        .env_clear()
        .envs(env.iter().cloned())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (mut connection, _) = port.accept().unwrap();
    let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = connection.read(&mut chunk).unwrap();
        assert!(count > 0, "git hung up");
        request.extend_from_slice(&chunk[..count]);
    }
    connection
        .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .unwrap();
    drop(connection);
    git.wait().unwrap();
    String::from_utf8(request).unwrap()
}

#[test]
fn an_agents_git_does_not_send_the_header_the_checkout_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let key = format!("http.http://{}/.extraheader", port.local_addr().unwrap());
    for args in [vec!["init", "-q"], vec!["config", &key, "AUTHORIZATION: basic c2VjcmV0"]] {
        let done = std::process::Command::new("git").args(args).current_dir(dir.path()).status().unwrap();
        assert!(done.success());
    }
    let base = vec![
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ("HOME".to_owned(), dir.path().display().to_string()),
    ];
    assert!(headers_of_git(dir.path(), &port, &base).contains("AUTHORIZATION: basic c2VjcmV0"));

    let (keys, run_id) = ([key], RunId::new("r"));
    let rules = EnvironmentRules { extraheader_keys: &keys, ..EnvironmentRules::default() };
    let run = RunVariables {
        run_id: &run_id,
        issue_id: "1",
        identifier: "ENG-1",
        workspace: dir.path(),
        attempt: 1,
        base_branch: "main",
    };
    let cleaned = child_environment(&base, &rules, &run);
    let headers = headers_of_git(dir.path(), &port, &cleaned);
    assert!(!headers.to_lowercase().contains("authorization"), "{headers}");
}
