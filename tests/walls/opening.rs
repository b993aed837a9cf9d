//! What the configuration opens and hides, and what is told when walls cannot be had.

use crate::world::World;
use crate::{agent, kinds};
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn places_can_be_opened_and_hidden_by_name() {
    for kind in kinds() {
        let world = World::new(&agent(kind, "", &[]));
        for (file, text) in [(".npmrc", "registry"), ("notes", "private"), ("shared/old", "old")] {
            let path = world.path("home").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        world.configure(|config| {
            let agent = &mut config["agent"];
            agent["writable"] = json!(["~/shared"]);
            agent["readable"] = json!(["~/.npmrc"]);
            agent["hidden"] = json!(["~/notes"]);
            agent["command"][2] = json!(
                "cat ~/.npmrc > hello.txt; echo new > ~/shared/new; rm ~/shared/old; cat ~/notes >> hello.txt; true"
            );
        });
        let ran = world.once();
        assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{kind}: {}\n{}", ran.report, ran.stderr);
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "registry", "{kind}");
        assert!(world.path("home/shared/new").exists() && !world.path("home/shared/old").exists(), "{kind}");
    }
}

#[test]
fn the_strongest_walls_that_work_are_taken_without_being_asked_for() {
    let Some(strongest) = kinds().first().copied() else { return };
    let world = World::new(
        &json!({"kind": "command", "command": ["sh", "-c", "echo hello > hello.txt; echo out > $HOME/out; true"]}),
    );
    let ran = world.once();
    assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{}\n{}", ran.report, ran.stderr);
    assert_eq!(ran.report["sandbox"], strongest);
    assert_eq!(world.changed_outside(), [""; 0]);
}

#[test]
fn caches_of_package_managers_stay_open() {
    for kind in kinds() {
        let world = World::new(&agent(
            kind,
            "echo hello > hello.txt; echo cached > ~/.npm/cached && echo cached > ~/.cache/x/cached",
            &[],
        ));
        for place in [".npm", ".cache/x"] {
            fs::create_dir_all(world.path("home").join(place)).unwrap();
        }
        let ran = world.once();
        assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{kind}: {}\n{}", ran.report, world.log());
        assert!(
            world.path("home/.npm/cached").exists() && world.path("home/.cache/x/cached").exists(),
            "{kind}"
        );
    }
}

#[test]
fn private_caches_are_a_folder_of_the_repositorys_own_and_the_users_stay_as_they_are() {
    for kind in kinds() {
        let script = "echo hello > hello.txt; echo cached > \"$npm_config_cache/cached\"
            mkdir -p \"$XDG_CACHE_HOME\" && echo cached > \"$XDG_CACHE_HOME/cached\"
            (echo out > ~/.npm/cached); (echo out > ~/.cache/cached); cat \"$npm_config_cache/earlier\" >> hello.txt; true";
        let world = World::new(&agent(kind, script, &[("private_caches", json!(true))]));
        for place in ["home/.npm", "home/.cache", "clone/.git/conductor/caches/npm"] {
            fs::create_dir_all(world.path(place)).unwrap();
        }
        fs::write(world.path("clone/.git/conductor/caches/npm/earlier"), "kept\n").unwrap();
        let ran = world.once();
        assert_eq!(ran.verdict(), (Some(0), "success", "-"), "{kind}: {}\n{}", ran.report, world.log());
        assert_eq!(world.git("origin.git", &["show", "conductor/T-1:hello.txt"]), "hello\nkept", "{kind}");
        for place in ["npm/cached", "xdg/cached"] {
            assert!(world.path("clone/.git/conductor/caches").join(place).exists(), "{kind}: {place}");
        }
        assert!(
            !world.path("home/.npm/cached").exists() && !world.path("home/.cache/cached").exists(),
            "{kind}"
        );
    }
}

#[test]
fn an_exit_code_comes_through_the_walls() {
    for kind in kinds() {
        let ran = World::new(&agent(kind, "echo half > half.txt; exit 7", &[])).once();
        assert_eq!(ran.verdict(), (Some(3), "partial", "agent_exit"), "{kind}: {}", ran.report);
        assert!(ran.told()["error"].as_str().unwrap().contains("code 7"), "{kind}: {}", ran.told());
    }
}

#[test]
fn a_program_that_is_not_there_is_named_behind_walls_too() {
    for kind in kinds() {
        let world = World::new(&agent(kind, "", &[("command", json!(["no-such-program"]))]));
        let ran = world.once();
        assert_ne!(ran.code, Some(0), "{kind}: {}", ran.report);
        let told = format!("{}{}", ran.report, ran.stderr);
        assert!(told.contains("no-such-program: not found"), "{kind}: {told}");
    }
}

#[test]
fn without_bubblewrap_nothing_is_claimed_by_who_asks_for_it() {
    let world = World::new(&agent("bubblewrap", "true", &[]));
    // The programs a run needs, and no other.
    let bin = world.path("bin");
    fs::create_dir(&bin).unwrap();
    for program in ["git", "sh"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        std::os::unix::fs::symlink(String::from_utf8(found.stdout).unwrap().trim(), bin.join(program))
            .unwrap();
    }
    let world = world.with("PATH", bin.to_str().unwrap());
    let ran = world.once();
    assert_eq!(ran.code, Some(2), "{}", ran.report);
    assert!(ran.stderr.contains("agent.sandbox: bwrap is not on PATH"), "{}", ran.stderr);
    assert!(world.git("origin.git", &["for-each-ref", "refs/heads/conductor"]).is_empty());
}
