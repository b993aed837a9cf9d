//! A whole cycle from every kind of checkout, against git over HTTP with a token: the change is
//! delivered, and the checkout is what it was, also after an agent that tried to change it.

use crate::support::agent::Script;
use crate::support::conductor::{TOKEN, World};
use crate::support::github::smart_http::base64;
use crate::support::repo;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Everything of a checkout that a person would miss or wonder about.
fn fingerprint(checkout: &Path) -> BTreeMap<&'static str, String> {
    let told = |arguments: &[&str]| {
        // What a partial clone left out is not fetched to be looked at.
        let output = repo::command(checkout).env("GIT_NO_LAZY_FETCH", "1").args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let bytes = |name: &str| {
        let path = checkout.join(told(&["rev-parse", "--git-path", name]).trim());
        format!("{:?}", std::fs::read(path).ok())
    };
    BTreeMap::from([
        ("fsck", told(&["fsck", "--no-progress", "--connectivity-only"])),
        ("refs", told(&["for-each-ref"])),
        ("stash", told(&["stash", "list"])),
        ("worktrees", told(&["worktree", "list", "--porcelain"])),
        ("config", told(&["config", "--list", "--show-scope"])),
        ("index", bytes("index")),
        ("HEAD", bytes("HEAD")),
        ("shallow", bytes("shallow")),
        ("sparse", bytes("info/sparse-checkout")),
        ("alternates", bytes("objects/info/alternates")),
        ("files", files(checkout, checkout)),
    ])
}

fn files(top: &Path, folder: &Path) -> String {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let is_gits = |path: &Path| {
        let name = path.file_name().unwrap();
        name == ".git" || folder.join("HEAD").is_file() && folder == top
    };
    let tell = |path: &PathBuf| match path.is_dir() {
        true => files(top, path),
        false => format!("{} {:?}\n", path.display(), std::fs::read(path).ok()),
    };
    found.iter().filter(|path| !is_gits(path)).map(tell).collect()
}

fn world() -> World {
    let world = World::with_github();
    for number in 0..3 {
        let text = format!("{number}\n");
        repo::commit(&world.origin(), "main", &format!("Change {number}"), &[("src/app.txt", text.as_str())]);
    }
    world.ticket("T-1");
    std::fs::remove_dir_all(world.checkout()).unwrap();
    world
}

/// A clone by these words from the origin's files, which then talks to GitHub.
fn clone(world: &World, words: &[&str]) {
    let from = format!("file://{}", world.origin().display());
    let to = world.checkout();
    let command =
        [&["-c", "protocol.file.allow=always", "clone", "-q"][..], words, &[&from, to.to_str().unwrap()]]
            .concat();
    repo::git(world.path(), &command);
    repo::name_somebody(&to);
    repo::git(&to, &["remote", "set-url", "origin", &world.github().remote_url()]);
}

/// Tries to get at the checkout from inside.
const HOSTILE: &str = "cd \"$world/clone\" && { git config user.name Evil; git stash; git branch -f main HEAD~1;
    git update-ref -d refs/remotes/origin/main; git gc --prune=now; git worktree add ../evil; git sparse-checkout disable;
    echo evil > README.md; rm -f \"$(git rev-parse --git-path index)\"; git fetch --unshallow; } >/dev/null 2>&1; cd \"$CONDUCTOR_WORKSPACE_DIR\"";

/// The ticket is worked on twice, the second time by a hostile agent, and each change has what the
/// whole history has.
#[track_caller]
fn is_served(mut world: World) {
    let before = fingerprint(&world.checkout());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    delivers(&world, "T-1", &["README.md", "src/app.txt", "work.txt"]);
    unchanged(&world, &before);
    world.ticket("T-2");
    world.agent(&Script::works().sh(HOSTILE));
    world.set("agent.sandbox", json!("auto"));
    let run = world.once(&[]).exits(0);
    if run.report()["sandbox"] == "none" {
        eprintln!("skipped: no walls here, so nothing holds a hostile agent");
        return;
    }
    delivers(&world, "T-2", &["README.md", "src/app.txt", "work.txt"]);
    unchanged(&world, &before);
}

#[track_caller]
fn delivers(world: &World, key: &str, files: &[&str]) {
    let branch = format!("conductor/{key}");
    let listed = repo::git(&world.origin(), &["ls-tree", "-r", "--name-only", &branch]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), files, "{key}");
    let ahead = repo::git(&world.origin(), &["rev-list", "--count", &format!("main..{branch}")]);
    assert_eq!(ahead, "1", "{key}");
}

#[track_caller]
fn unchanged(world: &World, before: &BTreeMap<&'static str, String>) {
    let after = fingerprint(&world.checkout());
    for (what, then) in before {
        assert_eq!(&after[what], then, "{what}");
    }
}

#[test]
fn a_shallow_checkout() {
    let world = world();
    clone(&world, &["--depth", "1"]);
    is_served(world);
}

#[test]
fn a_partial_checkout() {
    let world = world();
    repo::git(&world.origin(), &["config", "uploadpack.allowFilter", "true"]);
    repo::git(&world.origin(), &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    clone(&world, &["--filter=blob:none", "--no-checkout"]);
    is_served(world);
}

#[test]
fn a_mirror() {
    let world = world();
    clone(&world, &["--mirror"]);
    is_served(world);
}

#[test]
fn a_bare_checkout() {
    let world = world();
    clone(&world, &["--bare"]);
    is_served(world);
}

#[test]
fn a_linked_worktree() {
    let world = world();
    clone(&world, &[]);
    let (main, linked) = (world.path().join("main"), world.checkout());
    std::fs::rename(&linked, &main).unwrap();
    repo::git(&main, &["worktree", "add", "-q", "-b", "mine", linked.to_str().unwrap()]);
    is_served(world);
}

#[test]
fn a_sparse_checkout() {
    let world = world();
    clone(&world, &["--sparse"]);
    repo::git(&world.checkout(), &["sparse-checkout", "set", "docs"]);
    is_served(world);
}

#[test]
fn a_checkout_with_sha256() {
    let world = world();
    std::fs::remove_dir_all(world.origin()).unwrap();
    let origin = world.origin();
    repo::git(
        world.path(),
        &["init", "-q", "--bare", "-b", "main", "--object-format=sha256", origin.to_str().unwrap()],
    );
    repo::commit(&origin, "main", "Begin", &[("README.md", "# A project\n"), ("src/app.txt", "one\n")]);
    clone(&world, &[]);
    is_served(world);
}

#[test]
fn a_checkout_with_reftable() {
    let world = world();
    let probe = world.path().join("probe");
    if !repo::try_git(world.path(), &["init", "-q", "--ref-format=reftable", probe.to_str().unwrap()])
        .status
        .success()
    {
        eprintln!("skipped: this git knows no reftable (2.45)");
        return;
    }
    clone(&world, &["--ref-format=reftable"]);
    is_served(world);
}

#[test]
fn a_checkout_that_borrows_objects() {
    let world = world();
    clone(&world, &[]);
    let (whole, shared) = (world.path().join("whole"), world.checkout());
    std::fs::rename(&shared, &whole).unwrap();
    repo::git(world.path(), &["clone", "-q", "--shared", "whole", shared.to_str().unwrap()]);
    repo::name_somebody(&shared);
    repo::git(&shared, &["remote", "set-url", "origin", &world.github().remote_url()]);
    is_served(world);
}

#[test]
fn a_checkout_that_pushes_elsewhere_than_it_fetches() {
    let mut world = world();
    world.set("forge.repository", json!("acme/app"));
    clone(&world, &[]);
    let from = format!("file://{}", world.origin().display());
    repo::git(&world.checkout(), &["remote", "set-url", "origin", &from]);
    repo::git(&world.checkout(), &["remote", "set-url", "--push", "origin", &world.github().remote_url()]);
    is_served(world);
}

#[test]
fn a_checkout_whose_remote_is_a_short_name_for_another() {
    let world = world();
    clone(&world, &[]);
    let url = world.github().remote_url();
    let base = url.strip_suffix("acme/app.git").unwrap();
    repo::git(&world.checkout(), &["config", &format!("url.{base}.insteadOf"), "gh:"]);
    repo::git(&world.checkout(), &["remote", "set-url", "origin", "gh:acme/app.git"]);
    is_served(world);
}

/// The login of a checkout's own is for its own calls.
#[test]
fn a_checkout_with_a_header_of_its_own() {
    let world = world();
    clone(&world, &[]);
    let header = format!("AUTHORIZATION: basic {}", base64(format!("x-access-token:{TOKEN}").as_bytes()));
    let key = format!("http.{}.extraheader", world.github().remote_url());
    repo::git(&world.checkout(), &["config", &key, &header]);
    is_served(world);
}

/// A program in the place of `ssh`: says how it was called, and goes to the origin on this machine.
#[test]
fn a_checkout_over_ssh_is_asked_nothing() {
    let mut world = World::new();
    let ssh = "printf '%s\\n' \"$*\" >> \"$world/calls\"\n\
        if [ -t 0 ] || (: </dev/tty) 2>/dev/null; then tell terminal; fi\n\
        for last; do :; done\nexec sh -c \"$last\"";
    world.script("ssh", ssh);
    world.env("PATH", &format!("{}:{}", world.path().display(), std::env::var("PATH").unwrap()));
    let url = format!("ssh://git@git.example{}", world.origin().display());
    repo::git(&world.checkout(), &["remote", "set-url", "origin", &url]);
    world.ticket("T-1");
    let before = fingerprint(&world.checkout());
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-1")["outcome"], "success", "{run}");
    unchanged(&world, &before);
    let calls = std::fs::read_to_string(world.path().join("calls")).unwrap();
    assert!(calls.lines().count() > 1 && calls.lines().all(|call| call.contains("BatchMode=yes")), "{calls}");
    assert!(!world.knows("terminal"));

    // One that wants to ask gives up at once, and says what a person does about it.
    world.script("ssh", "echo 'git@git.example: Permission denied (publickey).' >&2; exit 255");
    world.ticket("T-2");
    let run = world.once(&[]).exits(5);
    assert!(
        run.stderr.contains("Permission denied (publickey)") && run.stderr.contains("BatchMode"),
        "{run}"
    );
}
