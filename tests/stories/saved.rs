//! Work that was paid for and does not stand yet: where it is, and what the next attempt starts from.

use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::repo;
use serde_json::json;

/// What agents noted down of their commits.
fn commits(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path().join("commits")).unwrap();
    text.lines().map(str::to_owned).collect()
}

const NOTED: &str = "git rev-parse HEAD >> \"$world/commits\"";

#[test]
fn what_three_attempts_on_three_runners_that_forget_made_is_all_reachable_on_the_remote() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("limits.max_failures", json!(9));
    world.ticket("T-1");
    let phases = "case $CONDUCTOR_ATTEMPT in 1) p=planning;; 2) p=implementing;; *) p=testing;; esac; \
                  printf '{\"type\":\"phase\",\"phase\":\"%s\"}\\n' $p";
    world.agent(
        &Script::new()
            .sh(phases)
            .sh("echo \"$CONDUCTOR_ATTEMPT\" >> work.txt")
            .commit("Part of the work")
            .sh(NOTED)
            .when("[ $CONDUCTOR_ATTEMPT -lt 4 ]", Script::new().exit(1)),
    );
    for runner in ["one", "two", "three"] {
        world.start_in(runner, &[]).wait().exits(3);
        std::fs::remove_dir_all(world.path().join(runner)).unwrap();
        std::fs::remove_dir_all(world.path().join(format!("{runner}-work"))).unwrap();
    }
    let made = commits(&world);
    assert_eq!(made.len(), 3);
    for sha in &made {
        let refs = repo::git(&world.origin(), &["for-each-ref", "--contains", sha, "--format=%(refname)"]);
        assert!(!refs.is_empty(), "{sha} is nowhere on the remote");
    }
    let run = world.start_in("four", &[]).wait().exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "work.txt"), "1\n2\n3\n4");
}

#[test]
fn after_a_refused_attempt_and_a_killed_one_the_third_holds_nothing_of_the_refused_work() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(
        &Script::works()
            .write(".github/workflows/evil.yml", "on: push\n")
            .write("evil.txt", "x")
            .commit("More"),
    );
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "guard_refused", "{run}");
    // Killed when its workspace is there and it has done nothing.
    world.agent(&Script::new().tell("begun").hang());
    let run = world.start(&[]);
    world.await_fact("begun");
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()));
    world.agent(&Script::new().sh("[ -e evil.txt ] && tell evil").then(Script::works()));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(!world.knows("evil"), "{run}");
    let changed = repo::git(&world.origin(), &["diff", "--name-only", "main...conductor/T-1"]);
    assert_eq!(changed, "work.txt");
}

#[test]
fn a_shallow_checkout_finds_saved_work_although_the_base_has_moved() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
    let run = world.start_in("one", &[]);
    world.await_fact("at-work");
    run.signal(rustix::process::Signal::TERM);
    run.wait().exits(143);
    for number in 0..5 {
        let name = format!("news-{number}.txt");
        repo::commit(&world.origin(), "main", "Meanwhile", &[(&name, "new\n")]);
    }
    let url = format!("file://{}", world.origin().display());
    let shallow = world.path().join("shallow");
    repo::git(world.path(), &["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()]);
    repo::name_somebody(&shallow);
    world.agent(&Script::new().sh("[ -e half.txt ] && tell half").then(Script::works()));
    let run = world.start_in("shallow", &[]).wait().exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    let is_said = run.stderr.contains("starts from a clean base") || run.stderr.contains("saved");
    assert!(world.knows("half") || is_said, "the saved work was lost without a word: {run}");
    let changed = repo::git(&world.origin(), &["diff", "--name-only", "main...conductor/T-1"]);
    assert!(!changed.contains("news-"), "{changed}");
    assert_eq!(world.pulls().len(), 1);
}
