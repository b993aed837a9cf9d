//! Every kind of hostile file at every path that is read: nothing is waited for, nothing behind a
//! link is read or written, and memory is bounded.

use crate::support::agent::Script;
use crate::support::conductor::{Run, World, comes_true};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PRECIOUS: &str = "a precious text of somebody else's";
/// Far more than a run takes that waits for nothing.
const PROMPT: Duration = Duration::from_secs(40);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    Endless,
    LinkOutside,
    LinkLoop,
    Folder,
    Huge,
    Socket,
}

const KINDS: [Kind; 7] =
    [Kind::Pipe, Kind::Endless, Kind::LinkOutside, Kind::LinkLoop, Kind::Folder, Kind::Huge, Kind::Socket];

fn precious(world: &World) -> PathBuf {
    world.path().join("precious")
}

fn put(world: &World, place: &Path, kind: Kind) {
    fs::write(precious(world), PRECIOUS).unwrap();
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    match place.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place).unwrap(),
        Ok(_) => fs::remove_file(place).unwrap(),
        Err(_) => {}
    }
    match kind {
        Kind::Pipe => assert!(Command::new("mkfifo").arg(place).status().unwrap().success()),
        Kind::Endless => symlink("/dev/zero", place).unwrap(),
        Kind::LinkOutside => symlink(precious(world), place).unwrap(),
        Kind::LinkLoop => symlink(place, place).unwrap(),
        Kind::Folder => {
            fs::create_dir(place).unwrap();
            fs::write(place.join("file"), "").unwrap();
        }
        Kind::Huge => fs::File::create(place).unwrap().set_len(1 << 40).unwrap(),
        // A name longer than a socket's is bound by a relative path.
        Kind::Socket => {
            let script = "import socket, sys, os; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind(sys.argv[2])";
            let bound = Command::new("python3")
                .args(["-c", script])
                .args([place.parent().unwrap().as_os_str(), place.file_name().unwrap()])
                .status();
            if !bound.is_ok_and(|status| status.success()) {
                eprintln!("skipped: no python3 to make a socket with");
                fs::write(place, "").unwrap();
            }
        }
    }
}

/// Ends in time, by itself, and neither shows nor changes what a link leads to.
#[track_caller]
fn is_unharmed(world: &World, what: &str, run: impl FnOnce() -> Run) -> Run {
    let begun = Instant::now();
    let run = run();
    assert!(begun.elapsed() < PROMPT, "{what}: {:?}", begun.elapsed());
    assert_ne!(run.code(), -1, "{what}: {run}");
    assert_eq!(fs::read_to_string(precious(world)).unwrap(), PRECIOUS, "{what}: {run}");
    assert!(!format!("{run}").contains(PRECIOUS), "{what}: {run}");
    run
}

/// Files that are made anew where they are none, from the world's folder.
const MADE_ANEW: &[&str] = &[
    "pulls/1.md",
    "clone/.git/conductor/status.json",
    "clone/.git/conductor/survey",
    "clone/.git/conductor/vault.git/config",
    "clone/.git/conductor/vault.git/contact.config",
    "clone/.git/conductor/vault.git/tags.stamp",
    "clone/.git/conductor/workspaces/T-1/conductor-workspace",
    "clone/.git/conductor/workspaces/T-1/conductor-workspace.synced",
];

/// Files of others, without which a ticket is not worked on.
const NEEDED: &[&str] =
    &["issues/T-1.md", "clone/.git/conductor/lock", "clone/.git/conductor/workspaces/T-1/gitdir"];

/// A world in which an attempt at T-1 failed and left its workspace.
fn after_a_failure() -> World {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&Script::new().write("half.txt", "half").exit(1));
    world.once(&[]).exits(3);
    world.agent(&Script::works());
    world
}

#[test]
fn what_is_in_the_place_of_conductors_own_files_is_made_anew() {
    for kind in KINDS {
        let world = after_a_failure();
        // A folder cannot be replaced by what belongs there.
        let paths = MADE_ANEW.iter().filter(|path| kind != Kind::Folder || !path.contains("vault"));
        paths.for_each(|path| put(&world, &world.path().join(path), kind));
        let run = is_unharmed(&world, &format!("{kind:?}"), || world.once(&[]));
        if kind != Kind::Folder {
            assert_eq!(run.dispatched("T-1")["outcome"], "success", "{kind:?}: {run}");
        }
    }
}

#[test]
fn what_is_in_the_place_of_a_file_a_ticket_needs_holds_nobody_up() {
    for path in NEEDED {
        let world = after_a_failure();
        for kind in KINDS {
            put(&world, &world.path().join(path), kind);
            is_unharmed(&world, &format!("{kind:?} at {path}"), || world.once(&[]));
        }
    }
}

/// Git itself reads these as well; what else is in a person's own repository is theirs.
#[test]
fn what_a_checkout_says_of_ignored_files_is_read_where_it_is_a_file() {
    for kind in [Kind::LinkOutside, Kind::LinkLoop, Kind::Folder, Kind::Socket] {
        let world = World::new();
        world.ticket("T-1");
        for name in ["exclude", "attributes"] {
            put(&world, &world.checkout().join(".git/info").join(name), kind);
        }
        let run = is_unharmed(&world, &format!("{kind:?}"), || world.once(&[]));
        assert_eq!(run.dispatched("T-1")["outcome"], "success", "{kind:?}: {run}");
    }
}

#[test]
fn whatever_is_in_the_place_of_a_configuration_is_refused_or_read_within_bounds() {
    // A link of a person's own to a file is followed, and what is wrong there is shown.
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::LinkOutside) {
        let world = World::new();
        world.ticket("T-1");
        let file = world.path().join("hostile.yml");
        put(&world, &file, kind);
        let arguments = ["once", "--config", file.to_str().unwrap()];
        let run =
            is_unharmed(&world, &format!("{kind:?}"), || world.spawn(&arguments, &world.checkout()).wait());
        assert_eq!(run.code(), 2, "{kind:?}: {run}");
        assert!(run.stderr.contains("hostile.yml"), "{kind:?}: {run}");
    }
}

#[test]
fn whatever_is_in_the_place_of_a_state_file_is_never_taken_for_an_empty_one() {
    for names in [&["state.json"][..], &["state.json.lock"], &["state.json.written", "history", "context"]] {
        for kind in KINDS {
            let mut world = World::new();
            world.set("state", json!({"store": "file", "path": "kept/state.json"}));
            world.ticket("T-1");
            names.iter().for_each(|name| put(&world, &world.path().join("kept").join(name), kind));
            let what = format!("{kind:?} at {names:?}");
            let run = is_unharmed(&world, &what, || world.once(&[]));
            if names == ["state.json"] {
                assert_ne!(run.code(), 0, "{what}: {run}");
                assert_eq!(world.started(), [""; 0], "{what}: {run}");
            }
        }
    }
}

/// Files of a run that an agent without walls gets at.
const OF_A_RUN: [&str; 6] =
    ["output.log", "stderr.log", "prompt.md", "trace.jsonl", "status.json", "session.json"];

#[test]
fn logs_prompts_and_traces_an_agent_replaced_are_made_anew_and_nothing_is_written_through_them() {
    for how in
        ["ln -sf \"$world/precious\"", "rm -f \"$file\"; mkfifo", "ln -sf /dev/zero", "ln -sf \"$file\""]
    {
        let mut world = World::new();
        world.set("agent.max_attempts", json!(2));
        fs::write(precious(&world), PRECIOUS).unwrap();
        let replaced: String = OF_A_RUN
            .iter()
            .map(|name| {
                format!("file=$(echo \"$world\"/clone/.git/conductor/runs/*/T-1/)/{name}; {how} \"$file\"\n")
            })
            .collect();
        world.ticket("T-1");
        let first = Script::new().write("half.txt", "half").sh(&replaced).exit(1);
        world.agent(&Script::new().at_attempt(1, first).at_attempt(2, Script::works()));
        let run = is_unharmed(&world, how, || world.once(&[]));
        assert_eq!(run.dispatched("T-1")["outcome"], "success", "{how}: {run}");
        for command in [["logs", "T-1"], ["trace", "T-1"]] {
            is_unharmed(&world, how, || world.command(&command));
        }
        is_unharmed(&world, how, || world.command(&["status"]));
    }
}

#[test]
fn whatever_is_in_the_place_of_a_runs_files_those_who_look_at_them_end() {
    let world = World::new();
    world.ticket("T-1");
    world.once(&[]).exits(0);
    let runs = world.checkout().join(".git/conductor/runs");
    let run = fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path().join("T-1");
    for name in OF_A_RUN {
        for kind in KINDS {
            put(&world, &run.join(name), kind);
            for command in
                [&["logs", "T-1"][..], &["trace", "T-1"], &["status"], &["logs", "T-1", "--output", "json"]]
            {
                // A log of any size is shown as it is read.
                if kind == Kind::Huge && name == "output.log" && command == ["logs", "T-1"] {
                    continue;
                }
                is_unharmed(&world, &format!("{command:?}: {kind:?} at {name}"), || world.command(command));
            }
        }
        put(&world, &run.join(name), Kind::LinkOutside);
    }
    assert!(comes_true(|| world.processes().is_empty()));
}

/// The page about earlier attempts, and the folder it is in.
#[test]
fn nothing_is_written_through_what_an_agent_put_in_the_place_of_its_page() {
    for how in [
        "rm -rf .conductor-context; ln -s \"$world\" .conductor-context",
        "mkdir -p .conductor-context; echo '*' > .conductor-context/.gitignore; ln -sf \"$world/precious\" .conductor-context/earlier-attempts.md",
        "rm -rf .conductor-context; mkfifo .conductor-context",
        "mkdir -p .conductor-context; mkfifo .conductor-context/.gitignore",
    ] {
        let mut world = World::new();
        world.set("agent.max_attempts", json!(3));
        fs::write(precious(&world), PRECIOUS).unwrap();
        world.ticket("T-1");
        let fails = Script::new().write("half.txt", "half").sh(how).exit(1);
        let first = Script::new().at_attempt(1, fails.clone()).at_attempt(2, fails);
        world.agent(&first.at_attempt(
            3,
            Script::works().sh("git rm -rq --cached .conductor-context; git commit -qm x; true"),
        ));
        let run = is_unharmed(&world, how, || world.once(&[]));
        assert_ne!(run.code(), 1, "{how}: {run}");
        assert!(!world.path().join("earlier-attempts.md").exists(), "{how}");
    }
}
