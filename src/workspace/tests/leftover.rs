//! What stopped runs left at a workspace's place.

use super::*;

#[test]
fn a_tree_without_its_marker_is_thrown_away_and_never_saved() {
    let world = World::new();
    let workspace = world.create(None);
    fs::remove_file(workspace.path().join("app.txt")).unwrap();
    fs::remove_file(world.admin().join("conductor-workspace")).unwrap();
    let base = world.all.base().unwrap();
    assert_eq!(world.all.left_work("T-1", &base).unwrap().head, None);
    is_clean_start(&world.create(None));
    assert!(world.refs("").iter().all(|sha| *sha == base), "{:?}", world.refs(""));
}

#[test]
fn commits_in_a_half_removed_workspace_stay_reachable_and_are_no_start() {
    let world = World::new();
    let workspace = world.create(None);
    let head = commit(&workspace, "done.txt");
    Marker::drop_in(workspace.worktree.admin()).unwrap();
    fs::remove_file(workspace.path().join("app.txt")).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!((world.refs("wip-earlier/T-1"), world.local(WIP)), (vec![head], None));
}

#[test]
fn clones_that_were_stopped_half_way_are_made_anew() {
    let world = World::new();
    let (admin, place) = (world.admin(), world.place());
    // Stopped before it was known whose it is, with the folder made and without.
    for with_folder in [true, false] {
        fs::create_dir_all(&admin).unwrap();
        fs::write(admin.join("gitdir"), "").unwrap();
        if with_folder {
            fs::create_dir_all(&place).unwrap();
        }
        let workspace = world.create(None);
        is_clean_start(&workspace);
        world.all.remove(&workspace).unwrap();
        fs::remove_dir_all(&admin).ok();
    }
    // Stopped at any file of the clone's own.
    for made in [".git", ".git/objects", ".git/packed-refs", ".git/config"] {
        fs::create_dir_all(&admin).unwrap();
        fs::write(admin.join("gitdir"), format!("{}/.git\n", place.display())).unwrap();
        fs::create_dir_all(place.join(made).parent().unwrap()).unwrap();
        fs::write(place.join(made), "").unwrap();
        let workspace = world.create(None);
        is_clean_start(&workspace);
        world.all.remove(&workspace).unwrap();
    }
}

#[test]
fn foreign_folders_are_left_alone() {
    let world = World::new();
    let place = world.place();
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("precious.txt"), "mine").unwrap();
    let base = world.all.base().unwrap();
    let create = || world.all.create("T-1", &BranchName::new(BRANCH), &base, None).unwrap_err();
    assert!(create().to_string().contains("is not a workspace of this repository"));
    assert!(place.join("precious.txt").exists());
}

#[test]
fn what_a_stopped_removal_left_is_swept_by_the_next_creation() {
    let world = World::new();
    let workspace = world.create(None);
    let aside = crate::system::git::trash_for(workspace.path());
    Marker::drop_in(workspace.worktree.admin()).unwrap();
    fs::rename(workspace.path(), &aside).unwrap();
    is_clean_start(&world.create(None));
    assert!(!aside.exists());
}

#[test]
fn a_whole_workspace_without_its_folder_of_git_is_saved_all_the_same() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "half");
    fs::remove_dir_all(workspace.worktree.git_dir()).unwrap();
    fs::write(workspace.worktree.git_dir(), "gitdir: /elsewhere").unwrap();
    is_clean_start(&world.create(None));
    let saved = world.local(WIP).unwrap();
    let files = git(&world.checkout(), &["diff", "--name-only", "origin/main", saved.as_str()]);
    assert_eq!(files, "half.txt");
}

#[test]
fn after_a_loss_of_power_only_commits_are_taken_from_files_that_were_not_on_the_disk() {
    let world = World::new();
    let workspace = world.create(None);
    let head = commit(&workspace, "done.txt");
    fs::write(workspace.path().join("app.txt"), "").unwrap();
    let admin = workspace.worktree.admin();
    let marker = fs::read_to_string(admin.join("conductor-workspace")).unwrap();
    let mut marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
    marker["boot"] = "an earlier one".into();
    fs::write(admin.join("conductor-workspace"), marker.to_string()).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!(world.local(WIP), Some(head));
    assert_eq!(world.put_aside(), ["app.txt", "done.txt"]);
}

#[test]
fn a_workspace_whose_folder_is_gone_is_made_anew_and_what_was_saved_stays() {
    let world = World::new();
    let workspace = world.create(None);
    commit(&workspace, "done.txt");
    let saved = world.all.save(&workspace).unwrap();
    fs::remove_dir_all(workspace.path()).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!(world.local(WIP), saved);
}

#[test]
fn locks_of_the_dead_are_removed_and_a_living_process_is_waited_for() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "half");
    let common = world.checkout().join(".git");
    let own = [
        workspace.worktree.git_dir().join("index.lock"),
        workspace.worktree.git_dir().join("HEAD.lock"),
        workspace.worktree.git_dir().join("refs/heads/conductor/T-1.lock"),
        common.join("refs/conductor/wip/T-1.lock"),
        common.join("refs/conductor/wip-earlier/T-1/0123456789.lock"),
    ];
    let theirs = [common.join("index.lock"), common.join("refs/heads/main.lock")];
    for lock in own.iter().chain(&theirs) {
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(lock, "").unwrap();
    }
    let again = world.create(None);
    assert!(world.local(WIP).is_some());
    assert!(own.iter().all(|lock| !lock.exists()) && theirs.iter().all(|lock| lock.exists()));
    world.all.remove(&again).unwrap();
    theirs.iter().for_each(|lock| fs::remove_file(lock).unwrap());

    // A process of git in the repository that is older than the lock may be its maker.
    let mut alive = Command::new("git")
        .current_dir(world.checkout())
        .args(["cat-file", "--batch"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lock = common.join("refs/conductor/wip/T-2.lock");
    fs::write(&lock, "").unwrap();
    let waited = std::thread::scope(|scope| {
        let cleared = scope.spawn(|| world.all.clear_stale_locks());
        std::thread::sleep(std::time::Duration::from_millis(200));
        let waited = lock.exists();
        drop(alive.stdin.take());
        alive.wait().unwrap();
        cleared.join().unwrap().unwrap();
        waited
    });
    assert!(waited && !lock.exists());
}

#[test]
fn a_reset_that_was_stopped_half_way_leaves_nothing_that_is_taken_for_work() {
    let world = World::new();
    let workspace = world.create(None);
    commit(&workspace, "done.txt");
    Marker::drop_in(workspace.worktree.admin()).unwrap();
    fs::remove_file(workspace.path().join("app.txt")).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!(world.local(WIP), None);
}
