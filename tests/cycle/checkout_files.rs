//! Files in a workspace are as they are in the checkout: line ends, patterns of a sparse checkout, large
//! files, submodules.

use crate::support::agent::Script;
use crate::support::conductor::World;
use crate::support::repo;
use std::path::Path;

fn delivered(world: &World, path: &str) -> Vec<u8> {
    repo::try_git(&world.origin(), &["show", &format!("conductor/T-1:{path}")]).stdout
}

#[test]
fn line_ends_are_those_of_the_checkout_and_none_is_changed_in_the_repository() {
    let world = World::new();
    repo::git(&world.checkout(), &["config", "core.autocrlf", "true"]);
    world.ticket("T-1");
    let looks = "grep -q \"$(printf 'one\\r')\" src/app.txt && tell crlf; printf 'two\\r\\n' >> src/app.txt";
    world.agent(&Script::new().sh(looks));
    world.once(&[]).exits(0);
    assert!(world.knows("crlf"));
    assert_eq!(delivered(&world, "src/app.txt"), b"one\ntwo\n");
}

#[test]
fn only_the_part_that_is_checked_out_is_there_and_what_is_made_beside_it_is_delivered() {
    let world = World::new();
    repo::commit(&world.origin(), "main", "More", &[("docs/a.txt", "a"), ("other/b.txt", "b")]);
    repo::git(&world.checkout(), &["pull", "-q"]);
    repo::git(&world.checkout(), &["sparse-checkout", "set", "docs"]);
    world.ticket("T-1");
    let looks = "[ -e docs/a.txt ] && ! [ -e other ] && ! [ -e src ] && tell sparse";
    world.agent(&Script::new().sh(looks).write("docs/new.txt", "new").write("beside/new.txt", "new"));
    world.once(&[]).exits(0);
    assert!(world.knows("sparse"));
    let changes = ["diff", "--name-status", "main", "conductor/T-1"];
    assert_eq!(repo::git(&world.origin(), &changes), "A\tbeside/new.txt\nA\tdocs/new.txt");

    // Without its folder of git the workspace is as sparse as before: nothing is taken for deleted.
    world.ticket("T-2");
    world.agent(&Script::new().write("docs/new.txt", "new").sh("rm -rf .git"));
    world.once(&[]).exits(0);
    let changes = ["diff", "--name-status", "main", "conductor/T-2"];
    assert_eq!(repo::git(&world.origin(), &changes), "A\tdocs/new.txt");
}

/// `git lfs` in a folder, which is told of nobody's home.
fn lfs(folder: &Path, arguments: &[&str]) -> bool {
    let all = [&["lfs"], arguments].concat();
    repo::try_git(folder, &all).status.success()
}

#[test]
fn large_files_are_there_for_the_agent_and_pushed_with_its_change() {
    let world = World::new();
    let checkout = world.checkout();
    if !lfs(&checkout, &["install", "--local"]) {
        eprintln!("skipped: git-lfs is not here");
        return;
    }
    let url = format!("file://{}", world.origin().display());
    repo::git(&checkout, &["remote", "set-url", "origin", &url]);
    std::fs::write(checkout.join(".gitattributes"), "*.bin filter=lfs diff=lfs merge=lfs -text\n").unwrap();
    std::fs::write(checkout.join("old.bin"), "an old large file").unwrap();
    repo::git(&checkout, &["add", "-A"]);
    repo::git(&checkout, &["commit", "-qm", "Large"]);
    repo::git(&checkout, &["push", "-q", "origin", "HEAD:main"]);
    // As in a fresh checkout on a runner, which has none of them.
    std::fs::remove_dir_all(checkout.join(".git/lfs")).unwrap();
    world.ticket("T-1");
    let looks = "[ \"$(cat old.bin)\" = 'an old large file' ] && tell there";
    world.agent(&Script::new().sh(looks).write("new.bin", "a new large file").write("x.txt", "x"));
    let run = world.once(&[]);
    assert_eq!(run.code(), 0, "{run}");
    assert!(world.knows("there"), "{run}");
    assert!(String::from_utf8_lossy(&delivered(&world, "new.bin")).starts_with("version https://git-lfs"));
    assert_eq!(delivered(&world, "x.txt"), b"x");
    assert!(!checkout.join(".git/lfs/objects").exists());

    // A person who checks the change out has the file.
    let review = world.path().join("review");
    repo::git(
        world.path(),
        &[
            "-c",
            "filter.lfs.process=git-lfs filter-process",
            "-c",
            "filter.lfs.required=true",
            "clone",
            "-q",
            "-b",
            "conductor/T-1",
            &url,
            review.to_str().unwrap(),
        ],
    );
    assert_eq!(std::fs::read_to_string(review.join("new.bin")).unwrap(), "a new large file");
}

/// A project with a submodule at `vendor/lib`, which the checkout has.
fn with_a_submodule() -> World {
    let world = World::new();
    let (library, checkout) = (world.path().join("lib.git"), world.checkout());
    repo::bare(&library);
    repo::commit(&library, "main", "Begin", &[("lib.txt", "library")]);
    repo::commit(&library, "main", "Go on", &[("lib.txt", "library 2")]);
    let add = [
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        library.to_str().unwrap(),
        "vendor/lib",
    ];
    repo::git(&checkout, &add);
    repo::git(&checkout.join("vendor/lib"), &["checkout", "-q", "HEAD~1"]);
    repo::git(&checkout, &["add", "-A"]);
    repo::git(&checkout, &["commit", "-qm", "Add a library"]);
    repo::git(&checkout, &["push", "-q", "origin", "HEAD:main"]);
    world.ticket("T-1");
    world
}

#[test]
fn submodules_of_the_checkout_are_there_and_can_be_moved_to_what_their_remote_has() {
    let world = with_a_submodule();
    let before = repo::Belongings::of(&world.checkout());
    let looks = "[ \"$(cat vendor/lib/lib.txt)\" = library ] && git -C vendor/lib status && tell there";
    world.agent(&Script::works().sh(looks));
    let run = world.once(&[]).exits(0);
    assert!(world.knows("there"), "{run}");
    assert_eq!(repo::git(&world.origin(), &["diff", "--name-only", "main", "conductor/T-1"]), "work.txt");

    world.ticket("T-2");
    let newest = repo::sha(&world.path().join("lib.git"), "main").unwrap();
    world.agent(&Script::new().sh(&format!("git -C vendor/lib checkout -q {newest}")));
    let run = world.once(&[]).exits(0);
    assert_eq!(run.dispatched("T-2")["outcome"], "success", "{run}");
    let tree = repo::git(&world.origin(), &["ls-tree", "conductor/T-2", "vendor/lib"]);
    assert!(tree.contains(&newest), "{tree}");
    assert_eq!(repo::Belongings::of(&world.checkout()).changed_since(&before), [""; 0]);
}

#[test]
fn a_submodules_commit_that_would_stay_behind_is_no_success() {
    let mut world = with_a_submodule();
    world.set("agent.max_attempts", serde_json::json!(1));
    world.agent(&Script::new().sh(
        "cd vendor/lib && echo mine > lib.txt && git -c user.name=A -c user.email=a@b commit -qam mine && cd ../..",
    ));
    let run = world.once(&[]).exits(3);
    let told = run.dispatched("T-1")["error"].as_str().unwrap().to_owned();
    assert!(told.contains("vendor/lib") && told.contains("remotes do not have"), "{run}");
    assert!(world.branches().is_empty());
}
