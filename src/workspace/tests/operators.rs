//! What people who tidy up are told.

use super::*;

#[test]
fn a_branch_named_like_the_prefix_is_named_with_a_remedy() {
    let world = World::new();
    let branches = world.all.remote_branches().unwrap();
    assert_eq!(world.all.prefix_conflict("conductor/", &branches), None);
    let base = world.all.base().unwrap();
    let push = RefPush { name: "refs/heads/conductor".to_owned(), to: Some(base), expect: None };
    world.all.remote.push(&[push], false).unwrap();
    let branches = world.all.remote_branches().unwrap();
    let told = world.all.prefix_conflict("conductor/", &branches).unwrap();
    assert!(told.contains("on the remote") && told.contains("repository.branch_prefix"), "{told}");
}

#[test]
fn workspaces_are_listed_and_removed_by_key() {
    let world = World::new();
    assert_eq!(world.all.list().unwrap(), []);
    let base = world.all.base().unwrap();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "half");
    let other = world.all.create("T-2", &BranchName::new("conductor/T-2"), &base, None).unwrap();
    Marker::drop_in(other.worktree.admin()).unwrap();
    let listed = world.all.list().unwrap();
    let told: Vec<(&str, bool)> = listed.iter().map(|found| (found.key.as_str(), found.whole)).collect();
    assert_eq!(told, [("T-1", true), ("T-2", false)]);
    assert_eq!(listed[0].branch, Some(BranchName::new(BRANCH)));
    assert!(listed[0].bytes() > 0 && listed[0].has_folder && listed[0].maker_lives);

    assert!(world.all.remove_by_key("T-1").unwrap() && world.all.remove_by_key("T-2").unwrap());
    assert!(!world.all.remove_by_key("T-1").unwrap());
    assert_eq!(world.all.list().unwrap(), []);
    let saved: Vec<String> = world.all.all_saved().unwrap().into_iter().map(|saved| saved.key).collect();
    assert_eq!(saved, ["T-1"]);
    assert_eq!(git(&world.checkout(), &["branch", "--list", "conductor/*"]), "");
}
