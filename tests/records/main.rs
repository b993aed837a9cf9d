//! What runs leave on disk and the commands that show it: the whole program with real agents.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use support::{Project, all_files, both, comes_true, git, project};

/// Its first half must not be seen either.
const SECRET: &str = "Zq7vHalf0ne-Tw0halfXk9";
const HALF: &str = "Zq7vHalf";

const COMMAND: &str =
    "agent: {kind: command, command: [sh, SCRIPT], max_attempts: 1, grace_period: 1s, sandbox: none}";
const GIVEN_AWAY: &str = "agent: {kind: command, command: [sh, SCRIPT], max_attempts: 1, grace_period: 1s, sandbox: none, pass_env: [DEPLOY_TOKEN]}";

const WORK: &str = "echo work > work.txt && git add -A && git commit -qm Work\n";

/// Everything outside the agent's own workspace in which the secret could have been left.
fn leaks(project: &Project) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["issues", "pulls", "clone/.git/conductor", "tmp", "home"] {
        for file in all_files(&project.path().join(folder)) {
            // What the agent's own git notes of its worktree is the agent's own.
            let is_agents = file.to_string_lossy().contains("vault.git/worktrees/");
            if !is_agents && String::from_utf8_lossy(&fs::read(&file).unwrap()).contains(HALF) {
                found.push(file.display().to_string());
            }
        }
    }
    let history = git(&project.path().join("origin.git"), &["log", "--all", "-p", "--format=fuller%n%B"]);
    if history.contains(HALF) {
        found.push("the remote".to_owned());
    }
    found
}

#[test]
fn a_secret_the_agent_prints_is_in_no_log_report_trace_commit_or_pull_request() {
    let script = r#"
first=${DEPLOY_TOKEN%-*} second=${DEPLOY_TOKEN#*-}
printf 'here it is: %s-' "$first"; printf '%s\n' "$second"
printf 'and here: %s-' "$first" >&2; printf '%s' "$second" >&2
pad=$(printf '%01990d' 0)
echo '{"type":"turn"}'
echo "{\"type\":\"text\",\"text\":\"I found $DEPLOY_TOKEN\"}"
echo "{\"type\":\"tool\",\"name\":\"bash\",\"command\":\"curl -H $DEPLOY_TOKEN\"}"
echo "{\"type\":\"tool_result\",\"output\":\"$pad$DEPLOY_TOKEN\"}"
"#;
    let fails = "printf '{\"type\":\"result\",\"ok\":false,\"message\":\"refused %s\"}\\n' \"$DEPLOY_TOKEN\"; exit 1\n";
    for (ending, code) in [(WORK, 0), (fails, 3)] {
        let project = project(GIVEN_AWAY, &format!("{script}{ending}")).env("DEPLOY_TOKEN", SECRET);
        project.ticket("T-1");
        let output = project.run(code, &["once", "--output", "json", "-vv"]);
        assert!(!both(&output).contains(HALF), "{}", both(&output));
        assert_eq!(leaks(&project), Vec::<String>::new());
        let log = fs::read_to_string(project.record("T-1", "output.log")).unwrap();
        assert!(log.starts_with("here it is: ***\n") && log.contains("I found ***"), "{log}");
        let errors = fs::read_to_string(project.record("T-1", "stderr.log")).unwrap();
        assert_eq!(errors, "and here: ***");
        let trace = fs::read_to_string(project.record("T-1", "trace.jsonl")).unwrap();
        assert!(trace.contains("I found ***") && trace.contains("curl -H ***"), "{trace}");
        for command in ["logs", "trace"] {
            assert!(!both(&project.run(0, &[command, "T-1"])).contains(HALF));
        }
    }
}

#[test]
fn a_secret_the_agent_commits_is_not_pushed() {
    for words in
        ["echo $DEPLOY_TOKEN > key.txt; MESSAGE=Add", "echo x > key.txt; MESSAGE=\"Add $DEPLOY_TOKEN\""]
    {
        let script = format!("{words}; git add -A && git commit -qm \"$MESSAGE\"\n");
        let project = project(GIVEN_AWAY, &script).env("DEPLOY_TOKEN", SECRET);
        project.ticket("T-1");
        let output = project.run(3, &["once", "--output", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["dispatched"][0]["failure"], "guard_refused", "{report:#}");
        assert!(!both(&output).contains(HALF));
        assert_eq!(leaks(&project), Vec::<String>::new());
        assert!(fs::read_dir(project.path().join("pulls")).unwrap().next().is_none());
    }
}

#[test]
fn followed_logs_show_lines_as_they_come_and_end_with_the_run() {
    let script = format!(
        "printf 'first\\033[2J line\\n'; : > $FACTS/printed\nwhile [ ! -e $FACTS/go ]; do sleep 0.05; done\necho second line\n{WORK}"
    );
    let project = project(COMMAND, &script);
    project.ticket("T-1");
    let once = project.start(&["once"]);
    project.await_fact("printed");
    let shown = project.path().join("shown");
    let mut follow = project.conductor(&["logs", "t-1", "-f"]);
    let mut follow = follow.stdout(fs::File::create(&shown).unwrap()).spawn().unwrap();
    let text = || fs::read_to_string(&shown).unwrap();
    let came = comes_true(|| text() == "first line\n");
    project.tell("go");
    assert!(came, "{}", text());
    assert_eq!(once.wait().status.code(), Some(0));
    let ended = comes_true(|| follow.try_wait().unwrap().is_some());
    follow.kill().unwrap();
    assert!(ended, "it follows a run that is over");
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    assert_eq!(text(), "first line\nsecond line\n");
    assert_eq!(project.json(&["logs", "T-1"])["log"], "first\u{1b}[2J line\nsecond line\n");
}

#[test]
fn followed_logs_end_when_the_run_was_killed() {
    let project = project(COMMAND, "echo begun; : > $FACTS/begun\nwhile :; do sleep 60; done\n");
    project.ticket("T-1");
    let mut once = project.start(&["once"]);
    project.await_fact("begun");
    let log = project.record("T-1", "output.log");
    assert!(comes_true(|| fs::read_to_string(&log).unwrap() == "begun\n"));
    let follow = project.start(&["logs", "T-1", "--follow"]);
    once.kill();
    drop(once);
    let output = follow.wait();
    assert_eq!((output.status.code(), both(&output)), (Some(0), "begun\n".to_owned()));
}

#[test]
fn an_unknown_ticket_has_no_log_and_says_so() {
    let project = project(COMMAND, WORK);
    for command in ["logs", "trace"] {
        let output = project.run(2, &[command, "T-9"]);
        assert!(both(&output).contains("T-9: no run of this machine has worked on it"), "{}", both(&output));
    }
}

#[test]
fn the_trace_of_a_recorded_session_has_its_turns_tools_and_tokens() {
    let transcript = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/adapters/fixtures/transcripts/claude-success.jsonl");
    let script = format!(
        "[ \"$1\" != --version ] || {{ echo 2.0.0; exit 0; }}\ncat > /dev/null\ncat '{}'\n{WORK}",
        transcript.display()
    );
    let project = project("agent: {kind: claude, command: SCRIPT, max_attempts: 1}", &script);
    project.ticket("T-1");
    project.run(0, &["once"]);

    let trace = project.json(&["trace", "T-1"]);
    let records = trace["records"].as_array().unwrap();
    let kinds: Vec<&str> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["turn", "turn", "turn", "result"]);
    let tools: Vec<String> = records[..3].iter().map(|turn| turn["tools"].to_string()).collect();
    assert_eq!(tools, [r#"{"Write":1}"#, r#"{"Bash":1}"#, "{}"]);
    assert_eq!(records[0]["files_modified"][0], "/workspace/hello.txt");
    let result_event = &records[1]["events"][1];
    assert_eq!((&result_event["event"], &result_event["is_error"]), (&"tool_result".into(), &false.into()));
    assert!(result_event["output"].as_str().unwrap().contains("Add hello.txt"), "{result_event}");
    let result = &records[3];
    assert_eq!(
        (&result["ok"], &result["turns"], &result["tool_calls"]),
        (&true.into(), &3.into(), &2.into())
    );
    let usage = ["input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens"]
        .map(|kind| result["usage"][kind].as_u64().unwrap());
    assert_eq!(usage, [306, 522, 60, 3000]);
    assert_eq!(trace["status"]["outcome"], "success");

    let shown = both(&project.run(0, &["trace", "T-1"]));
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["attempt", "turn", "at", "phase", "tools", "files", "tokens", "words"]);
    assert_eq!((lines[1][0], lines[1][1], &lines[1][3..6]), ("1", "1", &["implementing", "Write", "1"][..]));
    assert!(shown.contains("attempt 1: ok, 3 turns, 2 tool calls, 1 file, 3.8k tokens, $0.01"), "{shown}");
}

#[test]
fn the_live_status_is_there_while_the_run_works_and_gone_afterwards() {
    let script = format!(
        r#"for n in 1 2 3 4 5 6; do echo '{{"type":"tool","name":"edit","file":"f'$n'"}}'; done
echo '{{"type":"usage","input_tokens":40,"output_tokens":2}}'
echo '{{"type":"phase","phase":"testing"}}'
while [ ! -e $FACTS/go ]; do sleep 0.05; done
{WORK}"#
    );
    let project = project(COMMAND, &script);
    project.ticket("T-1");
    let once = project.start(&["once"]);
    let read = |path: &Path| -> Option<Value> { serde_json::from_slice(&fs::read(path).ok()?).ok() };
    let live = project.files().join("status.json");
    let is_testing = || read(&live).is_some_and(|status| status["running"][0]["phase"] == "testing");
    let came = comes_true(is_testing);
    let standing = project.json(&["status"]);
    let (status, own) = (read(&live), came.then(|| read(&project.record("T-1", "status.json"))).flatten());
    project.tell("go");
    assert_eq!(once.wait().status.code(), Some(0));
    let (status, own) = (status.unwrap(), own.unwrap());
    assert!(came, "{status:#}");
    assert_eq!(status["running"][0], own);
    assert_eq!(standing["live"]["running"][0]["phase"], "testing");
    assert_eq!(standing["claims"][0]["identifier"], "T-1");
    assert_eq!(
        (&own["toolCalls"], &own["filesModified"], &own["tokensUsed"]),
        (&6.into(), &6.into(), &42.into())
    );
    assert!(own["pid"].is_u64() && own["outcome"].is_null(), "{own:#}");
    assert!(own["workspacePath"].as_str().unwrap().ends_with("workspaces/T-1"), "{own:#}");
    let counts =
        ["queued", "completed", "failed", "totalAttempts"].map(|name| status[name].as_u64().unwrap());
    assert_eq!((counts, &status["usage"]["input_tokens"]), ([0, 0, 0, 1], &40.into()));
    assert!(!live.exists(), "it outlives its run");
    assert_eq!(read(&project.record("T-1", "status.json")).unwrap()["outcome"], "success");
}

#[test]
fn an_idle_run_leaves_no_record() {
    let project = project(COMMAND, WORK);
    project.run(0, &["once"]);
    assert!(!project.files().join("runs").exists());
}

#[test]
fn usage_sums_up_what_runs_used_and_what_session_files_tell() {
    let script = format!(
        r#"echo '{{"type":"session","model":"big-one"}}'
echo '{{"type":"usage","input_tokens":1000000,"output_tokens":400000,"cache_read_tokens":1000000,"usd":2.5}}'
{WORK}"#
    );
    let project = project(COMMAND, &script);
    project.ticket("T-1");
    project.run(0, &["once"]);
    let before = git(&project.path().join("origin.git"), &["rev-parse", "conductor/state"]);

    let used = project.json(&["usage"]);
    assert_eq!(used["recorded"]["by_model"][0]["name"], "big-one");
    assert_eq!(used["recorded"]["window"]["estimated_messages"], 240.0);
    assert_eq!((&used["recorded"]["cache_hit_rate"], &used["scanned"]), (&0.5.into(), &Value::Null));
    let shown = both(&project.run(0, &["usage"]));
    assert!(shown.contains("5x   [####################] 107% of 225 messages"), "{shown}");
    assert!(shown.contains("20x  [#####---------------]  27% of 900 messages"), "{shown}");
    assert!(shown.contains("warning: used up") && shown.contains("$2.50"), "{shown}");

    let sessions = project.path().join("home/.claude/projects/-x-conductor-workspaces-T-1");
    fs::create_dir_all(&sessions).unwrap();
    let line = r#"{"type":"assistant","timestamp":"2026-01-01T00:00:00Z","message":{"id":"m","model":"opus","usage":{"input_tokens":7,"output_tokens":5}}}"#;
    fs::write(sessions.join("s.jsonl"), format!("{line}\n{line}\n")).unwrap();
    let scanned = project.json(&["usage", "--scan"])["scanned"].clone();
    assert_eq!((&scanned["total_tokens"], &scanned["by_day"][0]["name"]), (&12.into(), &"2026-01-01".into()));
    assert_eq!(git(&project.path().join("origin.git"), &["rev-parse", "conductor/state"]), before);
}

#[test]
fn the_status_shows_what_waits_for_whom() {
    let project = project(COMMAND, &format!("[ $CONDUCTOR_ISSUE_IDENTIFIER = T-1 ] || exit 1\n{WORK}"));
    let nothing = both(&project.run(0, &["status"]));
    assert_eq!(nothing, "nothing is recorded yet\n");
    project.ticket("T-1");
    project.ticket("T-2");
    project.run(3, &["once"]);
    let standing = project.json(&["status"]);
    let told = |at: usize| ["issue", "stage", "turn"].map(|field| standing["tickets"][at][field].clone());
    assert_eq!(told(0), ["T-1", "in_review", "reviewer"]);
    assert_eq!(told(1), ["T-2", "waiting", "conductor"]);
    assert_eq!((&standing["claims"], &standing["live"]), (&Value::Array(Vec::new()), &Value::Null));
    let shown = both(&project.run(0, &["status"]));
    for line in [
        "T-1       in review: a reviewer's turn",
        "T-2       waiting: Conductor's turn",
        "failure (agent_exit) in ",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
