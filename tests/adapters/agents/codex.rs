//! Codex: recorded conversations with the app server, recorded runs of `codex exec`.

use super::{FREE, Fault, Summary, assignment, run, supervisor, transcript};
use conductor::adapters::agent::Events;
use conductor::adapters::agent::codex::{Codex, CodexExecStream, CodexOptions, CodexServer, Conversation};
use conductor::model::settings::CodexSettings;
use conductor::model::{AgentEvent, AgentFault, Evidence, Phase, Usage};
use conductor::ports::{Agent, Resume};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A recorded conversation with the app server: what it said, and what it was told.
fn conversation(name: &str) -> (Vec<String>, Vec<serde_json::Value>) {
    let (mut said, mut told) = (Vec::new(), Vec::new());
    for line in fs::read_to_string(transcript(name)).unwrap().lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        match entry["dir"].as_str() {
            Some("<") => said.push(entry["msg"].to_string()),
            Some(">") => told.push(entry["msg"].clone()),
            _ => {}
        }
    }
    (said, told)
}

/// The recorded server's lines, its answers renumbered to our ids, through our side.
fn converse(name: &str, sandbox: &str, policy: &str) -> (Vec<AgentEvent>, Vec<serde_json::Value>) {
    let mut server = CodexServer::new(Conversation {
        cwd: "/workspace".into(),
        prompt: "Create hello.txt and commit it".into(),
        sandbox: sandbox.into(),
        approval_policy: policy.into(),
        model: None,
        resume: None,
    });
    let (mut events, mut replies) = (Events::new(), Vec::new());
    for line in conversation(name).0 {
        replies.extend(server.take_replies());
        let mut message: serde_json::Value = serde_json::from_str(&line).unwrap();
        if message["method"].is_null() {
            message["id"] = (message["id"].as_u64().unwrap() + 1).into();
        }
        server.push(message.to_string().as_bytes(), &mut events);
        if server.is_done() {
            break;
        }
    }
    replies.extend(server.take_replies());
    (events.into(), replies.iter().map(|reply| serde_json::from_str(reply).unwrap()).collect())
}

#[test]
fn every_recorded_codex_conversation_gives_its_outcome_counters_and_session() {
    // name, session, turns, tools, failed tools, retries, fault, tokens
    #[rustfmt::skip]
    let table = [
        ("codex-appserver-success", "01a202c8-f5ce", 3, 2, 0, 0, None, [306, 518, 0, 3000]),
        ("codex-appserver-patch", "01a202c9-4c4b", 3, 2, 0, 0, None, [306, 547, 0, 3000]),
        ("codex-appserver-tool-error", "01a202c9-66c3", 2, 1, 1, 0, None, [203, 383, 0, 2000]),
        ("codex-appserver-429-forever", "01a202cc-858d", 0, 0, 0, 5, Some(Fault::Limit), FREE),
        ("codex-appserver-usage-limit", "01a202c9-b4e2", 0, 0, 0, 0, Some(Fault::Limit), FREE),
        ("codex-appserver-approve-accept", "01a202cb-13f1", 3, 2, 0, 0, None, [306, 518, 0, 3000]),
        ("codex-appserver-limits-high", "01a202c9-a585", 3, 2, 0, 0, None, [306, 518, 0, 3000]),
        ("codex-appserver-twoturns", "01a202ca-c4a1", 3, 2, 0, 0, None, [306, 518, 0, 3000]),
    ];
    for (name, session, turns, tools, tool_errors, retries, fault, tokens) in table {
        let found = Summary::of(converse(name, "danger-full-access", "never").0);
        let last = found.last.as_ref().unwrap();
        assert!(found.session.as_ref().unwrap().starts_with(session), "{name}: {found:?}");
        assert_eq!(
            (found.turns, found.tools, found.tool_errors, found.retries),
            (turns, tools, tool_errors, retries),
            "{name}"
        );
        let kind = last.fault.as_ref().map(|fault| match fault {
            AgentFault::Limit { .. } => Fault::Limit,
            AgentFault::MaxTurns => Fault::MaxTurns,
            AgentFault::Login => Fault::Login,
            _ => Fault::Error,
        });
        assert_eq!(kind, fault, "{name}");
        let usage = last.usage.unwrap_or_default();
        let found_tokens =
            [usage.input_tokens, usage.output_tokens, usage.cache_creation_tokens, usage.cache_read_tokens];
        assert_eq!(found_tokens, tokens, "{name}");
    }
    let cut_off = Summary::of(converse("codex-appserver-sigterm", "danger-full-access", "never").0);
    assert!(cut_off.session.is_some() && cut_off.last.is_none(), "{cut_off:?}");
}

#[test]
fn codex_is_told_what_the_recorded_client_told_it() {
    for (name, sandbox, policy) in [
        ("codex-appserver-success", "danger-full-access", "never"),
        ("codex-appserver-approve-accept", "workspace-write", "untrusted"),
    ] {
        let (_, replies) = converse(name, sandbox, policy);
        let recorded = conversation(name).1;
        assert_eq!(replies.len(), recorded.len(), "{name}");
        for (reply, told) in replies.iter().zip(&recorded).skip(1) {
            assert_eq!(reply["method"], told["method"], "{name}");
            assert_eq!(reply["params"], told["params"], "{name}");
            assert_eq!(reply["result"], told["result"], "{name}");
            if told["method"].is_null() {
                assert_eq!(reply["id"], told["id"], "{name}: a request is answered under its own id");
            }
        }
    }
}

#[test]
fn codex_may_not_leave_its_sandbox_and_every_other_question_is_answered_too() {
    let (events, replies) = converse("codex-appserver-approve-accept", "workspace-write", "on-request");
    let decisions: Vec<_> = replies.iter().filter(|reply| !reply["result"].is_null()).collect();
    assert!(decisions.iter().all(|reply| reply["result"]["decision"] == "decline"), "{decisions:?}");
    assert_eq!(events.iter().filter(|event| matches!(event, AgentEvent::Denied { .. })).count(), 2);

    let mut server = CodexServer::new(Conversation {
        cwd: "/w".into(),
        prompt: "p".into(),
        sandbox: "workspace-write".into(),
        approval_policy: "never".into(),
        model: Some("m".into()),
        resume: Some(Resume { session: "t-1".into(), usage: Usage::default() }),
    });
    server.take_replies();
    let mut events = Events::new();
    server.push(br#"{"method":"item/tool/requestUserInput","id":0,"params":{}}"#, &mut events);
    server.push(br#"{"id":1,"result":{}}"#, &mut events);
    let replies: Vec<serde_json::Value> =
        server.take_replies().iter().map(|reply| serde_json::from_str(reply).unwrap()).collect();
    assert_eq!((&replies[0]["id"], &replies[0]["error"]["code"]), (&0.into(), &(-32601).into()));
    assert_eq!(replies[2]["method"], "thread/resume");
    assert_eq!(
        (&replies[2]["params"]["threadId"], &replies[2]["params"]["model"]),
        (&"t-1".into(), &"m".into())
    );
    server.push(br#"{"id":2,"error":{"code":-32600,"message":"no such thread"}}"#, &mut events);
    assert!(server.is_done());
    assert_eq!(Summary::of(events).last.unwrap().message, "no such thread");
}

#[test]
fn codex_usage_limits_tell_when_they_are_lifted_and_high_use_is_told_once() {
    let limited = Summary::of(converse("codex-appserver-usage-limit", "danger-full-access", "never").0);
    assert_eq!(limited.limits, [(true, Some(1_795_346_703))]);
    let Some(AgentFault::Limit { resets_at: Some(at), .. }) = limited.last.unwrap().fault else {
        panic!("no time of reset")
    };
    assert_eq!(at.timestamp(), 1_795_346_703);
    let high = Summary::of(converse("codex-appserver-limits-high", "danger-full-access", "never").0);
    assert_eq!(high.limits, [(false, Some(1_795_346_699))]);
}

#[test]
fn the_older_adapters_notifications_are_understood() {
    let mut server = CodexServer::new(Conversation {
        cwd: "/w".into(),
        prompt: "p".into(),
        sandbox: "workspace-write".into(),
        approval_policy: "never".into(),
        model: None,
        resume: None,
    });
    let mut events = Events::new();
    for line in [
        r#"{"method":"item/commandExecution/started","params":{"command":"git commit -m x"}}"#,
        r#"{"method":"item/text","params":{"text":"committed"}}"#,
        r#"{"method":"turn/failed","params":{"error":{"message":"usage limit reached"}}}"#,
    ] {
        server.push(line.as_bytes(), &mut events);
    }
    let AgentEvent::Tool(call) = &events[0] else { panic!("{events:?}") };
    assert_eq!((call.name.as_str(), call.phase), ("bash", Some(Phase::Committing)));
    assert_eq!(events[1], AgentEvent::Text("committed".into()));
    assert_eq!(
        Summary::of(events).last.unwrap().fault,
        Some(AgentFault::Limit { resets_at: None, evidence: Evidence::Words })
    );
}

#[test]
fn recorded_codex_exec_streams_give_their_outcome() {
    let read = |name: &str| {
        let (mut stream, mut events) = (CodexExecStream::default(), Events::new());
        for line in fs::read_to_string(transcript(name)).unwrap().lines() {
            stream.push(line.as_bytes(), &mut events);
        }
        Summary::of(events)
    };
    let good = read("codex-exec-success");
    assert!(good.session.unwrap().starts_with("01a202c8-5dd9"));
    assert_eq!((good.turns, good.tools, good.tool_errors), (1, 2, 0));
    let last = good.last.unwrap();
    assert_eq!((last.fault, last.message.as_str()), (None, "Done: hello.txt was created and committed."));
    let usage = last.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (306, 3000, 518));
    let limited = read("codex-exec-usage-limit").last.unwrap();
    // `try again at 11:32 AM`, on this machine's clock.
    let Some(AgentFault::Limit { resets_at: Some(at), evidence: Evidence::Words }) = limited.fault else {
        panic!("{:?}", limited.fault)
    };
    assert_eq!(at.with_timezone(&chrono::Local).format("%R").to_string(), "11:32");
}

#[test]
fn what_codex_fails_with_is_told_by_its_code_first_and_by_its_words_last() {
    let fault = |error: &str| {
        let (mut stream, mut events) = (CodexExecStream::default(), Events::new());
        stream.push(format!(r#"{{"type":"turn.failed","error":{error}}}"#).as_bytes(), &mut events);
        Summary::of(events).last.unwrap().fault.unwrap()
    };
    let structured = AgentFault::Limit { resets_at: None, evidence: Evidence::Structured };
    let words = AgentFault::Limit { resets_at: None, evidence: Evidence::Words };
    for (error, expected) in [
        (r#"{"message":"x","codexErrorInfo":"usageLimitExceeded"}"#, &structured),
        (r#"{"message":"x","codexErrorInfo":"serverOverloaded"}"#, &structured),
        (
            r#"{"message":"x","codexErrorInfo":{"responseTooManyFailedAttempts":{"httpStatusCode":429}}}"#,
            &structured,
        ),
        (r#"{"message":"x","codexErrorInfo":"unauthorized"}"#, &AgentFault::Login),
        (
            r#"{"message":"x","codexErrorInfo":{"httpConnectionFailed":{"httpStatusCode":401}}}"#,
            &AgentFault::Login,
        ),
        (
            r#"{"message":"x","codexErrorInfo":{"httpConnectionFailed":{"httpStatusCode":403}}}"#,
            &AgentFault::Login,
        ),
        (r#"{"message":"Not logged in"}"#, &AgentFault::Login),
        (
            r#"{"message":"unexpected status 401 Unauthorized: Missing bearer or basic authentication in header"}"#,
            &AgentFault::Login,
        ),
        (
            r#"{"message":"Your access token could not be refreshed because your refresh token was already used."}"#,
            &AgentFault::Login,
        ),
        (r#"{"message":"exceeded retry limit, last status: 429 Too Many Requests"}"#, &words),
        (
            r#"{"message":"Selected model is at capacity. Please try a different model.","codexErrorInfo":"other"}"#,
            &words,
        ),
        (r#"{"message":"rate limit test expected 3 got 4"}"#, &AgentFault::Error),
        (r#"{"message":"429","codexErrorInfo":"sandboxError"}"#, &AgentFault::Error),
        (
            r#"{"message":"x","codexErrorInfo":{"httpConnectionFailed":{"httpStatusCode":500}}}"#,
            &AgentFault::Error,
        ),
    ] {
        assert_eq!(fault(error), *expected, "{error}");
    }
}

/// A stand-in for the program: answers as the recorded server did, line for line, and exits with 0
/// when its input ends.
#[test]
fn a_codex_session_talks_to_its_server_and_leaves_it_by_closing_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = transcript("codex-appserver-success");
    let program = dir.path().join("codex");
    // The prompt's line comes third; only then does the turn go on.
    let script = format!(
        "#!/bin/sh\necho \"$@\" > args\nread -r a; echo '{{\"id\":1,\"result\":{{}}}}'\nread -r b; read -r c\n\
         echo '{{\"id\":2,\"result\":{{\"thread\":{{\"id\":\"t\"}}}}}}'\nread -r d; printf '%s\\n' \"$d\" > turn\n\
         sed -n 's/^.*\"dir\":\"<\",\"msg\":\\(.*\\)}}$/\\1/p' '{}' | grep '^{{\"method\"'\ncat > rest\n",
        recorded.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let agent = Codex::new(CodexOptions {
        supervisor: supervisor(),
        command: Some(program),
        args: Vec::new(),
        env: Vec::new(),
        settings: CodexSettings {
            config: [("web_search".to_owned(), serde_json::json!(false))].into(),
            ..CodexSettings::default()
        },
    });
    let assignment = assignment(dir.path());
    let (events, ending) = run(&mut *agent.start(&assignment).unwrap());
    assert!(ending.is_clean_exit(), "{ending:?}");
    let found = Summary::of(events);
    assert_eq!((found.turns, found.tools, found.last.unwrap().fault), (3, 2, None));
    assert_eq!(fs::read_to_string(dir.path().join("args")).unwrap(), "-c web_search=false app-server\n");
    let turn: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("turn")).unwrap()).unwrap();
    let prompt = fs::read_to_string(&assignment.prompt_file).unwrap();
    assert_eq!(turn["params"]["input"][0]["text"], prompt);
}
