//! Saved, refused and published work.

use super::*;

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
