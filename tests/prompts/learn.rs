//! `conductor learn`: lessons, and the attempts themselves.

use crate::support::World;
use serde_json::Value;

#[test]
fn the_state_and_its_history_are_learned_from_and_torn_lines_are_counted() {
    let world = World::new("echo \"$CONDUCTOR_ISSUE_IDENTIFIER\" > work.txt", "state: {keep_outcomes: 1}\n");
    for key in ["T-1", "T-2", "T-3"] {
        world.ticket(key, "One", "x");
    }
    world.conductor(&["once", "--max-concurrent", "1"]).exits(0);
    let origin = world.path().join("origin.git");
    let month = world.git(&origin, &["ls-tree", "--name-only", "conductor/state", "history/"]);
    let month = month.trim();
    // A line was torn, by whoever edited the branch.
    let hand = world.path().join("hand");
    world.git(world.path(), &["clone", "-q", "-b", "conductor/state", "origin.git", "hand"]);
    let lines = world.read(&format!("hand/{month}"));
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let second = lines.lines().nth(1).unwrap();
    world.write(&format!("hand/{month}"), &format!("{second}\n{{\"timestamp\": \"2026-1\n"));
    world.git(&hand, &["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qam", "Torn"]);
    world.git(&hand, &["push", "-q", "origin", "conductor/state"]);

    let json = world.conductor(&["learn", "--output", "json"]).exits(0).json();
    assert_eq!((json["attempts"].as_u64(), json["unreadable_lines"].as_u64()), (Some(2), Some(1)), "{json}");
    assert_eq!(json["success_rate"], 1.0);
    assert_eq!(json["by_label"][0]["name"], "bug");
    let shown = world.conductor(&["learn"]).exits(0).out();
    for told in ["attempts", "success rate", "100%", "success by week", "unreadable lines"] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
    let one = world.conductor(&["learn", "--last", "1", "--output", "json"]).exits(0).json();
    assert_eq!(one["attempts"], 1);
    let failed = world.conductor(&["learn", "--failures-only", "--output", "json"]).exits(0).json();
    assert_eq!((failed["attempts"].as_u64(), failed["success_rate"].is_null()), (Some(0), true));
}

#[test]
fn the_attempts_are_exported_a_line_each() {
    let world = World::new("exit 9", "");
    world.ticket("T-1", "One", "x");
    world.conductor(&["once"]).exits(3);
    world.agent("echo work > work.txt");
    world.ticket("T-2", "Two", "x");
    world.conductor(&["once", "--issue", "T-2"]).exits(0);
    let lines =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let all = lines(&world.conductor(&["learn", "--export", "-"]).exits(0).out());
    let first = all.iter().find(|outcome| outcome["issue"] == "T-1").unwrap();
    assert_eq!((first["outcome"].as_str(), first["failure"].as_str()), (Some("failure"), Some("agent_exit")));
    assert_eq!(all.iter().filter(|outcome| outcome["issue"] == "T-2").count(), 1, "{all:?}");
    let failures = lines(&world.conductor(&["learn", "--failures-only", "--export", "-"]).exits(0).out());
    assert!(
        !failures.is_empty() && failures.iter().all(|outcome| outcome["outcome"] == "failure"),
        "{failures:?}"
    );
    let shown = world.conductor(&["learn", "--export", "all.jsonl", "--last", "1"]).exits(0).out();
    assert!(shown.contains("success rate"), "{shown}");
    assert_eq!(lines(&world.read("clone/all.jsonl")).len(), 1);
    let told = world.conductor(&["learn", "--export", "no/such/folder.jsonl"]).exits(2).err();
    assert!(told.contains("--export ") && told.contains("no/such/folder.jsonl"), "{told}");
}
