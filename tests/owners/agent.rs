//! The agent's own failures, its provider's and its login's.

use crate::row::{KEY, is_whole, world};
use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::linear::world::Ticket;
use crate::support::repo;
use serde_json::json;

const SIX: [&str; 6] = ["ENG-1", "ENG-2", "ENG-3", "ENG-4", "ENG-5", "ENG-6"];

fn six_tickets() -> World {
    let world = world();
    for _ in 1..6 {
        world.linear().world().add(Ticket::default());
    }
    world
}

#[test]
fn a_missing_program_spends_none_of_six_tickets_and_all_are_worked_on_when_it_is_there() {
    let mut world = six_tickets();
    let works = world.script("works", "cat > /dev/null; sh \"$world/agent.sh\"");
    world.set("agent.command", json!(["an-agent-nobody-has"]));
    for _ in 0..3 {
        let run = world.once(&[]).exits(2);
        assert!(run.stderr.contains("an-agent-nobody-has"), "{run}");
        assert!(!world.has_state() || (world.claims().is_empty() && world.outcomes().is_empty()), "{run}");
    }
    assert!(world.started().is_empty());
    world.set("agent.command", json!([works]));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on().len(), 6, "{run}");
    SIX.iter().for_each(|key| is_whole(&world, key));
}

#[test]
fn an_agent_that_is_not_logged_in_spends_none_of_six_tickets() {
    let mut world = six_tickets();
    let recorded =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/adapters/fixtures/transcripts/claude-401-retries0.jsonl");
    let lines = format!(
        "case \"$*\" in *--version*) echo '2.1.330 (Claude Code)'; exit 0;; esac\n\
         cat > /dev/null\n\
         if [ -e \"$world/facts/logged-in\" ]; then sh \"$world/agent.sh\"; exit; fi\n\
         echo \"$CONDUCTOR_ISSUE_IDENTIFIER\" >> \"$world/refused\"; cat '{recorded}'; exit 1"
    );
    let program = world.script("claude", &lines);
    world.set("agent.kind", json!("claude"));
    world.set("agent.command", json!(program));
    world.set("limits.max_concurrent", json!(1));
    for cycle in 1..=3 {
        let run = world.once(&[]).exits(2);
        let refused = std::fs::read_to_string(world.path().join("refused")).unwrap();
        assert_eq!(refused.lines().count(), cycle, "one agent finds it out for all: {run}");
        assert_eq!(run.skipped("ENG-2").0, "login", "{run}");
        assert!(world.claims().is_empty(), "{run}");
        for key in SIX {
            let record = world.record(key);
            assert!(
                record["failures_by_phase"].as_object().is_none_or(serde_json::Map::is_empty),
                "{record:#}"
            );
            assert_ne!(record["stage"], "blocked", "{record:#}");
            assert_eq!(world.linear().world().state_of(key), "Todo", "{run}");
        }
    }
    let comment = world.linear().world().comments_of(KEY).join("\n");
    assert!(comment.contains("An operator's turn"), "{comment}");
    world.tell("logged-in");
    world.agent(&Script::works().sh(r#"printf '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"session_id":"s"}\n'"#));
    world.once(&[]).exits(0);
    for key in SIX {
        assert_eq!(world.record(key)["stage"], "in_review", "{:#}", world.record(key));
    }
    assert_eq!((world.started().len(), world.github().pulls().len()), (6, 6));
}

#[test]
fn a_providers_limit_holds_everything_until_the_told_time_and_blocks_nothing() {
    let world = six_tickets();
    let until = (chrono::Utc::now() + chrono::TimeDelta::hours(2)).format("%FT%TZ");
    let limited = format!(r#"printf '{{"type":"result","limit":true,"resets_at":"{until}"}}\n'"#);
    world
        .agent(&Script::works().when("! [ -e \"$world/facts/lifted\" ]", Script::new().sh(&limited).exit(1)));
    let run = world.once(&["--max-concurrent", "1"]).exits(3);
    assert_eq!(run.dispatched(KEY)["failure"], "rate_limited", "{run}");
    assert_eq!(run.dispatched(KEY)["fault"]["owner"], "provider", "{run}");
    for _ in 0..2 {
        let run = world.once(&[]).exits(4);
        assert_eq!(run.status(), "deferred");
    }
    assert_eq!(world.started().len(), 1);
    assert_eq!(world.record(KEY)["attempts"], 0);
    let comment = world.linear().world().comments_of(KEY).join("\n");
    assert!(comment.contains("goes on when the limit is lifted"), "{comment}");
    let mut state = world.state();
    state["rate_limit"]["backoff_until"] = json!(chrono::Utc::now() - chrono::TimeDelta::minutes(1));
    world.write_state(&state);
    world.tell("lifted");
    world.once(&[]).exits(0);
    for key in SIX {
        assert_eq!(world.record(key)["stage"], "in_review", "{:#}", world.record(key));
    }
    assert_eq!((world.started().len(), world.github().pulls().len()), (7, 6));
}

/// Twice in one phase would be a structural problem, for a person to look at.
pub fn in_changing_phases() -> Script {
    let phase = "case $CONDUCTOR_ATTEMPT in 1) phase=planning;; 2) phase=implementing;; *) phase=testing;; esac; \
                 printf '{\"type\":\"phase\",\"phase\":\"%s\"}\\n' \"$phase\"";
    Script::new().sh(phase)
}

/// Three cycles in which the attempt fails, one in which it does not; others go on.
fn is_spent_three_times(world: &mut World, script: &Script, owner: &str, failure: &str) {
    world.agent(&in_changing_phases().then(script.clone()));
    world.set("agent.max_attempts", json!(1));
    world.set("limits.max_failures", json!(5));
    world.linear().world().add(Ticket { title: "Paint the wall", ..Ticket::default() });
    for cycle in 1..=3 {
        let run = world.once(&[]).exits(3);
        let told = run.dispatched(KEY);
        assert_eq!((&told["failure"], &told["fault"]["owner"]), (&json!(failure), &json!(owner)), "{run}");
        if cycle == 1 {
            assert_eq!(run.dispatched("ENG-2")["outcome"], "success", "{run}");
        }
        assert_eq!(world.record(KEY)["attempts"], cycle, "{run}");
        assert!(world.claims().is_empty());
        assert_eq!(world.linear().world().state_of(KEY), "Todo", "{run}");
        let comment = world.linear().world().comments_of(KEY).join("\n");
        assert!(comment.contains("The next run goes on from the work so far"), "{comment}");
    }
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched(KEY)["outcome"], "success", "{run}");
    assert_eq!(world.github().pulls().len(), 2);
    assert_eq!(world.record(KEY)["stage"], "in_review");
    let of_it: Vec<String> =
        world.outcomes().into_iter().filter(|one| one.0 == KEY).map(|one| one.1).collect();
    assert_eq!(of_it.len(), 4, "{of_it:?}");
    let comments = world.linear().world().comments_of(KEY).len();
    assert_eq!(comments, 1);
}

#[test]
fn an_agent_that_fails_spends_attempts_and_its_work_is_gone_on_from() {
    let mut world = world();
    let fails = Script::new().when("[ $CONDUCTOR_ATTEMPT -lt 4 ]", Script::new().exit(9));
    let script = Script::works().on(KEY, fails);
    is_spent_three_times(&mut world, &script, "agent", "agent_exit");
    let lines = repo::file_at(&world.origin(), "conductor/ENG-1", "work.txt");
    assert_eq!(lines.lines().count(), 4, "each attempt added a line: {lines}");
}

#[test]
fn a_gate_that_fails_spends_attempts_and_the_work_is_gone_on_from() {
    let mut world = world();
    let gate = "[ \"$CONDUCTOR_ISSUE_IDENTIFIER\" != ENG-1 ] || [ $(wc -l < work.txt) -ge 4 ]";
    world.set("gates", json!([{"name": "test", "run": gate}]));
    world.set("agent.max_fix_turns", json!(0));
    is_spent_three_times(&mut world, &Script::works(), "checks", "gate_failed");
    let lines = repo::file_at(&world.origin(), "conductor/ENG-1", "work.txt");
    assert_eq!(lines.lines().count(), 4, "each attempt added a line: {lines}");
}

#[test]
fn work_a_guard_refuses_is_begun_anew_from_a_clean_base() {
    let mut world = world();
    let protected = Script::new().write(".github/workflows/ci.yml", "on: push\n");
    let script = Script::new()
        .on(KEY, Script::new().when("[ $CONDUCTOR_ATTEMPT -lt 4 ]", protected))
        .then(Script::works());
    is_spent_three_times(&mut world, &script, "checks", "guard_refused");
    let lines = repo::file_at(&world.origin(), "conductor/ENG-1", "work.txt");
    assert_eq!(lines.lines().count(), 1, "nothing of the refused work is in it: {lines}");
}

#[test]
fn six_commits_with_a_time_out_in_the_middle_are_finished_within_three_attempts() {
    let mut world = world();
    world.set("agent.turn_timeout", json!("3s"));
    world.set("agent.max_attempts", json!(3));
    let step = "n=$(ls step-* 2>/dev/null | wc -l); \
                while [ $n -lt 6 ]; do n=$((n+1)); echo $n > step-$n; git add -A; git commit -qm \"Step $n\"; sleep 1; done";
    world.agent(&Script::new().sh(step));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched(KEY)["outcome"], "success", "{run}");
    let files = repo::git(&world.origin(), &["ls-tree", "--name-only", "conductor/ENG-1"]);
    assert!((1..=6).all(|n| files.contains(&format!("step-{n}"))), "{files}");
    assert_eq!(world.github().pulls().len(), 1);
}
