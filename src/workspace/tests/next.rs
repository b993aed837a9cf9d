//! Going on from earlier work.

use super::*;

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
    let work = again.finish(&fresh, "Do the work", Reading { commits: 100, patch: 1 << 20 }).unwrap();
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
    fs::write(workspace.worktree.git_dir().join("index.lock"), "").unwrap();
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
