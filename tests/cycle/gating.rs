//! What must hold before anything leaves the machine: gates and guards.

use crate::support::agent::Script;
use crate::support::conductor::{Run, TOKEN, World};
use crate::support::repo;
use serde_json::json;

/// Refused, with these words; nothing was pushed and nothing is lost.
#[track_caller]
fn is_kept_back(world: &World, run: &Run, failure: &str, words: &str) {
    let told = run.dispatched("T-1");
    assert_eq!((&told["outcome"], &told["failure"]), (&json!("partial"), &json!(failure)), "{run}");
    assert!(told["error"].as_str().unwrap().contains(words), "{words}: {told}");
    assert_eq!((world.branches().len(), world.pulls().len()), (0, 0));
    assert_eq!(world.outcomes().last().unwrap().2, failure);
    assert_eq!((world.ticket_state("T-1").as_str(), world.claims().len()), ("Todo", 0));
    // What a guard refused is no start for anybody.
    let kept =
        if failure == "guard_refused" { "refs/conductor/refused/T-1" } else { "refs/conductor/wip/T-1" };
    let kept = repo::git(&world.vault(), &["for-each-ref", "--format=%(refname)", kept]);
    assert!(!kept.is_empty(), "the work is lost");
}

/// One attempt of that agent, and what the guards make of it.
fn guarded(script: &Script, words: &str) {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("guards.max_changed_files", json!(3));
    world.set("guards.max_diff_size", json!("10KB"));
    world.ticket("T-1");
    world.agent(script);
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "guard_refused", words);
}

#[test]
fn a_failed_gate_keeps_the_work_back() {
    let mut world = World::new();
    world.set(
        "gates",
        json!([
            {"name": "lint", "run": "true"},
            {"name": "test", "run": "echo 3 tests failed; exit 1"},
        ]),
    );
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "gate_failed", "gate test failed");
    let told = run.dispatched("T-1");
    assert!(told["error"].as_str().unwrap().contains("3 tests failed"), "{told}");
    let gates = told["gates"].as_array().unwrap();
    let verdicts: Vec<_> =
        gates.iter().map(|gate| (gate["name"].as_str().unwrap(), gate["passed"] == true)).collect();
    assert_eq!(verdicts, [("lint", true), ("test", false)]);
    assert_eq!(world.started(), ["T-1 1", "T-1 2"]);
}

#[test]
fn an_agent_that_mends_what_its_gate_found_is_published() {
    let mut world = World::new();
    world.set("gates", json!([{"name": "mended", "run": "test -e mended.txt || { echo mend it; exit 1; }"}]));
    world.ticket("T-1");
    let mends = Script::new().sh("cat > \"$world/prompt-2\"").write("mended.txt", "x");
    world.agent(&Script::new().at_attempt(2, mends).then(Script::works()));
    let run = world.once(&[]).exits(0);
    assert_eq!(
        (&run.dispatched("T-1")["outcome"], &run.dispatched("T-1")["attempts"]),
        (&json!("success"), &json!(2))
    );
    let prompt = std::fs::read_to_string(world.path().join("prompt-2")).unwrap();
    assert!(prompt.contains("failed checks: mended") && prompt.contains("mend it"), "{prompt}");
}

#[test]
fn a_gate_for_other_paths_is_not_run() {
    let mut world = World::new();
    world.set(
        "gates",
        json!([
            {"name": "docs", "run": "false", "when": ["docs/**"]},
            {"name": "work", "run": "true", "when": ["work.*"]},
        ]),
    );
    world.ticket("T-1");
    let told = world.once(&[]).exits(0).dispatched("T-1");
    let names: Vec<_> = told["gates"].as_array().unwrap().iter().map(|gate| gate["name"].clone()).collect();
    assert_eq!(names, ["work"]);
}

#[test]
fn a_gate_sees_the_commit_and_none_of_the_credentials() {
    let mut world = World::with_github();
    world.env("NOTES", &world.path().join("notes").display().to_string());
    world.env("MY_API_KEY", "abcdef-123456");
    world.set("gates", json!([{"name": "look", "run": "{ git status --porcelain; env; } > \"$NOTES\""}]));
    world.ticket("T-1");
    world.agent(&Script::works().write("left.txt", "uncommitted"));
    world.once(&[]).exits(0);
    let notes = std::fs::read_to_string(world.path().join("notes")).unwrap();
    assert!(!notes.contains("left.txt"), "the gate judged something else than what is pushed: {notes}");
    assert!(notes.contains("CONDUCTOR_ISSUE_IDENTIFIER=T-1"));
    assert!(!notes.contains(TOKEN) && !notes.contains("abcdef-123456"), "{notes}");
}

#[test]
fn a_gate_that_never_ends_is_ended_and_has_failed() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("gates", json!([{"name": "slow", "run": "setsid sleep 600 & sleep 600", "timeout": "300ms"}]));
    world.ticket("T-1");
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "gate_failed", "slow");
    assert_eq!(world.processes(), Vec::<String>::new());
}

#[test]
fn a_protected_path_is_kept_back() {
    guarded(
        &Script::works().write(".github/workflows/ci.yml", "on: push").commit("CI"),
        ".github/workflows/ci.yml",
    );
}

#[test]
fn the_page_about_earlier_attempts_is_not_pushed_though_an_agent_commits_it() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(2));
    world.ticket("T-1");
    let forces = Script::works().sh("git add -f .conductor-context").commit("All of it");
    world.agent(&Script::new().at_attempt(1, Script::new().exit(1)).then(forces));
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "guard_refused", ".conductor-context/earlier-attempts.md");
    assert!(repo::sha(&world.origin(), "refs/conductor/wip/T-1").is_none(), "it left as unfinished work");
}

#[test]
fn a_protected_path_makes_a_draft_where_the_policy_says_so() {
    let mut world = World::with_github();
    world.set("guards.on_protected", json!("draft"));
    world.ticket("T-1");
    world.agent(&Script::works().write(".github/workflows/ci.yml", "on: push").commit("CI"));
    world.once(&[]).exits(0);
    let pulls = world.github().pulls();
    assert!(pulls[0].draft && pulls[0].body.contains(".github/workflows/ci.yml"), "{pulls:?}");
}

#[test]
fn a_secret_in_the_change_is_kept_back_even_when_a_later_commit_removes_it() {
    let mut world = World::with_github();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    let hidden =
        Script::works().write("config.ini", TOKEN).commit("Add").sh("git rm -q config.ini").commit("Remove");
    world.agent(&hidden);
    let run = world.once(&[]).exits(3);
    let told = run.dispatched("T-1");
    assert_eq!(told["failure"], "guard_refused");
    assert!(world.branches().is_empty());
    assert!(!run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run}");
    assert!(!world.state().to_string().contains(TOKEN));
}

#[test]
fn a_secret_in_a_commits_message_is_kept_back() {
    guarded(
        &Script::works().write("a", "a").commit("Use ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
        "guards refused the change",
    );
}

#[test]
fn a_protected_path_that_a_later_commit_takes_back_is_kept_back() {
    let writes = Script::works().write(".github/workflows/ci.yml", "on: push").commit("CI");
    guarded(&writes.sh("git rm -q -r .github").commit("No CI"), ".github/workflows/ci.yml (in commit ");
}

#[test]
fn a_link_out_of_the_workspace_that_a_later_commit_takes_back_is_kept_back() {
    let links =
        Script::works().sh("ln -s /etc/passwd out").commit("Link").sh("git rm -q out").commit("No link");
    guarded(&links, "symbolic links leave the workspace: out (in commit ");
}

#[test]
fn a_protected_path_under_a_name_that_only_some_file_systems_know_is_kept_back() {
    for path in [".GitHub/workflows/ci.yml", "GITHUB~1/workflows/ci.yml", ".github::$INDEX_ALLOCATION/x.yml"]
    {
        guarded(&Script::works().write(path, "on: push").commit("CI"), "protected paths changed");
    }
}

#[test]
fn more_commits_than_allowed_are_kept_back() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("guards.max_commits", json!(2));
    world.ticket("T-1");
    let many = "for n in 1 2 3; do git commit -q --allow-empty -m \"Number $n\"; done";
    world.agent(&Script::works().sh(many));
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "guard_refused", "more than 2 commits, guards.max_commits allows 2");
}

#[test]
fn a_secret_anywhere_in_a_commit_is_kept_back() {
    let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let header = format!(
        "c=$(git cat-file commit HEAD | sed '1,/^committer/ s/^committer .*/&\\nx-note {token}/' | git hash-object -t commit -w --stdin) && git reset -q --hard $c"
    );
    for script in [
        Script::works().sh(&format!("GIT_COMMITTER_NAME={token} git commit -q --allow-empty -m Mine")),
        Script::works().sh(&header),
    ] {
        guarded(&script, "a commit's header holds a GitHub token");
    }
}

/// One attempt whose work a guard refuses, and where the report says it is.
fn refused(script: &Script, prepare: impl FnOnce(&mut World)) -> (World, serde_json::Value) {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    prepare(&mut world);
    world.ticket("T-1");
    world.agent(script);
    let run = world.once(&[]).exits(3);
    let kept = run.dispatched("T-1")["kept"].clone();
    (world, kept)
}

/// What a person has after fetching the refused work from there.
fn fetched(world: &World, from: &str, name: &serde_json::Value) -> String {
    repo::git(&world.checkout(), &["fetch", "--quiet", from, name.as_str().unwrap()]);
    repo::git(&world.checkout(), &["diff", "--name-only", "origin/main", "FETCH_HEAD"])
}

#[test]
fn work_that_only_a_path_rule_refused_is_on_the_remote_and_in_a_bundle() {
    let script = Script::works().write(".github/workflows/ci.yml", "on: push").commit("CI");
    let (world, kept) = refused(&script, |_| {});
    assert_eq!(kept["on_remote"], true, "{kept}");
    let files = ".github/workflows/ci.yml\nwork.txt";
    assert_eq!(fetched(&world, world.origin().to_str().unwrap(), &kept["ref"]), files);
    assert_eq!(fetched(&world, kept["bundle"].as_str().unwrap(), &kept["ref"]), files);
    let fault = &world.record("T-1")["fault"]["remedy"];
    assert!(fault.as_str().unwrap().contains(kept["ref"].as_str().unwrap()), "{fault}");
}

#[test]
fn work_that_the_remote_does_not_take_is_in_a_bundle() {
    let script = Script::works().write(".github/workflows/ci.yml", "on: push").commit("CI");
    let (world, kept) = refused(&script, |world| {
        world.origin_hook("update", "case $1 in refs/conductor/refused/*) echo not here; exit 1;; esac");
    });
    assert_eq!(kept["on_remote"], false, "{kept}");
    assert!(fetched(&world, kept["bundle"].as_str().unwrap(), &kept["ref"]).contains(".github"));
}

#[test]
fn work_that_no_remote_should_have_is_in_a_bundle_only() {
    let (world, kept) = refused(&Script::works().sh("ln -s /etc/passwd out").commit("Link"), |_| {});
    assert_eq!(kept["on_remote"], false, "{kept}");
    assert!(fetched(&world, kept["bundle"].as_str().unwrap(), &kept["ref"]).contains("out"));
    assert!(!repo::refs(&world.origin()).contains_key(kept["ref"].as_str().unwrap()));
}

#[test]
fn work_that_holds_a_secret_stays_in_conductors_own_repository() {
    let token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let script = Script::works().write("a", token).write(".github/x", "x").commit("Both");
    let (world, kept) = refused(&script, |_| {});
    assert_eq!((&kept["bundle"], &kept["on_remote"]), (&json!(null), &json!(false)));
    assert!(repo::sha(&world.vault(), kept["ref"].as_str().unwrap()).is_some());
    assert!(!repo::refs(&world.origin()).contains_key(kept["ref"].as_str().unwrap()));
}

/// Two commits whose messages act on others, the second on an unchanged first.
fn acting() -> Script {
    Script::works()
        .write("a", "a")
        .commit("Plain")
        .write("b", "b")
        .commit("Tidy [skip ci]\n\nFixes #12\n\nCo-authored-by: Bob <bob@example.org>")
        .write("c", "c")
        .commit("After it")
}

#[test]
fn words_in_commit_messages_that_act_on_others_are_made_inert_before_the_push() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&acting());
    let told = world.once(&[]).exits(0).dispatched("T-1");
    let head = world.head_of("conductor/T-1").unwrap();
    assert_eq!(told["head_sha"], json!(head));
    let log = repo::git(&world.origin(), &["log", "--format=%B|%an|%ad|%T", "main..conductor/T-1"]);
    for words in ["Tidy (skip ci)", "Fixes # 12", "(Co-authored-by: Bob <bob@example.org>)"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains("[skip ci]") && !log.contains("#12"), "{log}");
    assert_eq!(repo::git(&world.origin(), &["diff", "--name-only", "main", &head]), "a\nb\nc\nwork.txt");
    assert_eq!(repo::git(&world.origin(), &["fsck", "--strict", "--no-dangling"]), "");
}

#[test]
fn words_that_act_on_others_stay_where_the_rule_says_so() {
    let mut world = World::new();
    world.set("guards.commit_messages", json!("keep"));
    world.ticket("T-1");
    world.agent(&acting());
    world.once(&[]).exits(0);
    assert!(repo::git(&world.origin(), &["log", "--format=%B", "conductor/T-1"]).contains("[skip ci]"));
}

#[test]
fn words_that_act_on_others_are_kept_back_where_the_rule_says_so() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.set("guards.commit_messages", json!("refuse"));
    world.ticket("T-1");
    world.agent(&acting());
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "guard_refused", "commit messages act on others");
}

#[test]
fn accepted_work_that_cannot_be_pushed_is_saved_as_it_is_to_be_delivered() {
    let world = World::new();
    world.ticket("T-1");
    world.agent(&acting());
    world.origin_hook("update", "case $1 in refs/heads/conductor/T-1) echo not now; exit 1;; esac");
    world.once(&[]);
    world.without_origin_hook("update");
    let saved = repo::sha(&world.origin(), "refs/conductor/wip/T-1").unwrap();
    let record = world.record("T-1");
    assert_eq!(record["ready"]["head"], json!(saved), "{record}");
    let text = repo::git(&world.origin(), &["log", "--format=%B", "refs/conductor/wip/T-1"]);
    assert!(text.contains("Tidy (skip ci)"), "{text}");
}

#[test]
fn a_changed_build_file_makes_a_draft_that_names_it() {
    let world = World::with_github();
    world.ticket("T-1");
    world.agent(&Script::works().write("web/package.json", "{}").commit("Depend"));
    world.once(&[]).exits(0);
    let pulls = world.github().pulls();
    assert!(pulls[0].draft && pulls[0].body.contains("web/package.json"), "{pulls:?}");
}

#[test]
fn too_many_files_are_kept_back() {
    guarded(
        &Script::new().sh("for n in 1 2 3 4; do echo $n > f$n; done").commit("Much"),
        "4 files changed, 3 are allowed",
    );
}

#[test]
fn too_large_a_change_is_kept_back() {
    guarded(&Script::new().sh("seq 10000 > large.txt").commit("Large"), "the diff has");
}

#[test]
fn a_link_out_of_the_workspace_is_kept_back() {
    guarded(&Script::works().sh("ln -s /etc/passwd out").commit("Link"), "out");
}

#[test]
fn a_nested_repository_is_kept_back() {
    let nest = "git init -q inner && (cd inner && echo x > x && git add x && git -c user.name=a -c user.email=a commit -qm x)";
    guarded(&Script::works().sh(nest).commit("Nest"), "nested repositories added: inner");
}

#[test]
fn a_branch_that_lost_its_base_is_kept_back() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    repo::commit(&world.origin(), "main", "A second one", &[("b.txt", "b")]);
    world.ticket("T-1");
    world.agent(&Script::new().sh("git reset -q --hard HEAD~1").then(Script::works()));
    let run = world.once(&[]).exits(3);
    is_kept_back(&world, &run, "guard_refused", "no longer holds the commit it started from");
}

#[test]
fn a_base_commit_that_was_amended_is_kept_back() {
    let amends = "git commit -q --amend --author 'Else <else@example.org>' -m Begun";
    guarded(&Script::works().sh("git reset -q --soft origin/main").sh(amends), "no longer holds the commit");
}

#[test]
fn a_deleted_workspace_is_no_change_that_removes_everything() {
    let mut world = World::new();
    world.set("agent.max_attempts", json!(1));
    world.ticket("T-1");
    world.agent(&Script::works().sh("rm -rf \"$CONDUCTOR_WORKSPACE_DIR\""));
    let run = world.once(&[]).exits(3);
    assert_eq!(run.dispatched("T-1")["failure"], "workspace");
    assert!(world.branches().is_empty() && world.claims().is_empty());
}
