//! One commit of Conductor's instead of the agent's, and signatures on what Conductor commits.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::repo;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Two commits, and a file that is not committed.
fn work() -> Script {
    Script::new()
        .write("one.txt", "one")
        .commit("Add one")
        .write("two.txt", "two")
        .commit("Add two; closes #7 [skip ci]")
        .write("left.txt", "left")
}

fn subjects(world: &World) -> Vec<String> {
    let log = repo::git(&world.origin(), &["log", "--format=%s", "main..conductor/T-1"]);
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_squashed_change_is_one_commit_that_names_the_agents() {
    let mut world = World::new();
    world.set("publish.squash", json!(true));
    world.ticket("T-1");
    world.agent(&work());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["commits"], 1, "{run}");
    assert_eq!(subjects(&world), ["T-1: The work of T-1"]);
    let body = repo::git(&world.origin(), &["log", "-1", "--format=%b", "conductor/T-1"]);
    assert!(body.contains("* Add one\n* Add two") && body.contains("Conductor-Run: "), "{body}");
    assert!(!body.contains("[skip ci]") && !body.contains("closes #7"), "{body}");
    for file in ["one.txt", "two.txt", "left.txt"] {
        assert!(!repo::file_at(&world.origin(), "conductor/T-1", file).is_empty());
    }
    assert_eq!(run.dispatched("T-1")["head_sha"], world.head_of("conductor/T-1").unwrap(), "{run}");
}

#[test]
fn guards_judge_the_squashed_commit_and_what_only_passed_through_is_not_published() {
    let mut world = World::new();
    world.set("publish.squash", json!(true));
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4b";
    let passes = Script::new()
        .write("key.txt", secret)
        .commit("Add it")
        .sh("rm key.txt")
        .write("x.txt", "x")
        .commit("Take it out");
    world.ticket("T-1");
    world.agent(&passes);
    world.once(&[]).exits(0);
    let all = repo::git(&world.origin(), &["log", "-p", "--all"]);
    assert!(!all.contains(secret), "{all}");

    world.ticket("T-2");
    world.agent(&Script::new().write("key.txt", secret).commit("Add it"));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-2")["failure"], "guard_refused", "{run}");
}

#[test]
fn a_run_killed_before_its_push_delivers_the_squashed_commit() {
    let mut world = World::new();
    world.set("publish.squash", json!(true));
    world.origin_hook("pre-receive", "while read old new name; do case $name in refs/heads/conductor/T-*) kill_conductor; exit 1;; esac; done");
    world.ticket("T-1");
    world.agent(&work());
    world.start(&[]).wait().exits(-1);
    world.without_origin_hook("pre-receive");
    world.once(&[]).exits(0);
    assert_eq!((subjects(&world), world.started().len()), (vec!["T-1: The work of T-1".to_owned()], 1));
}

/// A key of SSH in the checkout's configuration, and who is believed.
fn with_an_ssh_key(world: &World) -> std::path::PathBuf {
    let key = world.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = world.path().join("signers");
    std::fs::write(&signers, format!("ann@example.org {public}")).unwrap();
    for (name, value) in
        [("commit.gpgSign", "true"), ("gpg.format", "ssh"), ("user.signingKey", key.to_str().unwrap())]
    {
        repo::git(&world.checkout(), &["config", name, value]);
    }
    signers
}

/// `G` for a good signature, `N` for none, newest commit first.
fn signatures(world: &World, signers: &Path) -> Vec<String> {
    let believed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let log = ["-c", &believed, "log", "--format=%G?", "main..conductor/T-1"];
    repo::git(&world.origin(), &log).lines().map(str::to_owned).collect()
}

#[test]
fn what_conductor_commits_is_signed_and_the_agent_never_sees_the_key() {
    let mut world = World::new();
    let signers = with_an_ssh_key(&world);
    world.set("agent.sandbox", json!("auto"));
    world.ticket("T-1");
    world.agent(&work().sh("cat \"$world/key\"; grep -rs 'OPENSSH[ ]PRIVATE' \"$world\" .git; env; true"));
    let run = world.once(&[]).exits(0);
    // The two of the agent's below it.
    assert_eq!(signatures(&world, &signers), ["G", "N", "N"], "{run}");
    if run.report()["sandbox"] != "none" {
        assert!(!world.log_of("T-1", "output.log").contains("OPENSSH PRIVATE"));
    }
    let author = repo::git(&world.origin(), &["log", "-1", "--format=%an <%ae>|%s", "conductor/T-1"]);
    assert_eq!(author, "Ann <ann@example.org>|T-1: The work of T-1");
}

#[test]
fn a_squashed_commit_is_signed() {
    let mut world = World::new();
    let signers = with_an_ssh_key(&world);
    world.set("publish.squash", json!(true));
    world.ticket("T-1");
    world.agent(&work());
    let run = world.once(&[]).exits(0);
    assert_eq!(signatures(&world, &signers), ["G"], "{run}");
}

#[test]
fn a_squashed_commit_is_signed_by_gpg_too() {
    let mut world = World::new();
    let home = world.path().join("gnupg");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .env("GNUPGHOME", &home)
            .output()
            .is_ok_and(|done| done.status.success())
    };
    let made = [
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-gen-key",
        "Ann <ann@example.org>",
        "ed25519",
        "sign",
        "never",
    ];
    if !gpg("gpg", &made) {
        eprintln!("skipped: no gpg to make a key with");
        return;
    }
    world.env("GNUPGHOME", home.to_str().unwrap());
    repo::git(&world.checkout(), &["config", "commit.gpgSign", "true"]);
    // A program the repository names signs nothing.
    repo::git(&world.checkout(), &["config", "gpg.program", "false"]);
    world.set("publish.squash", json!(true));
    world.ticket("T-1");
    world.agent(&work());
    let run = world.once(&[]);
    let commit = repo::git(&world.origin(), &["cat-file", "commit", "conductor/T-1"]);
    assert!(gpg("gpgconf", &["--kill", "all"]));
    assert_eq!(run.code(), 0, "{run}");
    assert!(commit.contains("gpgsig -----BEGIN PGP SIGNATURE-----"), "{commit}");
}

#[test]
fn a_key_that_cannot_sign_says_what_to_do_and_the_work_is_saved() {
    let mut world = World::new();
    with_an_ssh_key(&world);
    std::fs::remove_file(world.path().join("key")).unwrap();
    world.set("publish.squash", json!(true));
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&work());
    let run = world.once(&[]).exits(1);
    let told = run.dispatched("T-1")["error"].as_str().unwrap().to_owned();
    assert!(told.contains("could not be signed") && told.contains("commit.gpgSign"), "{run}");
    assert_eq!(repo::file_at(&world.vault(), "refs/conductor/wip/T-1", "left.txt"), "left");
}
