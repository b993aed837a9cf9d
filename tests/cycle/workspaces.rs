//! Worktrees in every state people, agents and lost runs leave them in.

use crate::support::agent::Script;
use crate::support::conductor::{World, comes_true};
use crate::support::repo;
use serde_json::json;
use std::path::PathBuf;

/// A world where an attempt at T-1 failed, and its workspace.
fn with_a_kept_workspace() -> (World, PathBuf) {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&Script::new().write("half.txt", "half").exit(1));
    world.once(&[]).exits(3);
    world.agent(&Script::works());
    let left = world.workspaces().join("T-1");
    assert!(left.join("half.txt").exists());
    (world, left)
}

/// What Conductor noted of the workspace of T-1.
fn notes(world: &World) -> PathBuf {
    world.vault().with_file_name("workspaces").join("T-1")
}

/// T-1 has no workspace for this reason, and T-2 is none the worse for it.
#[track_caller]
fn only_t_2_is_worked_on(world: &World, words: &str) {
    world.ticket("T-2");
    let run = world.once(&[]).exits(1);
    let told = run.dispatched("T-1");
    assert_eq!(told["failure"], "workspace", "{run}");
    assert!(told["error"].as_str().unwrap().contains(words), "{words}: {told}");
    assert_eq!(run.dispatched("T-2")["outcome"], "success", "{run}");
    assert_eq!((world.ticket_state("T-1").as_str(), world.claims().len()), ("Todo", 0));
}

#[test]
fn a_workspace_whose_folder_is_gone_is_made_anew() {
    let (world, left) = with_a_kept_workspace();
    std::fs::remove_dir_all(&left).unwrap();
    assert!(notes(&world).exists());
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    assert!(!notes(&world).exists());
}

#[test]
fn what_a_failed_attempt_left_is_gone_on_from_by_the_next_run() {
    let (world, left) = with_a_kept_workspace();
    std::fs::write(left.join("more.txt"), "by a person who looked at it").unwrap();
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    let wip = "refs/conductor/wip/T-1";
    assert_eq!(repo::file_at(&world.vault(), wip, "half.txt"), "half");
    assert_eq!(repo::file_at(&world.vault(), wip, "more.txt"), "by a person who looked at it");
    let published = repo::git(&world.origin(), &["ls-tree", "--name-only", "conductor/T-1"]);
    assert!(published.contains("half.txt") && published.contains("more.txt"), "{published}");
}

#[test]
fn a_branch_of_the_same_name_that_a_person_works_on_stands_in_nobodys_way() {
    let world = World::new();
    world.ticket("T-1");
    let theirs = world.path().join("theirs");
    repo::git(&world.checkout(), &["worktree", "add", "-q", "-b", "conductor/T-1", theirs.to_str().unwrap()]);
    std::fs::write(theirs.join("precious.txt"), "mine").unwrap();
    let before = repo::sha(&world.checkout(), "refs/heads/conductor/T-1");
    assert_eq!(world.once(&[]).exits(0).dispatched("T-1")["outcome"], "success");
    assert!(theirs.join("precious.txt").exists());
    assert_eq!(repo::sha(&world.checkout(), "refs/heads/conductor/T-1"), before);
}

#[test]
fn a_folder_of_somebody_elses_at_a_workspaces_place_is_left_alone() {
    let world = World::new();
    world.ticket("T-1");
    let theirs = world.workspaces().join("T-1");
    std::fs::create_dir_all(&theirs).unwrap();
    std::fs::write(theirs.join("precious.txt"), "mine").unwrap();
    only_t_2_is_worked_on(&world, "is not a workspace of this repository");
    assert!(theirs.join("precious.txt").exists());
}

#[test]
fn pipes_an_agent_put_where_git_reads_hold_nobody_up() {
    let world = World::new();
    let places = [".git/index", ".git/packed-refs", ".gitattributes", "src/.gitignore", ".git/refs/heads/x"];
    let put = places.map(|place| format!("rm -f {place}; mkfifo {place}")).join("\n");
    world.ticket("T-1");
    world.agent(&Script::works().sh("rm -rf .git/logs; ln -s /dev/zero .git/logs").sh(&put));
    let begun = std::time::Instant::now();
    let run = world.once(&[]);
    assert_ne!(run.code(), -1, "{run}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{run}");
    // Nobody else is held up either.
    world.ticket("T-2");
    world.agent(&Script::works());
    assert_eq!(world.once(&[]).dispatched("T-2")["outcome"], "success");
}

const LOCKS: &str = ": > \"$(git rev-parse --git-dir)/index.lock\"";

#[test]
fn a_lock_an_agent_left_does_not_keep_its_work_from_being_committed() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("left.txt", "over").sh(LOCKS));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "left.txt"), "over");
}

#[test]
fn a_lock_a_lost_run_left_is_in_nobodys_way_and_a_persons_own_is_left_alone() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::new().write("half.txt", "half").sh(LOCKS).tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()));
    let own = world.checkout().join(".git/index.lock");
    std::fs::write(&own, "").unwrap();
    world.agent(&Script::works());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "half.txt"), "half");
    assert!(own.exists());
}

/// What the pull request of T-1 changes, as `A path`.
fn published_changes(world: &World) -> Vec<String> {
    let listed = repo::git(&world.origin(), &["diff", "--name-status", "main", "conductor/T-1"]);
    listed.lines().map(|line| line.replace('\t', " ")).collect()
}

/// A git in front of git that kills the program when it writes the files of T-1 and the fact is told:
/// `empty` before a file is there, `half` when some are missing, and then it never ends.
fn with_a_deadly_checkout(world: &mut World) {
    let path = std::env::var("PATH").unwrap();
    let real =
        std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).unwrap();
    let git = real.display();
    let lines = format!(
        "fact() {{ [ -e \"$world/facts/$1\" ] && rm \"$world/facts/$1\"; }}\n\
         case \"$GIT_DIR $* \" in\n\
         */T-1/.git*' reset --hard --quiet '*)\n\
         if fact empty; then kill_conductor; exit 1; fi\n\
         if fact half; then\n\
         {git} \"$@\"; rm -r src; : > \"$GIT_DIR/index.lock\"; : > \"$GIT_DIR/HEAD.lock\"\n\
         mkfifo \"$world/never\"; kill_conductor; : < \"$world/never\"\n\
         fi;;\n\
         esac\n\
         exec {git} \"$@\""
    );
    world.script("git", &lines);
    world.env("PATH", &format!("{}:{path}", world.path().display()));
}

#[test]
fn a_run_killed_twice_while_it_fills_a_workspace_leaves_no_work_behind() {
    let mut world = World::new();
    with_a_deadly_checkout(&mut world);
    world.ticket("T-1");
    for how in ["empty", "half"] {
        world.tell(how);
        world.start(&[]).wait().exits(-1);
        assert!(world.workspaces().join("T-1").exists() && !world.knows(how));
        assert!(!world.workspaces().join("T-1/src").exists(), "{how}");
    }
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert_eq!(published_changes(&world), ["A work.txt"]);
    assert_eq!((world.pulls().len(), world.started()), (1, vec!["T-1 1".to_owned()]));
    assert_eq!(repo::sha(&world.vault(), "refs/conductor/wip/T-1"), None);
}

#[test]
fn a_run_killed_while_it_removes_a_workspace_leaves_no_work_behind() {
    let mut world = World::new();
    world.set("workspace.keep", json!("never"));
    world.set("agent.max_attempts", json!(1));
    let hook = world.script("before-remove", "tell removing; await go");
    world.set("hooks.before_remove", json!(hook));
    world.ticket("T-1");
    world.agent(&Script::new().write("half.txt", "half").exit(1));
    let run = world.start(&[]);
    world.await_fact("removing");
    let admin = notes(&world);
    let marker = admin.join("conductor-workspace");
    assert!(marker.exists());
    // The removal has begun, and cannot go on.
    let lock = std::fs::File::open(world.checkout().join(".git/conductor/lock")).unwrap();
    lock.lock().unwrap();
    world.tell("go");
    assert!(comes_true(|| !marker.exists()));
    // Nothing else is under way.
    assert!(comes_true(|| !world.outcomes().is_empty()));
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()));
    lock.unlock().unwrap();
    let left = world.workspaces().join("T-1");
    std::fs::remove_dir_all(left.join("src")).unwrap();

    world.agent(&Script::works());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    let changes = published_changes(&world);
    assert!(changes.iter().all(|change| change.starts_with("A ")), "{changes:?}");
    assert!(!left.exists() && !admin.exists());
}

#[test]
fn lock_files_of_a_killed_run_stop_nobody() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&Script::works().write("half.txt", "half").tell("at-work").hang());
    let run = world.start(&[]);
    world.await_fact("at-work");
    run.kill();
    assert!(comes_true(|| world.processes().is_empty()));
    // The next fetch has to move what it knows of the base.
    repo::commit(&world.origin(), "main", "Theirs", &[("theirs.txt", "theirs")]);
    let (vault, clone) = (world.vault(), world.workspaces().join("T-1/.git"));
    let names = [
        vault.join("refs/remotes/origin/main"),
        vault.join("refs/conductor/wip/T-1"),
        clone.join("refs/heads/conductor/T-1"),
        clone.join("HEAD"),
        clone.join("index"),
    ];
    let locks: Vec<PathBuf> =
        names.iter().map(|name| PathBuf::from(format!("{}.lock", name.display()))).collect();
    for lock in &locks {
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(lock, "").unwrap();
    }
    world.agent(&Script::new().sh("[ -e half.txt ] && [ -e work.txt ] && tell both").then(Script::works()));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    assert!(world.knows("both") && locks.iter().all(|lock| !lock.exists()));
    // What had not been committed was not committed by the way.
    let subjects = repo::git(&world.origin(), &["log", "--format=%s", "main..conductor/T-1"]);
    assert!(!subjects.contains("wip:"), "{subjects}");
}
