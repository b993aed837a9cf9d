//! Agents at work: what they are given, how they end, how runs end early, what is left of them.

use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::linear::world::Ticket;
use crate::support::repo;
use rustix::process::Signal;
use serde_json::json;

#[test]
fn the_prompt_reaches_the_agent_whole_on_its_input_and_in_a_file() {
    let world = World::new();
    let long = "A line of a long description, with 'quotes' and $(touch pwned).\n".repeat(1400);
    world.ticket_file("T-1", &format!("---\ntitle: Long\nstate: Todo\n---\nBEGIN\n{long}END\n"));
    let check = "cat > \"$world/stdin\"; cmp \"$world/stdin\" \"$CONDUCTOR_PROMPT_FILE\" && tell same";
    world.agent(&Script::new().sh(check).then(Script::works()));
    world.once(&[]).exits(0);
    assert!(world.knows("same"));
    let prompt = std::fs::read_to_string(world.path().join("stdin")).unwrap();
    assert!(prompt.contains(&long) && prompt.contains("BEGIN") && prompt.contains("END"));
    assert!(!world.workspaces().join("T-1/pwned").exists());
}

#[test]
fn the_agent_is_told_its_run_and_works_in_a_worktree_of_its_own() {
    let world = World::new();
    world.ticket("T-1");
    let script =
        "env > \"$world/env\"; pwd > \"$world/pwd\"; git rev-parse --abbrev-ref HEAD > \"$world/branch\"";
    world.agent(&Script::new().sh(script).then(Script::works()));
    let run = world.once(&[]).exits(0);
    let read = |name: &str| std::fs::read_to_string(world.path().join(name)).unwrap();
    let workspace = world.workspaces().join("T-1").display().to_string();
    assert_eq!((read("pwd").trim(), read("branch").trim()), (workspace.as_str(), "conductor/T-1"));
    let env = read("env");
    let run_id = run.report()["run_id"].as_str().unwrap().to_owned();
    for expected in [
        format!("CONDUCTOR_RUN_ID={run_id}"),
        "CONDUCTOR_ISSUE_ID=T-1".to_owned(),
        "CONDUCTOR_ISSUE_IDENTIFIER=T-1".to_owned(),
        format!("CONDUCTOR_WORKSPACE_DIR={workspace}"),
        "CONDUCTOR_ATTEMPT=1".to_owned(),
        "CONDUCTOR_BASE_BRANCH=main".to_owned(),
        "SYMPHONY_ISSUE_IDENTIFIER=T-1".to_owned(),
        "GIT_TERMINAL_PROMPT=0".to_owned(),
    ] {
        assert!(env.lines().any(|line| line == expected), "{expected}: {env}");
    }
    assert!(!world.workspaces().join("T-1").exists(), "a finished workspace is put away");
}

#[test]
fn an_agent_that_changes_nothing_gets_no_pull_request() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo nothing to do here"));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "no_changes");
    assert_eq!((world.pulls().len(), world.branches().len()), (0, 0));
    assert_eq!(
        (&world.record("T-1")["status"], world.ticket_state("T-1").as_str()),
        (&json!("no_changes"), "Todo")
    );
    // Not again for ever: the ticket has to change first.
    let again = world.once(&[]).exits(0);
    assert_eq!((again.skipped("T-1").0.as_str(), world.started().len()), ("blocked", 1));
    world.move_ticket("T-1", "Backlog");
    world.move_ticket("T-1", "Todo");
    assert_eq!(world.once(&[]).exits(0).worked_on(), ["T-1"]);
}

/// A hook that leaves files which nobody ignores.
fn with_prepared_files() -> World {
    let mut world = World::new();
    world.set("hooks.after_create", json!("mkdir cache && echo 1 > cache/one && echo 2 > 'cache/:(two)'"));
    world.set("hooks.before_run", json!("echo key > settings.txt"));
    world.ticket("T-1");
    world
}

#[test]
fn files_that_were_untracked_before_the_agent_began_are_no_change() {
    let world = with_prepared_files();
    world.agent(&Script::new().sh("[ -e cache/one ] && [ -e settings.txt ] && tell prepared"));
    let run = world.once(&[]).exits(0);
    assert!(world.knows("prepared"));
    assert_eq!(run.dispatched("T-1")["outcome"], "no_changes", "{run}");
    assert_eq!((world.pulls().len(), world.branches().len()), (0, 0));
}

#[test]
fn what_hooks_prepared_is_published_only_where_the_agent_changed_it() {
    let world = with_prepared_files();
    world
        .agent(&Script::new().sh("echo 3 > cache/three; echo more >> settings.txt; echo two >> src/app.txt"));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    let changed = repo::git(&world.origin(), &["diff", "--name-only", "main", "conductor/T-1"]);
    assert_eq!(changed, "cache/three\nsettings.txt\nsrc/app.txt");
}

#[test]
fn commits_that_undo_each_other_are_no_change() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().sh("git rm -q work.txt").commit("Undo it"));
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "no_changes");
    assert!(world.branches().is_empty());
}

#[test]
fn a_failed_attempt_is_followed_by_one_that_goes_on_from_its_work() {
    let world = World::new();
    world.ticket("T-1");
    let first = Script::new().write("half.txt", "half").write("src/app.txt", "broken").exit(7);
    let second = Script::new()
        .sh("cat > \"$world/prompt-2\"; ls > \"$world/seen\"; cat src/app.txt >> \"$world/seen\"");
    world.agent(&Script::new().at_attempt(1, first).at_attempt(2, second).then(Script::works()));
    let run = world.once(&[]).exits(0);
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["attempts"]), (&json!("success"), &json!(2)));
    assert_eq!(
        std::fs::read_to_string(world.path().join("seen")).unwrap(),
        "README.md\nhalf.txt\nsrc\nbroken"
    );
    // What the first one did is kept aside as well, and the second was told of it.
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "half.txt"), "half");
    let prompt = std::fs::read_to_string(world.path().join("prompt-2")).unwrap();
    assert!(prompt.contains("exited with code 7") && prompt.contains("go on from it"), "{prompt}");
    assert!(prompt.contains("- half.txt") && prompt.contains("- src/app.txt"), "{prompt}");
    let outcomes: Vec<String> = world.outcomes().into_iter().map(|(_, outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["partial", "success"]);
    let subjects = repo::git(&world.origin(), &["log", "--format=%s", "main..conductor/T-1"]);
    assert!(!subjects.contains("wip"), "{subjects}");
    assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "half.txt"), "half");
}

#[test]
fn a_failed_attempt_is_followed_by_one_in_a_clean_workspace_where_that_is_configured() {
    let mut world = World::new();
    world.set("agent.fresh_retry", json!(true));
    world.ticket("T-1");
    let first = Script::new().write("half.txt", "half").write("src/app.txt", "broken").exit(7);
    let second = Script::new().sh("ls > \"$world/seen\"; cat src/app.txt >> \"$world/seen\"");
    world.agent(&Script::new().at_attempt(1, first).at_attempt(2, second).then(Script::works()));
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    assert_eq!(std::fs::read_to_string(world.path().join("seen")).unwrap(), "README.md\nsrc\none\n");
    assert!(!repo::git(&world.origin(), &["ls-tree", "-r", "--name-only", "conductor/T-1"]).contains("half"));
}

#[test]
fn the_advice_of_a_failure_reaches_the_next_cycle() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("retry", json!({"base": "1ms", "max": "1ms"}));
    world.ticket("T-1");
    let first = Script::new().sh("echo 'error: 3 tests failed' >&2").exit(1);
    let second = Script::new().sh("cat > \"$world/prompt-2\"");
    world.agent(&Script::new().at_attempt(1, first).at_attempt(2, second).then(Script::works()));
    world.once(&[]).exits(3);
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    let prompt = std::fs::read_to_string(world.path().join("prompt-2")).unwrap();
    assert!(prompt.contains("Run the tests as you go, not only at the end."), "{prompt}");
}

#[test]
fn an_issue_out_of_attempts_is_reported_failed_and_waits_before_the_next_run_tries() {
    let mut world = World::new();
    world.set("retry", json!({"base": "1ms", "max": "1h"}));
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo it went wrong >&2").exit(1));
    let run = world.once(&[]).exits(3);
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["failure"]), (&json!("failure"), &json!("agent_exit")));
    assert!(told["error"].as_str().unwrap().contains("it went wrong"), "{told}");
    assert_eq!(world.started(), ["T-1 1", "T-1 2"]);
    assert_eq!((world.ticket_state("T-1").as_str(), world.claims().len()), ("Todo", 0));
    assert!(world.workspaces().join("T-1").is_dir(), "kept on failure");
    // Twice in the same phase: blocked until somebody changes something.
    assert!(told["blocked_reason"].as_str().unwrap().contains("failed 2 times"), "{told}");
    assert_eq!(world.once(&[]).exits(0).skipped("T-1").0, "blocked");
    assert_eq!(world.started().len(), 2);
}

#[test]
fn a_child_of_a_timed_out_attempt_is_gone_before_the_next_one_starts() {
    let mut world = World::new();
    world.set("agent.turn_timeout", json!("500ms"));
    world.ticket("T-1");
    // Deaf to SIGTERM, in a session of its own.
    let stay =
        "setsid sh -c 'trap \"\" TERM; echo $$ > \"'\"$world\"'/child\"; while :; do sleep 0.05; done' &";
    let wait = "while ! [ -s \"$world/child\" ]; do sleep 0.02; done; sleep 600";
    let first = Script::new().sh(stay).sh(wait);
    let second = Script::new().sh("kill -0 \"$(cat \"$world/child\")\" 2>/dev/null || tell gone");
    world.agent(&Script::new().at_attempt(1, first).at_attempt(2, second.then(Script::works())));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["attempts"], 2);
    assert_eq!(world.outcomes()[0].2, "timed_out");
    assert!(world.knows("gone"));
    assert_eq!(world.processes(), Vec::<String>::new());
}

#[test]
fn a_silent_agent_is_stalled() {
    let mut world = World::new();
    world.set("agent.stall_timeout", json!("300ms"));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo hello").hang());
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "stalled");
    assert_eq!(world.processes(), Vec::<String>::new());
}

#[test]
fn what_an_agent_leaves_running_does_not_outlive_its_run() {
    let world = World::new();
    world.ticket("T-1");
    let leave = "setsid sleep 600 > /dev/null 2>&1 < /dev/null &\n\
                 (env -i sh -c '(trap \"\" TERM; cd /; sleep 600; :) &') &\n\
                 sleep 600 &";
    world.agent(&Script::works().sh(leave));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success");
    assert_eq!(world.processes(), Vec::<String>::new());
}

/// A signal in the middle of the agent's work.
fn is_interrupted(signal: Signal, code: i32) {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.signal(signal);
    let run = run.wait().exits(code);
    assert_eq!(world.processes(), Vec::<String>::new());
    assert_eq!(
        (run.status().as_str(), &run.dispatched("T-1")["outcome"]),
        ("interrupted", &json!("interrupted"))
    );
    assert_eq!(world.outcomes(), [("T-1".to_owned(), "interrupted".to_owned(), String::new())]);
    assert_eq!((world.claims().len(), world.ticket_state("T-1").as_str()), (0, "Todo"));
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "half.txt"), "half");
    assert!(world.branches().is_empty());

    world.agent(&Script::works());
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    assert_eq!(world.record("T-1")["status"], "in_review");
}

#[test]
fn sigint_ends_a_run_with_everything_recorded_and_the_next_goes_on() {
    is_interrupted(Signal::INT, 130);
}

#[test]
fn sigterm_ends_a_run_with_everything_recorded_and_the_next_goes_on() {
    is_interrupted(Signal::TERM, 143);
}

#[test]
fn a_signal_gives_back_the_tickets_that_had_not_begun() {
    let world = World::new();
    world.ticket("T-1");
    world.ticket("T-2");
    world.agent(&Script::new().tell("at-work").hang());
    let run = world.start(&["--max-concurrent", "1"]);
    world.await_fact("at-work");
    run.signal(Signal::TERM);
    run.wait().exits(143);
    assert_eq!((world.claims().len(), world.started().len()), (0, 1));
    assert_eq!(world.ticket_state("T-2"), "Todo");
}

#[test]
fn a_signal_ends_a_gate_too() {
    let mut world = World::new();
    world.set("gates", json!([{"name": "slow", "run": "touch \"$SLOW\"; sleep 600"}]));
    let fact = world.path().join("facts/gate").display().to_string();
    world.env("SLOW", &fact);
    world.ticket("T-1");
    let run = world.start(&[]);
    world.await_fact("gate");
    run.signal(Signal::TERM);
    let run = run.wait().exits(143);
    assert_eq!(run.dispatched("T-1")["outcome"], "interrupted");
    assert_eq!(world.processes(), Vec::<String>::new());
    assert!(world.branches().is_empty());
}

#[test]
fn a_runs_deadline_ends_its_agents_without_blame() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().hang());
    let run = world.once(&["--deadline", "2s"]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "interrupted");
    let record = world.record("T-1");
    assert_eq!((&record["failures_by_phase"], &record["interruptions"]), (&json!({}), &json!(1)));
    assert_eq!(world.ticket_state("T-1"), "Todo");
}

#[test]
fn a_ticket_done_by_a_person_ends_its_agent_and_is_not_moved_back() {
    let mut world = World::new();
    world.set("limits.reconcile_interval", json!("50ms"));
    world.ticket("T-1");
    world.agent(&Script::works().tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    world.move_ticket("T-1", "Done");
    let run = run.wait().exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "interrupted");
    assert_eq!((world.ticket_state("T-1").as_str(), world.branches().len()), ("Done", 0));
    assert!(world.claims().is_empty());
    assert_eq!(world.processes(), Vec::<String>::new());
}

#[test]
fn a_required_label_removed_during_the_run_ends_it_without_a_pull_request() {
    let mut world = World::with_linear();
    world.set("limits.reconcile_interval", json!("50ms"));
    world.set("tracker.required_labels", json!(["agent"]));
    world.linear().world().add(Ticket { labels: &["agent"], ..Ticket::default() });
    world.agent(&Script::works().tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    world.linear().world().remove_label("ENG-1", "agent");
    let run = run.wait().exits(0);
    let told = run.dispatched("ENG-1");
    assert_eq!(told["outcome"], "interrupted");
    assert_eq!(told["error"], "the ticket changed: its label agent was removed");
    assert_eq!((world.branches().len(), world.github().pulls().len()), (0, 0));
}

#[test]
fn a_ticket_that_is_deleted_during_the_run_is_let_go() {
    let mut world = World::new();
    world.set("limits.reconcile_interval", json!("50ms"));
    world.ticket("T-1");
    world.agent(&Script::works().tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    std::fs::remove_file(world.path().join("issues/T-1.md")).unwrap();
    let run = run.wait().exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "interrupted");
    assert!(world.claims().is_empty());
    assert!(world.workspaces().join("T-1").is_dir(), "the workspace is kept");
}

#[test]
fn a_ticket_that_changed_after_the_poll_is_given_back() {
    let world = World::with_linear();
    let ids =
        ["Stays", "Goes"].map(|title| world.linear().world().add(Ticket { title, ..Ticket::default() }));
    let goes = ids[1].clone();
    let mut once = false;
    world.linear().before("Refresh", move |linear, _| {
        if !std::mem::replace(&mut once, true) {
            linear.add(Ticket { title: "In the way", state: "Backlog", ..Ticket::default() });
            linear.block(&goes, "ENG-3");
        }
    });
    let run = world.once(&[]).exits(0);
    assert_eq!(run.worked_on(), ["ENG-1"]);
    let (reason, detail) = run.skipped("ENG-2");
    assert_eq!(reason, "changed_since_poll");
    assert!(detail.contains("ENG-3 is Backlog"), "{detail}");
    assert!(world.claims().is_empty());
    assert_eq!(world.linear().world().state_of("ENG-2"), "Todo");
}

#[test]
fn hooks_run_around_the_agent_in_its_workspace() {
    let mut world = World::new();
    let log = world.path().join("hooks").display().to_string();
    world.env("HOOK_LOG", &log);
    let mut hooks = json!({});
    for name in ["after_create", "before_run", "after_run", "before_remove"] {
        hooks[name] = json!(format!("echo {name} $CONDUCTOR_ISSUE_IDENTIFIER ${{PWD##*/}} >> \"$HOOK_LOG\""));
    }
    world.set("hooks", hooks);
    world.ticket("T-1");
    world.agent(&Script::new().sh("echo agent T-1 T-1 >> \"$HOOK_LOG\"").then(Script::works()));
    world.once(&[]).exits(0);
    let order = ["after_create", "before_run", "agent", "after_run", "before_remove"];
    let expected: String = order.iter().map(|name| format!("{name} T-1 T-1\n")).collect();
    assert_eq!(std::fs::read_to_string(log).unwrap(), expected);
}

#[test]
fn only_a_failed_after_create_hook_fails_the_attempt() {
    let mut world = World::new();
    world.set("hooks", json!({"before_run": "exit 1", "after_run": "exit 1", "before_remove": "exit 1"}));
    world.ticket("T-1");
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    world.set("hooks", json!({"after_create": "echo no dependencies >&2; exit 4"}));
    world.ticket("T-2");
    let told = world.once(&[]).exits(3).dispatched("T-2");
    assert_eq!(told["failure"], "hook_failed");
    assert!(told["error"].as_str().unwrap().contains("no dependencies"), "{told}");
    assert_eq!((world.started().len(), world.ticket_state("T-2").as_str()), (1, "Todo"));
}

#[test]
fn a_hook_that_never_ends_is_ended() {
    let mut world = World::new();
    world.set("hooks", json!({"after_create": "sleep 600 & sleep 600", "timeout": "200ms"}));
    world.ticket("T-1");
    assert_eq!(world.once(&[]).exits(3).dispatched("T-1")["failure"], "hook_failed");
    assert_eq!(world.processes(), Vec::<String>::new());
}

#[test]
fn a_killed_runs_agent_is_gone_before_its_ticket_is_taken_up_again() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()), "{:?}", world.processes());
}
