//! What an ordinary user's agent can do to its files: permissions taken away, files of others.

use crate::agent;
use crate::world::World;
use std::path::Path;
use std::process::Command;

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can run this as another user");
    }
    is_root
}

#[test]
fn permissions_an_agent_took_away_cost_nothing() {
    if !is_root() {
        return;
    }
    for kind in crate::kinds().into_iter().chain(["none"]) {
        for takes in [
            "chmod 000 hello.txt",
            "mkdir -p a/b; echo hello > a/b/c.txt; chmod 000 a/b/c.txt a/b a",
            "mkdir -p a; echo hello > a/c.txt; chmod -R a-w .",
            "find .git -depth -exec chmod a-rwx {} +",
            "chmod -R a-w .git; chmod a-w .",
            "chmod a-rwx .git/objects .git/refs; chmod 000 .git/HEAD .git/index",
        ] {
            let script = format!("echo hello > hello.txt; {takes}");
            let world = World::within(Path::new("/tmp"), &agent(kind, &script, &[])).of_user(NOBODY);
            let ran = world.once();
            assert_eq!(
                ran.verdict(),
                (Some(0), "success", "-"),
                "{kind}, {takes}: {}\n{}",
                ran.report,
                ran.stderr
            );
            let show = ["-c", "safe.directory=*", "show", "conductor/T-1:hello.txt"];
            assert_eq!(world.git("origin.git", &show), "hello", "{kind}, {takes}");
            if takes.contains("c.txt") {
                let files = ["-c", "safe.directory=*", "ls-tree", "-r", "--name-only", "conductor/T-1"];
                assert!(world.git("origin.git", &files).contains("c.txt"), "{kind}, {takes}");
            }
        }
    }
}

/// Files that belong to somebody else cannot be opened: the rest is saved without them.
#[test]
fn files_of_somebody_else_are_left_out_and_the_rest_is_delivered() {
    if !is_root() {
        return;
    }
    let script = "echo hello > hello.txt; mkdir foreign; echo x > foreign/x; echo y > y.txt; : > ready
        while ! [ -e go ]; do sleep 0.02; done; rm ready go";
    let world = World::within(Path::new("/tmp"), &agent("none", script, &[])).of_user(NOBODY);
    let ran = world.once_with("ready", |workspace| {
        for (program, word) in [("chown", "0:0"), ("chmod", "go-rwx")] {
            let changed =
                Command::new(program).args(["-R", word, "foreign", "y.txt"]).current_dir(workspace).status();
            assert!(changed.unwrap().success());
        }
        std::fs::write(workspace.join("go"), "").unwrap();
    });
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}", ran.report, ran.stderr);
    let files = ["-c", "safe.directory=*", "ls-tree", "-r", "--name-only", "conductor/T-1"];
    assert_eq!(world.git("origin.git", &files), "conductor.yml\nhello.txt");
    assert!(ran.stderr.contains("y.txt"), "{}", ran.stderr);
}

/// A folder of git that belongs to somebody else and cannot be moved: the ticket fails, and the
/// next run begins in a new one.
#[test]
fn a_folder_of_git_of_somebody_elses_fails_its_ticket_only() {
    if !is_root() {
        return;
    }
    let script = "echo hello > hello.txt; : > ready; while ! [ -e go ]; do sleep 0.02; done; rm ready go";
    let world = World::within(Path::new("/tmp"), &agent("none", script, &[])).of_user(NOBODY);
    let ran = world.once_with("ready", |workspace| {
        for (program, word) in [("chown", "0:0"), ("chmod", "go-rwx")] {
            let changed = Command::new(program).args(["-R", word, ".git"]).current_dir(workspace).status();
            assert!(changed.unwrap().success());
        }
        std::fs::write(workspace.join("go"), "").unwrap();
    });
    assert_eq!(ran.code, Some(3), "{}\n{}", ran.report, ran.stderr);
    world.configure(|config| config["retry"] = serde_json::json!({"base": "1ms", "max": "1ms"}));
    let next = world.once();
    assert_ne!(next.code, Some(1), "{}\n{}", next.report, next.stderr);
}
