//! Workspaces over real repositories: what is whole, what is saved, what is gone on from.

use super::*;
use crate::system::git::RefPush;
use std::fs;
use std::process::Command;

const BRANCH: &str = "conductor/T-1";
const WIP: &str = "refs/conductor/wip/T-1";

/// An origin with two files, a checkout, and its workspaces.
struct World {
    folder: tempfile::TempDir,
    all: Workspaces,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]);
    let output = command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn workspaces(folder: &Path, checkout: &str) -> Workspaces {
    let repository = Repository::open(&folder.join(checkout)).unwrap();
    let url = format!("file://{}", folder.join("origin.git").display());
    let remote = Remote::new(&repository, "origin", url);
    Workspaces::new(repository, remote, "main", folder.join(format!("{checkout}-work")))
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        git(at, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
        git(at, &["init", "-q", "-b", "main", "seed"]);
        fs::write(at.join("seed/app.txt"), "one\n").unwrap();
        fs::write(at.join("seed/README.md"), "# A project\n").unwrap();
        git(&at.join("seed"), &["add", "-A"]);
        git(&at.join("seed"), &["commit", "-qm", "Begin"]);
        git(&at.join("seed"), &["push", "-q", "../origin.git", "main"]);
        git(at, &["clone", "-q", "origin.git", "clone"]);
        let all = workspaces(at, "clone");
        Self { folder, all }
    }

    /// Another machine: a clone of its own, with this much history.
    fn elsewhere(&self, name: &str, depth: &str) -> Workspaces {
        let url = format!("file://{}", self.origin().display());
        git(self.folder.path(), &["clone", "-q", depth, &url, name]);
        workspaces(self.folder.path(), name)
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    fn checkout(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    fn create(&self, start: Option<&Sha>) -> Workspace {
        create(&self.all, start)
    }

    fn local(&self, name: &str) -> Option<Sha> {
        self.all.local(name).unwrap()
    }

    /// The checkout's refs of that kind, without the prefix.
    fn refs(&self, prefix: &str) -> Vec<Sha> {
        self.all.repository.refs(&format!("refs/conductor/{prefix}")).unwrap().into_values().collect()
    }

    /// What the base becomes when somebody else's change is merged.
    fn move_base(&self) {
        let seed = self.folder.path().join("seed");
        fs::write(seed.join("other.txt"), "theirs\n").unwrap();
        git(&seed, &["add", "-A"]);
        git(&seed, &["commit", "-qm", "Theirs"]);
        git(&seed, &["push", "-q", "../origin.git", "main"]);
    }

    fn admin(&self) -> PathBuf {
        self.checkout().join(".git/worktrees/T-1")
    }

    fn place(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("clone-work/T-1")
    }
}

fn create(all: &Workspaces, start: Option<&Sha>) -> Workspace {
    all.create("T-1", &BranchName::new(BRANCH), &all.base().unwrap(), start).unwrap()
}

fn write(workspace: &Workspace, path: &str, text: &str) {
    fs::write(workspace.path().join(path), text).unwrap();
}

fn commit(workspace: &Workspace, path: &str) -> Sha {
    write(workspace, path, path);
    git(workspace.path(), &["add", path]);
    git(workspace.path(), &["commit", "-qm", &format!("Add {path}")]);
    Sha::new(git(workspace.path(), &["rev-parse", "HEAD"]))
}

/// The paths that differ between the base and a commit.
fn changes(all: &Workspaces, head: &Sha) -> Vec<String> {
    let files = all.repository.diff(&all.base().unwrap(), head.as_str()).unwrap();
    files.into_iter().map(|file| format!("{}{}", file.kind, file.path)).collect()
}

fn is_clean_start(workspace: &Workspace) {
    assert_eq!(git(workspace.path(), &["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(workspace.path().join("app.txt")).unwrap(), "one\n");
    assert!(workspace.continued().is_empty());
}

#[test]
fn nothing_is_saved_of_a_workspace_in_which_nothing_was_changed() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "cache.bin", "made by a hook");
    workspace.note_prepared().unwrap();
    assert_eq!(world.all.save(&workspace).unwrap(), None);
    write(&workspace, "app.txt", "two\n");
    let saved = world.all.save(&workspace).unwrap().unwrap();
    assert_eq!(changes(&world.all, &saved), ["Mapp.txt"]);
    // Saving changes nothing in the workspace, and the same work is not saved twice.
    assert_eq!(git(workspace.path(), &["rev-parse", "HEAD"]), world.all.base().unwrap().to_string());
    assert_eq!(git(workspace.path(), &["status", "--porcelain"]), " M app.txt\n?? cache.bin");
    assert_eq!(world.all.save(&workspace).unwrap(), Some(saved));
}

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
    let aside: Vec<PathBuf> = fs::read_dir(world.place().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".damaged-T-1"))
        .collect();
    assert_eq!(fs::read_to_string(aside[0].join("half.txt")).unwrap(), "half");
}

#[test]
fn after_a_loss_of_power_only_commits_are_taken_from_files_that_were_not_on_the_disk() {
    let world = World::new();
    let workspace = world.create(None);
    let head = commit(&workspace, "done.txt");
    fs::write(workspace.path().join("app.txt"), "").unwrap();
    let admin = workspace.worktree.admin();
    while !admin.join("conductor-workspace.synced").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    fs::remove_file(admin.join("conductor-workspace.synced")).unwrap();
    let marker = fs::read_to_string(admin.join("conductor-workspace")).unwrap();
    let mut marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
    marker["boot"] = "an earlier one".into();
    fs::write(admin.join("conductor-workspace"), marker.to_string()).unwrap();
    world.create(None);
    assert_eq!(world.local(WIP), Some(head));
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
fn saved_work_is_gone_on_from_with_its_commits_and_its_uncommitted_files() {
    let world = World::new();
    let workspace = world.create(None);
    let done = commit(&workspace, "done.txt");
    write(&workspace, "half.txt", "half");
    write(&workspace, "app.txt", "two\n");
    fs::remove_file(workspace.path().join("README.md")).unwrap();
    let saved = world.all.save(&workspace).unwrap().unwrap();
    assert_ne!(saved, done);
    world.all.remove(&workspace).unwrap();
    world.move_base();

    let fresh = workspaces(world.folder.path(), "clone");
    let again = create(&fresh, Some(&saved));
    let continued = again.continued();
    assert_eq!(continued.commits.iter().map(CommitInfo::subject).collect::<Vec<_>>(), ["Add done.txt"]);
    assert_eq!(continued.uncommitted, ["README.md", "app.txt", "half.txt"]);
    assert_eq!(git(again.path(), &["rev-parse", "HEAD"]), done.to_string());
    assert_eq!(git(again.path(), &["status", "--porcelain"]), "D  README.md\nM  app.txt\nA  half.txt");
    assert_eq!(git(again.path(), &["symbolic-ref", "HEAD"]), format!("refs/heads/{BRANCH}"));
    // Nothing was done since: nothing new is saved, and what was saved stays the newest.
    assert_eq!((fresh.save(&again).unwrap(), world.local(WIP)), (None, Some(saved.clone())));

    write(&again, "more.txt", "more");
    let newer = fresh.save(&again).unwrap().unwrap();
    assert_eq!((world.local(WIP), world.refs("wip-earlier/T-1")), (Some(newer), vec![saved]));
    let work = again.finish(&fresh, "Do the work", 1 << 20).unwrap();
    let subjects: Vec<&str> = work.commits.iter().map(CommitInfo::subject).collect();
    assert_eq!(subjects, ["Do the work", "Add done.txt"]);
}

#[test]
fn work_that_lost_its_base_is_set_aside_and_is_no_start() {
    let world = World::new();
    let seed = world.folder.path().join("seed");
    git(&seed, &["checkout", "-q", "--orphan", "other"]);
    git(&seed, &["commit", "-qm", "Another history"]);
    git(&seed, &["push", "-q", "../origin.git", "other:refs/conductor/wip/T-1"]);
    let saved = world.all.saved("T-1").unwrap().unwrap();
    let workspace = world.create(Some(&saved));
    is_clean_start(&workspace);
    assert!(workspace.continued().lost.as_ref().unwrap().contains("does not build on the history of main"));
    assert_eq!((world.refs("refused/T-1"), world.local(WIP)), (vec![saved], None));
}

#[test]
fn a_workspace_is_made_ready_for_the_next_attempt_without_losing_anything() {
    let world = World::new();
    let workspace = world.create(None);
    let at = workspace.path().to_owned();
    let first = commit(&workspace, "one.txt");
    git(&at, &["checkout", "-q", "-b", "agents-own"]);
    let second = commit(&workspace, "two.txt");
    git(&at, &["checkout", "-q", "--detach"]);
    let third = commit(&workspace, "three.txt");
    write(&workspace, "half.txt", "half");
    fs::write(workspace.worktree.admin().join("index.lock"), "").unwrap();
    let continued = workspace.prepare_next().unwrap();
    let heads: Vec<&Sha> = continued.commits.iter().map(|commit| &commit.sha).collect();
    assert_eq!(heads, [&third, &second, &first]);
    assert_eq!(continued.uncommitted, ["half.txt"]);
    assert_eq!(git(&at, &["symbolic-ref", "HEAD"]), format!("refs/heads/{BRANCH}"));

    // What a hook makes now is not the agent's, and what the agent had made still is.
    write(&workspace, "cache.bin", "made by a hook");
    workspace.note_prepared().unwrap();
    let saved = world.all.save(&workspace).unwrap().unwrap();
    let changed = changes(&world.all, &saved);
    assert!(changed.contains(&"Ahalf.txt".to_owned()) && !changed.contains(&"Acache.bin".to_owned()));
}

#[test]
fn an_agent_that_looked_back_at_the_base_loses_no_commit() {
    let world = World::new();
    let workspace = world.create(None);
    let done = commit(&workspace, "done.txt");
    git(workspace.path(), &["checkout", "-q", "--detach", "HEAD~1"]);
    let continued = workspace.prepare_next().unwrap();
    assert_eq!(continued.commits[0].sha, done);
    assert!(workspace.path().join("done.txt").exists());
}

#[test]
fn half_way_merges_rebases_and_picks_are_ended_and_the_commits_stay() {
    for operation in [&["merge", "other"][..], &["rebase", "other"], &["cherry-pick", "other"]] {
        let world = World::new();
        let workspace = world.create(None);
        let at = workspace.path().to_owned();
        git(&at, &["checkout", "-q", "-b", "other"]);
        write(&workspace, "app.txt", "theirs\n");
        git(&at, &["commit", "-qam", "Theirs"]);
        git(&at, &["checkout", "-q", BRANCH]);
        write(&workspace, "app.txt", "ours\n");
        git(&at, &["commit", "-qam", "Ours"]);
        let ours = git(&at, &["rev-parse", "HEAD"]);
        let stopped = Command::new("git")
            .current_dir(&at)
            .args(["-c", "user.name=Ann", "-c", "user.email=a@example.org"])
            .args(operation)
            .output()
            .unwrap();
        assert!(!stopped.status.success(), "{operation:?}");
        let continued = workspace.prepare_next().unwrap();
        assert_eq!(git(&at, &["rev-parse", BRANCH]), ours, "{operation:?}");
        assert_eq!(continued.uncommitted, Vec::<String>::new(), "{operation:?}");
        assert_eq!(fs::read_to_string(at.join("app.txt")).unwrap(), "ours\n", "{operation:?}");
        assert!(!git(&at, &["status"]).contains("in progress"), "{operation:?}");
    }
}

#[test]
fn refused_work_stays_reachable_and_is_never_a_start_again() {
    let world = World::new();
    // Attempt 1 goes on from saved work that was published, and is refused.
    let workspace = world.create(None);
    write(&workspace, "secret.txt", "half");
    let published = world.all.save(&workspace).unwrap().unwrap();
    world.all.publish_saved("T-1", &published).unwrap();
    world.all.remove(&workspace).unwrap();
    let workspace = world.create(Some(&published));
    let head = commit(&workspace, "secret.txt");
    assert_eq!(world.all.refuse(&workspace).unwrap(), Some(head.clone()));
    assert_eq!(world.local(WIP), None);
    let refused = world.refs("refused/T-1");
    assert!(refused.contains(&head) && refused.contains(&published) && refused.len() == 2);
    // The remote still has it, which is known here; then it has not.
    assert_eq!(world.all.saved("T-1").unwrap(), None);
    world.all.withdraw_saved("T-1").unwrap();
    let there = world.all.remote.refs(&["refs/conductor/*".to_owned()]).unwrap();
    let aside = format!("refs/conductor/refused/T-1/{}", published.short());
    assert_eq!(there.into_iter().collect::<Vec<_>>(), [(aside, published.clone())]);

    // Attempt 2 is killed at its start, before or after the workspace was reset.
    for is_reset in [false, true] {
        if is_reset {
            create(&world.all, None).reset().unwrap();
        }
        let third = world.create(Some(&published));
        is_clean_start(&third);
        assert!(third.continued().lost.as_ref().unwrap().contains("was refused by a guard"));
        assert!(!third.path().join("secret.txt").exists());
        assert_eq!((world.all.saved("T-1").unwrap(), world.local(WIP)), (None, None));
    }
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

#[test]
fn commits_of_attempts_on_three_runners_that_forget_are_all_reachable_on_the_remote() {
    let world = World::new();
    let mut heads = Vec::new();
    for (runner, depth) in [("a", "--depth=1"), ("b", "--depth=50"), ("c", "--depth=1")] {
        let all = world.elsewhere(runner, depth);
        let workspace = create(&all, None);
        heads.push(commit(&workspace, &format!("{runner}.txt")));
        write(&workspace, "half.txt", runner);
        let saved = all.save(&workspace).unwrap().unwrap();
        all.publish_saved("T-1", &saved).unwrap();
        all.publish_saved("T-1", &saved).unwrap();
    }
    let reachable = git(&world.origin(), &["rev-list", "--all"]);
    assert!(heads.iter().all(|head| reachable.contains(head.as_str())), "{heads:?}\n{reachable}");
    let newest = world.all.saved("T-1").unwrap().unwrap();
    let workspace = world.create(Some(&newest));
    assert!(workspace.path().join("c.txt").exists() && !workspace.path().join("a.txt").exists());

    world.all.clear_saved("T-1").unwrap();
    assert_eq!(world.all.remote.refs(&["refs/conductor/*".to_owned()]).unwrap().len(), 0);
    assert!(world.refs("wip").is_empty() && world.all.all_saved().unwrap().is_empty());
}

#[test]
fn what_this_machine_saved_after_the_remote_had_it_is_the_newer_one() {
    let world = World::new();
    let workspace = world.create(None);
    write(&workspace, "half.txt", "one");
    let first = world.all.save(&workspace).unwrap().unwrap();
    world.all.publish_saved("T-1", &first).unwrap();
    write(&workspace, "half.txt", "two");
    let second = world.all.save(&workspace).unwrap().unwrap();
    assert_eq!(world.all.saved("T-1").unwrap(), Some(second.clone()));
    // Another machine went on from what was published.
    let other = world.elsewhere("other", "--depth=1");
    let there = other.saved("T-1").unwrap().unwrap();
    let workspace = create(&other, Some(&there));
    write(&workspace, "half.txt", "three");
    let third = other.save(&workspace).unwrap().unwrap();
    other.publish_saved("T-1", &third).unwrap();
    assert_eq!((there, world.all.saved("T-1").unwrap()), (first, Some(third)));
}

#[test]
fn a_shallow_clone_finds_and_uses_work_that_was_saved_before_the_base_moved() {
    let world = World::new();
    let workspace = world.create(None);
    let done = commit(&workspace, "done.txt");
    let saved = world.all.save(&workspace).unwrap().unwrap();
    world.all.publish_saved("T-1", &saved).unwrap();
    world.move_base();
    let shallow = world.elsewhere("shallow", "--depth=1");
    assert!(shallow.repository.is_shallow());
    let there = shallow.saved("T-1").unwrap().unwrap();
    let again = create(&shallow, Some(&there));
    assert_eq!(again.continued().lost, None);
    assert_eq!(again.continued().commits.iter().map(|one| &one.sha).collect::<Vec<_>>(), [&done]);
}

#[test]
fn a_remote_that_refuses_saved_work_says_so_in_its_own_words() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let workspace = world.create(None);
    commit(&workspace, "done.txt");
    let saved = world.all.save(&workspace).unwrap().unwrap();
    let hook = world.origin().join("hooks/update");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let error = world.all.publish_saved("T-1", &saved).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, WorkspaceError::Refused { .. }), "{text}");
    assert!(text.contains(WIP) && text.contains("hook declined"), "{text}");
}

#[test]
fn a_branch_named_like_the_prefix_is_named_with_a_remedy() {
    let world = World::new();
    assert_eq!(world.all.prefix_conflict("conductor/").unwrap(), None);
    git(&world.checkout(), &["branch", "conductor", "origin/main"]);
    let told = world.all.prefix_conflict("conductor/").unwrap().unwrap();
    assert!(told.contains("`conductor` in this repository") && told.contains("git branch -m"), "{told}");
    assert_eq!(world.all.prefix_conflict("bot/").unwrap(), None);

    let branches = world.all.remote_branches().unwrap();
    assert_eq!(world.all.prefix_conflict_on_remote("conductor/", &branches), None);
    let base = world.all.base().unwrap();
    let push = RefPush { name: "refs/heads/conductor".to_owned(), to: Some(base), expect: None };
    world.all.remote.push(&[push], false).unwrap();
    let branches = world.all.remote_branches().unwrap();
    let told = world.all.prefix_conflict_on_remote("conductor/", &branches).unwrap();
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
