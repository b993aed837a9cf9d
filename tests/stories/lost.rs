//! Pushes that take effect and whose answers are lost; refs whose names begin alike.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::repo;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first push that changes this ref is carried out, and its answer never comes.
fn loses_the_answer_about(name: &str) -> (World, Arc<AtomicBool>) {
    let world = World::with_github();
    world.ticket("T-1");
    let (name, lost) = (name.to_owned(), Arc::new(AtomicBool::new(false)));
    let noted = Arc::clone(&lost);
    world.github().server().lose_answers(1, move |request| {
        let names = || String::from_utf8_lossy(&request.body).contains(&name);
        let is_it = request.method == "POST" && request.path().ends_with("git-receive-pack") && names();
        noted.fetch_or(is_it, Ordering::Relaxed);
        is_it
    });
    (world, lost)
}

#[test]
fn a_push_whose_answer_is_lost_is_found_on_the_remote_and_no_second_agent_runs() {
    for name in ["refs/heads/conductor/state", "refs/heads/conductor/T-1"] {
        let (world, lost) = loses_the_answer_about(name);
        world.agent(&Script::works());
        let run = world.once(&[]);
        assert!(lost.load(Ordering::Relaxed), "{name}: {run}");
        for _ in 0..2 {
            world.once(&[]).exits(0);
        }
        assert_eq!(world.started(), ["T-1 1"], "{name}: {run}");
        assert_eq!(world.github().pulls().len(), 1, "{name}: {run}");
        assert_eq!(world.branches().keys().collect::<Vec<_>>(), ["conductor/T-1"], "{name}: {run}");
        assert_eq!(world.record("T-1")["stage"], json!("in_review"), "{name}: {run}");
        assert_eq!((world.outcomes().len(), world.claims().len()), (1, 0), "{name}: {run}");
    }
}

#[test]
fn saved_work_of_a_ticket_whose_key_begins_alike_is_left_where_it_is() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.ticket("T-10");
    world.agent(&Script::works().write("half.txt", "half").exit(1));
    world.start_in("one", &[]).wait().exits(3);
    assert!(repo::sha(&world.origin(), "refs/conductor/wip/T-10").is_some());
    world.agent(&Script::new().sh("[ -e half.txt ] && tell half").then(Script::works()));
    let run = world.start_in("two", &["--issue", "T-1"]).wait().exits(0);
    assert!(world.knows("half"), "{run}");
    let fetched = repo::git(
        &world.path().join("two/.git/conductor/vault.git"),
        &["for-each-ref", "--format=%(refname)"],
    );
    assert!(fetched.contains("refs/conductor/wip/T-1\n") || fetched.contains("wip/T-1"), "{fetched}");
    assert!(!fetched.contains("T-10"), "{fetched}");
}
