//! What stopped runs left at a workspace's place.

use super::*;

#[test]
fn a_tree_without_its_marker_is_thrown_away_and_never_saved() {
    let world = World::new();
    let workspace = world.create(None);
    fs::remove_file(workspace.path().join("app.txt")).unwrap();
    fs::remove_file(world.admin().join("conductor-workspace")).unwrap();
    let (branch, base) = (BranchName::new(BRANCH), world.all.base().unwrap());
    assert_eq!(world.all.left_work("T-1", &branch, &base).unwrap().head, None);
    is_clean_start(&world.create(None));
    assert!(world.refs("").iter().all(|sha| *sha == base), "{:?}", world.refs(""));
}

#[test]
fn commits_in_a_half_removed_workspace_stay_reachable_and_are_no_start() {
    let world = World::new();
    let workspace = world.create(None);
    let head = commit(&workspace, "done.txt");
    Marker::drop_in(workspace.worktree.admin()).unwrap();
    fs::remove_dir_all(workspace.path()).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!((world.refs("wip-earlier/T-1"), world.local(WIP)), (vec![head], None));
}

#[test]
fn registrations_that_were_stopped_half_way_are_mended() {
    let world = World::new();
    let (admin, place) = (world.admin(), world.place());
    let base = world.all.base().unwrap().to_string();
    // Stopped before it was known whose it is, with the folder made and without.
    for with_folder in [true, false] {
        fs::create_dir_all(&admin).unwrap();
        fs::write(admin.join("locked"), "initializing").unwrap();
        if with_folder {
            fs::create_dir_all(&place).unwrap();
        }
        let workspace = world.create(None);
        is_clean_start(&workspace);
        world.all.remove(&workspace).unwrap();
        fs::remove_dir_all(&admin).ok();
    }
    // Stopped while git still had it locked.
    git(
        &world.checkout(),
        &["worktree", "add", "-q", "--detach", "--no-checkout", place.to_str().unwrap(), &base],
    );
    fs::write(admin.join("locked"), "initializing").unwrap();
    is_clean_start(&world.create(None));
    // Files that never reached the disk.
    let workspace = world.create(None);
    fs::write(admin.join("gitdir"), "").unwrap();
    fs::write(admin.join("HEAD"), "").unwrap();
    for file in ["app.txt", "README.md"] {
        fs::remove_file(workspace.path().join(file)).unwrap();
    }
    is_clean_start(&world.create(None));
}

#[test]
fn another_tickets_registration_that_was_stopped_half_way_stops_nobody() {
    let world = World::new();
    let workspace = world.create(None);
    let other = world.checkout().join(".git/worktrees/T-2");
    let half_made = || {
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("gitdir"), format!("{}/.git\n", world.place().with_file_name("T-2").display()))
            .unwrap();
        fs::write(other.join("commondir"), "").unwrap();
    };
    half_made();
    write(&workspace, "half.txt", "half");
    workspace.reset().unwrap();
    is_clean_start(&workspace);
    world.all.remove(&workspace).unwrap();
    is_clean_start(&world.create(None));
    assert!(!other.exists());
}

#[test]
fn foreign_and_locked_folders_are_left_alone() {
    let world = World::new();
    let place = world.place();
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("precious.txt"), "mine").unwrap();
    let base = world.all.base().unwrap();
    let create = || world.all.create("T-1", &BranchName::new(BRANCH), &base, None).unwrap_err();
    assert!(create().to_string().contains("is not a workspace of this repository"));
    assert!(place.join("precious.txt").exists());
    fs::remove_dir_all(&place).unwrap();

    world.create(None);
    git(&world.checkout(), &["worktree", "lock", place.to_str().unwrap()]);
    assert!(create().to_string().contains("is locked"));
    assert!(world.all.remove_by_key("T-1").is_err() && place.join("app.txt").exists());
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
fn a_whole_workspace_that_cannot_be_read_is_put_aside_and_stops_nobody() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "half");
    fs::write(workspace.path().join(".git"), "gitdir: /elsewhere").unwrap();
    is_clean_start(&world.create(None));
    assert_eq!(world.put_aside(), ["app.txt", "half.txt"]);
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
fn commits_of_a_workspace_whose_folder_is_gone_are_saved() {
    let world = World::new();
    let workspace = world.create(None);
    let head = commit(&workspace, "done.txt");
    fs::remove_dir_all(workspace.path()).unwrap();
    is_clean_start(&world.create(None));
    assert_eq!(world.local(WIP), Some(head));
}

#[test]
fn locks_of_the_dead_are_removed_and_a_living_process_is_waited_for() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "half");
    let common = world.checkout().join(".git");
    let own = [
        world.admin().join("index.lock"),
        world.admin().join("HEAD.lock"),
        common.join("refs/heads/conductor/T-1.lock"),
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

    // A process of git in the checkout that is older than the lock may be its maker.
    let mut alive = Command::new("git")
        .current_dir(world.checkout())
        .args(["cat-file", "--batch"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lock = common.join("refs/heads/conductor/T-1.lock");
    fs::write(&lock, "").unwrap();
    let waited = std::thread::scope(|scope| {
        let cleared = scope.spawn(|| world.all.clear_stale_locks("conductor/"));
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
