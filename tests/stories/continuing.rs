//! A further attempt goes on: with the work so far whatever ended the attempt before, and in its
//! agent's own session where the agent still has it.

use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::repo;
use serde_json::{Value, json};

/// How the first attempt ends, by its last steps and a key of the configuration.
fn ended_by(how: &str) -> World {
    let mut world = World::new();
    world.ticket("T-1");
    let begun = Script::works().write("half.txt", "half").write("src/app.txt", "changed");
    let first = match how {
        "timed_out" => {
            world.set("agent.turn_timeout", json!("2s"));
            begun.sh("while :; do echo working; sleep 0.05; done")
        }
        "stalled" => {
            world.set("agent.stall_timeout", json!("1s"));
            begun.hang()
        }
        "gate_failed" => {
            world.set("gates", json!([{"name": "test", "run": "[ -e good.txt ]"}]));
            begun
        }
        _ => begun.exit(7),
    };
    let second = Script::new()
        .sh("cat > \"$world/prompt-2\"; git log --format=%s > \"$world/log-2\"; ls > \"$world/seen-2\"")
        .sh("cat src/app.txt >> \"$world/seen-2\"")
        .write("good.txt", "good")
        .commit("Finish");
    world.agent(&Script::new().at_attempt(1, first).at_attempt(2, second));
    world
}

#[test]
fn the_next_attempt_goes_on_from_commits_and_files_whatever_ended_the_one_before_and_is_told_so() {
    for how in ["timed_out", "stalled", "gate_failed", "agent_exit"] {
        let world = ended_by(how);
        let run = world.once(&[]).exits(0);
        assert_eq!(world.outcomes()[0].2, how, "{run}");
        assert_eq!(run.dispatched("T-1")["attempts"], 2, "{how}: {run}");
        let read = |name: &str| std::fs::read_to_string(world.path().join(name)).unwrap();
        assert!(read("log-2").contains("Do the work"), "{how}: {}", read("log-2"));
        let seen = read("seen-2");
        assert!(seen.contains("half.txt") && seen.contains("changed"), "{how}: {seen}");
        let prompt = read("prompt-2");
        for part in ["The work of the attempt before this one is in this directory", "- Do the work"] {
            assert!(prompt.contains(part), "{how}: {part}: {prompt}");
        }
        let files = repo::git(&world.origin(), &["ls-tree", "--name-only", "conductor/T-1"]);
        assert!(files.contains("half.txt") && files.contains("good.txt"), "{how}: {files}");
    }
}

/// Claude: each run tells a session of its own, or goes on with the one it is given and tells the
/// session's whole cost, a dollar for each attempt.
const CLAUDE: &str = r#"
[ "$*" = --version ] && { echo '9.9.9 (stand-in)'; exit 0; }
cat > "$world/prompt-$CONDUCTOR_ATTEMPT"; echo "$@" >> "$world/args"
id=s-$CONDUCTOR_ATTEMPT; usd=1
case "$*" in *--resume*) id=$(echo "$*" | sed 's/.*--resume \([^ ]*\).*/\1/'); usd=2;; esac
if [ -e "$world/facts/forgets" ] && [ $usd = 2 ]; then echo 'No conversation found' >&2; exit 1; fi
mkdir -p "$HOME/.claude/projects/a-b"; : > "$HOME/.claude/projects/a-b/$id.jsonl"
printf '{"type":"system","subtype":"init","session_id":"%s","model":"m"}\n' "$id"
printf '{"type":"assistant","message":{"id":"a","model":"m","content":[{"type":"text","text":"On it."}]}}\n'
result() { printf '{"type":"result","subtype":"%s","is_error":%s,"result":"%s","num_turns":1,"session_id":"%s","total_cost_usd":%s,"usage":{"input_tokens":5,"output_tokens":5},"modelUsage":{"m":{"inputTokens":%s,"outputTokens":%s}}}\n' "$1" "$2" "$3" "$id" "$usd" $((5*usd)) $((5*usd)); }
fails() { result error_during_execution true boom; exit 1; }
works() { echo "$CONDUCTOR_ATTEMPT" >> work.txt; git add -A; git commit -qm Work; result success false done; }
"#;

/// A world with that agent, which does these things by the number of its attempt.
fn claude(script: &str) -> World {
    let mut world = World::new();
    let program = world.script("claude", &format!("{CLAUDE}{script}"));
    world.set("agent.kind", json!("claude"));
    world.set("agent.command", json!(program));
    world.ticket("T-1");
    world
}

const FAILS_ONCE: &str = "[ $CONDUCTOR_ATTEMPT = 1 ] && fails; works";

fn calls(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path().join("args")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn prompt(world: &World, attempt: u32) -> String {
    std::fs::read_to_string(world.path().join(format!("prompt-{attempt}"))).unwrap()
}

fn costs(world: &World) -> Vec<Value> {
    world.state()["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["usd"].clone()).collect()
}

/// The homes of agents are no business of this world's end.
fn forget_sessions(world: &World) {
    std::fs::remove_dir_all(world.path().join("home/.claude")).unwrap();
}

const KNOWN: &str = "You are going on with the session of the attempt before";

#[test]
fn an_agent_goes_on_with_its_session_in_the_same_cycle_and_in_the_next() {
    for attempts in [2, 1] {
        let mut world = claude(FAILS_ONCE);
        world.set("agent.max_attempts", json!(attempts));
        if attempts == 1 {
            let run = world.once(&[]).exits(3);
            assert_eq!(world.state()["outcomes"][0]["session"]["id"], "s-1", "{run}");
            assert_eq!(world.state()["outcomes"][0]["session"]["agent"], "claude", "{run}");
        }
        let run = world.once(&[]).exits(0);
        assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
        let calls = calls(&world);
        assert!(calls.len() == 2 && !calls[0].contains("--resume"), "{calls:?}");
        assert!(calls[1].contains("--resume s-1"), "{calls:?}");
        assert!(!prompt(&world, 1).contains(KNOWN) && prompt(&world, 2).starts_with(KNOWN));
        // The session tells its whole cost; each attempt is charged its own.
        assert_eq!(costs(&world), [json!(1.0), json!(1.0)], "{run}");
        let tokens = |number: usize| world.state()["outcomes"][number]["tokens_used"].clone();
        assert_eq!([tokens(0), tokens(1)], [json!(10), json!(10)], "{run}");
        assert_eq!(world.state()["outcomes"][1]["session"], Value::Null, "what stands is not gone on with");
        forget_sessions(&world);
    }
}

#[test]
fn the_session_of_a_run_that_was_killed_is_gone_on_with() {
    let world = claude("[ $CONDUCTOR_ATTEMPT = 1 ] && { tell at-work; sleep 600; }; works");
    let run = world.start(&[]);
    world.await_fact("at-work");
    assert!(comes_true(|| world.path().join("home/.claude/projects/a-b/s-1.jsonl").exists()));
    let noted = || {
        let runs = world.checkout().join(".git/conductor/runs");
        std::fs::read_dir(runs).unwrap().any(|run| run.unwrap().path().join("T-1/session.json").exists())
    };
    assert!(comes_true(noted));
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()));
    std::fs::remove_file(world.path().join("args")).unwrap();
    // An interruption is no attempt spent: the next one has its number.
    world.script("claude", &format!("{CLAUDE}works"));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    let calls = calls(&world);
    assert!(calls.len() == 1 && calls[0].contains("--resume s-1"), "{calls:?}\n{run}");
    forget_sessions(&world);
}

#[test]
fn a_session_that_is_gone_from_this_machine_begins_anew_and_the_prompt_tells_what_is_there() {
    let mut world = claude("echo half > half.txt; [ $CONDUCTOR_ATTEMPT = 1 ] && fails; works");
    world.set("agent.max_attempts", json!(1));
    world.once(&[]).exits(3);
    forget_sessions(&world);
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(calls(&world).iter().all(|call| !call.contains("--resume")), "{:?}", calls(&world));
    let prompt = prompt(&world, 2);
    assert!(!prompt.contains(KNOWN) && prompt.contains("- half.txt"), "{prompt}");
    forget_sessions(&world);
}

#[test]
fn a_session_its_agent_does_not_know_any_more_costs_no_attempt() {
    let world = claude(FAILS_ONCE);
    world.tell("forgets");
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["attempts"], 2, "{run}");
    let resumed: Vec<bool> = calls(&world).iter().map(|call| call.contains("--resume")).collect();
    assert_eq!(resumed, [false, true, false]);
    assert!(!prompt(&world, 2).contains(KNOWN), "{}", prompt(&world, 2));
    forget_sessions(&world);
}

#[test]
fn a_session_whose_work_a_guard_refused_or_that_is_configured_away_is_not_gone_on_with() {
    let refused = claude(
        "[ $CONDUCTOR_ATTEMPT = 1 ] && { mkdir -p .github/workflows; echo x > .github/workflows/a.yml; }; works",
    );
    let mut fresh = claude(FAILS_ONCE);
    fresh.set("agent.fresh_retry", json!(true));
    for world in [refused, fresh] {
        let run = world.once(&[]).exits(0);
        assert_eq!(run.dispatched("T-1")["attempts"], 2, "{run}");
        assert!(calls(&world).iter().all(|call| !call.contains("--resume")), "{:?}", calls(&world));
        forget_sessions(&world);
    }
}
