//! Which file is taken.

use crate::support::World;
use std::fs;
use std::path::PathBuf;

const LOCAL: &str = "tracker: {kind: local}\nforge: {kind: local}\n";

#[test]
fn the_nearest_file_upwards_to_the_repositorys_root_is_taken() {
    let world = World::with_file(".github/conductor.yml", LOCAL);
    fs::create_dir_all(world.path().join(".git")).unwrap();
    let deep = world.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    let file = |world: &World| world.load_from(&deep).unwrap().file;
    assert_eq!(file(&world), world.path().join(".github/conductor.yml"));
    world.write(".conductor.yml", LOCAL);
    assert_eq!(file(&world), world.path().join(".conductor.yml"));
    world.write("conductor.yml", LOCAL);
    assert_eq!(file(&world), world.path().join("conductor.yml"));
    world.write("a/.conductor.yml", LOCAL);
    assert_eq!(file(&world), world.path().join("a/.conductor.yml"));
}

#[test]
fn nothing_above_the_repository_or_outside_of_one_is_taken() {
    let world = World::with_file("conductor.yml", LOCAL);
    let inner = world.path().join("repository/deep");
    fs::create_dir_all(&inner).unwrap();
    let told = world.load_from(&inner).unwrap_err().to_string();
    assert!(
        told.starts_with("no configuration: looked for conductor.yml, .conductor.yml, .github/conductor.yml"),
        "{told}"
    );
    assert!(told.contains("create conductor.yml"), "{told}");
    // A linked worktree has a file called .git.
    world.write("repository/.git", "gitdir: elsewhere\n");
    let told = world.load_from(&inner).unwrap_err().to_string();
    assert!(told.contains(&format!("upwards to {}", world.path().join("repository").display())), "{told}");
}

#[test]
fn a_near_miss_is_named() {
    let world = World::with_file("conductor.yaml", LOCAL);
    let told = world.load().unwrap_err().to_string();
    assert!(told.contains("conductor.yaml is there: rename it"), "{told}");
}

#[test]
fn a_named_file_is_taken_and_must_be_there() {
    let mut world = World::with_file("elsewhere/my.yml", LOCAL);
    world.explicit = Some(PathBuf::from("elsewhere/my.yml"));
    assert_eq!(world.load().unwrap().file, world.path().join("elsewhere/my.yml"));
    world.explicit = Some(PathBuf::from("missing.yml"));
    let told = world.load().unwrap_err().to_string();
    assert!(told.contains("missing.yml") && told.contains("no such file"), "{told}");
    world.explicit = Some(PathBuf::from("elsewhere"));
    assert!(world.load().unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_repository_is_the_one_around_the_file_unless_it_is_named() {
    let world = World::with_file(".github/conductor.yml", LOCAL);
    fs::create_dir_all(world.path().join(".git")).unwrap();
    assert_eq!(world.load().unwrap().repository.path, world.path());
    let named = World::with_file("sub/conductor.yml", format!("{LOCAL}repository: {{path: ./code}}\n"));
    let config = named.load_from(&named.path().join("sub")).unwrap();
    assert_eq!(config.repository.path, named.path().join("sub/code"));
}
