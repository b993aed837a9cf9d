//! Whatever an agent leaves of its workspace costs at most what cannot be saved: the ticket goes on,
//! and so do the others.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World};
use crate::support::repo;
use serde_json::json;
use std::time::{Duration, Instant};

/// Nothing here takes that long unless something is waited for.
const PROMPT: Duration = Duration::from_secs(45);

/// What an agent does to its workspace after its work, which is one file and not committed.
const SALVAGED: &[(&str, &str)] = &[
    ("no folder of git", "rm -rf .git"),
    ("a new repository in its place", "rm -rf .git; git init -q"),
    ("git init over it", "git init -q; git init -q --separate-git-dir=\"$world/elsewhere\""),
    ("a link to the person's own", "rm -rf .git; ln -s \"$world/clone/.git\" .git"),
    ("a file that names the person's own", "rm -rf .git; echo \"gitdir: $world/clone/.git\" > .git"),
    ("a pipe in its place", "rm -rf .git; mkfifo .git"),
    ("a device in its place", "rm -rf .git; mknod .git c 1 5"),
    ("refs that are a link", "rm -rf .git/refs; ln -s /tmp .git/refs"),
    ("refs and packed refs gone", "rm -rf .git/refs .git/packed-refs; mkdir .git/refs"),
    ("objects that are a link", "mv .git/objects .git/o; ln -s o .git/objects"),
    ("a folder for an index", "rm .git/index; mkdir -p .git/index/x"),
    ("a torn index", "printf DIRC > .git/index"),
    ("a folder for a head", "rm .git/HEAD; mkdir .git/HEAD"),
    ("a head that is nowhere", "echo 'ref: refs/heads/../../x' > .git/HEAD"),
    (
        "a head on no commit",
        "git switch -q --orphan nothing; echo left > left.txt; echo one > src/app.txt || true",
    ),
    ("a pipe for a lock", "mkfifo .git/index.lock .git/HEAD.lock"),
    ("a folder for a configuration", "rm .git/config; mkdir -p .git/config/x"),
    (
        "devices among git's files",
        "for name in config packed-refs info/exclude; do rm -f .git/$name; mknod .git/$name c 1 5; done",
    ),
    (
        "objects nobody can read",
        "git add -A; find .git/objects -type f -exec sh -c 'chmod u+w \"$1\"; echo x > \"$1\"' sh {} ';'",
    ),
    ("a pipe in a file's place", "rm src/app.txt; mkfifo src/app.txt"),
    ("a device in a file's place", "rm src/app.txt; mknod src/app.txt c 1 5"),
    ("a loop of links", "ln -s loop loop; ln -s . here"),
    ("a pipe for a .gitignore", "mkfifo .gitignore src/.gitattributes"),
    (
        "a tree of folders that is deep",
        "(i=0; while [ $i -lt 400 ]; do mkdir d && cd d && i=$((i+1)); done; mkfifo .gitignore)",
    ),
];

/// A world in which T-1 does this to its workspace, and T-2 works as ever.
fn run(does: &str) -> (World, Run) {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.ticket("T-2");
    let breaks = Script::new().write("left.txt", "left").sh(does);
    world.agent(&Script::new().on("T-1", breaks).on("T-2", Script::works()));
    let begun = Instant::now();
    let before = repo::Belongings::of(&world.checkout());
    let run = world.once(&[]);
    assert!(begun.elapsed() < PROMPT, "{does}: {:?}", begun.elapsed());
    assert_eq!(run.dispatched("T-2")["outcome"], "success", "{does}: {run}");
    assert_eq!(repo::Belongings::of(&world.checkout()).changed_since(&before), [""; 0], "{does}");
    (world, run)
}

#[test]
fn files_are_saved_and_delivered_whatever_became_of_the_folder_of_git() {
    let mut failed = Vec::new();
    for (what, does) in SALVAGED {
        let (world, run) = run(does);
        let told = run.dispatched("T-1");
        let there = repo::try_git(&world.origin(), &["show", "conductor/T-1:left.txt"]).stdout;
        if run.code() != 0 || told["outcome"] != "success" || there.trim_ascii() != b"left" {
            failed.push(format!("{what}: {}: {}\n{}", run.code(), told["error"], run.stderr));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn repositories_inside_the_workspace_are_delivered_as_the_files_they_are() {
    let inner = "git init -q inner; echo x > inner/file.txt";
    let commits = "git -C inner add -A; git -C inner -c user.name=A -c user.email=a@b commit -qm inner";
    for does in [
        inner.to_owned(),
        format!("{inner}; {commits}"),
        format!("{inner}; {commits}; git add -A 2>/dev/null"),
        format!("{inner}; rm -r inner/.git; ln -s /dev inner/.git"),
        format!("{inner}; rm inner/.git/HEAD; mkfifo inner/.git/HEAD"),
    ] {
        let (world, run) = run(&does);
        assert_eq!((run.code(), &run.dispatched("T-1")["outcome"]), (0, &json!("success")), "{does}: {run}");
        assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "inner/file.txt"), "x", "{does}");
        assert_eq!(repo::file_at(&world.origin(), "conductor/T-1", "left.txt"), "left", "{does}");
    }
}

#[test]
fn an_ignored_repository_inside_the_workspace_is_left_alone() {
    let does = "echo /tools/ > .gitignore; git init -q tools/inner; echo x > tools/inner/file.txt; exit 1";
    let (world, run) = run(does);
    assert_eq!(run.code(), 3, "{run}");
    assert!(world.workspaces().join("T-1/tools/inner/.git/HEAD").exists());
}

#[test]
fn commits_in_a_clone_that_still_works_are_kept_as_they_are() {
    let does = "git add -A; git commit -qm 'Left by the agent'; rm -rf .git/hooks .git/info .git/logs; rm .git/config";
    let (world, run) = run(does);
    assert_eq!(run.code(), 0, "{run}");
    let subjects = repo::git(&world.origin(), &["log", "--format=%s", "main..conductor/T-1"]);
    assert_eq!(subjects, "Left by the agent");
}

/// What cannot be saved is the agent's fault, and no other's; the next run goes on.
#[test]
fn a_workspace_that_is_gone_fails_its_ticket_and_nothing_else() {
    for does in [
        "mv \"$PWD\" \"$world/moved\"",
        "rm -rf \"$PWD\"; ln -s \"$world/clone\" \"$PWD\"",
        "rm -rf \"$PWD\"; mkfifo \"$PWD\"",
        "rm -rf .git; git init -q; git add -A; git -c user.name=A -c user.email=a@b commit -qm 'Begin anew'",
    ] {
        let (world, run) = run(does);
        assert_eq!(run.code(), 3, "{does}: {run}");
        assert_ne!(run.dispatched("T-1")["outcome"], "success", "{does}: {run}");
        world.agent(&Script::works());
        let next = world.once(&["--issue", "T-1", "--force"]).exits(0);
        assert_eq!(next.dispatched("T-1")["outcome"], "success", "{does}: {next}");
    }
}

/// The same with a filter that is missing: no agent can help that.
#[test]
fn a_filter_that_is_missing_is_this_machines_fault_and_costs_no_commit() {
    let mut world = World::new();
    repo::git(&world.checkout(), &["config", "filter.big.clean", "no-such-filter"]);
    repo::git(&world.checkout(), &["config", "filter.big.required", "true"]);
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let work = Script::works().write(".gitattributes", "*.bin filter=big\n").write("left.bin", "left");
    world.agent(&work);
    let run = world.once(&[]).exits(1);
    let told = run.dispatched("T-1");
    assert!(told["error"].as_str().unwrap().contains("no-such-filter"), "{run}");
    // The agent's own commit is there as it was.
    let log = repo::git(&world.workspaces().join("T-1"), &["log", "-1", "--format=%s"]);
    assert_eq!(log, "Do the work");
}
